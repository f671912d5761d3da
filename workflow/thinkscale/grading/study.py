"""From responses to grades: a frame of them, or a study's, from file to file.

What is read, what waits and what is written at once is bounded, however many responses there are.
Batches are judged one by one, by several processes, and written in their order, so that the outcome
does not depend on the number of processes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice, repeat
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from rapidfuzz import process

from thinkscale.data import contracts
from thinkscale.data.patterns import with_one_group
from thinkscale.errors import ThinkscaleError
from thinkscale.grading.answer import at_pattern, delimiters, without_thinking
from thinkscale.grading.grader import Facts, Grader, Judged
from thinkscale.grading.registry import GRADERS, grader_called

KEYS = list(contracts.KEYS["responses"])
# What is read of a response: never its thinking.
COLUMNS = [*KEYS, "answer_text", "stop", "answer_stop", "answer_from", "error"]
BATCH = 20_000  # responses


@dataclass(frozen=True)
class Judging:
    """A grader with its settings and all it may know of items: made once, for many frames."""

    name: str
    grader: Grader
    settings: Any  # None where the grader has none
    bank: Mapping[str, Facts]  # by item id
    beside: pd.DataFrame | None  # what it reads beside, by the keys of a response
    pattern: Any  # of the study's own, compiled; None where the grader finds the answer


# By grader: from responses to grades. Set before processes are forked, which inherit it.
_calls: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {}


def grade_study(
    responses: str | Path,
    items: pd.DataFrame,
    grades: str | Path,
    grading: Mapping[str, Any],
    answer_prompts: Mapping[str, str],
    *,
    markers: Mapping[str, Sequence[str]] | None = None,
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    processes: int = 1,
    batch: int = BATCH,
) -> None:
    """Write the grades of every response in `responses` by every grader of `grading["graders"]`.

    `grading` has the settings of each grader under its name, and the study's `pattern`. By model:
    `answer_prompts` holds what was put in before a cut response's answer, `markers` what opens and
    what ends its thinking. Raises as `grade` does.
    """
    marks = {model: delimiters(strings) for model, strings in (markers or {}).items()}
    _calls.clear()
    for name in grading["graders"]:
        judging = prepare(items, name, grading.get(name), beside, grading.get("pattern"))
        _calls[name] = partial(_grade, judging, answer_prompts, marks)
    with ExitStack() as at_the_end:
        run = map
        if processes > 1 and contracts.count(responses) > batch:
            # Each judges on its main thread.
            pool = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
            at_the_end.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        contracts.write_batches(_judged(run, responses, batch, processes), grades, "grades")


def _judged(run: Callable, responses: str | Path, batch: int, many: int) -> Iterator[pd.DataFrame]:
    """Grades by each grader in the order of the responses; `many` batches begin while as many wait.

    `run` is `map`, or that of a pool.
    """
    for name in _calls:
        frames = contracts.batches(responses, "responses", COLUMNS, batch)
        begun: Iterable[pd.DataFrame] = ()
        while turn := list(islice(frames, many)):
            begun, ready = run(_call, repeat(name), turn), begun
            yield from ready
        yield from begun


def _call(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    return _calls[name](frame)


def grade(
    responses: pd.DataFrame,
    items: pd.DataFrame,
    grader: str = "choice",
    settings: Mapping[str, object] | None = None,
    *,
    answer_prompt: str = "Final Answer:",
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    pattern: str | None = None,
) -> pd.DataFrame:
    """Grade responses (contract `responses`) against items; returns a `grades` frame, row by row.

    Only answer text is read, never thinking. Where thinking was cut (`stop` is not natural) and an
    answer asked for, it began after the injected `answer_prompt`, which is put before the text
    again. A response that was cut at its token limit and cannot be graded says so in `detail`.
    `beside` holds, by name, what some graders read beside the responses: frames with the keys of
    responses and whatever columns such a grader expects. The one group of `pattern` (RE2) says
    where the answer stands; the last match counts.

    Raises ThinkscaleError for an unknown grader or setting, a response to an item that is not in
    the bank, or an item that lacks what the grader needs.
    """
    judging = prepare(items, grader, settings, beside, pattern)
    return _grade(judging, dict.fromkeys(responses["model"], answer_prompt), {}, responses)


def prepare(
    items: pd.DataFrame,
    name: str,
    settings: Mapping[str, object] | None = None,
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    pattern: str | None = None,
) -> Judging:
    """Everything that is checked before the first response; raises as `grade` does."""
    grader = grader_called(name)
    if grader is None:
        _known(name, GRADERS, "Unknown grader")
    checked = _settings(grader, name, settings or {})
    frame = beside.get(grader.reads)
    rows = None if frame is None else frame.set_index(KEYS)
    compiled = with_one_group(pattern) if pattern is not None and grader.reads_prompt else None
    return Judging(name, grader, checked, _bank(items, grader, name, checked), rows, compiled)


def equality(
    name: str, settings: Mapping[str, object] | None = None
) -> Callable[[str, str], bool] | None:
    """Whether two answers, as a grader extracted them, are equal to it; None if labels say."""
    grader = grader_called(name)
    given = grader.given(_settings(grader, name, settings or {}))
    return grader.same and (lambda first, second: grader.same(first, second, *given))


def _settings(grader: Grader, name: str, given: Mapping[str, object]):
    """The grader's settings from the keys of the configuration; None if it has none."""
    known = [own.name for own in fields(grader.settings)] if grader.settings else []
    for key in given:
        _known(key, known, f"Grader {name!r}: unknown setting")
    return grader.settings(**given) if grader.settings else None


