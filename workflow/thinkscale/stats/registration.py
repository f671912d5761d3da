"""Registration: how far the length of thinking follows human difficulty and response time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, stats

from thinkscale.data.graded import COUNTED, control_column
from thinkscale.stats.core import frame
from thinkscale.stats.core.concordance import concordance
from thinkscale.stats.core.correlations import (
    covariation,
    effective_n,
    linear_correlation,
    rank_correlation,
)
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import Statistic
from thinkscale.stats.core.resampling import Draws, correlation_over_items, permutation_of_pairs

READS = [*frame.NEEDED, "meta_"]
COLUMNS = [
    *["model", "criterion", "measure", "n", "without_criterion", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "p", "p_method", "censored", "detectable", "method"],
]
MEASURES = ("spearman", "pearson_log", "kendall", "partial_spearman")
POWERED = ("spearman", "pearson_log")  # Fisher's z says what they detect
KENDALL_PERMUTATIONS_UP_TO = 100  # items; beyond, the normal approximation serves
KENDALL_BY_MATRIX_UP_TO = 4_096  # items
CONCORDANCE_ABOVE = 0.05  # share of thoughts that were cut


def tabulate(
    graded: pd.DataFrame, *, controls: Sequence[str] = COUNTED, **options: Any
) -> pd.DataFrame:
    """Correlations of natural thinking length with a criterion, across items, for every model.

    The criterion is difficulty, and response time where the bank has it. Per item the mean thinking
    tokens over samples. Items without the criterion are left out and counted in
    `without_criterion`, those that did not fit the context are left out and counted in `errors`;
    `censored` is the share of natural responses, of the items kept, whose thinking was cut;
    `detectable` is the smallest correlation of `POWERED` found with 80 % power by as many
    independent items as these, some of which may share a cluster, tell as much as. Where more than
    5 % were cut, `somers_d` takes their lengths as the lower bounds they are (`core.concordance`).
    controls: what partial correlations hold constant: `stem_chars`, `n_options`, or numbers of the
    bank, which the frame has as `meta_…`; items without one are left out of these.
    options: confidence, n_boot, n_permutations, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
    rows = []
    for model, responses in frame.by_model(frame.prepare(frame.natural(graded))):
        items = frame.per_item(responses)
        held = {control_column(name): name for name in controls}
        frame.require(items, list(held), "items of the graded responses")
        for criterion in frame.criteria(items):
            stream = draws.named("registration", model)
            stream = stream if criterion == "difficulty" else stream.named(criterion)
            for row in _rows(responses, items, criterion, held, stream):
                rows.append({"model": model, "criterion": criterion, **row})
    return frame.table(rows, COLUMNS, graded)


def _rows(
    responses: pd.DataFrame, items: pd.DataFrame, criterion: str, held: dict[str, str], draws: Draws
) -> Iterator[dict]:
    """The rows of one model and criterion; held: the name of each column held constant."""
    what = frame.CRITERIA[criterion]
    known = items[criterion].notna()
    used = items[known & items["fits"]]
    unknown, errors = int((~known).sum()), int((known & ~items["fits"]).sum())
    row = {"n": len(used), "without_criterion": unknown, "errors": errors}
    row["censored"] = used["censored"].sum() / (used["samples"].sum() or np.nan)
    ranks = used[["tokens", criterion]].rank().to_numpy().T
    least = detectable_correlation(
        effective_n(*ranks, used["cluster"]), confidence=draws.confidence
    )
    notes = "; uncorrected" + frame.unfit_note(errors, "left out")
    if unknown:
        notes += f"; {unknown} items without {what} left out"
    for measure in MEASURES:
        given = used.dropna(subset=list(held)) if measure == "partial_spearman" else used
        lost = ""
        if left := len(used) - len(given):
            lost = f"; {left} items without {' or '.join(held.values())} left out"
        facts = given["tokens"], given[criterion], given[list(held)].rename(columns=held)
        found = correlate(measure, *facts, given["cluster"], draws=draws, criterion=what)
        said = found.row(after=f"; mean tokens over samples{notes}{lost}")
        detectable = least if measure in POWERED else np.nan
        yield {**row, "measure": measure, "n": len(given), "detectable": detectable, **said}
    if row["censored"] > CONCORDANCE_ABOVE:
        kept = responses[responses["item_id"].isin(used.index)]
        index, found = concordance(kept, criterion, confidence=draws.confidence)
        name = f"Somers' D of single lengths, cut ones as lower bounds, C = {index:.3f}; "
        yield {**row, "measure": "somers_d", **found.row(name, notes)}


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
    criterion: str = "difficulty",
) -> Estimate:
    """One of `MEASURES` between thinking tokens and difficulty, both of shape (n,).

    `covariates` (n rows) are held constant by partial_spearman; a constant one is left out.
    `clusters` (n,) name what is resampled whole; default: every item is one.
    criterion: what takes the place of difficulty, in words.
    """
    tokens, difficulty = np.asarray(tokens, float), np.asarray(difficulty, float)
    n = len(tokens)
    clusters = np.arange(n) if clusters is None else clusters
    if reason := _impossible(tokens, difficulty, criterion):
        return Estimate(method=f"not estimated: {reason}")
    # Of each measure: the statistic of resampled items, and that of `moved` shuffled over items.
    test = ""
    if measure == "spearman":
        name, statistic = "Spearman", rank_correlation(tokens, difficulty)
        moved, shuffled = stats.rankdata(difficulty), covariation(stats.rankdata(tokens))
    elif measure == "pearson_log":
        shift = 0 if tokens.min() > 0 else 1
        logs = np.log(tokens + shift)
        name = f"Pearson on log(tokens{' + 1' if shift else ''})"
        statistic = linear_correlation(logs, difficulty)
        moved, shuffled = difficulty - difficulty.mean(), covariation(logs)
    elif measure == "kendall":
        name, statistic = "Kendall tau-b", kendall_correlation(tokens, difficulty)
        moved, shuffled = difficulty, _concordance_with(tokens)
    elif measure == "partial_spearman":
        held, name = _covariates(covariates)
        if n < held.shape[1] + 4:
            return Estimate(method=f"{name}; not estimated: {n} items are too few")
        explained = _explained(held, n)
        ranks = (stats.rankdata(column) for column in (tokens, difficulty))
        fixed, moved = (own - own @ explained @ explained.T for own in ranks)
        if min(fixed @ fixed, moved @ moved) < 1e-9 * n**3:
            why = f"the covariates explain tokens or {criterion} wholly"
            return Estimate(method=f"{name}; not estimated: {why}")
        statistic = rank_correlation(tokens, difficulty, *held.T)

        # Freedman and Lane (1983): permute the part of difficulty's ranks that the covariates
        # leave over, then take out what the covariates explain of it by chance.
        def shuffled(y: np.ndarray) -> np.ndarray:
            return y @ fixed / np.sqrt(moved @ moved - ((y @ explained) ** 2).sum(axis=-1))

        test = ", of residuals (Freedman-Lane)"
    else:
        raise ValueError(f"unknown measure {measure!r}; expected one of {', '.join(MEASURES)}")

    def permuted(draws: Draws) -> tuple[float, str]:
        if measure == "kendall" and n > KENDALL_PERMUTATIONS_UP_TO:
            return stats.kendalltau(tokens, difficulty).pvalue, "normal approximation with ties"
        held_at_once = n**2 if measure == "kendall" else n
        p, how = permutation_of_pairs(moved, shuffled, draws, values=held_at_once)
        return p, how + test

    found = correlation_over_items(clusters, statistic, permuted, draws.named(measure))
    return replace(found, method=f"{name}; {found.method}")


