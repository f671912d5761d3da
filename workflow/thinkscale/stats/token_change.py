"""Change of thinking tokens from natural on the same items and samples."""

import math

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, percent
from thinkscale.stats.core.resampling import Draws, holm_within, sign_flip

EXACT_SIGNED_RANK_UP_TO = 50  # items; beyond, the normal approximation is used, as in R
ENUMERATED_UP_TO = 13  # changes; 2^13 sign patterns

COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_pairs", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "mean_change", "p", "p_holm", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Change of thinking tokens from natural, per item the mean over paired samples.

    Truncation and thinking switched off are left out: what they change is what they say.
    `estimate` is Hodges and Lehmann's, `mean_change` the plain mean over items, both in tokens.
    Items that did not fit the context are left out and counted in `errors`.
    """
    rows = []
    for row, pairs in frame.against_natural(graded):
        if row["no_think"] or row["truncate"] is not None:
            continue
        change = pairs["think_tokens"] - pairs["think_tokens_natural"]
        means = change.groupby(pairs["item_id"]).mean().to_numpy(float)
        p, how = signed_rank_p(means)
        changed = f"{np.count_nonzero(means)} changed, zeros dropped"
        test = f"; p Wilcoxon signed-rank on item means ({changed}, {how})"
        note = "; p_holm Holm within the model" + frame.unfit_note(row["errors"], "left out")
        said = hodges_lehmann(means, confidence=confidence).row(after=test + note)
        mean = means.mean() if len(means) else np.nan
        rows.append({**row, **said, "mean_change": mean, "p": p})
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def hodges_lehmann(changes: np.ndarray, *, confidence: float = 0.95) -> Estimate:
    """Hodges-Lehmann estimate of the centre of `changes` (n,), with its distribution-free interval.

    The estimate is the median of the Walsh averages (x_i + x_j) / 2, i <= j; the bounds are the
    averages at the ranks that invert the Wilcoxon signed-rank test (Hollander and Wolfe,
    Nonparametric Statistical Methods, sections 3.2 and 3.3): exact ranks up to 50 items, then the
    normal approximation. Ties and zeros make the interval conservative.
    """
    changes = np.asarray(changes, dtype=float)
    n = changes.size
    if n == 0:
        return Estimate(method="not estimated: no pairs")
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
        method = f"Hodges-Lehmann; no {percent(confidence)} interval from {n} items"
        return Estimate(estimate, method=method)
    method = f"Hodges-Lehmann; {percent(confidence)} interval Walsh averages ({how})"
    return Estimate(estimate, float(walsh[skip - 1]), float(walsh[-skip]), method)


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
        ranks = np.sign(changed) * stats.rankdata(size) if n else changes
        every = Draws(n_permutations=2**ENUMERATED_UP_TO)  # draws nothing: all signs are tried
        return sign_flip(ranks, every)[0], "exact"
    exact = n <= EXACT_SIGNED_RANK_UP_TO and len(np.unique(size)) == n
    result = stats.wilcoxon(changed, method="exact" if exact else "asymptotic")
    return float(result.pvalue), "exact" if exact else "normal approximation"
