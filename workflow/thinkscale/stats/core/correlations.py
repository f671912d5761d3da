"""Pearson's and Spearman's correlations, plain and partial, of many resamples at once."""

import numpy as np
from scipy import stats

from thinkscale.stats.core.resampling import Statistic


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's r along the last axis, broadcasting the others; NaN where a side is constant."""
    a = a - a.mean(axis=-1, keepdims=True)
    b = b - b.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return np.clip(r, -1, 1)


def linear_statistic(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Pearson's r of x and y as a function of item indices (..., n)."""
    return lambda index: pearson(x[index], y[index])


def rank_statistic(x: np.ndarray, y: np.ndarray, *held: np.ndarray) -> Statistic:
    """Spearman's rho of x and y, `held` constant, as a function of item indices (..., n).

    Ranks are taken anew in every resample. The partial correlation comes from the inverse of the
    ranks' covariance matrix, as in pingouin, here for all resamples at once.
    """

    def statistic(index: np.ndarray) -> np.ndarray:
        ranks = [stats.rankdata(column[index], axis=-1) for column in (x, y, *held)]
        if not held:
            return pearson(*ranks)
        centred = np.stack(ranks, axis=-2) - (index.shape[-1] + 1) / 2  # (..., columns, n)
        precision = np.linalg.pinv(centred @ centred.swapaxes(-1, -2), hermitian=True)
        scale = precision[..., 0, 0] * precision[..., 1, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(scale > 0, -precision[..., 0, 1] / np.sqrt(scale), np.nan)

    return statistic
