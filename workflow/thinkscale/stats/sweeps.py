"""Control, Scaling and Performance of budget forcing (s1, arXiv 2501.19393, section 3.2).

The equation of Scaling is a mean slope over tokens, of which no unit is given. The values that the
paper prints in its Table 3 (13, 3, 6, 25) come out of its Tables 12 to 14 as percentage points for
each doubling of tokens: that is `scaling` here, and `scaling_linear` is over tokens themselves.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import Estimate, clustered_share, percent
from thinkscale.stats.core.jackknife import left_out
from thinkscale.stats.core.resampling import Draws

READS = frame.NEEDED
COLUMNS = [
    *["model", "kind", "measure", "n_items", "n_conditions", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "conditions", "method"],
]


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """s1's metrics of every model and kind of condition (max, min, waits ...).

    control: share of conditions whose mean thinking tokens lie within their own limits, as s1
    counts; control_responses: share of responses that do. scaling and scaling_linear: mean slope of
    accuracy over all pairs of conditions, in percentage points a doubling of mean thinking tokens
    and per 1,000 of them. A pair that lies a few tokens apart weighs as much as any other there,
    which `slope`, in points a doubling by least squares, does not share. performance: the greatest
    accuracy. Natural is where most kinds start (no maximum, no waits): it counts for slopes and
    performance, and not for control, since it has no limits to keep. What did not fit the context
    is not correct, and has no tokens.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws, rows = Draws(**options), []
    for one in sweep.sweeps(graded, "correct", "think_tokens"):
        own = draws.named("sweeps", one.model)
        note = one.unfit("count as not correct and have no tokens")
        for kind, places in one.kinds().items():
            row = {**one.sizes, "kind": kind, "n_conditions": len(places)}
            row["conditions"] = ", ".join(one.names[place] for place in places)
            for measure, found in metrics(one, places, own).items():
                rows.append({**row, "measure": measure, **found.row(after=note)})
    return frame.table(rows, COLUMNS, graded)


def metrics(one: sweep.Sweep, places: list[int], draws: Draws) -> dict[str, Estimate]:
    """All measures of the conditions at these places, which are one kind."""
    clusters = one.rows["cluster"].to_numpy()
    tokens = one.values["think_tokens"][:, places]
    correct = sweep.sums(one.values["correct"][:, places], clusters)
    spent = sweep.sums(tokens, clusters)
    # In the first row the means, in the others those without each cluster.
    accuracy, cost = (np.vstack([of.means, of.without()]) for of in (correct, spent))

    def mean_slope(statistic: Callable[..., np.ndarray], compute: np.ndarray) -> Estimate:
        values = statistic(100 * accuracy, compute)
        return left_out(values[0], values[1:], confidence=draws.confidence)

    with np.errstate(divide="ignore"):
        doublings = np.where(cost > 0, np.log2(cost), np.nan)
    limits = np.array([_limits(one.cells[place]) for place in places])
    return {
        **_control(tokens, spent.means, limits, clusters, draws.confidence),
        "scaling": mean_slope(scaling, doublings),
        "scaling_linear": mean_slope(scaling, cost / 1000),
        "slope": mean_slope(slope, doublings),
        "performance": performance(correct, draws),
    }


def _control(
    tokens: np.ndarray, means: np.ndarray, limits: np.ndarray, clusters: np.ndarray, level: float
) -> dict[str, Estimate]:
    """Shares of conditions and of responses within their limits, shape (conditions, 2)."""
    forced = np.isfinite(limits).any(axis=1)
    if not forced.any():
        none = Estimate(method="not estimated: this kind has no limits in tokens")
        return {"control": none, "control_responses": none}
    least, most = np.where(np.isfinite(limits), limits, [-np.inf, np.inf])[forced].T
    tokens, means = tokens[:, forced], means[forced]
    there = ~np.isnan(tokens)
    within = ((least <= tokens) & (tokens <= most))[there]
    cluster = np.broadcast_to(clusters[:, None], there.shape)[there]
    # The mean of numbers that are all at the limit may miss it by what is rounded.
    kept = control(means, least - 1e-6, most + 1e-6)
    method = f"of {forced.sum()} conditions with limits, by mean tokens; a count, no interval"
    return {
        "control": Estimate(kept, method=method),
        "control_responses": clustered_share(within, cluster, level),
    }


def control(compute: np.ndarray, least: np.ndarray, most: np.ndarray) -> float:
    """Share of conditions whose compute lies within their limits (s1, equation 1)."""
    return float(np.mean((least <= compute) & (compute <= most)))


def _limits(cell: dict) -> tuple[float, float]:
    """The least and the most thinking tokens of a condition; NaN where it sets none."""
    most = cell["truncate"] if cell["max_think"] is None else cell["max_think"]
    return tuple(np.nan if limit is None else float(limit) for limit in (cell["min_think"], most))


def scaling(performance: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """Mean slope over all pairs of conditions (s1, equation 2), shape (..., conditions) to (...).

    A pair with the same compute has no slope and is left out, as is a condition without any (NaN).
    """
    first, second = np.triu_indices(performance.shape[-1], k=1)
    apart = compute[..., second] - compute[..., first]
    rise = performance[..., second] - performance[..., first]
    sloped = np.abs(apart) > 1e-9  # of NaN false
    slopes = np.where(sloped, rise / np.where(sloped, apart, 1.0), 0.0)
    pairs = sloped.sum(axis=-1)
    return np.where(pairs, slopes.sum(axis=-1) / np.maximum(pairs, 1), np.nan)


def slope(performance: np.ndarray, compute: np.ndarray) -> np.ndarray:
    """Least-squares slope over conditions, shape (..., conditions) to (...): `scaling` with every
    pair weighed by the square of how far it is apart."""
    there = ~np.isnan(compute)
    number = there.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(there, compute, 0.0)
        x = np.where(there, x - x.sum(axis=-1, keepdims=True) / number, 0.0)
        spread = (x * x).sum(axis=-1)
        return np.where(spread > 1e-12, (x * performance).sum(axis=-1) / spread, np.nan)


def performance(correct: sweep.Sums, draws: Draws) -> Estimate:
    """The greatest of some means, with an interval that allows for its being the greatest.

    The ends are the greatest lower and the greatest upper end of intervals that hold for all the
    conditions at once: max |t| of their cluster-robust covariance.
    """
    means, groups = correct.means, len(correct.sums)
    best = float(np.nanmax(means))
    if groups < 2:
        return Estimate(best, method="greatest accuracy; no interval from one cluster")
    covariance = correct.covariance()
    errors = np.sqrt(np.diag(covariance))
    varied = np.eye(len(means))[errors > 1e-12]
    reach = 0.0
    if len(varied):
        greatest = sweep.greatest_t(covariance, varied, groups, draws)
        reach = float(np.quantile(greatest, draws.confidence))
    lower, upper = (min(1.0, float(np.nanmax(means + s * reach * errors))) for s in (-1, 1))
    how = f"simultaneous over {len(means)} conditions (max |t| over {groups} clusters)"
    method = f"greatest accuracy; {percent(draws.confidence)} interval {how}"
    return Estimate(best, max(0.0, lower), upper, method)
