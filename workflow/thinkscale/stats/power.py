"""What a study of so many items and samples would detect, from this study's own variances.

A paired difference of accuracy has two variances: between items, whose true differences differ, and
within, between the samples of one item. The mean over n items with k samples each has the variance
(between + within / k) / n (Miller, arXiv 2411.00640, section 3). More samples help only the second.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import percent
from thinkscale.stats.core.jackknife import left_out

READS = frame.NEEDED
COLUMNS = [
    *["model", "measure", *frame.CONDITION, "n_items", "samples", "this_study", "errors"],
    *["n_excluded", "power", "between", "within", "observed", "estimate", "lower", "upper"],
    *["needed", "method"],
]


def tabulate(
    graded: pd.DataFrame,
    *,
    power_items: Sequence[int] = (50, 100, 200, 500, 1000),
    power_samples: Sequence[int] = (1, 4, 16),
    power: float = 0.8,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Smallest effect found with `power`, two-sided, over a grid of items and samples.

    measure: `accuracy`, a condition's paired difference from natural, and `spearman_difficulty`,
    of natural thinking tokens. Of each the rows are this study's own size (`this_study`) and the
    grid. estimate: the effect that is detected, with the interval that comes of not knowing the
    variances better; for a correlation none is needed. observed: the effect in this study; a
    correlation as it would be with so many samples. needed: items that detect an effect of that
    size; it is a plan, not a test of this study. between, within: variances of the difference, and
    of the log of tokens. What did not fit the context is left out; `errors` counts those items.
    """
    rows = []
    grid = [(n, k) for n in sorted(set(power_items)) for k in sorted(set(power_samples))]
    for one in sweep.sweeps(graded, "correct", "think_tokens", "difficulty"):
        if "natural" not in one.names:
            continue
        row = {**one.sizes, "power": power}
        for analyse in (_correlation, differences):
            rows += [{**row, **found} for found in analyse(one, grid, power, confidence)]
    return frame.table(rows, COLUMNS, graded)


@cache
def detectable_difference(n: float, power: float, confidence: float) -> float:
    """Smallest mean that n independent differences show, in their standard deviations: paired t."""
    import pingouin  # takes 2 s to import; only this needs it

    if n < 3:
        return np.nan
    how = {"power": power, "alpha": 1 - confidence, "contrast": "paired"}
    return float(pingouin.power_ttest(n=n, **how))


def items_for_difference(effect: float, power: float, confidence: float) -> float:
    """How many differences show a mean of so many standard deviations: the inverse of that.

    By Guenther (1981, The American Statistician 35): the normal z-test's number, and half its
    squared quantile for the estimated variance; within a tenth of an item of the noncentral t.
    """
    if not effect > 0:
        return np.nan
    alpha, beta = stats.norm.ppf((1 + confidence) / 2), stats.norm.ppf(power)
    return float(((alpha + beta) / effect) ** 2 + alpha**2 / 2)


@cache
def detectable_correlation(n: float, power: float, confidence: float) -> float:
    """Smallest correlation that n items show."""
    import pingouin

    how = {"power": power, "alpha": 1 - confidence}
    return float(pingouin.power_corr(n=n, **how)) if n > 4 else np.nan


@cache
def items_for_correlation(r: float, power: float, confidence: float) -> float:
    """How many items show a correlation of r: its inverse."""
    import pingouin

    if not 1e-3 < abs(r) < 1:
        return np.nan
    return float(pingouin.power_corr(r=abs(r), power=power, alpha=1 - confidence))


def components(moments: np.ndarray, least: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Variances between and within items from sums over items, shape (..., 6) to twice (...).

    The sums are of 1, of the number of values n, of n^2, of the values, of their squares, and of
    the square of each item's sum over its n. One-way random effects (Searle, Casella and McCulloch
    1992, section 3.6); between items it may come out negative, and is `least` then. Where no item
    has two values, within is NaN and between is the variance of what there is.
    """
    items, number, square, total, squares, explained = np.moveaxis(moments, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        within = np.where(number > items, (squares - explained) / (number - items), np.nan)
        size = (number - square / number) / (items - 1)
        mean_square = (explained - total**2 / number) / (items - 1)
        between = (mean_square - np.nan_to_num(within)) / size
    return np.maximum(between, least), within


def moments(values: np.ndarray, items: np.ndarray) -> pd.DataFrame:
    """For every item the sums of which `components` are made; NaN is no value."""
    given = ~np.isnan(values)
    centred = pd.Series(values[given] - values[given].mean())  # for precision alone
    sums = centred.groupby(items[given]).agg(["size", "sum"]).astype(float)
    number, total = sums["size"], sums["sum"]
    squares = (centred**2).groupby(items[given]).sum()
    columns = [np.ones(len(sums)), number, number**2, total, squares, total**2 / number]
    return pd.DataFrame(np.column_stack(columns), index=sums.index)


def _variance(between: float, within: float, samples: float) -> float:
    """Of an item's mean over so many samples; unknown (NaN) if only one was seen of each."""
    if np.isnan(within):
        return between if samples == 1 else np.nan
    return between + within / samples


