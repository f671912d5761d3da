"""Drive many rows at once: hand an engine what their generators ask for, and them what it said."""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from thinkscale.engines.base import Completion, Engine, Request

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")
Asking = Generator[list[Request], list[Completion], Result]


@dataclass
class _Row:
    """A generator that waits for the completions of what it asked.

    noises: of all that it has asked so far, in their order.
    """

    asking: Asking
    said: list[Completion | None]
    missing: int
    noises: dict[bytes, None]


def drive(
    rows: Iterable[tuple[Key, Asking]],
    engine: Engine,
    in_flight: int,
    watch: Callable[[int], None] = lambda rows: None,
) -> Iterator[tuple[Key, Result]]:
    """Run generators of requests to their end, at most `in_flight` of them at a time.

    Yields (key, what the generator returned) as each ends. A row that ends is replaced by the next
    at once, and rows do not wait for each other. watch: told after each step how many are in
    flight.
    """
    waiting = iter(rows)
    active: dict[Key, _Row] = {}

    def ask(key: Key, asking: Asking, asked: list[Request], before: dict[bytes, None]) -> None:
        noises = before | dict.fromkeys(request.noise for request in asked)
        active[key] = _Row(asking, [None] * len(asked), len(asked), noises)
        for index, request in enumerate(asked):
            engine.submit((key, index), request)

    while True:
        for key, asking in islice(waiting, in_flight - len(active)):
            ask(key, asking, next(asking), {})
        if not active:
            return
        for (key, index), completion in engine.step():
            row = active[key]
            row.said[index] = completion
            row.missing -= 1
            if row.missing:
                continue
            try:
                asked = row.asking.send(row.said)
            except StopIteration as finished:
                del active[key]
                for noise in row.noises:
                    engine.release(noise)
                yield key, finished.value
            else:
                ask(key, row.asking, asked, row.noises)
        watch(len(active))
