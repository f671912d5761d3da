"""Is a model unsure where people find it hard: entropy over the options and human difficulty."""

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, readouts
from thinkscale.stats.core.correlations import rank_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import jackknifed_correlation
from thinkscale.stats.core.resampling import holm_within

READS = readouts.READS
COLUMNS = [
    *["model", *frame.CONDITION, *readouts.COUNTS, "without_difficulty"],
    *["estimate", "lower", "upper", "p", "p_holm", "p_method", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Spearman's rho of entropy and difficulty across items, of every model and condition.

    Per item the mean entropy over its samples. Items without a difficulty are left out and counted
    in `without_difficulty`.
    """
    rows = []
    for row, read in readouts.cells(graded):
        columns = {"entropy": (readouts.ENTROPY, "mean"), "n": (readouts.ENTROPY, "size")}
        columns |= {name: (name, "first") for name in ("difficulty", "cluster")}
        items = read.groupby("item_id").agg(**columns)
        used = items.dropna(subset="difficulty")
        unknown = len(items) - len(used)
        notes = "; mean entropy over samples" + readouts.note(row)
        if unknown:
            notes += f"; {unknown} items without difficulty left out"
        facts = (used[column] for column in ("entropy", "difficulty", "cluster"))
        found = correlate(*facts, confidence=confidence)
        sizes = {"n_items": len(used), "n_responses": int(used["n"].sum())}
        sizes["without_difficulty"] = unknown
        notes += "; p_holm Holm within the model"
        rows.append({**row, **sizes, **found.row("Spearman; ", notes)})
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def correlate(
    entropy: np.ndarray, difficulty: np.ndarray, clusters: np.ndarray, *, confidence: float = 0.95
) -> Estimate:
    """Spearman's rho of two values of each item, shape (n,): its interval, and p that it is 0.

    Both are the jackknife's also where items are independent, since p of so many permutations as
    can be drawn is not small enough for Holm's correction over many conditions.
    """
    entropy, difficulty = np.asarray(entropy, float), np.asarray(difficulty, float)
    if len(entropy) < 3:
        reason = f"{len(entropy)} items with a difficulty, at least 3 are needed"
        return Estimate(method=f"not estimated: {reason}")
    for name, values in (("entropy", entropy), ("difficulty", difficulty)):
        if np.ptp(values) == 0:
            return Estimate(method=f"not estimated: {name} does not vary")
    correlation = rank_correlation(entropy, difficulty)
    return jackknifed_correlation(clusters, correlation, confidence=confidence)
