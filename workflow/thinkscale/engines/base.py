"""What an engine is asked and what it answers; engines know nothing of budgets."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """Continue `prompt` by at most `max_new` tokens, until a stop sequence or EOS.

    noise: key of the row's random numbers, from `noise_key`.
    position: index, within that row's random numbers, of the first token to sample.
    """

    prompt: Ids
    max_new: int
    stops: tuple[Ids, ...]
    noise: bytes
    position: int


@dataclass(frozen=True)
class Completion:
    """The tokens sampled. `ids` ends before the stop sequence or EOS, `end_ids` holds that.

    seconds: this row's share of its batch's wall time, by tokens sampled.
    """

    ids: Ids
    end_ids: Ids
    stop: Literal["marker", "eos", "length"]
    seconds: float = 0.0

    @property
    def sampled(self) -> int:
        """Tokens drawn from the model, those of the end among them."""
        return len(self.ids) + len(self.end_ids)


class Engine(Protocol):
    """What runs a model."""

    name: str
    exact_tokens: bool
    """False where an engine takes text and tokenises it again (text-only servers)."""
    context: int
    """Tokens that fit: prompt, thinking and answer together."""

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """Yield (index of the request, its completion) in any order."""
        ...


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


def split_at_end(
    ids: Sequence[int], stops: Sequence[Ids], eos: frozenset[int]
) -> Completion | None:
    """Return the completion if `ids` ends with a stop sequence or EOS, else None.

    Stop sequences are looked at first: a marker may itself end in an EOS token.
    """
    for stop in stops:
        if stop and tuple(ids[-len(stop) :]) == stop:
            return Completion(tuple(ids[: -len(stop)]), tuple(stop), "marker")
    if ids and ids[-1] in eos:
        return Completion(tuple(ids[:-1]), (ids[-1],), "eos")
    return None
