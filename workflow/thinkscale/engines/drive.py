"""Drive many rows at once: collect what their generators ask for, have an engine answer it."""

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from thinkscale.engines.base import Completion, Engine, Request

Key = TypeVar("Key")
Result = TypeVar("Result")


def drive(
    rows: Iterable[tuple[Key, Generator[list[Request], list[Completion], Result]]],
    engine: Engine,
    in_flight: int,
) -> Iterator[tuple[Key, Result]]:
    """Run generators of requests to their end, at most `in_flight` of them at a time.

    Yields (key, what the generator returned) as each ends. A finished row is replaced by the next
    before the engine is asked again.
    """
    waiting = iter(rows)
    active = [(key, row, next(row)) for key, row in islice(waiting, in_flight)]
    while active:
        requests = [request for _, _, asked in active for request in asked]
        completions: list = [None] * len(requests)
        for index, completion in engine.complete(requests):
            completions[index] = completion
        answered = iter(completions)
        still_active = []
        for key, row, asked in active:
            try:
                asks_next = row.send(list(islice(answered, len(asked))))
            except StopIteration as finished:
                yield key, finished.value
            else:
                still_active.append((key, row, asks_next))
        fresh = islice(waiting, in_flight - len(still_active))
        active = still_active + [(key, row, next(row)) for key, row in fresh]
