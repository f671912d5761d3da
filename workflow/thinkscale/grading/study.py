"""From responses to grades: a frame of them, or a study's, from file to file.

What is read, what waits and what is written at once is bounded, however many responses there are.
Batches are judged one by one, by several processes, and written in their order, so that the outcome
does not depend on the number of processes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
from rapidfuzz import process

from thinkscale.data import contracts
from thinkscale.data.patterns import with_one_group
from thinkscale.errors import ThinkscaleError
from thinkscale.grading.grader import Facts, Grader, Judged, ungradable
from thinkscale.grading.place import at_pattern, delimiters, without_thinking
from thinkscale.grading.registry import GRADERS

DEFAULT_ANSWER_PROMPT = "Final Answer:"
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
    beside: Mapping[tuple, Mapping[str, Any]]  # what it reads beside, by the keys of a response
    pattern: Any = None  # of the study's own, compiled; None where the grader finds the answer


# Set before processes are forked, which inherit it.
_judgings: dict[str, Judging] = {}


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
    _judgings.clear()
    for name in grading["graders"]:
        pattern = grading.get("pattern")
        _judgings[name] = prepare(items, name, grading.get(name), beside, pattern)
    marks = {model: delimiters(strings) for model, strings in (markers or {}).items()}
    with ExitStack() as at_the_end:
        run = map
        if processes > 1 and contracts.count(responses) > batch:
            # Each judges on its main thread.
            pool = ProcessPoolExecutor(processes, mp_context=get_context("fork"))
            at_the_end.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        judged = (
            frame
            for name in grading["graders"]
            for frame in _in_turns(
                partial(run, partial(_judge, name, answer_prompts, marks)),
                contracts.batches(responses, "responses", COLUMNS, batch),
                processes,
            )
        )
        contracts.write_batches(judged, grades, "grades")


def _in_turns(run: Callable, frames: Iterator[pd.DataFrame], many: int) -> Iterator[pd.DataFrame]:
    """The frames as `run` gives them back, in order; as `many` are begun as are waited for."""
    begun: Iterable[pd.DataFrame] = ()
    while turn := list(islice(frames, many)):
        begun, ready = run(turn), begun
        yield from ready
    yield from begun


def _judge(name: str, answer_prompts: Mapping, marks: Mapping, frame: pd.DataFrame) -> pd.DataFrame:
    return _grade(_judgings[name], frame, answer_prompts, marks)


def grade(
    responses: pd.DataFrame,
    items: pd.DataFrame,
    grader: str = "choice",
    settings: Mapping[str, object] | None = None,
    *,
    answer_prompt: str = DEFAULT_ANSWER_PROMPT,
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
    return _grade(judging, responses, dict.fromkeys(responses["model"], answer_prompt), {})


def prepare(
    items: pd.DataFrame,
    name: str,
    settings: Mapping[str, object] | None = None,
    beside: Mapping[str, pd.DataFrame] = MappingProxyType({}),
    pattern: str | None = None,
) -> Judging:
    """Everything that is checked before the first response; raises as `grade` does."""
    if name not in GRADERS:
        known = ", ".join(GRADERS)
        raise ThinkscaleError(f"Unknown grader {name!r}{_near(name, GRADERS)}; there are {known}.")
    grader = GRADERS[name]
    checked = _settings(grader, name, settings or {})
    found: dict[tuple, Mapping[str, Any]] = {}
    if (frame := beside.get(grader.reads)) is not None:
        keys = frame[KEYS].itertuples(index=False, name=None)
        found = dict(zip(keys, frame.drop(columns=KEYS).to_dict("records"), strict=True))
    place = with_one_group(pattern) if pattern is not None and grader.reads_prompt else None
    return Judging(name, grader, checked, _bank(items, grader, name, checked), found, place)


def equality(
    name: str, settings: Mapping[str, object] | None = None
) -> Callable[[str, str], bool] | None:
    """Whether two answers, as a grader extracted them, are equal to it; None if labels say."""
    grader = GRADERS[name]
    if grader.same is None:
        return None
    given = grader.given(_settings(grader, name, settings or {}))
    return lambda first, second: grader.same(first, second, *given)


def _settings(grader: Grader, name: str, given: Mapping[str, object]):
    """The grader's settings from the keys of the configuration; None if it has none."""
    known = [field.name for field in fields(grader.settings)] if grader.settings else []
    for key in given:
        if key not in known:
            raise ThinkscaleError(
                f"Grader {name!r}: unknown setting {key!r}{_near(key, known)}; "
                f"expected {', '.join(known) or 'none'}."
            )
    return grader.settings(**given) if grader.settings else None