def _impossible(tokens: np.ndarray, difficulty: np.ndarray, criterion: str) -> str:
    if len(tokens) < 3:
        return f"{len(tokens)} items with a {criterion}, at least 3 are needed"
    if np.ptp(tokens) == 0:
        return "thinking tokens do not vary"
    if np.ptp(difficulty) == 0:
        return f"{criterion} does not vary"
    return ""


def kendall_correlation(x: np.ndarray, y: np.ndarray) -> Statistic:
    """Kendall's tau-b of x and y (n,) as a function of how often each item was drawn (..., n).

    Concordance is a quadratic form in that, of a matrix of signs made once, which is what makes
    thousands of resamples cheap. Its sums are whole numbers, which 32 bits hold up to 4,096 items;
    of more the matrix would be too large.
    """
    if len(x) > KENDALL_BY_MATRIX_UP_TO:
        return _kendall_one_by_one(x, y)
    signs = (_signs(x) * _signs(y)).astype(np.float32)
    apart = [_told_apart(side) for side in (x, y)]

    def statistic(times: np.ndarray) -> np.ndarray:
        same = ((times.astype(np.float32) @ signs) * times).sum(axis=-1)
        pairs = [of(times) for of in apart]
        with np.errstate(invalid="ignore", divide="ignore"):
            return same / np.sqrt(pairs[0] * pairs[1])

    return statistic


def _kendall_one_by_one(x: np.ndarray, y: np.ndarray) -> Statistic:
    def tau(times: np.ndarray) -> float:
        drawn = np.repeat(np.arange(len(x)), times.astype(int))
        return stats.kendalltau(x[drawn], y[drawn]).statistic

    return lambda times: np.apply_along_axis(tau, -1, times)


def _told_apart(x: np.ndarray) -> Statistic:
    """How many pairs of items differ in x (n,), both ways round, of those drawn so often."""
    order = np.argsort(x, kind="stable")
    starts = np.flatnonzero(np.diff(x[order], prepend=np.nan))

    def pairs(times: np.ndarray) -> np.ndarray:
        tied = np.add.reduceat(times[..., order], starts, axis=-1)
        return times.sum(axis=-1) ** 2 - (tied**2).sum(axis=-1)

    return pairs


def _concordance_with(x: np.ndarray) -> Statistic:
    """Concordant less discordant pairs of x (n,) and y, as a function of y (..., n)."""
    return lambda y: np.einsum("...ij,ij->...", _signs(y), _signs(x))


def _signs(x: np.ndarray) -> np.ndarray:
    """Which of each two is larger, x (..., n) to (..., n, n)."""
    return np.sign(x[..., :, None] - x[..., None, :])


def _covariates(covariates: pd.DataFrame | None) -> tuple[np.ndarray, str]:
    """The covariates that vary, shape (n, c), and the measure's name with what was left out."""
    given = pd.DataFrame() if covariates is None else covariates
    held = [column for column in given if given[column].nunique(dropna=False) > 1]
    constant = [column for column in given if column not in held]
    name = "partial Spearman given " + (" and ".join(held) or "nothing")
    if constant:
        name += f" ({' and '.join(constant)} left out: constant)"
    return given[held].to_numpy(float).reshape(len(given), len(held)), name


def _explained(held: np.ndarray, n: int) -> np.ndarray:
    """An orthonormal basis (n, at most 1 + c) of a constant and the ranks of `held` (n, c)."""
    columns = [np.ones(n), *(stats.rankdata(column) for column in held.T)]
    return linalg.orth(np.column_stack(columns))
