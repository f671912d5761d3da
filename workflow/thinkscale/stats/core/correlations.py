"""Pearson's and Spearman's correlations, plain and partial, of many resamples at once.

A resample is how often each item was drawn, shape (..., n), which is all that a correlation needs
to know of it, whether items were drawn one by one or by whole clusters of different sizes.
"""

import numpy as np
import pandas as pd

from thinkscale.stats.core.jackknife import Statistic


def pearson(a: np.ndarray, b: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Pearson's r along the last axis, broadcasting the others; NaN where a side is constant.

    times: how often each pair counts; default: once.
    """
    times = np.ones(np.shape(a)[-1]) if times is None else times
    total = times.sum(axis=-1, keepdims=True)
    centred = (side - _dot(times, side)[..., None] / total for side in (a, b))
    return _cosine(*centred, times)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


def _cosine(a: np.ndarray, b: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pearson's r of what is centred."""
    weighted = times * a
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = _dot(weighted, a) * _dot(times * b, b)
        return np.clip(_dot(weighted, b) / np.sqrt(spread), -1, 1)


def covariation(x: np.ndarray) -> Statistic:
    """n times the covariance of x (n,) with y, as a function of y (..., n).

    Where y is only shuffled this says as much as the correlation.
    """
    centred = x - np.mean(x)
    return lambda y: y @ centred


def ranks_of(x: np.ndarray) -> Statistic:
    """Ranks of x (n,) less their mean, ties sharing theirs, as a function of how often each was
    drawn.

    Of an item that was not drawn the rank is that of a value just there; it counts nowhere.
    """
    values, place = np.unique(x, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(values)))

    def centred(times: np.ndarray) -> np.ndarray:
        tied = times[..., order]
        if len(values) < len(order):
            tied = np.add.reduceat(tied, starts, axis=-1)
        ranks = np.cumsum(tied, axis=-1)
        total = ranks[..., -1:] / 2
        ranks -= tied / 2
        ranks -= total
        return ranks[..., place]

    return centred


def linear_correlation(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Pearson's r of x and y (n,) as a function of how often each item was drawn (..., n)."""
    return lambda times: pearson(x, y, times)


def rank_correlation(x: np.ndarray, y: np.ndarray, *held: np.ndarray) -> Statistic:
    """Spearman's rho of x and y, `held` constant, as a function of how often each was drawn.

    Ranks are taken anew in every resample. The partial correlation comes from the inverse of the
    ranks' covariance matrix, as in pingouin, here for all resamples at once.
    """
    columns = [ranks_of(np.asarray(column, float)) for column in (x, y, *held)]

    def statistic(times: np.ndarray) -> np.ndarray:
        ranks = [column(times) for column in columns]
        if not held:
            return _cosine(*ranks, times)
        stacked = np.stack(ranks, axis=-2)  # (..., columns, n)
        products = (stacked * times[..., None, :]) @ stacked.swapaxes(-1, -2)
        precision = np.linalg.pinv(products, hermitian=True)
        scale = precision[..., 0, 0] * precision[..., 1, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(scale > 0, -precision[..., 0, 1] / np.sqrt(scale), np.nan)

    return statistic


def effective_n(x: np.ndarray, y: np.ndarray, clusters: np.ndarray) -> float:
    """How many independent items tell as much of a correlation of x and y (n,) as these do.

    n over the design effect of the products of deviations, whose mean is the covariance: the
    variance of that mean with whole clusters taken together, over that with items taken apart. At
    most n, which it is where every item is its own cluster.
    """
    if len(x) < 2:
        return float(len(x))
    products = (x - np.mean(x)) * (y - np.mean(y))
    products = products - products.mean()
    sums = np.bincount(pd.factorize(np.asarray(clusters))[0], products)
    together = float(sums @ sums)
    return min(len(products), len(products) * float(products @ products) / (together or np.nan))