def _near(word: str, known: Iterable[str]) -> str:
    near = process.extractOne(word, list(known), score_cutoff=60)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _bank(items: pd.DataFrame, grader: Grader, name: str, settings: Any) -> dict[str, Facts]:
    """Item id -> what the grader may know; ThinkscaleError names an item it cannot grade."""
    answers = items["answer_text"] if "answer_text" in items.columns else [None] * len(items)
    bank = {}
    for item_id, options, key, answer in zip(
        items["item_id"], items["options"], items["key"], answers, strict=True
    ):
        facts = bank[item_id] = Facts(
            item_id,
            tuple((option["label"], option["text"]) for option in options),
            None if pd.isna(key) else key,
            None if pd.isna(answer) else answer,
        )
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
    return bank


def _grade(
    judging: Judging,
    responses: pd.DataFrame,
    answer_prompts: Mapping[str, str],
    marks: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Grade a frame with what is prepared, each distinct (item, text) once."""
    grader, settings = judging.grader, judging.settings
    memory: dict[tuple[str, str], Judged] = {}
    rows = zip(*(responses[name].tolist() for name in COLUMNS), strict=True)
    found = []  # (extracted, outcome, detail)
    for model, item_id, sample, condition, text, stop, answer_stop, answer_from, error in rows:
        if isinstance(error, str):
            found.append((None, "ungradable", error))
            continue
        facts = judging.bank.get(item_id)
        if facts is None:
            raise ThinkscaleError(
                f"Grading: response to item {item_id!r}, which is not among the items."
            )
        text = without_thinking(text, marks.get(model, ())) if isinstance(text, str) else ""
        if grader.reads_prompt and stop != "natural" and answer_from == "answer":
            if model not in answer_prompts:
                raise ThinkscaleError(
                    f"Grading: a response by {model!r}; expected one by "
                    f"{', '.join(answer_prompts)}."
                )
            text = answer_prompts[model] + text
        if grader.reads:
            row = judging.beside.get((model, item_id, sample, condition))
            judged = grader.judge(text, facts, settings, row)
        elif (judged := memory.get((item_id, text))) is None:
            judged = memory[item_id, text] = _judged(judging, text, facts)
        extraction, outcome = judged
        label, detail = extraction.label, extraction.detail
        if answer_stop == "limit" and grader.reads != "readouts":  # read before the answer began
            if extraction.open:
                label, outcome = None, "ungradable"
            elif grader.reads_whole and outcome == "incorrect":
                outcome = "ungradable"
            if outcome == "ungradable":
                detail += f"; answer cut at its token limit (answer_stop=limit, stop={stop})"
        found.append((label, outcome, detail))
    grades = pd.DataFrame(found, columns=["extracted", "outcome", "detail"], dtype="str")
    grades.insert(0, "grader", judging.name)
    return responses[KEYS].reset_index(drop=True).join(grades)


def _judged(judging: Judging, text: str, facts: Facts) -> Judged:
    """The judgement of a text, or of what the study's own pattern finds in it."""
    if judging.pattern is None:
        return judging.grader.judge(text, facts, judging.settings)
    field = at_pattern(judging.pattern, text)
    if field is None:
        return ungradable("nothing in the answer matches `grading.pattern`")
    extraction, outcome = judging.grader.judge(field, facts, judging.settings)
    detail = f"pattern: {extraction.detail.removeprefix('tag: ')}"
    return replace(extraction, how="pattern", detail=detail), outcome
