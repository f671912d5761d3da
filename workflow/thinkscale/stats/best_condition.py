"""The best condition of every model against all the others, on the same items.

What is best is chosen by the numbers that then speak for it: its lead is too large on average (the
winner's curse). So the intervals hold for all pairs of conditions at once, whichever is chosen, and
beside the lead stands what it is on items that had no part in choosing.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import percent
from thinkscale.stats.core.resampling import Draws

HALVES = 200  # random splits of the clusters
READS = frame.NEEDED
COLUMNS = [
    *["model", "best", *frame.CONDITION, "rank", "n_items", "errors", "n_excluded", "accuracy"],
    *["estimate", "lower", "upper", "p", "held_out", "method"],
]


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Lead of each model's best condition over every other, the next best first.

    estimate: difference of accuracies, with an interval and p that hold for all pairs of conditions
    at once; missing where no response differs. accuracy: of the other condition. rank: by accuracy,
    2 is the next. held_out: lead of the condition that is best on one half of the items (clusters),
    over this one on the other half, mean over random halves; it has no interval. It is fair to a
    condition that was fixed before, such as natural, and hard on the next best, which luck has also
    raised. Responses that are missing under one condition count under the others. What did not fit
    the context is not correct.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
    rows = [row for one in sweep.sweeps(graded, "correct") for row in of_model(one, draws)]
    return frame.table(rows, COLUMNS, graded)


def of_model(one: sweep.Sweep, draws: Draws) -> Iterator[dict]:
    """Yield a model's rows, the next best condition first."""
    values, clusters = one.values["correct"], one.rows["cluster"].to_numpy()
    correct, own = sweep.sums(values, clusters), draws.named("best_condition", one.model)
    means, groups = correct.means, len(correct.sums)
    order = np.argsort(-means, kind="stable")
    best, others = order[0], order[1:]
    first, second = np.triu_indices(len(means), k=1)
    pairs = np.eye(len(means))[first] - np.eye(len(means))[second]
    covariance = correct.covariance()
    differs = np.einsum("ki,ij,kj->k", pairs, covariance, pairs) > 1e-18  # of NaN false
    greatest = np.array([])
    if differs.any():
        greatest = sweep.greatest_t(covariance, pairs[differs], groups, own)
    gains = held_out(correct, own)
    for rank, other in enumerate(others, start=2):
        row = {**one.sizes, "best": one.names[best], **one.cells[other], "rank": rank}
        lead = float(means[best] - means[other])
        row |= {"accuracy": means[other], "estimate": lead, "held_out": gains[other]}
        error = covariance[best, best] + covariance[other, other] - 2 * covariance[best, other]
        row |= _tested(lead, error, greatest, groups, own)
        yield {**row, "method": row["method"] + one.unfit("count as not correct")}


def held_out(correct: sweep.Sums, draws: Draws) -> np.ndarray:
    """Lead (conditions,) over each condition, on one half of the clusters, of what is best on the
    other; NaN with fewer than two clusters."""
    groups = len(correct.sums)
    if groups < 2:
        return np.full(correct.sums.shape[1], np.nan)
    places = draws.rng.permuted(np.tile(np.arange(groups), (HALVES, 1)), axis=1)
    half = (places < groups // 2).astype(float)  # (splits, clusters)
    choosing, measuring = correct.weighted(half), correct.weighted(1 - half)
    choosing = np.where(np.isnan(choosing), -np.inf, choosing)
    chosen = np.take_along_axis(measuring, choosing.argmax(axis=1)[:, None], axis=1)
    return np.nanmean(chosen - measuring, axis=0)


def _tested(
    lead: float, variance: float, greatest: np.ndarray, groups: int, draws: Draws
) -> dict[str, float | str]:
    """Interval and p of one lead, given draws of the greatest |t| of all pairs."""
    if groups < 2:
        return {"method": "no interval from one cluster"}
    if not variance > 1e-18:
        return {"method": "no interval: no response differs"}
    if not len(greatest):
        return {"method": "no interval: no draws asked for"}
    error, reach = np.sqrt(variance), np.quantile(greatest, draws.confidence)
    how = f"interval and p of all pairs at once: max |t| over {groups} clusters"
    return {
        "lower": max(-1.0, lead - reach * error),
        "upper": min(1.0, lead + reach * error),
        "p": (1 + np.sum(greatest >= abs(lead) / error)) / (1 + len(greatest)),
        "method": f"paired difference; {percent(draws.confidence)} {how} ({len(greatest)} draws)",
    }
