"""The tree that a search has drawn: every step, what it was thought worth, and what came of it.

It is read off what a strategy asked and was told, so that no strategy can leave a branch out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from thinkscale.engines.base import Completion, Ids, Request, Scores, Scoring
from thinkscale.thinking.strategies.candidate import Candidate, Found, Task, grown


@dataclass(frozen=True)
class Node:
    """A step behind one beginning of a thought; equal steps behind it are one node.

    parent: the node it was drawn behind, by its place in the tree; None at the root. draws: how
    often it was drawn. score: what the scorer made of the thought up to it, NaN where it was not
    asked. candidates: which of what was found has this step at this place; none where the branch
    was given up.
    """

    parent: int | None
    step: Ids
    draws: int
    score: float
    candidates: tuple[int, ...]


def tree(
    task: Task,
    asked: Sequence[tuple[Request | Scoring, Completion | Scores]],
    found: Sequence[Found],
) -> tuple[Node, ...]:
    """The nodes of a search that grows step by step, in the order in which they were first drawn.

    asked: what was asked and told on the way, in order. Steps that were only looked ahead at are
    no nodes: a scorer's word that rests on them is that of the node they were read behind.
    """
    begin = len(task.prompt)
    places: dict[Ids, int] = {(): -1}
    steps: list[tuple[Ids, Ids]] = []  # of each node what stands before it, and its step
    draws: list[int] = []
    scores: dict[int, float] = {}
    for request, reply in asked:
        if isinstance(request, Scoring):
            place = _deepest(places, request.ids[begin : request.ends[-1]])
            scores[place] = reply.values[-1]
            continue
        before = request.prompt[begin:]
        # An answer is asked for behind what ends the thinking, which is no node.
        if before in places and not request.greedy:
            ids = grown(task, Candidate((before,) if before else ()), reply, 0).ids
            if ids == before:  # thinking ended here: there is no further step
                continue
            if ids not in places:
                places[ids] = len(steps)
                steps.append((before, ids[len(before) :]))
                draws.append(0)
            draws[places[ids]] += 1
    through = _through(places, found)
    return tuple(
        Node(
            None if places[before] < 0 else places[before],
            step,
            draws[place],
            scores.get(place, float("nan")),
            through.get(place, ()),
        )
        for place, (before, step) in enumerate(steps)
    )


def _deepest(places: Mapping[Ids, int], ids: Ids) -> int:
    """The node that a thought has reached, the thought being it or going on from it."""
    if ids not in places:
        reached = (n for n in sorted({*map(len, places)}, reverse=True) if ids[:n] in places)
        ids = ids[: next(reached)]
    return places[ids]


def _through(places: Mapping[Ids, int], found: Sequence[Found]) -> dict[int, tuple[int, ...]]:
    """By node, the numbers of the candidates whose thought goes through it."""
    through: dict[int, tuple[int, ...]] = {}
    for number, each in enumerate(found):
        for ids in accumulate(each.steps):
            place = places[ids]
            through[place] = (*through.get(place, ()), number)
    return through
