"""What a study's searches will cost, before they run.

A row of this plan is an item, about which all searches are done. Counted is what they take beyond
the item's thinking: samples that the study draws anyhow are recalled and no search's.
"""

from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.calibration.scorer import StatedQuality
from thinkscale.config.inference import Inference
from thinkscale.engines.base import Completion, Engine, Request, Scores, Scoring, Usage
from thinkscale.engines.drive import drive
from thinkscale.engines.journal import Journaled
from thinkscale.engines.reader import Reader
from thinkscale.engines.several import Several
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import Prepared
from thinkscale.jobs.plan import Calibration, Known, Work, calibrate, empty_line, to_come
from thinkscale.jobs.scoring import Part, Scorers, open_scorers
from thinkscale.jobs.searching import instructed_prompts, tasks_of
from thinkscale.thinking.bound import most_searched
from thinkscale.thinking.prompts import step_ends
from thinkscale.thinking.strategies.candidate import Task, in_steps
from thinkscale.thinking.strategies.sampling import together
from thinkscale.thinking.strategies.search import Search, expand, searches

Asking = Generator[list[Request | Scoring], list[Completion | Scores], None]


@dataclass
class Taken:
    """What the searches about one item took so far, beyond its thinking, in tokens.

    sampled: drawn. read: run through scorers, each of which keeps what it has read of the item.
    """

    sampled: int = 0
    read: int = 0

    def add(self, reply: Completion | Scores) -> None:
        if isinstance(reply, Scores):
            self.read += reply.read
        else:
            self.sampled += reply.sampled


@dataclass(frozen=True)
class Searching:
    """What one model is to search for: by item id what is searched about, and the searches.

    work: the thinking of the same model.
    """

    work: Work
    tasks: Mapping[str, Task]
    wanted: Sequence[Search]

    def most(self) -> dict[str, int]:
        """By item id, tokens that the searches draw at most (`most_searched`)."""
        extents = [search.settings.extent for search in self.wanted]
        work = self.work
        return {
            item_id: most_searched(task.room, extents, work.conditions, work.samples, work.forcing)
            for item_id, task in self.tasks.items()
        }

    @property
    def side(self) -> int:
        """Requests of one item that are asked side by side, at most."""
        extents = [search.settings.extent for search in self.wanted]
        return max(max(extent.rows, extent.side) for extent in extents)

    def ask(self, item_ids: Iterable[str], taken: dict[str, Taken]) -> Iterator[tuple[str, Asking]]:
        """Begin items; what each takes is counted in `taken`, anew."""
        for item_id in item_ids:
            taken[item_id] = Taken()
            yield item_id, self._search(item_id, taken[item_id])

    def _search(self, item_id: str, taken: Taken) -> Asking:
        """Think, as the study does, and then search."""
        known: dict[Request | Scoring, Completion | Scores] = {}
        rows = [asking for _, asking in self.work.rows_of(item_id)]
        yield from _asked_once(together(rows), known, lambda reply: None)
        yield from _asked_once(searches(self.tasks[item_id], self.wanted), known, taken.add)


def _asked_once(
    asking: Generator, known: dict, count: Callable[[Completion | Scores], None]
) -> Asking:
    """Run a generator and ask for what is not known yet; `count` is told each reply to that."""
    said = None
    while True:
        try:
            asked = asking.send(said)
        except StopIteration:
            return
        if fresh := [request for request in dict.fromkeys(asked) if request not in known]:
            replies = yield fresh
            known.update(zip(fresh, replies, strict=True))
            for reply in replies:
                count(reply)
        said = [known[request] for request in asked]


class _Unknown(Exception):
    pass


@dataclass
class Recalled:
    """An engine (see `Engine`) that runs nothing: `find` knows the completion, or it is at a loss.

    Being at a loss, it raises `_Unknown`.
    """

    find: Callable[[Request], Completion | None]
    name: str = "recalled"
    exact_tokens: bool = True
    _ready: list[tuple[Hashable, Completion]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Request) -> None:
        """See `Engine.submit`."""
        completion = self.find(request)
        if completion is None:
            raise _Unknown
        self._ready.append((ticket, completion))

    def step(self) -> list[tuple[Hashable, Completion]]:
        """See `Engine.step`."""
        ready, self._ready = self._ready, []
        return ready

    def release(self, noise: bytes) -> None:
        """See `Engine.release`."""

    def usage(self) -> Usage:
        """See `Engine.usage`."""
        return Usage()


