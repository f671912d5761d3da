"""Confidence against the share that is right: bins, and the expected calibration error."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from thinkscale.stats.core.intervals import Estimate, clustered_mean
from thinkscale.stats.core.resampling import Draws

MOST_BINS = 10
CLUSTERS_A_BIN = 10  # at least, or all


def equal_mass(confidence: Sequence[float], clusters: int) -> np.ndarray:
    """The bin, counted from 0, of each confidence: bins of as many responses each, ties together.

    There is a bin for every ten of the `clusters` of items, at most ten. Bins end at the quantiles,
    what is equal to one belonging below it. Confidences tie if they agree to a hundredth, so that
    those of a model that is always sure are not dealt over many bins by nothing; ties leave fewer
    bins.
    """
    told = np.round(np.asarray(confidence, dtype=float), 2)
    count = min(MOST_BINS, max(1, clusters // CLUSTERS_A_BIN))
    # Whole numbers find the quantiles' places: a rounded one would put a value on either side.
    last = (len(told) - 1) * np.arange(1, count) // count
    return np.unique(np.searchsorted(np.sort(told)[last], told), return_inverse=True)[1]


def calibration_error(
    confidence: Sequence[float],
    right: Sequence[bool],
    clusters: Sequence[str],
    bins: Sequence[int],
    draws: Draws,
) -> tuple[Estimate, float, float]:
    """Expected calibration error with its interval, and the mean and upper bound of its null.

    The error is sum over bins of n_b / n * |mean confidence - share right| (Naeini, Cooper and
    Hauskrecht, AAAI 2015). It cannot be negative, so that noise raises it. How much is what the
    null says: the gap of each bin is set to zero, and each cluster keeps its deviations from it,
    multiplied by a standard normal number (wild bootstrap of clusters).

    Given the sign of each bin's gap, the error is a mean over responses, and its interval that of
    a clustered mean. Where noise alone may have made the error, up to its null's upper quantile,
    the interval begins at 0. A bootstrap of the error itself covers too little, since resampling
    adds noise to noise.

    Parameters
    ----------
    confidence, right, clusters, bins : shape (n,), one value a response, n > 0
    """
    gap = np.asarray(confidence, dtype=float) - np.asarray(right, dtype=float)
    codes, found = pd.factorize(np.asarray(clusters))
    bins, groups = np.asarray(bins), len(found)
    sums, sizes = np.zeros((2, groups, bins.max() + 1))  # of each cluster in each bin
    np.add.at(sums, (codes, bins), gap)
    np.add.at(sizes, (codes, bins), 1)
    side = np.sign(sums.sum(axis=0))
    error = clustered_mean(side[bins] * gap, codes, confidence=draws.confidence)
    if groups < 2 or draws.n_boot < 1:
        return error, np.nan, np.nan
    noise = sums - sizes * (sums.sum(axis=0) / sizes.sum(axis=0))
    spread = groups / (groups - 1) * noise.T @ noise
    drawn = draws.rng.multivariate_normal(np.zeros(len(side)), spread, draws.n_boot, method="eigh")
    null = np.abs(drawn).sum(axis=-1) / len(gap)
    upper = float(np.quantile(null, (1 + draws.confidence) / 2))
    lower = 0.0 if error.estimate <= upper else max(0.0, error.lower)
    return replace(error, lower=lower), float(null.mean()), upper