def differences(
    one: sweep.Sweep, grid: Sequence[tuple[int, int]], power: float, confidence: float
) -> list[dict]:
    """Rows of every condition's paired difference of accuracy from natural."""
    natural, rows = one.names.index("natural"), []
    items, clusters = (one.rows[name].to_numpy() for name in ("item_id", "cluster"))
    correct = np.where(one.rows["fits"].to_numpy()[:, None], one.values["correct"], np.nan)
    cluster_of = one.rows.groupby("item_id")["cluster"].first()
    for place, cell in enumerate(one.cells):
        change = correct[:, place] - correct[:, natural]
        there = ~np.isnan(change)
        if place == natural or not there.any():
            continue
        by_item = moments(change, items)
        n, observed = len(by_item), float(change[there].mean())
        summed = by_item.groupby(cluster_of[by_item.index]).sum().to_numpy()
        whole = summed.sum(axis=0)
        between, within = map(float, components(whole))
        parts = components(whole - summed, least=-np.inf)  # without each cluster
        effect = _design_effect(change, clusters, items)
        samples = len(change[there]) / n
        for n_items, k, here in _sizes(n, samples, grid):
            row = {"measure": "accuracy", **cell, "n_items": n_items, "samples": k}
            row |= {"this_study": here, "between": between, "within": within}
            row["observed"] = observed
            variance = effect * _variance(between, within, k)
            if not variance > 0:
                why = "one sample an item" if np.isnan(variance) else "no response differs"
                rows.append({**row, "method": f"not estimated: {why}"})
                continue
            smallest = detectable_difference(n_items, power, confidence)
            without = effect * (parts[0] + np.nan_to_num(parts[1]) / k)
            error = left_out(variance, without, confidence=confidence)
            row["estimate"] = smallest * np.sqrt(variance)
            # The logarithm of a variance is nearer to normal; half of it is that of its root.
            half = np.exp((error.upper - error.estimate) / variance / 2)
            row["lower"], row["upper"] = row["estimate"] / half, row["estimate"] * half
            standardized = abs(observed) / np.sqrt(variance)
            row["needed"] = items_for_difference(standardized, power, confidence)
            how = f"{percent(confidence)} interval jackknife t of the variance's logarithm"
            said = f"paired t; {how}; design effect of clusters {effect:.3g}"
            rows.append({**row, "method": said + one.unfit("left out")})
    return rows


def _correlation(
    one: sweep.Sweep, grid: Sequence[tuple[int, int]], power: float, confidence: float
) -> list[dict]:
    """Rows of Spearman's correlation of natural thinking tokens with difficulty."""
    natural = one.names.index("natural")
    tokens, difficulty = (one.values[name][:, natural] for name in ("think_tokens", "difficulty"))
    known = ~np.isnan(tokens) & ~np.isnan(difficulty)
    items = one.rows["item_id"].to_numpy()
    means = pd.DataFrame({"tokens": tokens, "difficulty": difficulty})[known]
    means = means.groupby(items[known]).mean()
    n, first = len(means), {"measure": "spearman_difficulty", **one.cells[natural]}
    if n < 4 or means.nunique().min() < 2:
        why = f"not estimated: {n} items with a difficulty, or all alike"
        return [{**first, "n_items": n, "this_study": True, "method": why}]
    between, within = components(moments(np.log1p(tokens[known]), items[known]).sum().to_numpy())
    observed = float(stats.spearmanr(means["tokens"], means["difficulty"]).statistic)
    samples, rows = known.sum() / n, []
    for n_items, k, here in _sizes(n, samples, grid):
        share = _variance(between, within, samples) / _variance(between, within, k)
        expected = observed * float(np.sqrt(share))
        row = {**first, "n_items": n_items, "samples": k, "this_study": here}
        row |= {"between": float(between), "within": float(within), "observed": expected}
        row["estimate"] = detectable_correlation(n_items, power, confidence)
        row["needed"] = items_for_correlation(expected, power, confidence)
        said = "as of a Pearson correlation (power_corr of pingouin); items taken as independent"
        rows.append({**row, "method": said + one.unfit("left out")})
    return rows


def _sizes(
    n: int, samples: float, grid: Sequence[tuple[int, int]]
) -> list[tuple[int, float, bool]]:
    """This study's items and mean samples first, then the grid's."""
    return [(n, samples, True), *((items, k, False) for items, k in grid)]


def _design_effect(values: np.ndarray, clusters: np.ndarray, items: np.ndarray) -> float:
    """How much larger clusters make the variance of the mean than independent items would have."""
    variances = [float(sweep.sums(values, group).covariance()[0, 0]) for group in (clusters, items)]
    return variances[0] / variances[1] if variances[1] > 0 else 1.0
