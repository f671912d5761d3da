"""Grading: from answer texts to outcomes.

A grader is a function (answer text, item, settings) -> Extraction, under a name in `GRADERS`.
`grade` applies one to a responses frame, each distinct (text, item) once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import pandas as pd
from rapidfuzz import process

from thinkscale.errors import ThinkscaleError
from thinkscale.grading.article import article
from thinkscale.grading.choice import ChoiceSettings, extract_choice
from thinkscale.grading.extraction import Extraction

__all__ = ["GRADERS", "ChoiceSettings", "Extraction", "extract_choice", "grade"]

DEFAULT_ANSWER_PROMPT = "Final Answer:"


@dataclass(frozen=True)
class Grader:
    """`judge(text, options, key, settings)` returns (extraction, outcome)."""

    judge: Callable[..., tuple[Extraction, str]]
    settings: type | None = None
    # Whether the injected answer prompt is part of the text graded.
    reads_prompt: bool = True


def _judge_choice(text, options, key, settings):
    extraction = extract_choice(text, options, settings)
    if extraction.label is None:
        return extraction, "ungradable"
    return extraction, "correct" if extraction.label == key else "incorrect"


def _judge_article(text, options, key, settings):
    return article(text, key)


GRADERS = {
    "choice": Grader(_judge_choice, ChoiceSettings),
    # The rule looks for a letter, and the prompt we inject has letters of its own.
    "article": Grader(_judge_article, reads_prompt=False),
}


def grade(
    responses: pd.DataFrame,
    items: pd.DataFrame,
    grader: str = "choice",
    settings: Mapping[str, object] | None = None,
    *,
    answer_prompt: str = DEFAULT_ANSWER_PROMPT,
) -> pd.DataFrame:
    """Grade responses (contract `responses`) against items; returns a `grades` frame, row by row.

    Only answer text is read, never thinking. Where thinking was cut (`stop` is not natural) the
    answer began after the injected `answer_prompt`, which is put before the text again. A response
    that was cut at its token limit and cannot be graded says so in `detail`. Raises ThinkscaleError
    for an unknown grader or setting, an item that is not in the bank, or one without options.
    """
    chosen = _grader(grader)
    options_of = _settings(chosen, grader, settings)
    bank = _bank(items, grader)
    unknown = ~responses["item_id"].isin(bank)
    if unknown.any():
        raise ThinkscaleError(
            f"Grading: response to item {responses.loc[unknown, 'item_id'].iloc[0]!r}, "
            "which is not among the items."
        )

    texts = responses["answer_text"].fillna("")
    if chosen.reads_prompt:
        texts = texts.where(responses["stop"] == "natural", answer_prompt + texts)
    memory: dict[tuple[str, str], tuple[Extraction, str]] = {}
    extracted, outcomes, details = [], [], []
    columns = (responses[name] for name in ("item_id", "stop", "answer_stop", "error"))
    for text, item_id, stop, answer_stop, error in zip(texts, *columns, strict=True):
        if pd.notna(error):
            extracted.append(None)
            outcomes.append("ungradable")
            details.append(error)
            continue
        if (item_id, text) not in memory:
            memory[item_id, text] = chosen.judge(text, *bank[item_id], options_of)
        extraction, outcome = memory[item_id, text]
        extracted.append(extraction.label)
        outcomes.append(outcome)
        detail = extraction.detail
        if outcome == "ungradable" and answer_stop == "limit":
            detail += f"; answer cut at its token limit (answer_stop=limit, stop={stop})"
        details.append(detail)
    grades = responses[["model", "item_id", "sample", "condition"]].reset_index(drop=True)
    return grades.assign(
        grader=pd.Series(grader, index=grades.index, dtype="str"),
        extracted=pd.Series(extracted, dtype="str"),
        outcome=pd.Series(outcomes, dtype="str"),
        detail=pd.Series(details, dtype="str"),
    )


def _grader(name: str) -> Grader:
    if name not in GRADERS:
        raise ThinkscaleError(
            f"Unknown grader {name!r}{_near(name, GRADERS)}; there are {', '.join(GRADERS)}."
        )
    return GRADERS[name]


def _settings(grader: Grader, name: str, settings: Mapping[str, object] | None):
    given = dict(settings or {})
    known = [f.name for f in fields(grader.settings)] if grader.settings else []
    for key in given:
        if key not in known:
            raise ThinkscaleError(
                f"Grader {name!r}: unknown setting {key!r}{_near(key, known)}; "
                f"expected {', '.join(known) or 'none'}."
            )
    return grader.settings(**given) if grader.settings else None


def _near(word: str, known) -> str:
    near = process.extractOne(word, list(known), score_cutoff=60)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _bank(items: pd.DataFrame, grader: str) -> dict[str, tuple[tuple, str]]:
    """Item id -> (options as (label, text) pairs, key)."""
    bank = {}
    for item_id, options, key in zip(items["item_id"], items["options"], items["key"], strict=True):
        if len(options) == 0 or pd.isna(key):
            raise ThinkscaleError(
                f"Grader {grader!r} needs options and a key; item {item_id!r} has none."
            )
        bank[item_id] = (tuple((o["label"], o["text"]) for o in options), key)
    return bank
