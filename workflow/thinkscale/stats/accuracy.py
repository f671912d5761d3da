"""Accuracy and thinking tokens under every condition."""

import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import AMOUNTS, clustered_mean, clustered_share

READS = frame.NEEDED
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_responses", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "ungradable", "censored"],
    *["tokens_mean", "tokens_lower", "tokens_upper", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy and mean thinking tokens of every model and condition, clustered by item.

    `ungradable` is a share of all responses, 0..1; items that did not fit the context are among
    them. `censored` and the tokens are of the responses that were thought about.
    """
    rows = []
    for row, group in frame.cells(frame.prepare(graded)):
        correct = clustered_share(group["correct"], group["cluster"], confidence)
        thought = frame.where(group, group["fits"])
        tokens = clustered_mean(
            thought["think_tokens"], thought["cluster"], confidence=confidence, bounds=AMOUNTS
        )
        note = frame.unfit_note(row["errors"], "count as not correct and have no tokens")
        rows.append(
            {
                **row,
                **correct.bounds(),
                "ungradable": group["outcome"].eq("ungradable").mean(),
                "censored": thought["censored"].mean(),
                "tokens_mean": tokens.estimate,
                "tokens_lower": tokens.lower,
                "tokens_upper": tokens.upper,
                "method": f"accuracy: {correct.method}; tokens: {tokens.method}{note}",
            }
        )
    return frame.table(rows, COLUMNS, graded)
