"""Intervals and tests from leaving out one cluster of items at a time."""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core.intervals import Estimate, percent

BATCH_VALUES = 25_000  # numbers held at once of many resamples: what a processor's cache holds

MOST_LEFT_OUT = 2_000  # one at a time; leaving out each of 100,000 would take a day
PERFECT = 1 - 1e-9  # what rounding leaves of a correlation of 1

Statistic = Callable[[np.ndarray], np.ndarray]


def jackknife(
    clusters: Sequence[str], statistic: Statistic, *, confidence: float = 0.95
) -> Estimate:
    """A statistic of items that come in clusters: its interval, and p that it is 0.

    The standard error is that of leaving out each cluster in turn, SE^2 = (G - 1) / G *
    sum_g (T_g - mean T)^2 for G clusters (Efron and Stein, Annals of Statistics 9, 1981), with
    Student's t on G - 1 degrees of freedom: nothing is drawn at random, interval and p never
    disagree, and items that are copied within their cluster change neither. More clusters than
    `MOST_LEFT_OUT` are left out in as many groups of them, put together at random: the standard
    error is then off by some 2 %, whatever the number.

    Parameters
    ----------
    clusters : shape (n,), the cluster of each item
    statistic : takes how often each item counts, here 1 or 0, shape (..., n), and returns shape
        (...); NaN where undefined
    """
    codes, groups, unit = grouped(clusters)
    if groups > MOST_LEFT_OUT:
        codes = np.random.default_rng(0).permutation(groups)[codes] % MOST_LEFT_OUT
        unit, groups = f"groups of {unit}", MOST_LEFT_OUT
    batches = 1 + groups * len(codes) // BATCH_VALUES
    parts = np.array_split(np.arange(groups), min(batches, max(1, groups)))
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        estimate = float(statistic(np.ones((1, len(codes))))[0]) if groups else np.nan
        if not np.isfinite(estimate):
            return Estimate(method="not estimated: undefined on these data")
        if groups < 3:
            return Estimate(estimate, method=f"no interval: from {groups} clusters")
        without = [statistic((codes != part[:, None]).astype(float)) for part in parts]
    return left_out(estimate, np.concatenate(without), unit, confidence)


def jackknifed_correlation(
    clusters: Sequence[str], correlation: Statistic, *, confidence: float = 0.95
) -> Estimate:
    """`jackknife` of Fisher's z of a correlation, whose interval stays within -1 and 1.

    Over 10 to 200 items or clusters of 1 to 6 of them, smooth, tied or heavy-tailed, it held the
    true value of Spearman's rho, Kendall's tau, Pearson's r and partial rho in 93 to 98 % of
    simulated studies. Clusters resampled by a BCa bootstrap had 90 % where they were 20.
    """
    estimate = float(correlation(np.ones((1, len(clusters))))[0])
    if abs(estimate) >= PERFECT:
        return Estimate(estimate, method="no interval: of a perfect correlation")
    return of_correlation(
        jackknife(clusters, lambda times: fisher_z(correlation(times)), confidence=confidence)
    )


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Fisher's z of correlations; NaN of perfect ones."""
    return np.arctanh(np.where(np.abs(r) < PERFECT, r, np.nan))


def of_correlation(z: Estimate) -> Estimate:
    """An estimate of Fisher's z as one of the correlation, whose test is the same."""
    ends = map(float, np.tanh((z.estimate, z.lower, z.upper)))
    how = f"{z.method}, of Fisher's z" if np.isfinite(z.lower) else z.method
    return Estimate(*ends, how, z.p, z.p_method)


def grouped(clusters: Sequence[str]) -> tuple[np.ndarray, int, str]:
    """The cluster of each item as a whole number, how many there are, and what they are called."""
    codes, found = pd.factorize(np.asarray(clusters))
    return codes, len(found), "items" if len(found) == len(codes) else "clusters"


def left_out(
    estimate: float, without: np.ndarray, unit: str = "clusters", confidence: float = 0.95
) -> Estimate:
    """Interval and p of a statistic from its values `without` each unit in turn, shape (G,).

    As in `jackknife`. Of slopes over conditions, from 20 clusters on, it held the true value in 93
    to 96 % of simulated studies, percentiles and BCa of a bootstrap in 90 to 94 %; as a test of
    correlations its size was 3 to 8 % from 10 clusters on, of equal and of very different sizes.
    """
    groups = len(without)
    if not np.isfinite(estimate):
        return Estimate(method="not estimated: undefined on these data")
    if groups < 2 or not np.isfinite(without).all():
        few = f"from {groups} {unit}" if groups < 2 else f"undefined without some {unit}"
        return Estimate(float(estimate), method=f"no interval: {few}")
    error = math.sqrt((groups - 1) / groups * np.sum((without - without.mean()) ** 2))
    if error <= 1e-12 * max(1.0, abs(estimate)):
        return Estimate(float(estimate), method=f"no interval: no variation over {unit}")
    half = float(stats.t.ppf((1 + confidence) / 2, groups - 1) * error)
    p = float(2 * stats.t.sf(abs(estimate) / error, groups - 1))
    ends = map(float, (estimate, estimate - half, estimate + half))
    method = f"{percent(confidence)} interval jackknife t over {groups} {unit}"
    return Estimate(*ends, method, p, f"jackknife t({groups - 1}) of {unit}")
