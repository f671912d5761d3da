"""What a study will cost, before it runs: what is to be sampled at most, what is known already,
and, from a short calibration on the machine, how long the rest takes."""

from collections import Counter
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

import pandas as pd

from thinkscale.engines.base import Completion, Engine, Ids, Request, noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.journal import Journaled
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.bound import most_sampled
from thinkscale.thinking.budget import Asking, Forcing, respond
from thinkscale.thinking.conditions import Condition
from thinkscale.thinking.readout import Spellings, sequences

COLUMNS = {
    "model": "str",
    "part": "str",
    "chains": "int64",
    "responses": "int64",
    "rows": "int64",
    "rows_known": "int64",
    "sampled_known": "int64",
    "sampled_at_most": "Int64",
    "left_at_most": "Int64",
    "left_expected": "float64",
    "read_known": "Int64",
    "read_expected": "float64",
    "expected_from": "str",
    "tokens_per_second": "float64",
    "hours_at_most": "float64",
    "hours_expected": "float64",
    "note": "str",
}


def chains_per_row(conditions: Mapping[str, Condition]) -> int:
    """Chains one row leaves: one for each continuation, or the natural one alone."""
    return len({c.continuation for c in conditions.values() if c.continues}) or 1


@dataclass(frozen=True)
class Work:
    """What one model is to do: the arguments of `think`. Rows are (item id, sample)."""

    prompts: Mapping[str, Ids]
    conditions: Mapping[str, Condition]
    forcing: Forcing
    context: int
    samples: int
    seed: int
    unthinking: Mapping[str, Ids] = field(default_factory=dict)
    readouts: Mapping[str, Spellings] = field(default_factory=dict)

    def most(self) -> dict[tuple[str, int], int]:
        """`most_sampled` of every row; items that do not fit the context have none."""
        most = cache(lambda room: most_sampled(room, self.conditions, self.forcing))
        fitting = {
            item_id: prompt
            for item_id, prompt in self.prompts.items()
            if self.forcing.fits(self.context, prompt, self.unthinking.get(item_id, ()))
        }
        return {
            (item_id, sample): most(self.forcing.room(self.context, prompt))
            for item_id, prompt in fitting.items()
            for sample in range(self.samples)
        }

    def rows_of(self, item_id: str) -> Iterator[tuple[tuple[str, int], Asking]]:
        """Begin all rows of an item; none of one that does not fit the context."""
        fits = self.forcing.fits(
            self.context, self.prompts[item_id], self.unthinking.get(item_id, ())
        )
        return self.ask((item_id, sample) for sample in range(self.samples if fits else 0))

    def ask(
        self, rows: Iterable[tuple[str, int]], *, read: bool = False
    ) -> Iterator[tuple[tuple[str, int], Asking]]:
        """Begin rows. read: what they read too; it samples nothing, so only time is told by it."""
        for item_id, sample in rows:
            noise = noise_key(self.seed, item_id, sample)
            prompt, ways = self.prompts[item_id], sequences(self.readouts.get(item_id, {}))
            yield (
                (item_id, sample),
                respond(
                    prompt,
                    noise,
                    self.conditions,
                    self.forcing,
                    self.context,
                    unthinking=self.unthinking.get(item_id, ()),
                    read=ways if read else (),
                ),
            )


@dataclass(frozen=True)
class Known:
    """What a journal has of some rows.

    complete: rows answered under every condition; sampled: tokens drawn for those. left: the other
    rows, with the tokens already drawn for each.
    """

    complete: int
    sampled: int
    left: dict[Hashable, int]

    @property
    def drawn(self) -> int:
        """Tokens already drawn for rows that are not complete."""
        return sum(self.left.values())

    @property
    def per_row(self) -> float:
        """Mean tokens of a complete row."""
        return self.sampled / self.complete

    @property
    def said(self) -> str:
        return f"{self.complete} known rows of the study's items"


