"""From responses to grades: one grader over a frame, each distinct (item, text) once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
from rapidfuzz import process

from thinkscale.errors import ThinkscaleError
from thinkscale.grading.grader import Facts, Grader
from thinkscale.grading.registry import GRADERS
from thinkscale.grading.text import Extraction

DEFAULT_ANSWER_PROMPT = "Final Answer:"
KEYS = ["model", "item_id", "sample", "condition"]
# What is read of a response: never its thinking.
COLUMNS = [*KEYS, "answer_text", "stop", "answer_stop", "error"]


def grade(
    responses: pd.DataFrame,
    items: pd.DataFrame,
    grader: str = "choice",
    settings: Mapping[str, object] | None = None,
    *,
    answer_prompt: str = DEFAULT_ANSWER_PROMPT,
    verdicts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Grade responses (contract `responses`) against items; returns a `grades` frame, row by row.

    Only answer text is read, never thinking. Where thinking was cut (`stop` is not natural) the
    answer began after the injected `answer_prompt`, which is put before the text again. A response
    that was cut at its token limit and cannot be graded says so in `detail`. `verdicts` has the
    keys of responses and whatever columns a grader that reads verdicts expects.

    Raises ThinkscaleError for an unknown grader or setting, a response to an item that is not in
    the bank, or an item that lacks what the grader needs.
    """
    return grade_with(prepared(items, grader, settings, verdicts), responses, answer_prompt)


@dataclass(frozen=True)
class Prepared:
    """A grader with its settings and all it may know of items: made once, for many frames."""

    name: str
    grader: Grader
    settings: Any
    bank: Mapping[str, Facts]
    verdicts: Mapping[tuple, Mapping[str, Any]]  # by the keys of a response


def prepared(
    items: pd.DataFrame,
    grader: str,
    settings: Mapping[str, object] | None = None,
    verdicts: pd.DataFrame | None = None,
) -> Prepared:
    """Everything that is checked before the first response; raises as `grade` does."""
    chosen = grader_named(grader)
    checked = settings_of(chosen, grader, settings)
    found: dict[tuple, Mapping[str, Any]] = {}
    if chosen.reads_verdicts and verdicts is not None:
        keys = verdicts[KEYS].itertuples(index=False, name=None)
        found = dict(zip(keys, verdicts.drop(columns=KEYS).to_dict("records"), strict=True))
    return Prepared(grader, chosen, checked, facts_of(items, grader, checked), found)


def grade_with(
    judging: Prepared, responses: pd.DataFrame, answer_prompt: str | Mapping[str, str]
) -> pd.DataFrame:
    """`grade` with what is prepared; `answer_prompt` may be one for each model."""
    grader, bank = judging.grader, judging.bank
    memory: dict[tuple[str, str], tuple[Extraction, str]] = {}
    extracted, outcomes, details = [], [], []
    rows = zip(*(responses[name].tolist() for name in COLUMNS), strict=True)
    for model, item_id, sample, condition, text, stop, answer_stop, error in rows:
        if isinstance(error, str):
            extracted.append(None)
            outcomes.append("ungradable")
            details.append(error)
            continue
        facts = bank.get(item_id)
        if facts is None:
            raise ThinkscaleError(
                f"Grading: response to item {item_id!r}, which is not among the items."
            )
        text = text if isinstance(text, str) else ""
        if grader.reads_prompt and stop != "natural":
            text = _prompt(answer_prompt, model) + text
        if grader.reads_verdicts:
            verdict = judging.verdicts.get((model, item_id, sample, condition))
            extraction, outcome = grader.judge(text, facts, judging.settings, verdict)
        else:
            known = memory.get((item_id, text))
            if known is None:
                known = memory[item_id, text] = grader.judge(text, facts, judging.settings)
            extraction, outcome = known
        label, detail = extraction.label, extraction.detail
        if answer_stop == "limit":
            if extraction.open:
                label, outcome = None, "ungradable"
            elif grader.reads_whole and outcome == "incorrect":
                outcome = "ungradable"
            if outcome == "ungradable":
                detail += f"; answer cut at its token limit (answer_stop=limit, stop={stop})"
        extracted.append(label)
        outcomes.append(outcome)
        details.append(detail)
    grades = responses[KEYS].reset_index(drop=True)
    return grades.assign(
        grader=pd.Series(judging.name, index=grades.index, dtype="str"),
        extracted=pd.Series(extracted, dtype="str"),
        outcome=pd.Series(outcomes, dtype="str"),
        detail=pd.Series(details, dtype="str"),
    )


def _prompt(prompts: str | Mapping[str, str], model: str) -> str:
    if isinstance(prompts, str):
        return prompts
    if model not in prompts:
        raise ThinkscaleError(
            f"Grading: a response by {model!r}; expected one by {', '.join(prompts)}."
        )
    return prompts[model]


def grader_named(name: str) -> Grader:
    if name not in GRADERS:
        raise ThinkscaleError(
            f"Unknown grader {name!r}{_near(name, GRADERS)}; there are {', '.join(GRADERS)}."
        )
    return GRADERS[name]


def settings_of(grader: Grader, name: str, settings: Mapping[str, object] | None):
    """The grader's settings from the keys of the configuration; None if it has none."""
    given = dict(settings or {})
    known = [f.name for f in fields(grader.settings)] if grader.settings else []
    for key in given:
        if key not in known:
            raise ThinkscaleError(
                f"Grader {name!r}: unknown setting {key!r}{_near(key, known)}; "
                f"expected {', '.join(known) or 'none'}."
            )
    return grader.settings(**given) if grader.settings else None


def facts_of(items: pd.DataFrame, name: str, settings: object) -> dict[str, Facts]:
    """Item id -> what the grader may know; ThinkscaleError names an item it cannot grade."""
    grader = grader_named(name)
    answers = items["answer_text"] if "answer_text" in items.columns else [None] * len(items)
    bank = {}
    for item_id, options, key, answer in zip(
        items["item_id"], items["options"], items["key"], answers, strict=True
    ):
        facts = Facts(
            item_id,
            tuple((o["label"], o["text"]) for o in options),
            None if pd.isna(key) else key,
            None if pd.isna(answer) else answer,
        )
        missing = [need for need in grader.needs if not getattr(facts, need)]
        if missing:
            raise ThinkscaleError(
                f"Grader {name!r} needs items with {' and '.join(grader.needs)}; "
                f"item {item_id!r} has no {' and no '.join(missing)}."
            )
        if grader.check is not None:
            grader.check(facts, settings)
        bank[item_id] = facts
    return bank


def _near(word: str, known) -> str:
    near = process.extractOne(word, list(known), score_cutoff=60)
    return f" (did you mean {near[0]!r}?)" if near else ""
