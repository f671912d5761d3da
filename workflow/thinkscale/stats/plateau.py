"""The budget at which accuracy levels off: the least that reaches a share of natural accuracy."""

from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import percent
from thinkscale.stats.core.resampling import Draws

COLUMNS = [
    *["model", "kind", "share", "n_items", "n_budgets", "errors", "n_excluded", "natural"],
    *["estimate", "lower", "upper", "tokens", "status", "reached", "method"],
]


def tabulate(graded: pd.DataFrame, *, share: float = 0.95, **options: Any) -> pd.DataFrame:
    """The maximum (or truncation) at which accuracy reaches `share` of natural, in tokens.

    Accuracy over budgets is made monotone (isotonic regression) and interpolated, linearly in the
    logarithm of the budget. tokens: mean thinking tokens there. status: `reached`; `below`, if the
    smallest budget is enough, so that `upper` is that budget; `above`, if the largest is not, so
    that `lower` is the largest and there is no upper end. An interval whose lower end is 0 begins
    below the smallest budget, one without an upper end goes beyond the largest. `reached` is the
    share of resamples in which the largest budget is enough. natural: accuracy there.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws, rows = Draws(**options), []
    for one in sweep.sweeps(graded, "correct", "think_tokens"):
        if "natural" not in one.names:
            continue
        natural, clusters = one.names.index("natural"), one.rows["cluster"].to_numpy()
        correct, spent = (sweep.sums(v, clusters) for v in one.values.values())
        accuracy, tokens, groups = correct.means, spent.means, len(correct.sums)
        resampled = correct.weighted(sweep.resamples(groups, draws.named("plateau", one.model)))
        for kind, limit in (("max", "max_think"), ("truncate", "truncate")):
            places = [place for place in one.kinds().get(kind, []) if place != natural]
            if not places:
                continue
            budgets = np.array([one.cells[place][limit] for place in places], float)
            place = float(crossing(accuracy[places], share * accuracy[natural]))
            drawn = crossing(resampled[:, places], share * resampled[:, natural])
            row = {**one.sizes, "kind": kind, "share": share, "n_budgets": len(places)}
            row |= {"natural": accuracy[natural], "reached": float(np.mean(drawn < np.inf))}
            row |= _found(place, drawn, budgets, groups, draws.confidence)
            if row["status"] == "reached":
                row["tokens"] = float(np.interp(place, range(len(places)), tokens[places]))
            rows.append(row)
    return frame.table(rows, COLUMNS, graded)


def crossing(accuracy: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where accuracy over rising budgets, made monotone, first reaches a target.

    accuracy: (..., budgets); target: (...). Places (...) count budgets from 0, with the part of the
    way to the next; -inf where the first budget is enough, inf where the last is not.
    """
    rising = isotonic(accuracy)
    enough = rising >= np.asarray(target)[..., None] - 1e-12
    first = enough.argmax(axis=-1)
    above = np.take_along_axis(rising, first[..., None], -1)[..., 0]
    below = np.take_along_axis(rising, np.maximum(first - 1, 0)[..., None], -1)[..., 0]
    rise = np.where(above > below, above - below, 1.0)
    place = first - 1 + np.clip((target - below) / rise, 0, 1)
    return np.where(enough.any(axis=-1), np.where(first > 0, place, -np.inf), np.inf)


def isotonic(values: np.ndarray) -> np.ndarray:
    """Least-squares fit (..., n) that never falls: at i the max over j <= i of the min over k >= i
    of the mean of values j to k (Robertson, Wright and Dykstra 1988, theorem 1.4.4)."""
    n = values.shape[-1]
    sums = np.concatenate([np.zeros_like(values[..., :1]), values.cumsum(axis=-1)], axis=-1)
    fit = np.full(values.shape, -np.inf)
    for j in range(n):
        means = (sums[..., j + 1 :] - sums[..., [j]]) / np.arange(1, n - j + 1)
        least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
        fit[..., j:] = np.maximum(fit[..., j:], least)
    return fit


def _found(
    place: float, drawn: np.ndarray, budgets: np.ndarray, groups: int, confidence: float
) -> dict[str, float | str]:
    """Estimate, interval and status of a place among the budgets and its resamples."""
    status = "reached" if np.isfinite(place) else "above" if place > 0 else "below"
    row = {"status": status, "estimate": _budget(place, budgets) if status == "reached" else np.nan}
    if groups < 2 or not len(drawn):
        return {**row, "method": "no interval: of one cluster, or no resamples asked for"}
    # Places that lie beyond the budgets have no middle, hence no quantile between two of them.
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    ends = np.quantile(drawn, tails, method="inverted_cdf")
    lower, upper = (_budget(end, budgets) for end in ends)
    how = f"percentile bootstrap of {groups} clusters ({len(drawn)} resamples)"
    said = f"isotonic, interpolated in log budget; {percent(confidence)} interval {how}"
    return {**row, "lower": lower, "upper": upper if upper < np.inf else np.nan, "method": said}


def _budget(place: float, budgets: np.ndarray) -> float:
    """The budget at a place: 0 below the smallest, infinite beyond the largest."""
    if not np.isfinite(place):
        return np.inf if place > 0 else 0.0
    return float(np.expm1(np.interp(place, range(len(budgets)), np.log1p(budgets))))
