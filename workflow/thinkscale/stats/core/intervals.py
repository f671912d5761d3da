"""Intervals for means of responses that come in clusters, and bootstrap intervals over items."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

BATCH_VALUES = 4_000_000  # numbers held at once while resampling: 32 MB


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; NaN bounds come with the reason in `method`."""

    estimate: float
    lower: float
    upper: float
    method: str

    def bounds(self) -> dict[str, float]:
        """The numbers as the columns of a table's row."""
        return {"estimate": self.estimate, "lower": self.lower, "upper": self.upper}


def percent(confidence: float) -> str:
    """The confidence level as it is written in `method`, e.g. "95%"."""
    return f"{100 * confidence:g}%"


def undefined(reason: str, estimate: float = np.nan) -> Interval:
    return Interval(estimate, np.nan, np.nan, reason)


def clustered_mean(
    values: np.ndarray,
    clusters: np.ndarray,
    *,
    confidence: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Interval:
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
        return undefined("not estimated: no responses")
    mean = float(values.mean())
    codes, found = pd.factorize(np.asarray(clusters))
    groups = len(found)
    if groups == 1:
        return undefined("mean; no interval from one cluster", mean)
    sums = np.bincount(codes, weights=values - mean)
    error = np.sqrt(groups / (groups - 1) * np.sum(sums**2)) / values.size
    level = percent(confidence)
    if error <= 1e-12 * max(1.0, abs(mean)):
        if bounds is None:
            return Interval(mean, mean, mean, f"mean; no variation over {groups} clusters")
        differing = _wilson(0.0, groups, confidence)[1]
        return Interval(
            mean,
            mean - differing * (mean - bounds[0]),
            mean + differing * (bounds[1] - mean),
            f"mean; {level} interval Wilson on {groups} clusters, which all agree",
        )
    half = stats.t.ppf((1 + confidence) / 2, groups - 1) * error
    lower, upper = mean - half, mean + half
    if bounds is not None and (lower < bounds[0] or upper > bounds[1]):
        width = bounds[1] - bounds[0]
        share = (mean - bounds[0]) / width
        effective = share * (1 - share) / (error / width) ** 2
        low, high = _wilson(share, effective, confidence)
        return Interval(
            mean,
            bounds[0] + width * low,
            bounds[0] + width * high,
            f"mean; {level} interval Wilson on effective n {effective:.4g}, "
            f"cluster-robust over {groups} clusters",
        )
    return Interval(
        mean, lower, upper, f"mean; {level} interval cluster-robust t over {groups} clusters"
    )


def _wilson(share: float, n: float, confidence: float) -> tuple[float, float]:
    lower, upper = proportion_confint(share * n, n, alpha=1 - confidence, method="wilson")
    return float(lower), float(upper)


def bootstrap(
    n: int,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    confidence: float,
    n_boot: int,
    rng: np.random.Generator,
) -> Interval:
    """Bias-corrected and accelerated (BCa) bootstrap interval, resampling n units.

    `statistic` takes an array of indices into the units, shape (..., n), and returns shape (...).
    Resamples on which it is undefined leave BCa undefined; then the percentile interval over the
    others is given if they are at least nine in ten, else NaN with the reason.
    """
    units = np.arange(n)
    estimate = float(statistic(units[None])[0])
    if not np.isfinite(estimate):
        return undefined("not estimated: undefined on these data")
    if n_boot < 1:
        return undefined("no interval: no resamples asked for", estimate)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Degenerate resamples are dealt with below, from the values themselves.
        warnings.simplefilter("ignore")
        result = stats.bootstrap(
            (units,),
            lambda index, axis=-1: statistic(index),
            vectorized=True,
            axis=-1,
            n_resamples=n_boot,
            batch=max(1, BATCH_VALUES // n),
            confidence_level=confidence,
            method="BCa",
            rng=rng,
        )
    level = percent(confidence)
    resampled = result.bootstrap_distribution
    usable = resampled[np.isfinite(resampled)]
    if usable.size < 0.9 * n_boot:
        return undefined("no interval: undefined on over a tenth of the resamples", estimate)
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(estimate)):
        return undefined("no interval: no variation over resamples", estimate)
    low, high = (float(bound) for bound in result.confidence_interval)
    if np.isfinite([low, high]).all():
        return Interval(
            estimate, low, high, f"{level} interval BCa bootstrap of items ({n_boot} resamples)"
        )
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(
        estimate,
        float(low),
        float(high),
        f"{level} interval percentile bootstrap of items ({usable.size} resamples; BCa undefined)",
    )
