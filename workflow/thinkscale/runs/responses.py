"""Responses that were made elsewhere, by the contracts: what a log says, and nothing that it does
not say.

What is unknown is null: of thinking that was forced elsewhere no ledger tells how much was put in.
Tokens are those of a named tokenizer over the text (`exact_tokens` is false: recounted), or as many
as the log says (true).
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from thinkscale.config.responses import RECORDED, Recorded
from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import problem as cell_problem
from thinkscale.items.cells import scalar, shown
from thinkscale.items.logs import log_records
from thinkscale.runs.split import Said, split
from thinkscale.thinking.conditions import Condition
from thinkscale.thinking.strategies.search import SAMPLES

Count = Callable[[Sequence[str]], Sequence[int]]

_ENDED = {"stop", "eos", "end_turn", "stop_sequence", "completed"}
_CUT = {"length", "max_tokens", "max_output_tokens", "model_length", "incomplete"}
_RIGHT = {"C": "correct", "I": "incorrect", "correct": "correct", "incorrect": "incorrect"}
_RIGHT |= {"1": "correct", "0": "incorrect", "true": "correct", "false": "incorrect"}
_NUMBERS = ("prompt_tokens", "think_tokens", "answer_tokens")


@dataclass(frozen=True)
class Markers:
    """What opens and what ends thinking; whole_turn: a text without either is a whole response."""

    start: str
    ends: tuple[str, ...]
    whole_turn: bool = False


@dataclass(frozen=True)
class Log:
    """Frames by the contracts `responses`, `grades` (the log's own scores) and `scores`.

    scores: those of reward models, of the natural samples. left_out: rows about items that the
    study has not. unanswered: items of the study without a response.
    """

    responses: pd.DataFrame
    grades: pd.DataFrame
    scores: pd.DataFrame
    left_out: int
    unanswered: int


def read_log(
    model: str,
    recorded: Recorded,
    markers: Markers,
    conditions: Mapping[str, Condition],
    item_ids: Sequence[str],
    *,
    graders: Sequence[str] = (),
    count: Count | None = None,
    size: int = 0,
) -> Log:
    """Read the responses of a model from its logs, in the order of the items.

    conditions: the study's, by name; another name is kept, and nothing known of it. graders: names
    as `lm_eval:exact_match`, of the log's own scores. count: tokens of texts; None where the log
    says how many. size: samples that strategies choose among.
    Raises ThinkscaleError, naming file and row, for a column that is missing, a cell that cannot be
    what it is mapped as, a text without markers, or a response that is there twice; and if items
    and log do not match, or an item has fewer samples than `size`.
    """
    rows = list(_rows(recorded, markers))
    if not rows:
        paths = ", ".join(log.path for log in recorded.logs)
        raise ThinkscaleError(f"model {model}: {paths}: found no response; expected one at least.")
    kept, left_out, unanswered = _matched(model, rows, recorded, item_ids)
    _check_once(kept)
    order = {item: place for place, item in enumerate(item_ids)}
    names = {name: place for place, name in enumerate(["natural", *conditions])}
    kept.sort(key=lambda r: (order[r.item], r.sample, names.get(r.condition, len(names))))
    counted = _counted(model, kept, count)
    responses = [
        {"model": model, **_response(row, *tokens, conditions.get(row.condition), recorded.source)}
        for row, tokens in zip(kept, counted, strict=True)
    ]
    natural = [row for row in kept if row.condition == "natural" and row.error is None]
    _check_samples(model, natural, item_ids, size)
    return Log(
        _frame(responses, "responses"),
        _frame([g for row in kept for g in _grades(model, row, graders)], "grades"),
        _frame([s for row in natural for s in _scores(model, row, recorded, size)], "scores"),
        left_out,
        unanswered,
    )


@dataclass(frozen=True)
class _Row:
    """A record, and what it says of its response."""

    where: str  # the file
    row: int
    cells: Mapping[str, Any]
    item: str
    sample: int
    condition: str
    said: Said
    finish: str | None
    prompt: str | None
    numbers: Mapping[str, int | None]
    seconds: float | None
    error: str | None

    def problem(self, column: str | None, what: str) -> ThinkscaleError:
        return cell_problem(self.where, self.row, column, what)


def _rows(recorded: Recorded, markers: Markers) -> Iterator[_Row]:
    asked = {name: own for name, own in recorded.columns.model_dump().items() if own is not None}
    mapped = {**RECORDED[recorded.source], **asked}
    numbers: Counter = Counter()
    for log in recorded.logs:
        records = list(log_records(log.path, recorded.source, recorded.encoding))
        names = dict.fromkeys(name for _, cells in records for name in cells)
        wanted = {"item": mapped["item"], **asked, **recorded.scores}
        for key, column in wanted.items() if records else ():
            if column not in names:
                raise ThinkscaleError(
                    f"{log.path}: no column {column!r} (mapped as {key}); found {', '.join(names)}."
                )
        for row, cells in records:
            yield _row(log.path, log.condition, row, cells, mapped, recorded, markers, numbers)


def _row(
    where: str,
    condition: str,
    row: int,
    cells: Mapping[str, Any],
    mapped: Mapping[str, str],
    recorded: Recorded,
    markers: Markers,
    numbers: Counter,
) -> _Row:
    def cell(name: str) -> Any:
        value = cells.get(mapped[name]) if name in mapped else None
        return None if isinstance(value, float) and math.isnan(value) else value

    def problem(name: str, what: str) -> ThinkscaleError:
        return cell_problem(where, row, mapped[name], what)

    def words(name: str) -> str | None:
        value = cell(name)
        if isinstance(value, list | dict):
            raise problem(name, f"is {shown(value)}; expected text")
        return scalar(value)

    def whole(name: str) -> int | None:
        value = cell(name)
        try:
            number = None if value is None else int(value)
        except (TypeError, ValueError):
            number = -1
        if number is not None and (number < 0 or number != float(value)):
            raise problem(name, f"is {shown(value)}; expected a whole number, 0 or more")
        return number

    item = (words("item") or "").strip()
    if not item:
        raise problem("item", "is empty; expected the item's id")
    condition = words("condition") or condition
    sample = whole("sample")
    if sample is None:
        sample = numbers[item, condition]
        numbers[item, condition] += 1
    error = cells.get("error") if recorded.source == "inspect" else None
    tokens = {name: whole(name) for name in _NUMBERS}
    said = Said(None, "", ended=False)
    if error is None:
        said = _said(where, row, mapped, words, tokens["think_tokens"], recorded, markers)
    seconds = cell("seconds")
    try:
        seconds = None if seconds is None else float(seconds)
    except (TypeError, ValueError) as error:
        raise problem("seconds", f"is {shown(seconds)}; expected a number") from error
    return _Row(
        *(where, row, cells, item, sample, condition, said),
        finish=(words("finish") or "").lower() or None,
        prompt=words("prompt"),
        numbers=tokens,
        seconds=seconds,
        error=error,
    )


def _said(
    where, row, mapped, words, thought: int | None, recorded: Recorded, markers: Markers
) -> Said:
    """Thinking and answer, from columns of their own or from one text."""
    text, table = words("text"), recorded.source == "table"
    if table and "text" in mapped:
        text = text or ""
    if text is None:
        # An empty cell of thinking is none; without such a column it is not shown.
        nothing = "" if table and "thinking" in mapped else None
        thinking, answer = words("thinking") or nothing, words("answer") or ""
        # Of thinking that is not shown its tokens tell whether there was any.
        return Said(thinking, answer, ended=bool(answer.strip()) or not (thinking or thought))
    found = split(text, markers.start, markers.ends)
    if found is not None:
        return found
    unmarked = "turn" if markers.whole_turn else recorded.unmarked
    if unmarked == "error":
        strings = ", ".join(repr(m) for m in (markers.start, *markers.ends) if m.strip())
        raise cell_problem(
            *(where, row, mapped["text"]),
            f"is {shown(text)}, with none of the markers {strings}; expected them as "
            "`inference.thinking` says, or `responses.unmarked` to say what such a text is",
        )
    return {
        "thinking": Said(text, "", ended=False),
        "answer": Said("", text, ended=True),
        "turn": Said(text, text, ended=True, whole=True),
    }[unmarked]


def _matched(
    model: str, rows: Sequence[_Row], recorded: Recorded, item_ids: Sequence[str]
) -> tuple[list[_Row], int, int]:
    """The rows about the study's items; how many are about others, and how many items have none."""
    known, found = set(item_ids), dict.fromkeys(row.item for row in rows)
    foreign = [item for item in found if item not in known]
    silent = [item for item in item_ids if item not in found]
    if (foreign or silent) and recorded.mismatch == "error":
        said = [
            f"{len(items)} {what}, as {', '.join(map(repr, items[:5]))}"
            for items, what in (
                (foreign, "items of the log are none of the study's"),
                (silent, "items of the study have no response"),
            )
            if items
        ]
        raise ThinkscaleError(
            f"model {model}: {rows[0].where}: {'; '.join(said)}; expected the same ids on both "
            "sides, or `responses.mismatch: left_out`."
        )
    kept = [row for row in rows if row.item in known]
    return kept, len(rows) - len(kept), len(silent)


def _check_once(rows: Sequence[_Row]) -> None:
    first: dict[tuple, _Row] = {}
    for row in rows:
        key = (row.item, row.sample, row.condition)
        before = first.setdefault(key, row)
        if before is not row:
            raise ThinkscaleError(
                f"{row.where}, row {row.row}: item {row.item!r}, sample {row.sample}, condition "
                f"{row.condition!r} is there again (first in {before.where}, row {before.row}); "
                "expected each once."
            )


def _check_samples(model: str, rows: Sequence[_Row], item_ids: Sequence[str], size: int) -> None:
    have = Counter(row.item for row in rows)
    few = [item for item in item_ids if 0 < have[item] < size]
    if few:
        raise ThinkscaleError(
            f"model {model}: `strategies` choose among {size} samples, and {len(few)} items have "
            f"fewer in the log, as {few[0]!r} with {have[few[0]]}; expected {size} for each."
        )


def _counted(
    model: str, rows: Sequence[_Row], count: Count | None
) -> list[tuple[dict[str, int | None], bool]]:
    """Tokens of prompt, thinking and answer of each row, and whether they are the log's own."""
    if count is None:
        for row in rows:
            if row.error is None and row.numbers["think_tokens"] is None:
                raise ThinkscaleError(
                    f"model {model}: {row.where}, row {row.row}: says no number of thinking "
                    "tokens; expected one (`responses.columns.think_tokens`), or a "
                    "`responses.tokenizer` to count them with."
                )
        return [(dict(row.numbers), True) for row in rows]
    for row in rows:
        if row.error is None and row.said.thinking is None:
            raise ThinkscaleError(
                f"model {model}: {row.where}, row {row.row}: shows no thinking that could be "
                "counted; expected its text, or no `responses.tokenizer` where the log says how "
                "many tokens it had."
            )
    texts = [
        [row.prompt, row.said.thinking, None if row.said.whole else row.said.answer] for row in rows
    ]
    flat = iter(count([text for own in texts for text in own if text is not None]))
    found = [[None if text is None else next(flat) for text in own] for own in texts]
    return [(dict(zip(_NUMBERS, own, strict=True)), False) for own in found]


def _response(
    row: _Row,
    tokens: Mapping[str, int | None],
    exact: bool,
    condition: Condition | None,
    source: str,
) -> dict[str, Any]:
    key = {"item_id": row.item, "sample": row.sample, "condition": row.condition}
    natural = row.condition == "natural"
    # What this package's sweep does under that name; of any other name nothing is known.
    known = Condition() if natural else condition
    nothing = dict.fromkeys(contracts.LEDGER) | {"prompt_tokens": tokens["prompt_tokens"]}
    made = {
        **key,
        **asdict(known or Condition()),
        **nothing,
        "think_text": row.said.thinking or "",
        "answer_text": row.said.answer,
        "seconds": row.seconds,
        "engine": f"imported:{source}",
        "exact_tokens": exact,
        "error": row.error,
    }
    if row.error is not None:
        silent = {"stop": None, "answer_stop": "none", "answer_from": "none", "censored": False}
        return {**made, **silent}
    thought, answered = tokens["think_tokens"], 0 if row.said.whole else tokens["answer_tokens"]
    ledger = {"think_tokens": thought, "answer_tokens": answered}
    if known is not None and not known.continues:  # all that was thought was sampled
        both = None if None in (thought, answered) else thought + answered
        ledger |= {"think_natural": thought, "think_injected": 0, "waits_done": 0}
        ledger |= {"new_tokens": both, "alone_tokens": both}
    if natural and row.said.ended:
        ledger["forced_end_tokens"] = 0
    return {**made, **ledger, **_ends(row, thought, known)}


def _ends(row: _Row, thought: int | None, known: Condition | None) -> dict[str, Any]:
    """How thinking and answer came to their ends, as far as it can be known."""
    cut, said = row.finish in _CUT, row.said
    limits = (known.max_think, known.truncate) if known else ()
    budget = min((limit for limit in limits if limit is not None), default=None)
    spent = budget is not None and thought is not None and thought >= budget
    if spent:
        stop = "budget"
    elif said.ended and known is not None:
        stop = "natural"
    else:
        stop = "context" if cut and not said.ended else None
    answer_stop = "limit" if cut else "eos" if row.finish in _ENDED else None
    answered = "turn" if said.whole else "answer" if said.ended else "none"
    open_turn = said.whole and cut
    return {
        "stop": "context" if open_turn else stop,
        "answer_stop": answer_stop,
        "answer_from": answered,
        "censored": spent or not said.ended or open_turn,
    }


def _grades(model: str, row: _Row, graders: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What the log itself says of a response, by each of its scores that is asked for."""
    for grader in graders if row.error is None else ():
        name = grader.partition(":")[2]
        if name not in row.cells:
            raise ThinkscaleError(
                f"{row.where}, row {row.row}: `grading.graders`: found {grader!r}, and the log has "
                f"no score {name!r} of this response; it has {', '.join(row.cells)} (of several "
                "responses scored together, none has a score)."
            )
        value = row.cells[name]
        outcome = _RIGHT.get(scalar(value)) if not isinstance(value, list | dict) else None
        answer = row.cells.get(f"{name}.answer")
        yield {
            **{"model": model, "item_id": row.item, "sample": row.sample},
            **{"condition": row.condition, "grader": grader},
            "extracted": answer if isinstance(answer, str) and outcome else None,
            "outcome": outcome or "ungradable",
            "detail": f"the log's score: {shown(value)}",
        }


def _scores(model: str, row: _Row, recorded: Recorded, size: int) -> Iterator[dict[str, Any]]:
    """Scores of reward models: one of the response, or one of each step of its thinking."""
    for scorer, column in recorded.scores.items():
        value = row.cells.get(column)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                value = [value]  # a fault, as it is no number
        steps = value if isinstance(value, list) else [] if value is None else [value]
        for step, score in enumerate(steps):
            number = isinstance(score, int | float) and not isinstance(score, bool)
            if score is not None and (not number or math.isinf(score)):
                what = f"is {shown(row.cells[column])}; expected a number, or a list of them"
                raise row.problem(column, what)
            key = {"model": model, "item_id": row.item, "search": SAMPLES, "n": size}
            own = {"candidate": row.sample, "scorer": scorer, "step": step}
            missing = score is None or math.isnan(score)
            yield {**key, **own, "score": None if missing else float(score)}


def _frame(rows: Sequence[Mapping[str, Any]], contract: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=contracts.SCHEMAS[contract].names)
