"""All searches about one item, one after another, and what each of them costs.

Tokens are counted here, from what a strategy asks and is told: sampled ones, whatever they were
sampled for (steps, looking ahead, rollouts, answers, tries), and those a scorer read. What two
searches ask alike is charged to the first of them, and what was sampled in thinking about the item
to none; `alone` is what each would have cost by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from thinkscale.engines.base import Completion, Request, Scores, Scoring
from thinkscale.thinking.prompts import Instruction
from thinkscale.thinking.strategies.candidate import Asked, Found, Said, Strategy, Task
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.tree import Node, tree

SAMPLES = "samples"  # the name of the search of all strategies that choose among natural samples


@dataclass(frozen=True)
class Search:
    """One thing to do about every item. n: its size, as in N beams or samples. scorers: who judges
    what it finds; the first is whom it goes by on the way."""

    name: str
    approach: str
    n: int
    settings: Any
    scorers: tuple[str, ...] = ()

    @property
    def told(self) -> Instruction | None:
        """What is written into its prompt; None where that is the item's own."""
        tells = APPROACHES[self.approach].tells
        return tells(self.settings) if tells else None


@dataclass(frozen=True)
class Read:
    """Tokens that one scorer read for a search: alone, keeping what it has read; `new`, what no
    earlier search of the item had paid for; `uncached`, each judged beginning anew."""

    alone: int = 0
    new: int = 0
    uncached: int = 0


@dataclass(frozen=True)
class Searched:
    """What a search found, and what it cost in tokens.

    scores: by scorer, of each candidate, of each of its steps. sampled: what it would have cost
    alone. sampled_new: what neither thinking about the item nor an earlier search of it had paid
    for. read: by scorer. rounds: of asking. nodes: of a tree, all steps that it drew.
    """

    search: Search
    found: tuple[Found, ...]
    scores: Mapping[str, tuple[tuple[float, ...], ...]]
    sampled: int
    sampled_new: int
    read: Mapping[str, Read]
    rounds: int
    nodes: tuple[Node, ...] = ()


@dataclass
class _Bill:
    """sampled: tokens by request. read: beginnings that a scorer has read, each one token more.
    asked: everything, in order, and what was told."""

    sampled: dict[Request, int] = field(default_factory=dict)
    read: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    uncached: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    asked: list[tuple[Request | Scoring, Completion | Scores]] = field(default_factory=list)

    def add(self, request: Request | Scoring, reply: Completion | Scores) -> None:
        self.asked.append((request, reply))
        if isinstance(request, Request):
            self.sampled[request] = reply.sampled
            return
        own = reply.own
        self.uncached[request.scorer] += sum(request.ends if own is None else map(len, own))
        for ids in (request.ids[: request.ends[-1]],) if own is None else own:
            read, beginning = self.read[request.scorer], 0
            for token in ids:
                beginning = hash((beginning, token))
                read.add(beginning)


def searches(
    task: Task, wanted: Sequence[Search], thought: Mapping[Request, int] = MappingProxyType({})
) -> Generator[list[Request | Scoring], list[Completion | Scores], tuple[Searched, ...]]:
    """Do all that is wanted about one item, in the order given; nothing is asked twice.

    thought: tokens by request that the study has paid for, in thinking about the item.
    """
    known: dict[Request | Scoring, Completion | Scores] = {}
    paid, done = _Bill(sampled=dict(thought)), []
    for search in wanted:
        bill, own = _Bill(), replace(task, scorer=next(iter(search.scorers), None))
        approach = APPROACHES[search.approach]
        found = yield from _billed(approach.run(own, search.settings), bill, known)
        nodes = tree(own, bill.asked, found) if approach.tree else ()
        scores = {}
        for name in search.scorers:
            scores[name] = yield from _billed(
                _judge(replace(task, scorer=name), found), bill, known
            )
        new = sum(max(0, n - paid.sampled.get(r, 0)) for r, n in bill.sampled.items())
        read = {
            name: Read(len(seen), len(seen - paid.read[name]), bill.uncached[name])
            for name, seen in bill.read.items()
        }
        for name, seen in bill.read.items():
            paid.read[name] |= seen
        paid.sampled |= bill.sampled
        sampled = sum(bill.sampled.values())
        done.append(Searched(search, found, scores, sampled, new, read, bill.rounds, nodes))
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
    prompts = [each.prompt or task.prompt for each in found]
    said = yield [
        Scoring(
            task.scorer,
            prompt + tuple(token for step in each.steps for token in step),
            len(prompt),
            tuple(accumulate(map(len, each.steps or ((),)), initial=len(prompt)))[1:],
            task.noise,
        )
        for prompt, each in zip(prompts, found, strict=True)
    ]
    return tuple(scores.values for scores in said)


def samples_drawn(wanted: Sequence[Mapping[str, Any]]) -> int:
    """How many of an item's natural samples the strategies draw at most: numbers from this on are
    nobody's. A tree's steps have random numbers of their own."""
    drawn = (search.settings for search in expand(wanted))
    return max((max(s.extent.rows, getattr(s, "samples", 0)) for s in drawn), default=0)


def expand(wanted: Sequence[Mapping[str, Any]]) -> tuple[Search, ...]:
    """The searches of a study's `strategies` (their values in the configuration), in their order.

    Strategies that choose among natural samples share one search, `SAMPLES`, as large as the
    largest of them. It is judged by the scorers of all strategies, their own first: natural samples
    are what tells how good a scorer is, since no scorer has chosen among them.
    """
    parallel = [w for w in wanted if APPROACHES[w["approach"]].parallel]
    found: dict[tuple[str, int], Search] = {}
    for entry in wanted:
        approach = APPROACHES[entry["approach"]]
        if entry in parallel:
            n = max(size for w in parallel for size in w["n"])
            ordered = [*parallel, *(w for w in wanted if w not in parallel)]
            scorers = tuple(dict.fromkeys(w["scorer"] for w in ordered if w["scorer"]))
            found[SAMPLES, n] = Search(SAMPLES, "majority", n, approach.settings(n), scorers)
            continue
        own = (entry["scorer"],) if entry["scorer"] else ()
        name = entry["name"] or entry["approach"]
        for n, size in approach.sizes(entry):
            found[name, n] = Search(name, entry["approach"], n, approach.of(size, entry), own)
    return tuple(found.values())
