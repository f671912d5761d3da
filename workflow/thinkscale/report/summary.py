"""A study in words: answers to its questions, then what else its tables say.

Every number and every direction comes from a table; of what a study has no estimate of, nothing is
said. The markdown and the page are made of the same sentences.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from thinkscale.report import details, items
from thinkscale.report.answers import QUESTIONS, UNSURE
from thinkscale.report.words import count

# What a sentence is about, its table, and the function that makes sentences of the table.
SECTIONS = [
    ("Items", "items", items.items),
    ("Outcome", "outcome_difficulty", details.outcome_difficulty),
    ("Prediction", "prediction", details.prediction),
    ("Models' difficulty", "rasch_difficulty", details.rasch),
    ("Scaling", "sweeps", details.sweeps),
    ("Best condition", "best_condition", details.best_condition),
    ("Equivalence", "equivalence", details.equivalence),
    ("Samples", "consensus", details.consensus),
    ("Strategies", "strategies", details.strategies),
    ("At equal compute", "compute_matched", details.matched),
    ("By difficulty", "compute_optimal", details.optimal),
    ("Scorers", "scorer_quality", details.scorers),
    ("Readout", "readout", details.readout),
    ("Calibration", "readout_calibration", details.calibration),
    ("Entropy", "readout_difficulty", details.entropy),
    ("Graders", "grader_agreement", details.agreement),
    ("Written corpora", "generated", details.generated),
    ("Training", "training_loss", details.training_loss),
    ("Reinforcement", "training_rewards", details.training_rewards),
    ("Languages", "language_mixing", details.language_mixing),
    ("Corpus", "divergence_tokens", details.divergence_tokens),
    ("Overlap", "overlap", details.overlap),
]


@dataclass(frozen=True)
class Words:
    """The sentences of a study, in markdown."""

    note: str
    answers: dict[str, str]  # by question
    details: dict[str, list[str]]  # by what they are about


def words(
    tables: Mapping[str, pd.DataFrame], *, confidence: float = 0.95, counting: str = ""
) -> Words:
    """What a study's tables say.

    tables: by name (the file names without `.csv`). confidence: the level of their intervals.
    counting: what `counting.recounted` says of the study, which no table knows.
    """
    alpha = 1 - confidence
    note = (
        f"Brackets hold {100 * confidence:g}% intervals. A direction is claimed where p is below "
        f"{alpha:.3g}, of conditions and of pairs of models after Holm's correction, and without a "
        "p where the interval leaves out 0; each table's `method` says how they were made."
    )
    if gone := max(map(details.left_out, tables.values()), default=0):
        note += (
            f" {count(gone)} items are left out, since they occur in a corpus "
            "(`tables/overlap.csv` says which)."
        )
    answers = {asked.asked: asked.answer(tables, alpha) for asked in QUESTIONS}
    answers[UNSURE.asked] = f"{answers[UNSURE.asked]} {counting}".strip()
    said = {
        title: list(sentences(tables[name], alpha))
        for title, name, sentences in SECTIONS
        if name in tables and len(tables[name])
    }
    return Words(
        note,
        {asked: text for asked, text in answers.items() if text},
        {title: found for title, found in said.items() if found},
    )


def summary(tables: Mapping[str, pd.DataFrame], study: str, **told: Any) -> str:
    """What a study's tables say, in markdown. told: as of `words`."""
    said = words(tables, **told)
    lines = [f"# {study}", "", said.note, ""]
    lines += [f"{i}. **{q}** {text}" for i, (q, text) in enumerate(said.answers.items(), start=1)]
    if said.details:
        lines += ["", "## Details", ""]
        lines += [f"- **{title}.** {' '.join(found)}" for title, found in said.details.items()]
    return "\n".join([*lines, ""])


def restructured(said: Words) -> str:
    """The answers in reStructuredText, whose code has two ticks on either side."""
    text = "\n".join(f"**{asked}**\n{answer}\n" for asked, answer in said.answers.items())
    return re.sub("`([^`]*)`", r"``\1``", text)
