"""Strategies over whole samples: many at once, in passes, and until one is short enough.

Samples are those of the study's natural condition (and of its waits), request by request: what was
sampled for it is recalled and not paid for again.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from thinkscale.data.conditions import DRAWN
from thinkscale.thinking.budget import Answer, Forcing, respond
from thinkscale.thinking.conditions import NATURAL, Condition
from thinkscale.thinking.strategies.candidate import (
    Asked,
    Extent,
    Found,
    Said,
    Strategy,
    Task,
    in_steps,
)

Result = TypeVar("Result")
_NATURAL = {"natural": NATURAL}


@dataclass(frozen=True)
class Samples:
    """n: chains. Majority, best-of-n and weighted best-of-n are ways to choose among them."""

    n: int

    @property
    def extent(self) -> Extent:
        return Extent(self.n)


@dataclass(frozen=True)
class Revisions:
    """n: chains. passes: W, of which all but the first begin with a forced continuation: the first
    of the study's, or what it draws."""

    n: int
    passes: int = 2

    @property
    def extent(self) -> Extent:
        return Extent(self.n, self.passes)


@dataclass(frozen=True)
class Rejection:
    """max_think: thinking tokens at most. max_tries: samples drawn at most."""

    max_think: int
    max_tries: int = 16

    @property
    def extent(self) -> Extent:
        return Extent(self.max_tries)

    def met(self, tokens: int, steps: int) -> bool:
        return tokens <= self.max_think


def passes(forcing: Forcing, count: int) -> dict[str, Condition]:
    """The conditions of a chain's passes: natural, and one more Wait for each further pass."""
    continuation = next(iter(forcing.continuations), DRAWN)
    waits = (Condition(waits=n, continuation=continuation) for n in range(1, count))
    return _NATURAL | {f"waits={n}": wait for n, wait in enumerate(waits, start=1)}


def samples(task: Task, settings: Samples) -> Strategy:
    """n natural samples side by side."""
    rows = yield from together([_row(task, n, _NATURAL) for n in range(settings.n)])
    return tuple(found(task, row.answers["natural"], n) for n, row in enumerate(rows))


def revisions(task: Task, settings: Revisions) -> Strategy:
    """n chains of W passes each, every pass with its answer (Snell et al., 2408.03314, section 6).

    A chain that its room cuts before its last pass has as many answers as it reached.
    """
    wanted = passes(task.forcing, settings.passes)
    rows = yield from together([_row(task, n, wanted) for n in range(settings.n)])
    return tuple(
        found(task, answer, n)
        for n, row in enumerate(rows)
        for count, answer in enumerate(row.answers.values())
        if answer.prefix.waits_done == count
    )


def rejection(task: Task, settings: Rejection) -> Strategy:
    """Sample until thinking has at most so many tokens (s1, arXiv 2501.19393, section 3.2).

    Returns the one that has, or the last of `max_tries`, whose thinking is longer: to be told
    by its length, and not to be dropped. All tries are paid for.
    """
    for n in range(settings.max_tries):
        row = yield from _row(task, n, _NATURAL)
        answer = row.answers["natural"]
        if settings.met(answer.prefix.length, 0) and not answer.prefix.censored:
            break
    return (found(task, answer, n),)


def _row(task: Task, sample: int, conditions: Mapping[str, Condition]) -> Generator:
    return respond(task.prompt, task.rows(sample), conditions, task.forcing, task.context)


def found(task: Task, answer: Answer, sample: int) -> Found:
    """A sample's answer as what is chosen among."""
    prefix = answer.prefix
    steps = in_steps(prefix.ids, task.step_ends)
    said = prefix.sampled
    return Found(steps, prefix.stop, answer.completion, (sample,), said, answer.prompt)


def together(
    asking: Sequence[Generator[Asked, Said, Result]],
) -> Generator[Asked, Said, list[Result]]:
    """Run generators side by side: what all of them ask goes out as one list."""
    results: list[Result | None] = [None] * len(asking)
    asked = {n: next(generator) for n, generator in enumerate(asking)}
    while asked:
        said = iter((yield [request for requests in asked.values() for request in requests]))
        answered = {n: [next(said) for _ in requests] for n, requests in asked.items()}
        asked = {}
        for n, replies in answered.items():
            try:
                asked[n] = asking[n].send(replies)
            except StopIteration as finished:
                results[n] = finished.value
    return results
