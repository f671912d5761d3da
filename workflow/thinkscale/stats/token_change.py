"""A condition against natural on the same items and samples: flips and token change."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from thinkscale.stats.core.intervals import Interval, percent, undefined
from thinkscale.stats.core.resampling import sign_flip

EXACT_SIGNED_RANK_UP_TO = 50  # items; beyond, the normal approximation is used, as in R
ENUMERATED_UP_TO = 13  # changes; 2^13 sign patterns


@dataclass(frozen=True)
class Flips:
    """Pairs by outcome before and after, and the exact McNemar p of the two kinds of flips."""

    both_correct: int
    wrong_to_right: int
    right_to_wrong: int
    both_wrong: int
    p: float


def mcnemar_exact(before: np.ndarray, after: np.ndarray) -> Flips:
    """Count flips between two boolean arrays of shape (n,) and test them (exact McNemar).

    p is the two-sided binomial p of wrong-to-right among all flips at one half: 1 where nothing
    flipped, missing where there are no pairs. Pairs are taken as independent.
    """
    before, after = np.asarray(before, bool), np.asarray(after, bool)
    gained, lost = int((~before & after).sum()), int((before & ~after).sum())
    p = np.nan
    if before.size:
        p = float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    both, neither = int((before & after).sum()), int((~before & ~after).sum())
    return Flips(both, gained, lost, neither, p)


def hodges_lehmann(changes: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Hodges-Lehmann estimate of the centre of `changes` (n,), with its distribution-free interval.

    The estimate is the median of the Walsh averages (x_i + x_j) / 2, i <= j; the bounds are the
    averages at the ranks that invert the Wilcoxon signed-rank test (Hollander and Wolfe,
    Nonparametric Statistical Methods, sections 3.2 and 3.3): exact ranks up to 50 items, then the
    normal approximation. Ties and zeros make the interval conservative.
    """
    changes = np.asarray(changes, dtype=float)
    n = changes.size
    if n == 0:
        return undefined("not estimated: no pairs")
    first, second = np.triu_indices(n)
    walsh = np.sort((changes[first] + changes[second]) / 2)
    estimate = float(np.median(walsh))
    if n <= EXACT_SIGNED_RANK_UP_TO:
        skip, how = _signed_rank_quantile(n, (1 - confidence) / 2), "exact signed-rank"
    else:
        centre, spread = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        skip = math.floor(centre - stats.norm.ppf((1 + confidence) / 2) * spread)
        how = "normal approximation of signed ranks"
    if skip < 1:
        return undefined(
            f"Hodges-Lehmann; no {percent(confidence)} interval from {n} items", estimate
        )
    method = f"Hodges-Lehmann; {percent(confidence)} interval Walsh averages ({how})"
    return Interval(estimate, float(walsh[skip - 1]), float(walsh[-skip]), method)


def _signed_rank_quantile(n: int, tail: float) -> int:
    """Greatest c with P(T < c) <= tail, T the signed-rank sum of n untied values."""
    ways = np.ones(1)
    for rank in range(1, n + 1):
        step = np.zeros(rank + 1)
        step[[0, rank]] = 0.5
        ways = np.convolve(ways, step)
    return int(np.searchsorted(np.cumsum(ways), tail, side="right"))


def signed_rank_p(changes: np.ndarray) -> tuple[float, str]:
    """Two-sided Wilcoxon signed-rank p, zeros dropped, and how it was had.

    Exact by enumeration up to 13 changes, ties or not; exact up to 50 without ties; else the normal
    approximation with ties. 1 if nothing changed, NaN without items.
    """
    changes = np.asarray(changes, dtype=float)
    changed = changes[changes != 0]
    n, size = changed.size, np.abs(changed)
    if n <= ENUMERATED_UP_TO:
        ranks = np.sign(changed) * stats.rankdata(size)
        if not n:
            ranks = np.zeros(changes.size)
        rng = np.random.default_rng(0)  # draws nothing: all sign patterns are tried
        p, _ = sign_flip(ranks, n_permutations=2**ENUMERATED_UP_TO, rng=rng)
        return p, "exact"
    exact = n <= EXACT_SIGNED_RANK_UP_TO and len(np.unique(size)) == n
    result = stats.wilcoxon(changed, method="exact" if exact else "asymptotic")
    return float(result.pvalue), "exact" if exact else "normal approximation"
