"""The budget at which accuracy levels off: the least that reaches a share of natural accuracy."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import Estimate, percent
from thinkscale.stats.equivalence import difference

STEPS = 500  # between two budgets, of the interval's ends
READS = frame.NEEDED
COLUMNS = [
    *["model", "kind", "share", "n_items", "n_budgets", "errors", "n_excluded", "natural"],
    *["estimate", "lower", "upper", "tokens", "status", "method"],
]


def tabulate(
    graded: pd.DataFrame, *, share: float = 0.95, confidence: float = 0.95
) -> pd.DataFrame:
    """The maximum (or truncation) at which accuracy reaches `share` of natural, in tokens.

    Accuracy over budgets is made monotone (isotonic regression) and interpolated, linearly in the
    logarithm of the budget. tokens: mean thinking tokens there. status: `reached`; `below`, if the
    smallest budget is enough, or `above`, if the largest is not: then there is no estimate. The
    interval holds the budgets whose accuracy is not told apart from that share of natural, by the
    paired, clustered interval of `equivalence.difference` (Fieller's way with a ratio; by a t
    interval it missed the true budget in 14 % of studies of 20 items). A lower end of 0 is anywhere
    below the smallest budget, and without an upper end it is anywhere above the largest. natural:
    accuracy.
    """
    swept = sweep.sweeps(graded, "correct", "think_tokens")
    rows = [row for one in swept for row in of_model(one, share, confidence)]
    return frame.table(rows, COLUMNS, graded)


def of_model(one: sweep.Sweep, share: float, confidence: float) -> Iterator[dict]:
    """Yield a model's rows: of its maxima and of its truncations, where it has them."""
    if "natural" not in one.names:
        return
    natural, clusters = one.names.index("natural"), one.rows["cluster"].to_numpy()
    tokens = sweep.sums(one.values["think_tokens"], clusters).means
    for kind, limit in (("max", "max_think"), ("truncate", "truncate")):
        places = [place for place in one.kinds().get(kind, []) if place != natural]
        if not places:
            continue
        budgets = np.array([one.cells[place][limit] for place in places], float)
        correct = one.values["correct"]
        means = sweep.sums(correct[:, [*places, natural]], clusters).means
        place = float(crossing(means[:-1], share * means[-1]))
        status = "reached" if np.isfinite(place) else "above" if place > 0 else "below"
        row = {**one.sizes, "kind": kind, "share": share, "n_budgets": len(places)}
        row |= {"natural": means[-1], "status": status}
        if status == "reached":
            row["estimate"] = _budget(place, budgets)
            row["tokens"] = float(np.interp(place, range(len(places)), tokens[places]))
        values = correct[:, places], correct[:, natural], clusters
        row |= _interval(*values, budgets, share, confidence)
        row["method"] += one.unfit("count as not correct and have no tokens")
        yield row


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


def _interval(
    correct: np.ndarray,
    natural: np.ndarray,
    clusters: np.ndarray,
    budgets: np.ndarray,
    share: float,
    confidence: float,
) -> dict[str, float | str]:
    """Ends of the budgets that may be enough and may not be.

    correct: (n, budgets), of which natural and clusters are (n,); NaN where there is no response.
    """
    codes, found = pd.factorize(clusters)
    groups, last = len(found), len(budgets) - 1
    if groups < 2:
        return {"method": "isotonic; no interval from one cluster"}

    @cache
    def apart(place: float) -> Estimate:
        """How far accuracy at a place among the budgets is above that share of natural."""
        below = min(int(place), last - 1) if last else 0
        part = place - below
        here = correct[:, below] * (1 - part)
        here = here + correct[:, below + 1] * part if part else here
        distance = here - share * natural
        there = ~np.isnan(distance)
        return difference(distance[there], codes[there], confidence)

    def between(first: int, of: Callable[[Estimate], float]) -> float:
        return optimize.bisect(lambda place: of(apart(place)), first, first + 1, xtol=1 / STEPS)

    may_be_enough = [place for place in range(last + 1) if not apart(place).upper < 0]
    may_be_little = [place for place in range(last + 1) if not apart(place).lower > 0]
    lower, upper = min(may_be_enough, default=last), max(may_be_little, default=0)
    if lower > 0 and may_be_enough:
        lower = between(lower - 1, lambda found: found.upper)
    if may_be_little and last not in may_be_little:
        upper = between(upper, lambda found: found.lower)
    how = f"of budgets not told from that share (Zou and Donner), over {groups} clusters"
    return {
        "lower": 0.0 if 0 in may_be_enough else _budget(lower, budgets),
        "upper": np.nan if last in may_be_little else _budget(upper, budgets),
        "method": f"isotonic, interpolated in log budget; {percent(confidence)} interval {how}",
    }


def _budget(place: float, budgets: np.ndarray) -> float:
    """The budget at a place among the budgets."""
    return round(float(np.expm1(np.interp(place, range(len(budgets)), np.log1p(budgets)))), 9)
