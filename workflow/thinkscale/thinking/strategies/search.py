"""All searches about one item, one after another, and what each of them costs.

Tokens are counted here, from what a strategy asks and is told: sampled ones, whatever they were
sampled for (steps, looking ahead, rollouts, answers, tries), and those a scorer read. What two
searches ask alike is charged to the first of them; `alone` is what each would have cost by itself.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from thinkscale.engines.base import Completion, Request, Scores, Scoring
from thinkscale.thinking.strategies.candidate import Asked, Found, Said, Strategy, Task
from thinkscale.thinking.strategies.registry import APPROACHES


@dataclass(frozen=True)
class Search:
    """One thing to do about every item. n: what it is compared by, as in N beams or samples."""

    name: str
    approach: str
    n: int
    settings: Any
    scorer: str | None = None


@dataclass(frozen=True)
class Searched:
    """What a search found, the score of each step of each candidate, and what it cost in tokens.

    sampled, scored: what it would have cost alone, the scorer keeping what it has read. The `new`
    ones: what no earlier search of the item had paid for. scored_uncached: what a scorer that reads
    each judged beginning anew would have read. rounds: of asking.
    """

    search: Search
    found: tuple[Found, ...]
    scores: tuple[tuple[float, ...], ...]
    sampled: int
    sampled_new: int
    scored: int
    scored_new: int
    scored_uncached: int
    rounds: int


@dataclass
class _Bill:
    """sampled: tokens by request. read: beginnings that a scorer has read, each one token more."""

    sampled: dict[Request, int] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)
    uncached: int = 0
    rounds: int = 0

    def add(self, request: Request | Scoring, reply: Completion | Scores) -> None:
        if isinstance(request, Request):
            self.sampled[request] = reply.sampled
            return
        self.uncached += sum(request.ends)
        beginning = hash(request.scorer)
        for token in request.ids[: request.ends[-1]]:
            beginning = hash((beginning, token))
            self.read.add(beginning)


def searches(
    task: Task, wanted: Sequence[Search]
) -> Generator[list[Request | Scoring], list[Completion | Scores], tuple[Searched, ...]]:
    """Do all that is wanted about one item, in the order given; nothing is asked twice."""
    known: dict[Request | Scoring, Completion | Scores] = {}
    paid, done = _Bill(), []
    for search in wanted:
        bill, own = _Bill(), replace(task, scorer=search.scorer)
        found = yield from _billed(
            APPROACHES[search.approach].run(own, search.settings), bill, known
        )
        scores = ((),) * len(found)
        if search.scorer is not None:
            scores = yield from _billed(_judge(own, found), bill, known)
        new = sum(max(0, n - paid.sampled.get(r, 0)) for r, n in bill.sampled.items())
        newly_read = len(bill.read - paid.read)
        paid.sampled |= bill.sampled
        paid.read |= bill.read
        done.append(
            Searched(
                *(search, found, scores, sum(bill.sampled.values()), new),
                *(len(bill.read), newly_read, bill.uncached, bill.rounds),
            )
        )
    return tuple(done)


def _billed(strategy: Strategy, bill: _Bill, known: dict) -> Strategy:
    """Run a strategy, asking for what is not known yet, and write down all that it asks for."""
    said = None
    while True:
        try:
            asked = strategy.send(said)
        except StopIteration as finished:
            return finished.value
        if fresh := [request for request in dict.fromkeys(asked) if request not in known]:
            known.update(zip(fresh, (yield fresh), strict=True))
        said = [known[request] for request in asked]
        bill.rounds += bool(asked)
        for request, reply in zip(asked, said, strict=True):
            bill.add(request, reply)


def _judge(task: Task, found: Sequence[Found]) -> Generator[Asked, Said, tuple]:
    """The scores of every candidate's steps; one without any step is judged as it is, once."""
    said = yield [
        Scoring(
            task.scorer,
            task.prompt + tuple(token for step in each.steps for token in step),
            len(task.prompt),
            tuple(accumulate(map(len, each.steps or ((),)), initial=len(task.prompt)))[1:],
            task.noise,
        )
        for each in found
    ]
    return tuple(scores.values for scores in said)


def expand(wanted: Sequence[Mapping[str, Any]]) -> tuple[Search, ...]:
    """The searches of a study's `strategies`, in their order; of samples the largest number.

    Majority, best-of-n and weighted best-of-n choose among the same samples: there is one search
    for each scorer, named `samples`, as large as the largest n of any of them.
    """
    most = max((max(w["n"]) for w in wanted if APPROACHES[w["approach"]].parallel), default=0)
    found: dict[tuple, Search] = {}
    for entry in wanted:
        approach = APPROACHES[entry["approach"]]
        if approach.parallel:
            search = Search(
                "samples", "samples", most, approach.settings(most), entry.get("scorer")
            )
            found[search.name, search.scorer, most] = search
            continue
        for n in entry["n"]:
            search = Search(
                entry["name"], entry["approach"], n, approach.of(n, entry), entry.get("scorer")
            )
            found[search.name, n] = search
    return tuple(found.values())
