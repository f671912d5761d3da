"""What an engine is asked and what it answers; engines know nothing of budgets."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """Continue `prompt` by at most `max_new` tokens, until a stop sequence or EOS.

    noise: key of the row's random numbers, from `noise_key`.
    position: index, within that row's random numbers, of the first token to sample.
    read: continuations whose log-probabilities behind `prompt` are asked for, as the model gives
    them (temperature 1, nothing cut off). A request that reads samples nothing: its `max_new` is 0.
    greedy: take the likeliest token each time, whatever the engine samples by.
    """

    prompt: Ids
    max_new: int
    stops: tuple[Ids, ...]
    noise: bytes
    position: int
    read: tuple[Ids, ...] = ()
    greedy: bool = False

    def __post_init__(self) -> None:
        if self.read and self.max_new > 0:
            raise ValueError(f"a request to read that samples {self.max_new} tokens: make it two")
        if not all(self.read):
            raise ValueError("a continuation without a token has no probability to read")


@dataclass(frozen=True)
class Completion:
    """The tokens sampled. `ids` ends before the stop sequence or EOS, `end_ids` holds that.

    seconds: this row's share of its batch's wall time, by tokens sampled; zero where it only read.
    logprobs: in nats, of the request's continuations `read`, in their order.
    """

    ids: Ids
    end_ids: Ids
    stop: Literal["marker", "eos", "length"]
    seconds: float = 0.0
    logprobs: tuple[float, ...] = ()

    @property
    def sampled(self) -> int:
        """Tokens drawn from the model, those of the end among them."""
        return len(self.ids) + len(self.end_ids)


@dataclass(frozen=True)
class Scoring:
    """Judge a row's thought at the ends of its steps.

    scorer: its name. begin: ids of the prompt, which come first in `ids`. ends: how many of `ids`
    each judged beginning has, rising. noise: of the row that thinks it.
    """

    scorer: str
    ids: Ids
    begin: int
    ends: tuple[int, ...]
    noise: bytes


@dataclass(frozen=True)
class Scores:
    """Values, one for each of a scoring's ends, the higher the better; NaN where there is none.

    read: tokens run through the scorer for it. seconds: as in `Completion`. own: where that
    is not each judged beginning, what was run instead, in the scorer's own tokens; what it wrote
    itself before its verdict is among them.
    """

    values: tuple[float, ...]
    read: int = 0
    seconds: float = 0.0
    own: tuple[Ids, ...] | None = None


@dataclass(frozen=True)
class Usage:
    """What an engine did since it was made.

    passes: forward passes. fed: tokens run through the model. sampled: tokens drawn.
    seconds: spent in `step`. peak_memory: bytes; None where it is not known.
    """

    passes: int = 0
    fed: int = 0
    sampled: int = 0
    seconds: float = 0.0
    peak_memory: int | None = None


class Engine(Protocol):
    """What runs a model: requests go in one by one and completions come out as they end.

    Requests of one row (the same `noise`) begin alike, most of them. An engine may keep what it
    computed for a row until the row is released.
    """

    name: str
    exact_tokens: bool
    """False where an engine takes text and tokenises it again (text-only servers)."""

    def submit(self, ticket: Hashable, request: Request) -> None:
        """Take a request in; it is worked on when there is room."""
        ...

    def step(self) -> list[tuple[Hashable, Completion]]:
        """Go on by one step and return what ended in it, often nothing.

        Called only while something is submitted that has not been returned.
        """
        ...

    def release(self, noise: bytes) -> None:
        """Forget what was kept for a row: it asks for nothing more."""
        ...

    def usage(self) -> Usage:
        """What it took so far."""
        ...


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy; top_p in (0, 1]; top_k 0 keeps every token."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


class Model(Protocol):
    """A model without its weights. `context` in tokens; `eos`: every id that ends a turn.

    dtype_name: of its weights, `auto` resolved. device_type: what it would run on, `cpu`, `cuda` …
    """

    path: Path
    tokenizer: Any
    eos: frozenset[int]
    context: int
    dtype_name: str
    device_type: str


@dataclass(frozen=True)
class Openable:
    """An engine before anything runs: what is known of it, and how it is opened.

    identity: what decides its tokens apart from the request, the weights and `Sampling`, as JSON
    values: a part of the journal's key. versions: of what computes them, where it is known.
    device: the kind of device the model runs on. open: loads the weights, or calls on the server.
    in_flight: rows that it is to have at a time; None: as many as make a batch, twice.
    reads: whether it answers requests that read.
    """

    name: str
    exact_tokens: bool
    identity: Mapping[str, Any]
    versions: str
    device: str
    open: Callable[[], Engine]
    in_flight: int | None = None
    reads: bool = True


def noise_key(seed: int, item_id: str, sample: int) -> bytes:
    """Key a row's noise by what the row is, never by where in a batch or shard it stands."""
    return hashlib.blake2b(f"{seed}\x1f{item_id}\x1f{sample}".encode(), digest_size=16).digest()


def uniforms(key: bytes, start: int, count: int) -> np.ndarray:
    """Return `count` uniforms in [0, 1) of positions `start` … of a row, float64.

    Philox is counter-based: position n has the same value however the row is cut into requests.
    Each counter step makes four 64-bit words, hence the alignment.
    """
    first = start // 4
    generator = np.random.Philox(key=int.from_bytes(key, "little"), counter=first)
    words = np.random.Generator(generator).random(start - 4 * first + count)
    return words[start - 4 * first :]


def seed(request: Request) -> int:
    """A request's seed below 2**31, for engines that draw a request's noise from one number.

    It is of the row and of the position, since a request that goes on from another's tokens under
    the same seed would be given that one's random numbers again.
    """
    place = request.position.to_bytes(8, "little")
    digest = hashlib.blake2b(place, key=request.noise, digest_size=4, person=b"seed")
    return int.from_bytes(digest.digest(), "little") >> 1


def split_at_end(
    ids: Sequence[int], stops: Sequence[Ids], eos: frozenset[int]
) -> Completion | None:
    """Return the completion if `ids` ends with a stop sequence or EOS, else None.

    Of several stop sequences the longest counts, so that no part of a marker is taken for thinking.
    Stop sequences are looked at first: a marker may itself end in an EOS token.
    """
    matching = [stop for stop in stops if stop and tuple(ids[-len(stop) :]) == stop]
    if matching:
        stop = max(matching, key=len)
        return Completion(tuple(ids[: -len(stop)]), tuple(stop), "marker")
    if ids and ids[-1] in eos:
        return Completion(tuple(ids[:-1]), (ids[-1],), "eos")
    return None
