"""Intervals and tests from leaving out one cluster of items at a time."""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core.intervals import Estimate, percent


def jackknife(
    clusters: Sequence[str], statistic: Callable[[np.ndarray], float], *, confidence: float = 0.95
) -> Estimate:
    """A statistic of items that come in clusters: its interval, and p that it is 0.

    The standard error is that of leaving out each cluster in turn, SE^2 = (G - 1) / G *
    sum_g (T_g - mean T)^2 for G clusters (Efron and Stein, Annals of Statistics 9, 1981), with
    Student's t on G - 1 degrees of freedom: nothing is drawn at random, interval and p never
    disagree, and items that are copied within their cluster change neither.

    Parameters
    ----------
    clusters : shape (n,), the cluster of each item
    statistic : takes which items are in, a boolean array of shape (n,); NaN where undefined
    """
    codes, found = pd.factorize(np.asarray(clusters))
    groups, every = len(found), np.ones(len(codes), bool)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        estimate = float(statistic(every)) if groups else np.nan
        if not np.isfinite(estimate):
            return Estimate(method="not estimated: undefined on these data")
        if groups < 3:
            return Estimate(estimate, method=f"no interval: from {groups} clusters")
        without = np.array([statistic(codes != group) for group in range(groups)])
    unit = "items" if groups == len(codes) else "clusters"
    if not np.isfinite(without).all():
        return Estimate(estimate, method=f"no interval: undefined without some {unit}")
    error = math.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2))
    if error <= 1e-12 * max(1.0, abs(estimate)):
        return Estimate(estimate, method=f"no interval: no variation over {unit}")
    half = float(stats.t.ppf((1 + confidence) / 2, groups - 1) * error)
    p = float(2 * stats.t.sf(abs(estimate) / error, groups - 1))
    how = f"jackknife t over {groups} {unit}"
    method = f"{percent(confidence)} interval {how}"
    return Estimate(estimate, estimate - half, estimate + half, method, p, how)
