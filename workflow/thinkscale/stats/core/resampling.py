"""Bootstrap intervals, permutation tests, and the correction for many tests."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.data.seeds import generator
from thinkscale.stats.core.intervals import Estimate, clustered_mean, percent
from thinkscale.stats.core.jackknife import (
    BATCH_VALUES,
    MOST_LEFT_OUT,
    Statistic,
    grouped,
    jackknifed_correlation,
)

COUNTED_UP_TO = 50_000_000  # steps of counting what signs may sum to: 50 ms
SHARES = 720_720  # what every whole number up to 16 divides
ENOUGH_BEYOND = 10  # resamples on the other side of 0, for their share to be a p
AT_MOST = "none as far out"  # how a p is named that says no more than that it is at most so much


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

    def of_family(self, tests: int) -> "Draws":
        """So many more permutations that Holm over `tests` leaves the least p below one in n."""
        return replace(self, n_permutations=self.n_permutations * max(1, tests))


def bootstrap(
    n: int,
    statistic: Statistic,
    draws: Draws,
    *,
    method: Literal["BCa", "percentile"] = "BCa",
    unit: str = "items",
    values: int | None = None,
) -> Estimate:
    """Bootstrap interval, resampling n units: bias-corrected and accelerated, or of percentiles.

    `statistic` takes an array of indices into the units, shape (..., n), and returns shape (...).
    Units are what is independent, and `unit` is their name: items, or the clusters that a study has
    of them (`cluster_bootstrap`). `values`: how many numbers `statistic` holds for a resample, if
    not n. Resamples on which it is undefined leave BCa undefined; then the percentile interval over
    the others is given if they are at least nine in ten, else NaN with the reason. It is also that
    of more than `MOST_LEFT_OUT` units, each of which BCa would leave out to correct next to
    nothing. Where `percentile` is asked for there is also p that the statistic is 0, which is small
    where the interval excludes 0.
    """
    units = np.arange(n)
    estimate = float(statistic(units[None])[0])
    if not np.isfinite(estimate):
        return Estimate(method="not estimated: undefined on these data")
    tried = method if n <= MOST_LEFT_OUT else "percentile"
    if draws.n_boot < 1 or n < 2:
        reason = "no resamples asked for" if n > 1 else f"of one {unit.removesuffix('s')}"
        return Estimate(estimate, method=f"no interval: {reason}")
    # Degenerate resamples are dealt with below, from the values themselves.
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        result = stats.bootstrap(
            (units,),
            lambda index, axis=-1: statistic(index),
            n_resamples=draws.n_boot,
            confidence_level=draws.confidence,
            method=tried,
            **_vectorized(values or n, draws),
        )
    resampled = result.bootstrap_distribution
    usable = resampled[np.isfinite(resampled)]
    if usable.size < 0.9 * draws.n_boot:
        reason = "no interval: undefined on over a tenth of the resamples"
        return Estimate(estimate, method=reason)
    if np.ptp(usable) <= 1e-12 * max(1.0, abs(estimate)):
        return Estimate(estimate, method="no interval: no variation over resamples")
    bounds, how = result.confidence_interval, f"BCa bootstrap of {unit} ({draws.n_boot} resamples)"
    if tried == "percentile" or not np.isfinite(bounds).all():
        bounds = np.quantile(usable, [(1 - draws.confidence) / 2, (1 + draws.confidence) / 2])
        why = "; BCa undefined" if tried == "BCa" else ""
        how = f"percentile bootstrap of {unit} ({usable.size} resamples{why})"
    found = Estimate(estimate, *map(float, bounds), f"{percent(draws.confidence)} interval {how}")
    if method == "BCa":
        return found
    return replace(found, **_inverted(estimate, usable, n, 1 - draws.confidence))


def _inverted(
    estimate: float, resampled: np.ndarray, n: int, alpha: float
) -> dict[str, float | str]:
    """p of the percentile interval that ends at 0.

    Where it is below alpha and few resamples lie beyond 0 it is that of Student's t, if less.
    """
    beyond = int(min((resampled <= 0).sum(), (resampled >= 0).sum()))
    p = min(1.0, 2 * (beyond + 1) / (resampled.size + 1))
    if beyond >= ENOUGH_BEYOND or p >= alpha:
        return {"p": p, "p_method": "inverted percentile interval"}
    far = float(2 * stats.t.sf(abs(estimate) / resampled.std(ddof=1), n - 1))
    return {"p": min(p, far), "p_method": f"t({n - 1}) on the bootstrap's standard error"}


def cluster_bootstrap(
    clusters: Sequence[str], statistic: Statistic, draws: Draws, **how: Any
) -> Estimate:
    """`bootstrap` of the clusters of n items, each drawn with all its items.

    clusters: the cluster of each item. statistic: takes how often each item was drawn, shape
    (..., n), and returns shape (...). how: `method`, as of `bootstrap`.
    """
    codes, groups, unit = grouped(clusters)

    def of_drawn(index: np.ndarray) -> np.ndarray:
        flat = index.reshape(-1, index.shape[-1])
        places = flat + groups * np.arange(len(flat))[:, None]
        times = np.bincount(places.ravel(), minlength=groups * len(flat)).astype(float)
        times = times.reshape(*index.shape[:-1], groups)
        return statistic(times if unit == "items" else times[..., codes])

    return bootstrap(groups, of_drawn, draws, unit=unit, values=len(codes), **how)


def correlation_over_items(
    clusters: Sequence[str],
    correlation: Statistic,
    permuted: Callable[[Draws], tuple[float, str]],
    draws: Draws,
) -> Estimate:
    """A correlation, of how often each item was drawn: its interval, and p that it is 0.

    Where items are independent they are a BCa bootstrap's and `permuted`'s. Clusters of different
    sizes cannot change places, and bootstraps of few are short: of clusters both are
    `jackknifed_correlation`'s.
    """
    if grouped(clusters)[-1] == "clusters":
        return jackknifed_correlation(clusters, correlation, confidence=draws.confidence)
    p, how = permuted(draws)
    return replace(cluster_bootstrap(clusters, correlation, draws), p=float(p), p_method=how)


def permutation_of_pairs(
    moved: np.ndarray, statistic: Statistic, draws: Draws, *, values: int | None = None
) -> tuple[float, str]:
    """Two-sided p with `moved` (n,) shuffled against what `statistic` holds fixed, and its name.

    `statistic` takes shape (..., n) and returns shape (...); what is as far from 0, on either side,
    is as extreme. All orders are tried if they are no more than `n_permutations`. `values`: how
    many numbers `statistic` holds for an order, if not n.
    """
    if draws.n_permutations < 1:
        return _NOT_ASKED
    n = len(moved)
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        result = stats.permutation_test(
            (np.asarray(moved),),
            lambda x, axis=-1: np.abs(statistic(x)),
            permutation_type="pairings",
            alternative="greater",
            n_resamples=draws.n_permutations,
            **_vectorized(values or n, draws),
        )
    # A bound on n keeps factorials small; 20! is far beyond any number of permutations.
    if n <= 20 and math.factorial(n) <= draws.n_permutations:
        return float(result.pvalue), "exact permutation"
    return _of_drawn(float(result.pvalue), draws)


def sign_flip(differences: np.ndarray, draws: Draws) -> tuple[float, str]:
    """Two-sided p that differences, one a cluster, are as likely negative as positive.

    The statistic is their sum. A difference of 0 has no sign and does not enter. p is exact of
    whole numbers, and of shares of up to 16 samples, since what their signs may sum to can be
    counted: it has no least value then. With differences of 1 and -1 this is McNemar's exact test.
    """
    differences = np.asarray(differences, dtype=float)
    sizes = np.abs(differences)
    changed = differences[sizes > 1e-12 * sizes.max(initial=0)]  # less is what rounding leaves
    if changed.size == 0:
        return (1.0, "no difference") if differences.size else (np.nan, "no pairs")
    if changed.size == 1:
        return 1.0, "of one difference"  # either sign is as likely
    whole = _whole(changed)
    if len(whole) * np.abs(whole).sum() <= COUNTED_UP_TO:
        return _counted(whole), "exact"
    return _flipped(changed, draws)


def _whole(values: np.ndarray) -> np.ndarray:
    """Values as the smallest whole numbers in their proportions, if they are shares of 16 or less.

    Others come as numbers far too large to be counted with.
    """
    scaled = values * SHARES
    whole = np.rint(scaled)
    if np.abs(scaled - whole).max() > 1e-6 * np.abs(values).max() or np.abs(whole).max() > 2**53:
        return np.full(len(values), np.inf)
    return whole / np.gcd.reduce(whole.astype(np.int64))


def _counted(differences: np.ndarray) -> float:
    """p of `sign_flip` of whole numbers: the law of the sum of those whose sign is positive."""
    sizes, total = np.abs(differences).astype(int), int(np.abs(differences).sum())
    law = np.zeros(total + 1)
    law[0] = 1.0
    for size in sizes:
        law[size:], law[:size] = (law[size:] + law[:-size]) / 2, law[:size] / 2
    sums = 2 * np.arange(total + 1) - total
    return float(min(1.0, law[np.abs(sums) >= abs(differences.sum())].sum()))


def _flipped(differences: np.ndarray, draws: Draws) -> tuple[float, str]:
    """p of `sign_flip` and its name, of all signs if they are few enough, else of random ones.

    Signs are drawn for eight differences at a time, as a byte, whose 256 sums are known before.
    """
    if 2 ** min(len(differences), 60) <= draws.n_permutations:
        sums = reduce(lambda sums, d: np.r_[sums + d, sums - d], differences, np.zeros(1))
        return float(np.mean(_as_far(sums, differences.sum()))), "exact permutation"
    if draws.n_permutations < 1:
        return _NOT_ASKED
    eights = np.append(differences, np.zeros(-len(differences) % 8)).reshape(-1, 8)
    signs = 1.0 - 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    known, place = eights @ signs.T, np.arange(len(eights))  # (eights, 256)
    extreme, batch = 0, max(1, BATCH_VALUES // len(eights))
    for first in range(0, draws.n_permutations, batch):
        shape = min(batch, draws.n_permutations - first), len(eights)
        sums = known[place, draws.rng.integers(256, size=shape, dtype=np.uint8)].sum(axis=-1)
        extreme += int(np.sum(_as_far(sums, differences.sum())))
    return _of_drawn((extreme + 1) / (draws.n_permutations + 1), draws)


def _as_far(sums: np.ndarray, observed: float) -> np.ndarray:
    """Which sums are as far from 0 as the one observed, whatever the order they were added in."""
    return np.abs(sums) >= abs(observed) * (1 - 1e-12)


_NOT_ASKED = np.nan, "no permutations asked for"


def _of_drawn(p: float, draws: Draws) -> tuple[float, str]:
    """p of permutations that were drawn, and its name."""
    least = p <= 1 / (draws.n_permutations + 1)
    return p, f"permutation ({draws.n_permutations} draws{f', {AT_MOST}' if least else ''})"


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


def _vectorized(n: int, draws: Draws) -> dict:
    """What scipy is told of a statistic of many resamples at once, each of n values."""
    batch = max(1, BATCH_VALUES // n)
    return {"vectorized": True, "axis": -1, "batch": batch, "rng": draws.rng}


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjusted p; missing p stay missing and are not counted as tests.

    statsmodels' `multipletests` collects all garbage at every call, which takes a quarter of a
    second.
    """
    p = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(p))
    known = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    steps = p[known] * np.arange(len(known), 0, -1)
    adjusted[known] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def holm_within(rows: list[dict], p: str, family: str | None = None) -> list[dict]:
    """Rows with `p_holm`: Holm on their `p`, among the rows that agree in `family` (None: all)."""
    families = pd.Series([row.get(family) for row in rows], dtype=object)
    tests = pd.Series([row[p] for row in rows], dtype=float)
    adjusted = tests.groupby(families, dropna=False).transform(holm)
    return [{**row, "p_holm": value} for row, value in zip(rows, adjusted, strict=True)]