def _known(word: str, known: Collection[str], fault: str) -> None:
    if word not in known:
        near = process.extractOne(word, list(known), score_cutoff=60)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ThinkscaleError(f"{fault} {word!r}{hint}; there are {', '.join(known) or 'none'}.")


def _bank(items: pd.DataFrame, grader: Grader, name: str, settings: Any) -> dict[str, Facts]:
    """Item id -> what the grader may know; ThinkscaleError names an item it cannot grade."""
    bank = {}
    columns = ["item_id", "options", "key", "answer_text"]  # without the last where all have keys
    for item_id, options, *texts in items.reindex(columns=columns).itertuples(index=False):
        labelled = tuple((option["label"], option["text"]) for option in options)
        facts = Facts(item_id, labelled, *(None if pd.isna(text) else text for text in texts))
        several = grader.any_key or getattr(settings, "keys", None)
        if len(facts.keys) > 1 and "key" in grader.needs and not several:
            raise ThinkscaleError(
                f"Grader {name!r}: item {item_id!r} has the keys {facts.key}; expected one (by "
                "`grading.choice.keys` the grader 'choice' takes several)."
            )
        if missing := [need for need in grader.needs if not getattr(facts, need)]:
            raise ThinkscaleError(
                f"Grader {name!r} needs items with {' and '.join(grader.needs)}; "
                f"item {item_id!r} has no {' and no '.join(missing)}."
            )
        if grader.check is not None:
            grader.check(facts, *grader.given(settings))
        bank[item_id] = facts
    return bank


def _grade(
    judging: Judging, prompts: Mapping, marks: Mapping, responses: pd.DataFrame
) -> pd.DataFrame:
    """Grade a frame with what is prepared, each distinct (item, text) once."""
    grader = judging.grader
    memory: dict[tuple[str, str], Judged] = {}
    read = [_rows_of(judging.beside, responses), *(responses[name].tolist() for name in COLUMNS)]
    rows = zip(*read, strict=True)
    found = []  # (extracted, outcome, detail)
    for row, model, item, _, _, text, stop, answer_stop, answer_from, error in rows:
        if isinstance(error, str):
            found.append((None, "ungradable", error))
            continue
        if item not in judging.bank:
            raise ThinkscaleError(
                f"Grading: response to item {item!r}, which is not among the items."
            )
        text = without_thinking(text, marks.get(model, ())) if isinstance(text, str) else ""
        if grader.reads_prompt and stop != "natural" and answer_from == "answer":
            if model not in prompts:
                known = ", ".join(prompts)
                raise ThinkscaleError(f"Grading: a response by {model!r}; expected one by {known}.")
            text = prompts[model] + text
        judge = partial(grader.judge, facts=judging.bank[item], settings=judging.settings)
        if grader.reads:
            judged = judge(text, beside=row)
        elif (judged := memory.get((item, text))) is None:
            at = judging.pattern
            judged = memory[item, text] = at_pattern(at, text, judge) if at else judge(text)
        extraction, outcome = judged
        label, detail = extraction.label, extraction.detail
        if answer_stop == "limit" and grader.reads != "readouts":  # read before the answer began
            label = None if extraction.open else label
            if extraction.open or (grader.reads_whole and outcome == "incorrect"):
                outcome = "ungradable"
            if outcome == "ungradable":
                detail += f"; answer cut at its token limit (answer_stop=limit, stop={stop})"
        found.append((label, outcome, detail))
    grades = pd.DataFrame(found, columns=["extracted", "outcome", "detail"], dtype="str")
    grades.insert(0, "grader", judging.name)
    return responses[KEYS].reset_index(drop=True).join(grades)


def _rows_of(beside: pd.DataFrame | None, responses: pd.DataFrame) -> list[dict[str, Any] | None]:
    """What stands beside each response. Only theirs are taken: one for each would fill memory."""
    if beside is None:
        return [None] * len(responses)
    keys = pd.MultiIndex.from_frame(responses[KEYS])
    rows = zip(beside.reindex(keys).to_dict("records"), keys.isin(beside.index), strict=True)
    return [row if there else None for row, there in rows]