def survey(
    rows: Iterable[tuple[Hashable, Asking]], find: Callable[[Request], Completion | None]
) -> Known:
    """Ask a journal, and nothing else, all that rows would ask; a row stops where it is at a loss.

    rows: keys and `respond` generators. find: the completion of a request, or None.
    """
    complete, sampled, left = 0, 0, {}
    for key, asking in rows:
        drawn, asked = 0, next(asking)
        while asked:
            said = [find(request) for request in asked]
            drawn += sum(completion.sampled for completion in said if completion is not None)
            if None in said:
                left[key] = drawn
                break
            try:
                asked = asking.send(said)
            except StopIteration:
                complete += 1
                sampled += drawn
                break
    return Known(complete, sampled, left)


def recalled(
    rows: Iterable[tuple[Hashable, Asking]], find: Callable[[Request], Completion | None]
) -> dict[Request, int]:
    """All that a journal has of what rows would ask, with the tokens drawn for each request."""
    drawn: dict[Request, int] = {}

    def look(request: Request) -> Completion | None:
        completion = find(request)
        if completion is not None:
            drawn[request] = completion.sampled
        return completion

    survey(rows, look)
    return drawn


@dataclass(frozen=True)
class Calibration:
    """Some rows, run for a while: how many began and ended, tokens drawn, engine seconds."""

    began: int
    ended: int
    sampled: int
    seconds: float


class _Enough(Exception):
    pass


def calibrate(
    rows: Iterable[tuple[Hashable, Asking]],
    engine: Engine,
    seconds: float,
    in_flight: int,
    watch: Callable[[float], None] = lambda spent: None,
    others: Sequence[Engine] = (),
) -> Calibration:
    """Run rows through an engine until they end or time is up, `in_flight` of them at a time.

    watch: told after each step how many seconds the engine has worked. others: engines that work
    for it, whose time counts as well. What is sampled stays in the journal where the engine is
    `Journaled`: it is what the study itself will ask.
    """
    began = ended = 0

    def worked() -> float:
        return sum(each.usage().seconds for each in (engine, *others))

    before, since = engine.usage(), worked()

    def beginning() -> Iterator[tuple[Hashable, Asking]]:
        nonlocal began
        for row in rows:
            began += 1
            yield row

    def look(_rows: int) -> None:
        spent = worked() - since
        watch(spent)
        if spent >= seconds:
            raise _Enough

    with suppress(_Enough):
        for _ in drive(beginning(), engine, in_flight, look):
            ended += 1
    return Calibration(began, ended, engine.usage().sampled - before.sampled, worked() - since)


