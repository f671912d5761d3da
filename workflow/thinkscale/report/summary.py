"""A study's summary: markdown in which every number and every direction comes from a table.

A sentence claims a direction only where the interval excludes zero, or, of `CORRECTED` tables,
where the corrected p is small; a missing estimate is said to be missing, with the reason that the
table gives.
"""

from collections.abc import Iterator, Mapping

import pandas as pd

from thinkscale.report import accuracy, corpora, cost, effects, items, readout, strategies
from thinkscale.report.words import count

# A section's title, its table, and the function that makes sentences of the table.
SECTIONS = [
    ("Items", "items", items.items),
    ("Accuracy", "accuracy", accuracy.accuracy),
    ("Thinking length and human difficulty", "registration", effects.registration),
    ("Outcome and human difficulty", "outcome_difficulty", effects.outcome_difficulty),
    ("Conditions against natural: accuracy", "mcnemar", effects.mcnemar),
    ("Conditions against natural: thinking tokens", "token_change", effects.token_change),
    ("Models on the same items", "model_comparison", effects.model_comparison),
    ("Several samples", "consensus", accuracy.consensus),
    ("Graders", "grader_agreement", accuracy.agreement),
    ("Answers read and sampled", "readout", readout.readout),
    ("Calibration of what was read", "readout_calibration", readout.calibration),
    ("Entropy over the options and human difficulty", "readout_difficulty", readout.difficulty),
    ("Strategies", "strategies", strategies.strategies),
    ("Strategies at equal compute", "compute_matched", strategies.matched),
    ("The best strategy by difficulty", "compute_optimal", strategies.optimal),
    ("Scorers", "scorer_quality", strategies.scorers),
    ("Corpus against items", "divergence", corpora.divergence),
    ("Tokens that diverge most", "divergence_tokens", corpora.divergence_tokens),
    ("Items that occur in a corpus", "overlap_summary", corpora.overlap_summary),
    ("The items with most in a corpus", "overlap", corpora.overlap),
    ("Training", "training_loss", cost.training_loss),
    ("Compute", "ledger", cost.ledger),
]
# What these claim follows their p, each corrected for the other tests of its family.
CORRECTED = ("mcnemar", "token_change", "model_comparison", "readout_difficulty")
# Nothing is said of these where a study has no such table.
ONLY_IF_ASKED = (
    *("readout", "readout_calibration", "readout_difficulty"),
    *("strategies", "compute_matched", "compute_optimal", "scorer_quality"),
)


def summary(tables: Mapping[str, pd.DataFrame], study: str, *, confidence: float = 0.95) -> str:
    """The study's summary in markdown.

    Parameters
    ----------
    tables : tables by name (the file names without `.csv`); what is missing is said to be missing,
        unless a study has it only by its own wish
    study : the study's name
    confidence : the level at which the tables' intervals were made
    """
    brackets = f"Brackets hold {100 * confidence:g}% intervals"
    lines = [f"# {study}", "", f"{brackets}; how each was made is in its table's `method`.", ""]
    for title, name, sentences in SECTIONS:
        table = tables.get(name)
        if table is None and name in ONLY_IF_ASKED:
            continue
        if table is None:
            said = [f"There is no table `{name}`: this analysis was not run."]
        elif table.empty:
            said = [f"Table `{name}` has no rows."]
        else:
            level = {"alpha": 1 - confidence} if name in CORRECTED else {}
            said = [f"- {one}" for one in (*_left_out(table), *sentences(table, **level))]
        lines += [f"## {title}", "", *said, ""]
    return "\n".join(lines)


def _left_out(table: pd.DataFrame) -> Iterator[str]:
    """Items left out because they occur in a corpus, where the study asks for that."""
    left_out = table["n_excluded"].max() if "n_excluded" in table else 0
    if left_out > 0:
        yield (
            f"{count(left_out)} items are left out here, since they occur in a corpus "
            "(`analyses.contamination.exclude_above`; `tables/overlap.csv` says which)."
        )
