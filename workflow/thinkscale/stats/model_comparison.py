"""Two models on the same items: accuracy, tokens, and whose length follows difficulty closer."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import rank_statistic
from thinkscale.stats.core.intervals import bootstrap, clustered_mean, undefined
from thinkscale.stats.core.resampling import cluster_sums, generator, holm_within, sign_flip

COLUMNS = [
    *["model_a", "model_b", "measure", "n", "errors", "n_excluded", "value_a", "value_b"],
    *["estimate", "lower", "upper", "p", "p_holm", "method"],
]
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


def tabulate(
    graded: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Two models on the items both have, natural condition; differences are b minus a.

    Items that did not fit the context of one of the two are left out and counted in `errors`. Holm
    corrects over all tests of the table. Raises ThinkscaleError for a model without rows.
    """
    items = {
        model: frame.per_item(frame.natural(own))
        for model, own in frame.by_model(frame.prepare(graded))
    }
    rows = []
    for a, b in pairs:
        for model in (a, b):
            if model not in items:
                raise ThinkscaleError(
                    f"comparison of {a} and {b}: no responses of model {model}; "
                    f"found {', '.join(items) or 'none'}."
                )
        for measure in MEASURES:
            result = compare(
                measure,
                items[a],
                items[b],
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("comparison", a, b),
            )
            row = {"model_a": a, "model_b": b, "measure": measure, **asdict(result)}
            row["method"] += frame.unfit_note(result.errors, "of one left out")
            row["method"] += "; p_holm Holm over the table"
            rows.append(row)
    return frame.table(holm_within(rows, "p"), COLUMNS, graded)


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
    name = f"paired difference of item mean {what}"
    return Difference(
        len(both),
        errors,
        float(both[column].mean()),
        float(both[f"{column}_b"].mean()),
        **interval.bounds(),
        p=p,
        method=f"{name}; {interval.method}; p sign-flip {how} of clusters",
    )


def _correlations(both: pd.DataFrame, errors, confidence, n_boot, rng) -> Difference:
    n = len(both)
    x, y, difficulty = (both[c].to_numpy(float) for c in ("tokens", "tokens_b", "difficulty"))
    name = "difference of Spearman correlations of tokens with difficulty"
    reason = ""
    if n < 4:
        reason = f"{n} common items with a difficulty, at least 4 are needed"
    elif np.ptp(difficulty) == 0:
        reason = "difficulty does not vary"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        reason = "one model's thinking tokens do not vary"
    if reason:
        missing = undefined("").bounds()
        method = f"{name}; not estimated: {reason}"
        return Difference(n, errors, np.nan, np.nan, **missing, p=np.nan, method=method)
    rho_a, rho_b = rank_statistic(x, difficulty), rank_statistic(y, difficulty)
    every = np.arange(n)
    value_a, value_b = float(rho_a(every)), float(rho_b(every))
    between = float(rank_statistic(x, y)(every))
    p = williams(value_a, value_b, between, n)[1]
    interval = bootstrap(
        n, lambda i: rho_b(i) - rho_a(i), confidence=confidence, n_boot=n_boot, rng=rng
    )
    test = f"p Williams t({n - 3}) for dependent correlations (Steiger 1980), r_ab = {between:.3f}"
    if np.isnan(p):
        test = "p undefined: the two models rank the items alike"
    method = f"{name}; {interval.method}; {test}"
    return Difference(n, errors, value_a, value_b, **interval.bounds(), p=p, method=method)
