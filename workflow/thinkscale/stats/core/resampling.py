"""Bootstrap intervals, permutation tests, and the correction for many tests."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from thinkscale.data.seeds import generator
from thinkscale.stats.core.intervals import Estimate, clustered_mean, percent

BATCH_VALUES = 4_000_000  # numbers held at once while resampling: 32 MB

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Draws:
    """How much an analysis draws at random, and from which stream.

    confidence: level of its intervals, 0..1. n_boot: resamples of an interval. n_permutations: of
    a test, that are drawn, or tried if there are no more. seed, names: fix the stream.
    """

    confidence: float = 0.95
    n_boot: int = 2000
    n_permutations: int = 2000
    seed: int = 0
    names: tuple[str, ...] = ()

    def named(self, *names: str) -> "Draws":
        """The same from a stream of its own, at its beginning, for what has these names."""
        return replace(self, names=(*self.names, *names))

    @cached_property
    def rng(self) -> np.random.Generator:
        """The stream; what is drawn from it is gone."""
        return generator(self.seed, *self.names)


def bootstrap(n: int, statistic: Statistic, draws: Draws) -> Estimate:
    """Bias-corrected and accelerated (BCa) bootstrap interval, resampling n units.

    `statistic` takes an array of indices into the units, shape (..., n), and returns shape (...).
    Units are what is independent: items, or the clusters that a study has of them. Resamples on
    which it is undefined leave BCa undefined; then the percentile interval over the others is given
    if they are at least nine in ten, else NaN with the reason.
    """
    units = np.arange(n)
    estimate = float(statistic(units[None])[0])
    if not np.isfinite(estimate):
        return Estimate(method="not estimated: undefined on these data")
    if draws.n_boot < 1 or n < 2:
        reason = "no resamples asked for" if n > 1 else "of one item"
        return Estimate(estimate, method=f"no interval: {reason}")
    # Degenerate resamples are dealt with below, from the values themselves.
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        result = stats.bootstrap(
            (units,),
            lambda index, axis=-1: statistic(index),
            n_resamples=draws.n_boot,
            confidence_level=draws.confidence,
            method="BCa",
            **_vectorized(n, draws),
        )
    resampled = result.bootstrap_distribution
    usable = resampled[np.isfinite(resampled)]
    if usable.size < 0.9 * draws.n_boot:
        reason = "no interval: undefined on over a tenth of the resamples"
        return Estimate(estimate, method=reason)
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(estimate)):
        return Estimate(estimate, method="no interval: no variation over resamples")
    bounds, how = result.confidence_interval, f"BCa bootstrap of items ({draws.n_boot} resamples)"
    if not np.isfinite(bounds).all():
        bounds = np.quantile(usable, [(1 - draws.confidence) / 2, (1 + draws.confidence) / 2])
        how = f"percentile bootstrap of items ({usable.size} resamples; BCa undefined)"
    return Estimate(estimate, *map(float, bounds), f"{percent(draws.confidence)} interval {how}")


def permutation_of_pairs(
    values: np.ndarray, statistic: Statistic, draws: Draws
) -> tuple[float, str]:
    """Two-sided p with `values` shuffled against what `statistic` holds fixed, and its name.

    `statistic` takes shape (..., n) and returns shape (...). All orders are tried if they are no
    more than `n_permutations`.
    """
    return _permute(values, statistic, "pairings", math.factorial, draws)


def sign_flip(differences: np.ndarray, draws: Draws) -> tuple[float, str]:
    """Two-sided p that differences, one a cluster, are as likely negative as positive.

    The statistic is their sum. A difference of 0 has no sign and does not enter.
    """
    differences = np.asarray(differences, dtype=float)
    changed = differences[differences != 0]
    if changed.size == 0:
        return (1.0, "no difference") if differences.size else (np.nan, "no pairs")
    if changed.size == 1:
        return 1.0, "of one difference"  # either sign is as likely
    return _permute(changed, lambda x: x.sum(axis=-1), "samples", lambda n: 2**n, draws)


def paired(
    before: pd.Series,
    after: pd.Series,
    clusters: pd.Series,
    draws: Draws,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Mean of after - before: its interval clustered, its p by flipping signs of whole clusters."""
    difference = after.astype(float) - before
    mean = clustered_mean(difference, clusters, confidence=draws.confidence, bounds=bounds)
    p, how = sign_flip(difference.groupby(clusters.to_numpy()).sum(), draws)
    return replace(mean, p=p, p_method=how)


def _permute(
    values: np.ndarray, statistic: Statistic, kind: str, count: Callable[[int], int], draws: Draws
) -> tuple[float, str]:
    """kind: of scipy. count: how many permutations n values have."""
    if draws.n_permutations < 1:
        return np.nan, "no permutations asked for"
    n = len(values)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        result = stats.permutation_test(
            (np.asarray(values),),
            lambda x, axis=-1: statistic(x),
            permutation_type=kind,
            n_resamples=draws.n_permutations,
            **_vectorized(n, draws),
        )
    # A bound on n keeps factorials small; 20! is far beyond any number of permutations.
    exact = n <= 20 and count(n) <= draws.n_permutations
    name = "exact permutation" if exact else f"permutation ({draws.n_permutations} draws)"
    return float(result.pvalue), name


def _vectorized(n: int, draws: Draws) -> dict:
    """What scipy is told of a statistic of many resamples at once, each of n values."""
    batch = max(1, BATCH_VALUES // n)
    return {"vectorized": True, "axis": -1, "batch": batch, "rng": draws.rng}


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjusted p; missing p stay missing and are not counted as tests."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = multipletests(p[known], method="holm")[1]
    return adjusted


def holm_within(rows: list[dict], p: str, family: str | None = None) -> list[dict]:
    """Rows with `p_holm`: Holm on their `p`, among the rows that agree in `family` (None: all)."""
    families = pd.Series([row.get(family) for row in rows], dtype=object)
    tests = pd.Series([row[p] for row in rows], dtype=float)
    adjusted = tests.groupby(families, dropna=False).transform(holm)
    return [{**row, "p_holm": value} for row, value in zip(rows, adjusted, strict=True)]
