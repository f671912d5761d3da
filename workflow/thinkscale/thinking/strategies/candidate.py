"""What strategies work on: candidates that grow by steps, and the moves that all of them share.

A strategy is a generator. It yields lists of requests and of scorings, is sent what came of them in
the same order, and returns its candidates. What it spends is counted from outside, from what it
yields (`search.py`), so that no strategy can forget a token.
"""

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Literal

from thinkscale.engines.base import Completion, Ids, Request, Scores, Scoring
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.budget import Forcing, fork
from thinkscale.thinking.chain import Chain, Prefix, Segment
from thinkscale.thinking.conditions import NATURAL
from thinkscale.thinking.prompts import Instruction

Asked = list[Request | Scoring]
Said = list[Completion | Scores]
Strategy = Generator[Asked, Said, "tuple[Found, ...]"]


@dataclass(frozen=True)
class Extent:
    """The most that a strategy asks about one item, whatever it is told: what a plan is bounded by.

    rows: samples of the item that it takes, from the first on; passes: of each. side: thoughts that
    it goes on with side by side; rounds: how often, each time with what a step before has left of
    the room.
    """

    rows: int = 0
    passes: int = 1
    side: int = 0
    rounds: int = 1


@dataclass(frozen=True)
class Task:
    """One item that one model searches about.

    context: tokens of prompt, thinking and answer together. rows: the noise of the row of a sample.
    step_ends: what ends a step, and stays in it. scorer: whose word counts; None where nobody is
    asked. instructed: the prompt with each of the instructions that strategies give.
    """

    prompt: Ids
    context: int
    rows: Callable[[int], bytes]
    forcing: Forcing
    step_ends: tuple[Ids, ...] = ()
    scorer: str | None = None
    instructed: Mapping[Instruction, Ids] = field(default_factory=dict)

    @property
    def noise(self) -> bytes:
        """Of the row whose numbers a tree is drawn by: that of the first sample."""
        return self.rows(0)

    @property
    def room(self) -> int:
        """Thinking tokens that fit."""
        return self.forcing.room(self.context, self.prompt)


@dataclass(frozen=True)
class Candidate:
    """A thought, whole or partial, in steps.

    stop: `natural` (the model ended it, by `end_ids`), `budget` or `context` (it was cut), or None
    while it goes on. scores: one for each judgement so far, the latest last. draws: which draw
    behind its beginning each step was.
    """

    steps: tuple[Ids, ...] = ()
    end_ids: Ids = ()
    by_eos: bool = False
    stop: Literal["natural", "budget", "context"] | None = None
    scores: tuple[float, ...] = ()
    draws: tuple[int, ...] = ()

    @cached_property
    def ids(self) -> Ids:
        return tuple(token for step in self.steps for token in step)

    @property
    def done(self) -> bool:
        return self.stop is not None

    @property
    def score(self) -> float:
        """The newest judgement; NaN before the first."""
        return self.scores[-1] if self.scores else float("nan")


ROOT = Candidate()


@dataclass(frozen=True)
class Found:
    """A whole thought with its answer: what is chosen among.

    answer: None where the thought is a turn that the model ended, and holds its answer itself, in
    the pieces `said` that the model wrote.
    draws: which draw behind its beginning each step was, or which sample the thought is.
    prompt: what it was thought behind, where that may not be the task's.
    """

    steps: tuple[Ids, ...]
    stop: Literal["natural", "budget", "context"]
    answer: Completion | None
    draws: tuple[int, ...] = ()
    said: tuple[Ids, ...] = ()
    prompt: Ids | None = None


@dataclass
class Draws:
    """How many steps a search has drawn behind each beginning.

    Position among a row's random numbers is a hash of the beginning and of how many were drawn from
    it before. So equal candidates have different children, every width, number and strategy asks
    for the same ones first, and nothing depends on order.
    """

    made: Counter[Ids] = field(default_factory=Counter)

    def next(self, ids: Ids) -> tuple[int, int]:
        """(which draw behind `ids` this is, its position)."""
        count = self.made[ids]
        self.made[ids] += 1
        return count, position(ids, count)


def position(ids: Ids, count: int) -> int:
    """Where, among a row's random numbers, draw number `count` behind `ids` begins (56 bits)."""
    text = f"{count}\x1f{','.join(map(str, ids))}".encode()
    return int.from_bytes(blake2b(text, digest_size=7, person=b"step").digest(), "big")


def step_request(task: Task, candidate: Candidate, place: int, greedy: bool = False) -> Request:
    """Ask for a candidate's next step: up to a step's end, the end of thinking, or the room."""
    left = task.room - len(candidate.ids)
    stops = (*task.forcing.think_end, *task.step_ends)
    return Request(task.prompt + candidate.ids, left, stops, task.noise, place, greedy=greedy)


