"""Is a model unsure where people find it hard: entropy over the options and human difficulty."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame, readouts
from thinkscale.stats.core.correlations import pearson, rank_statistic
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.resampling import Draws, bootstrap, holm_within, permutation_of_pairs

COLUMNS = [
    *["model", *frame.CONDITION, *readouts.COUNTS, "without_difficulty"],
    *["estimate", "lower", "upper", "p", "p_holm", "p_method", "method"],
]


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Spearman's rho of entropy and difficulty across items, of every model and condition.

    Per item the mean entropy over its samples. Items without a difficulty are left out and counted
    in `without_difficulty`.
    options: confidence, n_boot, n_permutations, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
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
        if used["cluster"].nunique() < len(used):
            notes += "; items taken as independent, though some share a cluster"
        stream = draws.named("readout difficulty", row["model"], row["condition"])
        found = correlate(used["entropy"], used["difficulty"], stream)
        sizes = {"n_items": len(used), "n_responses": int(used["n"].sum())}
        sizes["without_difficulty"] = unknown
        notes += "; p_holm Holm within the model"
        rows.append({**row, **sizes, **found.row("Spearman; ", notes)})
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def correlate(entropy: np.ndarray, difficulty: np.ndarray, draws: Draws) -> Estimate:
    """Spearman's rho of two values of each item, both of shape (n,): BCa interval, permuted p."""
    entropy, difficulty = np.asarray(entropy, float), np.asarray(difficulty, float)
    if len(entropy) < 3:
        reason = f"{len(entropy)} items with a difficulty, at least 3 are needed"
        return Estimate(method=f"not estimated: {reason}")
    for name, values in (("entropy", entropy), ("difficulty", difficulty)):
        if np.ptp(values) == 0:
            return Estimate(method=f"not estimated: {name} does not vary")
    found = bootstrap(len(entropy), rank_statistic(entropy, difficulty), draws)
    shuffled = partial(pearson, stats.rankdata(entropy))
    p, how = permutation_of_pairs(stats.rankdata(difficulty), shuffled, draws)
    return replace(found, p=p, p_method=how)