def survey_searches(
    searching: Searching, item_ids: Iterable[str], policy: Journaled, scorers: Mapping[str, Engine]
) -> tuple[Known, Known]:
    """Ask journals, and nothing else, all that searches would ask; an item stops where they end.

    Returns what is known of tokens sampled, and of tokens that scorers read. Nothing is sampled or
    read; a scorer that needs no model judges.
    """
    taken: dict[str, Taken] = {}
    left = []
    for item_id, asking in searching.ask(item_ids, taken):
        judges = {name: _from_journal(scorer, policy) for name, scorer in scorers.items()}
        try:
            list(drive([(item_id, asking)], Several(Recalled(policy.find), judges), 1))
        except _Unknown:
            left.append(item_id)
    sampled = {item_id: of.sampled for item_id, of in taken.items()}
    read = {item_id: of.read for item_id, of in taken.items()}
    return _known(sampled, left), _known(read, left)


def _known(drawn: Mapping[str, int], left: Sequence[str]) -> Known:
    missing = {item_id: drawn[item_id] for item_id in left}
    return Known(len(drawn) - len(left), sum(drawn.values()) - sum(missing.values()), missing)


def _from_journal(scorer: Reader | StatedQuality, policy: Journaled) -> Engine:
    """A scorer that has read nothing yet, and is told by its journal alone."""
    if not isinstance(scorer, Reader):  # whoever asked it before may have been cut off
        return scorer.anew()
    # Without a journal of its own it reads through the model that thinks.
    journal = scorer.engine if _has_journal(scorer) else policy
    own = (scorer.ask, scorer.exact_tokens, scorer.value, scorer.reflection)
    return Reader(Recalled(journal.find), *own)


def open_search(
    prepared: Prepared,
    items: pd.DataFrame,
    strategies: Sequence[Mapping[str, Any]],
    scorers: Sequence[Mapping[str, Any]],
    models: Mapping[str, tuple[Mapping[str, Any], Inference]] | None,
    journal: Journaled | None,
    directory: Path,
    stack: ExitStack,
) -> tuple[Searching, Scorers | None]:
    """What a study searches for with one model, and who judges, as `search_items` has them.

    models: None where not all are there; who judges is None then, or without a `journal`.
    directory: of that journal. stack: closes the scorers' journals.
    """
    work, thinking = prepared.work, prepared.settings.thinking
    ends = step_ends(prepared.checkpoint.tokenizer, thinking.step_end, work.forcing.think_end)
    wanted = expand(strategies)
    instructed = instructed_prompts(prepared, items, wanted)
    searching = Searching(work, tasks_of(work, instructed, ends), wanted)
    if models is None or journal is None:
        return searching, None
    cut = partial(in_steps, step_ends=ends)
    part = Part(prepared, items, models, cut, directory.parent, "plan")
    return searching, open_scorers(scorers, journal, part, stack)


def plan_searches_unknown(model: str, items: int, why: str) -> dict:
    """The line of a model that is not there, nor any whose tokenizer it will have."""
    return {**empty_line(model, "search", items), "note": why}