def grown(task: Task, candidate: Candidate, completion: Completion, draw: int) -> Candidate:
    """A candidate with the step that was sampled for it."""
    delimited = completion.stop == "marker" and completion.end_ids in task.step_ends
    step = completion.ids + (completion.end_ids if delimited else ())
    steps = (*candidate.steps, step) if step else candidate.steps
    after = replace(candidate, steps=steps, draws=(*candidate.draws, draw))
    if delimited:
        return after if len(after.ids) < task.room else replace(after, stop="context")
    if completion.stop == "length":
        return replace(after, stop="context")
    by_eos = completion.stop == "eos"
    return replace(after, end_ids=completion.end_ids, by_eos=by_eos, stop="natural")


def children(
    task: Task, parents: Sequence[Candidate], each: int, draws: Draws
) -> Generator[Asked, Said, list[Candidate]]:
    """Draw `each` next steps behind every parent, all at once."""
    places = [(parent, *draws.next(parent.ids)) for parent in parents for _ in range(each)]
    said = yield [step_request(task, parent, place) for parent, _, place in places]
    return [
        grown(task, parent, completion, draw)
        for (parent, draw, _), completion in zip(places, said, strict=True)
    ]


def judged(
    task: Task, candidates: Sequence[Candidate], ahead: Mapping[int, Ids] | None = None
) -> Generator[Asked, Said, list[Candidate]]:
    """Have the newest step of every candidate judged; equal ones once.

    ahead: by place, what was thought ahead of a candidate, which is judged with it.
    """
    read = [task.prompt + c.ids + (ahead or {}).get(n, ()) for n, c in enumerate(candidates)]
    distinct = list(dict.fromkeys(read))
    said = yield [
        Scoring(task.scorer, ids, len(task.prompt), (len(ids),), task.noise) for ids in distinct
    ]
    value = {ids: scores.values[0] for ids, scores in zip(distinct, said, strict=True)}
    return [
        replace(candidate, scores=(*candidate.scores, value[ids]))
        for candidate, ids in zip(candidates, read, strict=True)
    ]


def fill_widths(n: int, beam_width: int) -> None:
    """Refuse beams that are not whole families of children: more or fewer than n would be drawn.

    Raises ThinkscaleError.
    """
    if n % beam_width:
        raise ThinkscaleError(
            f"found {n}; expected a multiple of `beam_width`, which is {beam_width}"
        )


def best(task: Task, candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """The `count` best by their newest score; ties in an order drawn for this row, NaN last.

    The order of a tie is a hash of row and thought: neither the first drawn nor the shortest wins
    by its place, and the outcome does not depend on how candidates were numbered.
    """

    def rank(candidate: Candidate) -> tuple:
        missing = candidate.score != candidate.score
        content = repr((candidate.ids, candidate.draws)).encode()
        drawn = blake2b(content, key=task.noise, digest_size=8).digest()
        return missing, 0.0 if missing else -candidate.score, drawn

    return sorted(candidates, key=rank)[:count]


def whole(task: Task, candidates: Sequence[Candidate]) -> Generator[Asked, Said, tuple[Found, ...]]:
    """Ask the candidates that ended for their answers; those that did not are none.

    Where none ended, the best is ended where it stands, as by a budget.
    """
    done = [candidate for candidate in candidates if candidate.done]
    if not done and candidates:
        done = [replace(best(task, candidates, 1)[0], stop="budget")]
    forks = [fork(task.prompt, _prefix(candidate), NATURAL, task.forcing) for candidate in done]
    draws = Draws()
    places = [draws.next(f.before)[1] for f in forks]
    asked = {
        n: Request(f.before, task.forcing.max_answer, (), task.noise, places[n])
        for n, f in enumerate(forks)
        if f.answer_from == "answer"
    }
    said = dict(zip(asked, (yield list(asked.values())) if asked else (), strict=True))
    return tuple(
        Found(candidate.steps, candidate.stop, said.get(n), candidate.draws, (candidate.ids,))
        for n, candidate in enumerate(done)
    )


def _prefix(candidate: Candidate) -> Prefix:
    thought = Segment("sampled", candidate.ids, candidate.end_ids, candidate.by_eos)
    ended = thought if candidate.stop == "natural" else None
    return Prefix(Chain(None, (thought,)), len(candidate.ids), candidate.stop, 0, ended)


def in_steps(ids: Ids, step_ends: Sequence[Ids]) -> tuple[Ids, ...]:
    """Cut a thought behind what ends its steps; the last step may lack its end."""
    steps, begin = [], 0
    for place in range(1, len(ids) + 1):
        if any(ids[max(begin, place - len(end)) : place] == end for end in step_ends):
            steps.append(ids[begin:place])
            begin = place
    return (*steps, ids[begin:]) if begin < len(ids) else tuple(steps)
