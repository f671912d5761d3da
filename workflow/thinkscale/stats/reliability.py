"""Reliability of thinking length: how far samples of one item agree, and what that costs a rho.

Items that think about as long in every sample are told apart by length; what varies between the
samples of an item is noise, which draws every correlation with length towards 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import linear_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import Statistic, jackknife

READS = frame.NEEDED
COLUMNS = [
    *["model", "measure", "criterion", "n", "samples", "without_criterion", "errors", "n_excluded"],
    *["raw", "estimate", "lower", "upper", "p", "method"],
]

PER_ITEM = ["mean", "size", "var"]  # of log tokens


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Intraclass correlations of log thinking tokens, natural condition, for every model.

    `icc_single` is the reliability of one sample's length, `icc_mean` that of the mean over an
    item's `samples`. `disattenuated` is Pearson's r of the mean with a criterion over the root of
    `icc_mean`, what r would be with ever more samples; `raw` is r itself. It may exceed 1.
    """
    rows = []
    for model, natural in frame.by_model(frame.prepare(frame.natural(graded))):
        items, fits = frame.per_item(natural), natural[natural["fits"]]
        shift = 0 if fits["think_tokens"].min() > 0 else 1
        logs = np.log(fits["think_tokens"] + shift).groupby(fits["item_id"])
        errors, items = int((~items["fits"]).sum()), items[items["fits"]]
        items = items.join(logs.agg(PER_ITEM))
        said = f"log(tokens{' + 1' if shift else ''})"
        note = frame.unfit_note(errors, "left out")
        row = {"model": model, "errors": errors, "raw": np.nan, "without_criterion": 0}
        row |= {"n": len(items), "samples": typical_size(items["size"])}
        for measure, found in intraclass(items, confidence=confidence):
            words = found.row(f"one-way random ICC of {said}; ", f"; p that it is 0{note}")
            rows.append({**row, "measure": measure, **words})
        for criterion, what in frame.criteria(items).items():
            known = items.dropna(subset=criterion)
            without = len(items) - len(known)
            raw, found = disattenuated(known, criterion, confidence=confidence)
            name = f"Pearson of mean {said} with {what} over the root of its reliability; "
            left = f"; {without} items without {what} left out" if without else ""
            facts = {"measure": "disattenuated", "criterion": criterion, "raw": raw}
            facts |= {"n": len(known), "without_criterion": without}
            rows.append({**row, **facts, **found.row(name, left + note)})
    return frame.table(rows, COLUMNS, graded)


def intraclass(items: pd.DataFrame, *, confidence: float = 0.95) -> Iterator[tuple[str, Estimate]]:
    """Yield `icc_single` and `icc_mean`: ICC(1) and ICC(k) of Shrout and Fleiss (1979).

    With F the mean square between items over that within, they are (F - 1) / (F + k - 1) and
    (F - 1) / F, for k samples an item. Interval and p are the jackknife's of log F over clusters:
    for normal values they are those of the F distribution, which covers 69 to 93 % where values are
    skewed as exponential ones are; the jackknife's covers 88 to 94 %.

    items: `mean`, `size` and `var` of each item's values, and its `cluster`.
    """
    found = Estimate(method=f"not estimated: {_impossible(items)}")
    if not _impossible(items):
        ratio = variance_ratio(items[PER_ITEM].to_numpy(float), items["cluster"])
        found = jackknife(
            items["cluster"], lambda times: np.log(ratio(times)), confidence=confidence
        )
    ratios = np.exp([found.estimate, found.lower, found.upper])
    for measure, plus in (("icc_single", typical_size(items["size"]) - 1), ("icc_mean", 0.0)):
        estimate, lower, upper = map(float, (ratios - 1) / (ratios + plus))
        yield measure, replace(found, estimate=estimate, lower=lower, upper=upper)


def disattenuated(
    items: pd.DataFrame, criterion: str, *, confidence: float = 0.95
) -> tuple[float, Estimate]:
    """Pearson's r of items' means with a criterion, and r over the root of the means' reliability.

    Spearman (1904). The jackknife over clusters takes reliability anew each time: an interval of r
    over a root taken as known is too narrow (Charles, Psychological Methods 10, 2005). It is that
    of Fisher's z, of the ratio times this study's root: the law of r is skewed, and intervals of
    the ratio itself missed in 6 to 14 % of simulated studies with reliable lengths.

    items: as of `intraclass`, with the criterion as a column.
    """
    facts, values = items[PER_ITEM].to_numpy(float), items[criterion].to_numpy(float)
    if reason := _impossible(items):
        return np.nan, Estimate(method=f"not estimated: {reason}")
    if np.ptp(values) == 0:
        reason = f"{frame.CRITERIA[criterion]} does not vary"
        return np.nan, Estimate(method=f"not estimated: {reason}")
    correlation = linear_correlation(facts[:, 0], values)
    ratio = variance_ratio(facts, items["cluster"])
    once = np.ones(len(items))
    raw = float(correlation(once))
    if ratio(once) <= 1:
        return raw, Estimate(method="not estimated: means of samples tell no items apart")

    def root(times: np.ndarray) -> np.ndarray:
        return np.sqrt(1 - 1 / ratio(times))

    here = float(root(once))
    found = jackknife(
        items["cluster"],
        lambda times: np.arctanh(correlation(times) * here / root(times)),
        confidence=confidence,
    )
    ends = (found.estimate, found.lower, found.upper)
    estimate, lower, upper = (float(np.tanh(z)) / here for z in ends)
    bounds = {"estimate": estimate, "lower": lower, "upper": upper}
    return raw, replace(found, **bounds, method=f"{found.method}, of Fisher's z")


def variance_ratio(facts: np.ndarray, clusters: Sequence[str]) -> Statistic:
    """F of a one-way analysis of variance, of how often each item counts, (..., n) to (...).

    It is the mean square between items over that within. One degree of freedom is lost of as many
    as there are clusters, so that items copied within theirs leave F as it is; where every item is
    its own cluster this is the textbook's.

    facts: shape (n, 3), mean, size and variance of each item's values; of one value NaN.
    """
    mean, size, var = facts.T
    mean = mean - np.average(mean, weights=size)  # for precision alone
    inside = np.nan_to_num((size - 1) * var)
    firsts = np.unique(pd.factorize(np.asarray(clusters))[0], return_index=True)[1]

    def ratio(times: np.ndarray) -> np.ndarray:
        items, values = times.sum(axis=-1), times @ size
        groups = (times[..., firsts] > 0).sum(axis=-1)
        squares = times @ (size * mean**2) - (times @ (size * mean)) ** 2 / values
        return squares / items * groups / (groups - 1) / (times @ inside / (values - items))

    return ratio


def typical_size(size: pd.Series) -> float:
    """Samples an item, k; where it differs, what takes its place in ICC(1) (Donner 1986)."""
    if len(size) < 2:
        return float(size.mean())
    return float((size.sum() - (size**2).sum() / size.sum()) / (len(size) - 1))


def _impossible(items: pd.DataFrame) -> str:
    if len(items) < 3:
        return f"{len(items)} items, at least 3 are needed"
    if items["cluster"].nunique() < 2:
        return "all items share one cluster"
    if items["size"].max() < 2:
        return "one sample an item, several are needed"
    if not items["var"].sum() > 0 or np.ptp(items["mean"]) == 0:
        return "thinking tokens do not vary within items, or not between them"
    return ""
