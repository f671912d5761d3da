"""Estimates with their intervals: means of responses that come in clusters, Wilson's for shares."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint


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
    sqrt(G / (G - 1)) for G clusters, with Student's t on G - 1 degrees of freedom. With one value
    a cluster this is the ordinary t interval of a mean.

    Two cases need another rule if the values lie within `bounds`, as proportions and differences
    of proportions do. If the interval would leave the bounds, it is Wilson's on the effective
    number of observations n = p (1 - p) / SE^2, with p the mean rescaled to 0..1. If all cluster
    means agree (SE = 0, e.g. everything correct), it is the Wilson bound on the share of clusters
    that would disagree, 0 having been seen in G, taken at its worst; for a proportion of 0 or 1
    that is Wilson's interval with n = G. Unbounded values that do not vary give a point.

    Parameters
    ----------
    values, clusters : shape (n,)
    bounds : the least and the greatest value possible
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0:
        return Estimate(method="not estimated: no responses")
    mean = float(values.mean())
    codes, found = pd.factorize(np.asarray(clusters))
    groups = len(found)
    if groups == 1:
        return Estimate(mean, method="mean; no interval from one cluster")
    sums = np.bincount(codes, weights=values - mean)
    error = np.sqrt(groups / (groups - 1) * np.sum(sums**2)) / values.size
    level = percent(confidence)
    least, greatest = bounds or (-np.inf, np.inf)
    if error <= 1e-12 * max(1.0, abs(mean)):
        if bounds is None:
            return Estimate(mean, mean, mean, f"mean; no variation over {groups} clusters")
        differing = wilson(0.0, groups, confidence)[1]
        lower, upper = mean - differing * (mean - least), mean + differing * (greatest - mean)
        how = f"Wilson on {groups} clusters, which all agree"
        return Estimate(mean, lower, upper, f"mean; {level} interval {how}")
    half = stats.t.ppf((1 + confidence) / 2, groups - 1) * error
    lower, upper = mean - half, mean + half
    how = f"cluster-robust t over {groups} clusters"
    if lower < least or upper > greatest:
        width = greatest - least
        share = (mean - least) / width
        n = share * (1 - share) / (error / width) ** 2
        lower, upper = (least + width * end for end in wilson(share * n, n, confidence))
        how = f"Wilson on effective n {n:.4g}, cluster-robust over {groups} clusters"
    return Estimate(mean, lower, upper, f"mean; {level} interval {how}")


def clustered_share(values: np.ndarray, clusters: np.ndarray, confidence: float) -> Estimate:
    """`clustered_mean` of values from 0 to 1."""
    return clustered_mean(values, clusters, confidence=confidence, bounds=(0.0, 1.0))
