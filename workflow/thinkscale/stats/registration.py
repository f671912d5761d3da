"""Registration: how far the length of thinking follows human difficulty, across items."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import (
    effective_n,
    linear_correlation,
    pearson,
    rank_correlation,
)
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.resampling import Draws, Statistic, across_items, permutation_of_pairs

READS = [*frame.NEEDED, "meta_"]
COLUMNS = [
    *["model", "measure", "n", "without_difficulty", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "p", "p_method", "censored", "detectable", "method"],
]
MEASURES = ("spearman", "pearson_log", "kendall", "partial_spearman")
POWERED = ("spearman", "pearson_log")  # Fisher's z says what they detect
KENDALL_PERMUTATIONS_UP_TO = 500  # items; beyond, the normal approximation serves


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Correlations of natural thinking length with difficulty, across items, for every model.

    Per item the mean thinking tokens over samples. Items without a difficulty are left out and
    counted in `without_difficulty`, those that did not fit the context are left out and counted in
    `errors`; `censored` is the share of natural responses, of the items kept, whose thinking was
    cut; `detectable` is the smallest correlation of `POWERED` found with 80 % power by as many
    independent items as these, some of which may share a cluster, tell as much as.
    options: confidence, n_boot, n_permutations, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
    rows = []
    for model, items in frame.natural_items(graded):
        known = items["difficulty"].notna()
        used = items[known & items["fits"]]
        unknown, errors = int((~known).sum()), int((known & ~items["fits"]).sum())
        notes = "; mean tokens over samples; uncorrected" + frame.unfit_note(errors, "left out")
        if unknown:
            notes += f"; {unknown} items without difficulty left out"
        row = {"model": model, "n": len(used), "without_difficulty": unknown, "errors": errors}
        row["censored"] = used["censored"].sum() / (used["samples"].sum() or np.nan)
        ranks = used[["tokens", "difficulty"]].rank().to_numpy().T
        least = effective_n(*ranks, used["cluster"])
        facts = used["tokens"], used["difficulty"], used[["stem_chars", "n_options"]]
        for measure in MEASURES:
            found = correlate(
                measure, *facts, used["cluster"], draws=draws.named("registration", model)
            )
            if measure in POWERED:
                row["detectable"] = detectable_correlation(least, confidence=draws.confidence)
            else:
                row["detectable"] = np.nan
            rows.append({**row, "measure": measure, **found.row(after=notes)})
    return frame.table(rows, COLUMNS, graded)


def detectable_correlation(n: float, *, power: float = 0.8, confidence: float = 0.95) -> float:
    """Smallest correlation that n items show with `power`, two-sided at 1 - confidence.

    By Fisher's z: tanh((z(1 - alpha/2) + z(power)) / sqrt(n - 3)); NaN for n <= 3.
    """
    if not n > 3:
        return np.nan
    needed = stats.norm.ppf((1 + confidence) / 2) + stats.norm.ppf(power)
    return float(np.tanh(needed / np.sqrt(n - 3)))


def correlate(
    measure: str,
    tokens: np.ndarray,
    difficulty: np.ndarray,
    covariates: pd.DataFrame | None = None,
    clusters: np.ndarray | None = None,
    *,
    draws: Draws,
) -> Estimate:
    """One of `MEASURES` between thinking tokens and difficulty, both of shape (n,).

    `covariates` (n rows) are held constant by partial_spearman; a constant one is left out.
    `clusters` (n,) name what is resampled whole; default: every item is one.
    """
    tokens, difficulty = np.asarray(tokens, float), np.asarray(difficulty, float)
    n = len(tokens)
    clusters = np.arange(n) if clusters is None else clusters
    if reason := _impossible(n, tokens, difficulty):
        return Estimate(method=f"not estimated: {reason}")
    # Of each measure: the statistic of resampled items, and that of `moved` shuffled over items.
    test = ""
    if measure == "spearman":
        name, statistic = "Spearman", rank_correlation(tokens, difficulty)
        moved, shuffled = stats.rankdata(difficulty), partial(pearson, stats.rankdata(tokens))
    elif measure == "pearson_log":
        shift = 0 if tokens.min() > 0 else 1
        logs = np.log(tokens + shift)
        name = f"Pearson on log(tokens{' + 1' if shift else ''})"
        statistic = linear_correlation(logs, difficulty)
        moved, shuffled = difficulty, partial(pearson, logs)
    elif measure == "kendall":
        name, statistic = "Kendall tau-b", kendall_correlation(tokens, difficulty)
        moved, shuffled = difficulty, partial(_tau, tokens)
    elif measure == "partial_spearman":
        held, name = _covariates(covariates)
        if n < held.shape[1] + 4:
            return Estimate(method=f"{name}; not estimated: {n} items are too few")
        rest = _residuals(held, n)
        fixed, moved = (rest(stats.rankdata(column)) for column in (tokens, difficulty))
        if min(fixed @ fixed, moved @ moved) < 1e-9 * n**3:
            why = "the covariates explain tokens or difficulty wholly"
            return Estimate(method=f"{name}; not estimated: {why}")
        statistic = rank_correlation(tokens, difficulty, *held.T)
        # Freedman and Lane (1983): permute the part of difficulty's ranks that the covariates
        # leave over, then take out what the covariates explain of it by chance.
        shuffled, test = lambda y: pearson(fixed, rest(y)), ", of residuals (Freedman-Lane)"
    else:
        raise ValueError(f"unknown measure {measure!r}; expected one of {', '.join(MEASURES)}")

    def permuted(draws: Draws) -> tuple[float, str]:
        if measure == "kendall" and n > KENDALL_PERMUTATIONS_UP_TO:
            return stats.kendalltau(tokens, difficulty).pvalue, "normal approximation with ties"
        p, how = permutation_of_pairs(moved, shuffled, draws)
        return p, how + test

    found = across_items(clusters, statistic, permuted, draws.named(measure))
    if measure == "partial_spearman" and held.size:
        found = replace(found, estimate=_partial_spearman(tokens, difficulty, held))
    return replace(found, method=f"{name}; {found.method}")


def _impossible(n: int, tokens: np.ndarray, difficulty: np.ndarray) -> str:
    if n < 3:
        return f"{n} items with a difficulty, at least 3 are needed"
    if np.ptp(tokens) == 0:
        return "thinking tokens do not vary"
    if np.ptp(difficulty) == 0:
        return "difficulty does not vary"
    return ""


def kendall_correlation(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Kendall's tau-b of x and y (n,) as a function of how often each item was drawn (..., n).

    Concordance and ties are quadratic forms in that, of matrices of signs made once, which is what
    makes thousands of resamples cheap. Their sums are whole numbers, which 32 bits hold up to 4,096
    items.
    """
    kind = np.float32 if len(x) <= 4096 else np.float64
    sign_x, sign_y = (np.sign(side[:, None] - side[None, :]).astype(kind) for side in (x, y))
    # Where nothing is tied, all pairs but those of an item with itself are told apart.
    tied = [bool((sign == 0).sum() > len(x)) for sign in (sign_x, sign_y)]
    signs = sign_x * sign_y, np.abs(sign_x), np.abs(sign_y)

    def form(matrix: np.ndarray, times: np.ndarray) -> np.ndarray:
        return ((times.astype(kind) @ matrix) * times).sum(axis=-1)

    def statistic(times: np.ndarray) -> np.ndarray:
        apart = times.sum(axis=-1) ** 2 - (times**2).sum(axis=-1)
        same = form(signs[0], times)
        pairs = [form(m, times) if t else apart for m, t in zip(signs[1:], tied, strict=True)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return same / np.sqrt(pairs[0] * pairs[1])

    return statistic


def _tau(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of x (n,) and each y (..., n)."""
    return np.apply_along_axis(lambda one: stats.kendalltau(x, one).statistic, -1, y)


def _covariates(covariates: pd.DataFrame | None) -> tuple[np.ndarray, str]:
    """The covariates that vary, shape (n, c), and the measure's name with what was left out."""
    given = pd.DataFrame() if covariates is None else covariates
    held = [column for column in given if given[column].nunique(dropna=False) > 1]
    constant = [column for column in given if column not in held]
    name = "partial Spearman given " + (" and ".join(held) or "nothing")
    if constant:
        name += f" ({' and '.join(constant)} left out: constant)"
    return given[held].to_numpy(float).reshape(len(given), len(held)), name


def _partial_spearman(tokens: np.ndarray, difficulty: np.ndarray, held: np.ndarray) -> float:
    import pingouin  # takes 2 s to import; only this needs it

    names = [f"covariate_{i}" for i in range(held.shape[1])]
    data = pd.DataFrame(held, columns=names).assign(tokens=tokens, difficulty=difficulty)
    result = pingouin.partial_corr(data, "tokens", "difficulty", names, method="spearman")
    return float(result["r"].iloc[0])


def _residuals(held: np.ndarray, n: int) -> Statistic:
    """A function that takes from ranks (..., n) what the ranks of `held` (n, c) explain."""
    columns = [np.ones(n), *(stats.rankdata(column) for column in held.T)]
    basis = linalg.orth(np.column_stack(columns))  # (n, at most 1 + c)
    return lambda ranks: ranks - (ranks @ basis) @ basis.T
