"""Two models on the same items: accuracy, tokens, and whose length follows difficulty closer."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core.intervals import Interval, bootstrap, clustered_mean, undefined
from thinkscale.stats.core.resampling import cluster_sums, generator, sign_flip
from thinkscale.stats.registration import rank_statistic

MEASURES = ("accuracy", "think_tokens", "spearman_difficulty")


@dataclass(frozen=True)
class Difference:
    """Values of two models and their difference b - a; NaN come with the reason in `method`."""

    n: int
    errors: int
    value_a: float
    value_b: float
    estimate: float
    lower: float
    upper: float
    p: float
    method: str


def williams(r_ay: float, r_by: float, r_ab: float, n: int) -> tuple[float, float]:
    """Williams' t and two-sided p that two correlations sharing the variable y are equal.

    Steiger, Psychological Bulletin 87 (1980), equation 7, on n - 3 degrees of freedom; `r_ab`
    correlates the two variables compared. NaN where it is undefined (n < 4, or r_ab of 1).
    """
    determinant = 1 - r_ay**2 - r_by**2 - r_ab**2 + 2 * r_ay * r_by * r_ab
    if n < 4 or not np.isfinite(determinant) or 1 - r_ab < 1e-12:
        return np.nan, np.nan
    mean = (r_ay + r_by) / 2
    spread = 2 * (n - 1) / (n - 3) * max(determinant, 0.0) + mean**2 * (1 - r_ab) ** 3
    if spread <= 0:
        return np.nan, np.nan
    t = (r_ay - r_by) * math.sqrt((n - 1) * (1 + r_ab) / spread)
    return float(t), float(2 * stats.t.sf(abs(t), n - 3))


def compare(
    measure: str,
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
    names: tuple[str, ...] = (),
) -> Difference:
    """Compare two models by one of `MEASURES` over the items both have and both could be asked.

    `a` and `b` are per-item frames (index item_id; tokens, accuracy, difficulty, cluster, fits).
    Items weigh the same whatever their number of samples. Those that did not fit the context of
    one model are left out and counted in `errors`.
    """
    both = a.join(b[["tokens", "accuracy", "fits"]].add_suffix("_b"), how="inner")
    if measure == "spearman_difficulty":
        both = both[both["difficulty"].notna()]
    fits = both["fits"].astype(bool) & both["fits_b"].astype(bool)
    errors, both = int((~fits).sum()), both[fits]
    rng = generator(seed, *names, measure)
    if measure == "spearman_difficulty":
        return _correlations(both, errors, confidence, n_boot, rng)
    column, what, bounds = {
        "accuracy": ("accuracy", "accuracy", (-1.0, 1.0)),
        "think_tokens": ("tokens", "thinking tokens", None),
    }[measure]
    differences = (both[f"{column}_b"] - both[column]).to_numpy()
    clusters = both["cluster"].to_numpy()
    interval = clustered_mean(differences, clusters, confidence=confidence, bounds=bounds)
    p, how = sign_flip(cluster_sums(differences, clusters), n_permutations=n_permutations, rng=rng)
    return Difference(
        len(both),
        errors,
        float(both[column].mean()),
        float(both[f"{column}_b"].mean()),
        interval.estimate,
        interval.lower,
        interval.upper,
        p,
        f"paired difference of item mean {what}; {interval.method}; p sign-flip {how} of clusters",
    )


def _correlations(both: pd.DataFrame, errors, confidence, n_boot, rng) -> Difference:
    n = len(both)
    x, y, difficulty = (both[c].to_numpy(float) for c in ("tokens", "tokens_b", "difficulty"))
    name = "difference of Spearman correlations of tokens with difficulty"
    if n < 4:
        interval, reason = (
            undefined(""),
            f"{n} common items with a difficulty, at least 4 are needed",
        )
    elif np.ptp(difficulty) == 0:
        interval, reason = undefined(""), "difficulty does not vary"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        interval, reason = undefined(""), "one model's thinking tokens do not vary"
    else:
        interval, reason = None, ""
    if reason:
        method = f"{name}; not estimated: {reason}"
        return _difference(n, errors, np.nan, np.nan, interval, np.nan, method)
    rho_a, rho_b = rank_statistic(x, difficulty), rank_statistic(y, difficulty)
    every = np.arange(n)
    value_a, value_b = float(rho_a(every)), float(rho_b(every))
    between = float(rank_statistic(x, y)(every))
    p = williams(value_a, value_b, between, n)[1]
    interval: Interval = bootstrap(
        n, lambda i: rho_b(i) - rho_a(i), confidence=confidence, n_boot=n_boot, rng=rng
    )
    test = f"p Williams t({n - 3}) for dependent correlations (Steiger 1980), r_ab = {between:.3f}"
    if np.isnan(p):
        test = "p undefined: the two models rank the items alike"
    return _difference(
        n, errors, value_a, value_b, interval, p, f"{name}; {interval.method}; {test}"
    )


def _difference(n, errors, value_a, value_b, interval: Interval, p, method) -> Difference:
    return Difference(
        n, errors, value_a, value_b, interval.estimate, interval.lower, interval.upper, p, method
    )