def plan(
    model: str,
    work: Work,
    journal: Journaled | None,
    *,
    part: str = "thinking",
    like: Known | None = None,
    rows: int = 0,
    in_flight: int = 1,
    seconds: float = 0.0,
    watch: Callable[[float], None] = lambda spent: None,
    progress: Callable[[Iterable, int], Iterable] = lambda rows, total: rows,
) -> dict:
    """One model's line of the plan, by `COLUMNS`.

    part: what the work is for, as the line says it. journal: None where the model is not there to
    be asked. like: what is known of similar rows, by which these are judged while none of their own
    is known. rows, seconds: the most a calibration may take; it takes the first rows that are not
    known yet, `in_flight` at a time. progress: wraps the rows that the journal is asked about,
    given their number.

    left_expected comes from tokens drawn per row that ended, over the rows known before and those
    of the calibration. Tokens of rows that time was up for count too, so that long rows are not
    left out: this is the maximum-likelihood mean of a length that may end at each token alike, and
    the plain mean where all rows ended.
    """
    most = work.most()
    line = thinking_line(model, len(most), work.conditions, part)
    line |= dict.fromkeys(("sampled_at_most", "left_at_most"), sum(most.values()))
    notes = []
    if unfit := len(work.prompts) - len(most) // work.samples:
        notes.append(f"{unfit} item(s) do not fit the context of {work.context} tokens")
    if journal is None:
        return {**line, "note": "; ".join(["not made yet", *notes])}

    held: Counter[str | None] = Counter()

    def find(request: Request) -> Completion | None:
        records = journal.records(request)
        held.update({record.versions for record in records})
        return records[0].completion if records else None

    known = survey(progress(work.ask(most), len(most)), find)
    if not all(map(journal.uses, held)):
        known = survey(work.ask(most), journal.find)
    left, found = known, None
    if known.left and seconds > 0:
        try:
            first = islice(known.left, rows)
            found = calibrate(work.ask(first, read=True), journal, seconds, in_flight, watch)
        except ThinkscaleError as error:
            notes.append(f"not calibrated: {error}")
        journal.abandon()
        left = survey(work.ask(known.left), journal.find)
    notes += _held(held, journal)
    newly = 0 if left is known else left.sampled
    at_most = sum(most[row] - drawn for row, drawn in left.left.items())
    line |= {
        "rows_known": len(most) - len(left.left),
        "sampled_known": known.sampled + newly + left.drawn,
        "left_at_most": at_most,
        "note": "; ".join(notes),
    }
    expected, line["expected_from"] = to_come(known, left, found)
    if expected is None and like is not None and like.complete:
        expected = like.per_row * len(left.left) - left.drawn
        line["expected_from"] = like.said
    if expected is not None:
        line["left_expected"] = min(max(expected, 0.0), at_most)
    if found is not None and found.sampled and found.seconds:
        speed = found.sampled / found.seconds
        line |= {"tokens_per_second": speed, "hours_at_most": at_most / speed / 3600}
        if expected is not None:
            line["hours_expected"] = line["left_expected"] / speed / 3600
    elif not left.left:
        line |= {"hours_at_most": 0.0, "hours_expected": 0.0}
    return line


def _held(held: Counter[str | None], journal: Journaled) -> list[str]:
    """Say how many completions the journal held before the calibration, by versions."""
    if not held:
        return []
    said = [
        f"{count:,} of {versions or 'unknown versions'} "
        f"({'used' if journal.uses(versions) else 'not used'})"
        for versions, count in sorted(held.items(), key=lambda pair: pair[0] != journal.versions)
    ]
    unused = not all(map(journal.uses, held))
    hint = "; `inference.journal: any` would use others too" if unused else ""
    return [f"the journal held completions: {', '.join(said)}{hint}"]


def plan_unknown(
    model: str,
    rows: int,
    conditions: Mapping[str, Condition],
    why: str = "not made yet, nor what it is made from",
    part: str = "thinking",
) -> dict:
    """The line of a model that is not there, nor any whose tokenizer it will have."""
    return {**thinking_line(model, rows, conditions, part), "note": why}


def thinking_line(
    model: str, rows: int, conditions: Mapping[str, Condition], part: str = "thinking"
) -> dict:
    """A line by `COLUMNS` of which only is said how much there is to be thought."""
    many = {"chains": rows * chains_per_row(conditions), "responses": rows * len(conditions)}
    return empty_line(model, part, rows) | many


def empty_line(model: str, part: str, rows: int) -> dict:
    return {
        **dict.fromkeys(COLUMNS),
        "model": model,
        "part": part,
        "chains": 0,
        "responses": 0,
        "rows": rows,
        "rows_known": 0,
        "sampled_known": 0,
        "expected_from": "",
        "note": "",
    }


def to_come(known: Known, now: Known, calibration: Calibration | None) -> tuple[float | None, str]:
    """Tokens that are still to come (None: no telling), and what says so."""
    if not now.left:
        return 0.0, ""
    found = calibration or Calibration(0, 0, 0, 0.0)
    said = [f"calibration, {found.ended} of {found.began} rows ended"] if found.began else []
    # A study that was extended goes on with rows that lack little: those complete say nothing.
    extended = 2 * sum(drawn > 0 for drawn in known.left.values()) > len(known.left)
    rows, tokens, drawn = found.ended, found.sampled, 0
    if known.complete and not extended:
        rows, tokens, drawn = rows + known.complete, tokens + known.sampled, now.drawn
        said = [f"{known.complete} known rows", *said]
    if not rows:
        return None, " and ".join(said)
    return tokens / rows * len(now.left) - drawn, " and ".join(said)


