"""Estimates with their intervals: means of responses that come in clusters, Wilson's for shares."""

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

# Near 0 and 1 only few clusters vary, and what they would have shown is guessed too well from them:
# with 7 of 8 right in one item and all right in 49, the design effect looks like that of 400
# independent answers. It is taken as if one more cluster had been seen, whose values are alike, and
# this share of the squared deviation that a cluster can have. Chosen by simulation from 0 to 1.
UNSEEN = 0.05

AMOUNTS = (0.0, math.inf)  # bounds of what cannot be negative, as tokens


@dataclass(frozen=True)
class Estimate:
    """An estimate, its interval, and the p of its test; where NaN, `method` has the reason."""

    estimate: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    method: str = ""
    p: float = np.nan
    p_method: str = ""

    def bounds(self) -> dict[str, float]:
        """Estimate and interval as the columns of a table's row."""
        return {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}

    def row(self, before: str = "", after: str = "") -> dict[str, float | str]:
        """All of it as columns, with what else there is to say before and after `method`."""
        return {**asdict(self), "method": before + self.method + after}


def percent(confidence: float) -> str:
    """The confidence level as it is written in `method`, e.g. "95%"."""
    return f"{100 * confidence:g}%"


def wilson(successes: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a proportion; neither number need be whole."""
    lower, upper = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    return float(lower), float(upper)


def clustered_mean(
    values: np.ndarray,
    clusters: np.ndarray,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Mean of `values` with an interval that allows for clusters of dependent values.

    The standard error is the cluster-robust one of Miller (arXiv 2411.00640, section 2.2), times
    sqrt(G / (G - 1)) for G clusters. The effective number of clusters is Kish's, G* = n^2 / sum of
    squared sizes; it is G where all have one size. Unbounded values, as differences, get the
    symmetric interval of Student's t on G* - 1 degrees of freedom; if they do not vary, a point.

    `AMOUNTS` are skewed: many short thoughts and a few long ones, some of which a small study has
    not seen. The same t is taken of Hall's transformed mean (`_hall`); where its lower end would be
    below 0, that end is of the logarithm of the mean. Differences of amounts can have long tails on
    both sides, where it would take chance for skewness.

    Values within two `bounds`, as shares and differences of shares are, get Wilson's interval
    on the effective number of observations n = G* / d. The design effect d is 1 where the values of
    each cluster are all alike and at a bound, and falls as they are not; it is drawn towards 1 by
    `UNSEEN`. n is adjusted for the degrees of freedom by (z / t)^2 (Korn and Graubard, Survey
    Methodology 24 (1998), 193-201), but for clusters of one size with d = 1, as one value of 0 or 1
    an item: there this is Wilson's own interval. If all cluster means agree away from the bounds
    it is the Wilson bound on the share of clusters that would disagree, 0 having been seen in G,
    taken at its worst. docs/calibration-of-statistics.md has the coverage.

    Parameters
    ----------
    values, clusters : shape (n,)
    bounds : the least and the greatest value possible: two numbers, `AMOUNTS`, or None
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        return Estimate(method="not estimated: no responses")
    mean = float(values.mean())
    codes, found = pd.factorize(np.asarray(clusters))
    groups = len(found)
    if groups == 1:
        return Estimate(mean, method="mean; no interval from one cluster")
    sizes = np.bincount(codes)
    deviations = np.bincount(codes, weights=values - mean)  # of the clusters' sums
    squares = np.sum(deviations**2)
    error = np.sqrt(groups / (groups - 1) * squares) / values.size
    level = percent(confidence)
    if error <= 1e-12 * max(1.0, abs(mean)):
        if bounds in (None, AMOUNTS):
            return Estimate(mean, mean, mean, f"mean; no variation over {groups} clusters")
        differing = wilson(0.0, groups, confidence)[1]
        lower, upper = mean - differing * (mean - bounds[0]), mean + differing * (bounds[1] - mean)
        how = f"Wilson on {groups} clusters, which all agree"
        return Estimate(mean, lower, upper, f"mean; {level} interval {how}")
    effective = values.size**2 / np.sum(sizes**2.0)
    t = stats.t.ppf((1 + confidence) / 2, max(1.0, effective - 1))
    how = f"cluster-robust t over {groups} clusters"
    if bounds is None:
        return Estimate(mean, mean - t * error, mean + t * error, f"mean; {level} interval {how}")
    if bounds == AMOUNTS:
        lower, upper = (mean - error * _hall(end, deviations) for end in (t, -t))
        lower = lower if lower > 0 else mean * np.exp(-t * error / mean)
        return Estimate(mean, lower, upper, f"mean; {level} interval {how}, skewness removed")
    least, width = bounds[0], bounds[1] - bounds[0]
    share = min(max((mean - least) / width, 0.0), 1.0)
    cluster = np.mean(sizes**2.0)  # squared size
    spread = squares / (groups * cluster * width**2)
    alike = share * (1 - share)  # the spread, were the values of each cluster alike and at a bound
    unseen = UNSEEN / groups
    n = effective / groups * (1 + (groups - 1) * (alike + unseen) / (spread + unseen))
    if np.ptp(sizes) == 0 and np.isclose(spread, alike, rtol=1e-9, atol=0):
        how = f"Wilson over {groups} clusters"
    else:
        n *= (stats.norm.ppf((1 + confidence) / 2) / t) ** 2
        how = f"Wilson on effective n {n:.4g}, cluster-robust over {groups} clusters"
    lower, upper = (least + width * end for end in wilson(share * n, n, confidence))
    return Estimate(mean, lower, upper, f"mean; {level} interval {how}")


def _hall(t: float, deviations: np.ndarray) -> float:
    """The studentised mean whose transform is t (Hall, JRSS B 54 (1992), 221-228).

    Of n deviations with skewness s, g = s / sqrt(n): T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 = t. The
    skewness is the unbiased one, which two deviations do not have.
    """
    n = len(deviations)
    g = stats.skew(deviations, bias=False) / math.sqrt(n) if n > 2 else 0.0
    return t if abs(g) < 1e-9 else 3 / g * (np.cbrt(1 + g * (t - g / 6)) - 1)


def clustered_share(values: np.ndarray, clusters: np.ndarray, confidence: float) -> Estimate:
    """`clustered_mean` of values from 0 to 1."""
    return clustered_mean(values, clusters, confidence=confidence, bounds=(0.0, 1.0))
