"""What an engine needs of a kind of server, and what all that exchange token ids share."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from thinkscale.engines.base import Completion, Ids, Model, Request, Sampling, split_at_end
from thinkscale.engines.completions.client import Client, Lost
from thinkscale.errors import ThinkscaleError

# What tells vocabularies apart: words, figures, code, and characters of several bytes.
PROBES = ("The answer is 42, not 137.", "def f(x): return x + 1\n", "naïve – Größe, 数学 ½")


@dataclass(frozen=True)
class Asking:
    """All that requests of one study have in common. name: the model's, on the server."""

    client: Client
    model: Model
    sampling: Sampling
    name: str

    def temperature(self, request: Request) -> float:
        return 0.0 if request.greedy else self.sampling.temperature


@dataclass(frozen=True)
class Piece:
    """A part of what a server says. ids: the tokens. ended: whether the turn ended with them."""

    ids: Ids
    ended: bool = False


@dataclass(frozen=True)
class Dialect:
    """How a kind of server is talked to.

    exact: whether tokens are exchanged, and not text. sample: the completion of a request, without
    its time. read: log-probabilities of a request's continuations; None where a server does not
    give them. describe: what the server says of its model, once it is known to be the one asked
    for, with the model's name on the server; it differs where another model was loaded.
    """

    exact: bool
    sample: Callable[[Asking, Request], Awaitable[Completion]]
    read: Callable[[Asking, Request], Awaitable[tuple[float, ...]]] | None
    describe: Callable[[Client, Model], Awaitable[tuple[str, Mapping[str, Any]]]]


async def cut(
    pieces: AsyncIterator[Piece], request: Request, model: Model, begun: Ids = ()
) -> Completion:
    """Take tokens until the request's end, and leave the server then.

    begun: tokens that came before. Raises `Lost` if the server ends too early, ThinkscaleError on
    an id that the tokenizer does not have.
    """
    ids, vocabulary = [*begun], len(model.tokenizer)
    async with aclosing(pieces):
        async for piece in pieces:
            for token in piece.ids:
                if not 0 <= token < vocabulary:
                    raise ThinkscaleError(
                        f"the server says token {token}, and the tokenizer of {model.path} has "
                        f"{vocabulary}: it serves another model; expected the one of the study"
                    )
                ids.append(token)
                if done := split_at_end(ids, request.stops, model.eos):
                    return done
                if len(ids) == request.max_new:
                    return Completion(tuple(ids), (), "length")
            if piece.ended and ids:  # by a token that ends turns on the server alone
                return Completion(tuple(ids[:-1]), (ids[-1],), "eos")
    raise Lost(f"the answer broke off after {len(ids)} tokens")


def check_window(client: Client, window: int | None, model: Model) -> None:
    """Raise ThinkscaleError if the server takes fewer tokens than a study may ask for."""
    if window is not None and window < model.context:
        raise ThinkscaleError(
            f"{client.server.url}: the server takes {window} tokens of prompt and answer together, "
            f"and the study may ask for {model.context}; expected `inference.context: {window}` or "
            "less, or a server that is started with a larger window"
        )


def chosen(client: Client, served: Mapping[str, Any], first: str | None = None) -> str:
    """The name of the study's model among those served. first: which is taken without a name.

    Raises ThinkscaleError if it is not there, or if there are several and none is asked for.
    """
    asked, names = client.server.model, ", ".join(served) or "none"
    if asked is None and (len(served) == 1 or first is not None):
        return first or next(iter(served))
    if asked not in served:
        found = "no name" if asked is None else repr(asked)
        raise ThinkscaleError(
            f"`inference.server.model`: found {found}; expected one of those that "
            f"{client.server.url} serves: {names}"
        )
    return asked


def check_text(client: Client, model: Model, ids: Ids, text: str) -> None:
    """Raise ThinkscaleError unless the server's text of ids begins as the tokenizer's does."""
    expected = model.tokenizer.decode(ids)
    if not text.strip().startswith(expected.strip()):
        raise ThinkscaleError(
            f"{client.server.url}: the server's tokenizer is another one: tokens "
            f"{list(ids[:8])} … are {text[:60]!r} there, and {expected[:60]!r} by the tokenizer of "
            f"{model.path}; expected a server with the model of the study"
        )


def probe_ids(model: Model) -> list[Ids]:
    return [tuple(model.tokenizer.encode(text, add_special_tokens=False)) for text in PROBES]