def plan_searches(
    model: str,
    searching: Searching,
    policy: Journaled | None,
    scorers: Scorers | None,
    *,
    rows: int,
    in_flight: int,
    seconds: float,
    note: str = "",
    watch: Callable[[float], None] = lambda spent: None,
    progress: Callable[[Iterable, int], Iterable] = lambda rows, total: rows,
) -> dict:
    """One model's line of the plan for its searches, by `plan.COLUMNS`.

    policy: the journal of the model, scorers: what judges; None where they are not there to be
    asked, and `note` says why. Others as in `plan`.

    Time is that of the model's tokens and of the scorers', each as the calibration found it; at
    most, it is what the calibration took for a token sampled, reading and all.
    """
    most = searching.most()
    line = empty_line(model, "search", len(most))
    line |= dict.fromkeys(("sampled_at_most", "left_at_most"), sum(most.values()))
    notes = [note] if note else []
    if policy is None or scorers is None:
        return {**line, "note": "; ".join(notes)}
    notes += _sizes(scorers)

    def look(item_ids: Iterable[str]) -> tuple[Known, Known]:
        return survey_searches(searching, item_ids, policy, scorers.engines)

    known = now = look(progress(most, len(most)))
    ran = None
    if known[0].left and seconds > 0:
        try:
            ran = _run(searching, known, policy, scorers, rows, in_flight, seconds, watch)
        except ThinkscaleError as error:
            notes.append(f"not calibrated: {error}")
        now = look(known[0].left)
    sampled, read = (
        was.sampled + (0 if now is known else then.sampled) + then.drawn
        for was, then in zip(known, now, strict=True)
    )
    at_most = sum(most[item_id] - drawn for item_id, drawn in now[0].left.items())
    found = (ran.sampling, ran.reading) if ran else (None, None)
    (sampling, said), (reading, _) = map(to_come, known, now, found)
    line |= {
        "rows_known": len(most) - len(now[0].left),
        "sampled_known": sampled,
        "read_known": read,
        "left_at_most": at_most,
        "expected_from": said,
        "note": "; ".join(notes),
    }
    if sampling is not None:
        line["left_expected"] = min(max(sampling, 0.0), at_most)
        line["read_expected"] = max(reading, 0.0)
    if not now[0].left:
        line |= {"hours_at_most": 0.0, "hours_expected": 0.0}
    elif ran:
        line |= _time(line, ran)
    return line


@dataclass(frozen=True)
class _Ran:
    """A calibration of searches.

    sampling: its tokens are those that the model drew for searches; reading: those that scorers
    read. drawn: tokens of the model, for thinking too. seconds: of the model, and of scorers.
    """

    sampling: Calibration
    reading: Calibration
    drawn: int
    seconds: tuple[float, float]


def _run(
    searching: Searching,
    known: tuple[Known, Known],
    policy: Journaled,
    scorers: Scorers,
    rows: int,
    in_flight: int,
    seconds: float,
    watch: Callable[[float], None],
) -> _Ran:
    """Run some of the items that are left through the engines, `rows` of them at most."""
    models = [engine for engine in scorers.engines.values() if _has_journal(engine)]
    taken: dict[str, Taken] = {}
    first = searching.ask(islice(known[0].left, rows), taken)
    began = policy.usage().seconds
    engine = Several(scorers.policy, scorers.engines)
    found = calibrate(first, engine, seconds, in_flight, watch, models)
    thinking = policy.usage().seconds - began
    new = (
        sum(of.sampled - known[0].left[item_id] for item_id, of in taken.items()),
        sum(of.read - known[1].left[item_id] for item_id, of in taken.items()),
    )
    sampling, reading = (replace(found, sampled=tokens) for tokens in new)
    return _Ran(sampling, reading, found.sampled, (thinking, found.seconds - thinking))


def _time(line: Mapping, ran: _Ran) -> dict[str, float]:
    """Hours as `plan_searches` tells them; what a calibration did nothing of has no speed."""
    thinking, scoring = ran.seconds
    hours, of_reading = {}, 0.0
    if ran.drawn and thinking:
        at_most = line["left_at_most"] * (thinking + scoring) / ran.drawn
        hours = {"tokens_per_second": ran.drawn / thinking, "hours_at_most": at_most / 3600}
    if line["left_expected"] is None or not (ran.drawn or line["left_expected"] == 0):
        return hours
    if ran.reading.sampled:
        of_reading = line["read_expected"] * scoring / ran.reading.sampled
    of_sampling = line["left_expected"] * thinking / ran.drawn if ran.drawn else 0.0
    return hours | {"hours_expected": (of_sampling + of_reading) / 3600}


def _has_journal(scorer: Engine) -> bool:
    return isinstance(scorer, Reader) and isinstance(scorer.engine, Journaled)


def _sizes(scorers: Scorers) -> list[str]:
    sizes = [f"{name} {size:,}" for name, size in scorers.parameters.items() if size]
    return [f"parameters of scorers: {', '.join(sizes)}"] if sizes else []