def at_speed_of(
    lines: Sequence[Mapping], like: Mapping[str, str | None], apart: Container[str] = ("search",)
) -> list[dict]:
    """Lines whose speed was not measured, timed by that of the model they are most like.

    like: by model the one that is there, itself or what it is made from. apart: parts that take
    more than sampling, or are sampled by others.
    """
    speeds: dict[str, float] = {}
    for line in lines:
        if line["part"] not in apart and line["tokens_per_second"]:
            speeds.setdefault(line["model"], line["tokens_per_second"])
    return [
        dict(line) if line["part"] in apart else _timed(line, like[line["model"]], speeds)
        for line in lines
    ]


def _timed(line: Mapping, like: str | None, speeds: Mapping[str, float]) -> dict:
    if line["hours_at_most"] is not None or line["left_at_most"] is None or like not in speeds:
        return dict(line)
    speed, other = speeds[like], f"timed as {like}" if like != line["model"] else ""
    expected = line["left_expected"]
    return {
        **line,
        "tokens_per_second": speed,
        "hours_at_most": line["left_at_most"] / speed / 3600,
        "hours_expected": None if expected is None else expected / speed / 3600,
        "note": "; ".join(filter(None, (line["note"], other))),
    }


def table(lines: Sequence[Mapping]) -> pd.DataFrame:
    """The lines of all models and, last, their total; a sum leaves out what is not known."""
    total = {"model": "total", "part": "", "expected_from": "", "note": ""}
    for name in COLUMNS.keys() - total.keys() - {"tokens_per_second"}:
        known = [line[name] for line in lines if line[name] is not None]
        total[name] = sum(known) if known else None
    return pd.DataFrame([*lines, total], columns=list(COLUMNS)).astype(COLUMNS)


def text(plan: pd.DataFrame, study: str) -> str:
    """The plan as it is printed."""
    searches = (plan["part"] == "search").any()
    parts = (~plan["part"].isin(["thinking", ""])).any()
    shown = pd.DataFrame(
        {
            "model": plan["model"],
            **({"part": plan["part"]} if parts else {}),
            "chains": plan["chains"].map(_whole),
            "responses": plan["responses"].map(_whole),
            "rows known": [
                f"{_whole(known)} of {_whole(rows)}"
                for known, rows in zip(plan["rows_known"], plan["rows"], strict=True)
            ],
            "tokens left: at most": plan["left_at_most"].map(_whole),
            "expected": plan["left_expected"].map(_whole),
            **({"to be read": plan["read_expected"].map(_whole)} if searches else {}),
            "tokens/s": plan["tokens_per_second"].map(_whole),
            "time left: at most": plan["hours_at_most"].map(_time),
            "expected ": plan["hours_expected"].map(_time),
        }
    )
    notes = [
        f"{line.model}{'' if line.part == 'thinking' else f', {line.part}'}: {said}"
        for line in plan.itertuples()
        if (said := "; ".join(filter(None, (_source(line), line.note))))
    ]
    return "\n".join([f"Plan of the study {study}", "", shown.to_string(index=False), "", *notes])


def _source(line) -> str:
    if not line.expected_from:
        return ""
    if pd.isna(line.left_expected):
        return f"nothing can be expected yet ({line.expected_from})"
    return f"expected from {line.expected_from}"


def _whole(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:,.0f}"


def _time(hours: float) -> str:
    if pd.isna(hours):
        return "–"
    if hours >= 1:
        return f"{hours:,.1f} h"
    return f"{60 * hours:.0f} min" if hours >= 1 / 30 else f"{3600 * hours:.0f} s"
