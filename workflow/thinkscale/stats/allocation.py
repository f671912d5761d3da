"""Allocation: within an item, are right answers thought about longer than wrong ones?

Harder items get longer thinking and more wrong answers, so that right answers are the shorter ones
even where nothing within an item tells them apart. Two of the measures hold the item fixed. The
third, a mixed model with a random intercept for each item, does so only in part: it weighs what
lies within items together with what lies between them, and is there to compare with other studies.
"""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, percent
from thinkscale.stats.core.jackknife import jackknife

READS = frame.NEEDED
COLUMNS = [
    *["model", "measure", "n_items", "n_both", "n_responses", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "p", "censored", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Log thinking tokens of right against other answers, natural condition, for every model.

    `within` and `mixed` are differences of log tokens, right minus not right: their exponential is
    a ratio of lengths. `cohen_d` is in standard deviations within items and outcomes. Items
    answered both rightly and not (`n_both`) tell; the mixed model takes all. A thought that was cut
    counts as long as it was: `censored` is their share.
    """
    rows = []
    for model, natural in frame.by_model(frame.prepare(frame.natural(graded))):
        errors, used = frame.unfit_items(natural), natural[natural["fits"]]
        shares = used.groupby("item_id")["correct"].mean()
        both = (shares > 0) & (shares < 1)
        row = {"model": model, "n_items": len(shares), "n_both": int(both.sum())}
        row |= {"n_responses": len(used), "errors": errors, "censored": used["censored"].mean()}
        note = "; ungradable answers are not right; uncorrected"
        note += frame.unfit_note(errors, "left out")
        for measure, name, found in measures(used, both[both].index, confidence):
            rows.append({**row, "measure": measure, **found.row(f"{name}; ", note)})
    return frame.table(rows, COLUMNS, graded)


def measures(
    used: pd.DataFrame, both: pd.Index, confidence: float
) -> Iterator[tuple[str, str, Estimate]]:
    """Each measure, what it is in words, and its estimate."""
    shift = 0 if used["think_tokens"].min() > 0 else 1
    logs = f"log(tokens{' + 1' if shift else ''})"
    used = used.assign(
        log=np.log(used["think_tokens"] + shift), right=used["correct"].astype(float)
    )
    told = used[used["item_id"].isin(both)]
    impossible = _impossible(used, told)
    names = {
        "within": f"{logs} right minus not right within items, an item weighing by its answers",
        "cohen_d": f"Cohen's d of {logs} within items, an item weighing as any",
        "mixed": f"mixed model {logs} ~ right + (1 | item), maximum likelihood",
    }
    for measure, name in names.items():
        if impossible:
            found = Estimate(method=f"not estimated: {impossible}")
        elif measure == "mixed":
            keys = used["item_id"], used["cluster"]
            found = mixed_model(used["log"], used["right"], *keys, confidence=confidence)
        else:
            found = within_items(measure, told, confidence)
        yield measure, name, found


def _impossible(used: pd.DataFrame, told: pd.DataFrame) -> str:
    if used.empty:
        return "no responses"
    if used.groupby("item_id").size().max() < 2:
        return "one sample an item, several are needed"
    if told["item_id"].nunique() < 3:
        return f"{told['item_id'].nunique()} items answered rightly and not, at least 3 are needed"
    if np.ptp(told["log"]) == 0:
        return "thinking tokens do not vary"
    return ""


def within_items(measure: str, told: pd.DataFrame, confidence: float) -> Estimate:
    """`within` or `cohen_d` of items that were all answered rightly and not.

    With n1 right and n0 other answers of an item, and m their difference of means: `within` is the
    mean of m weighted by n1 n0 / (n1 + n0), which is the regression with an intercept fixed for
    each item; `cohen_d` the plain mean of m over the standard deviation pooled over items and
    outcomes. Intervals and p are the jackknife's over clusters.

    told: item_id, cluster, right (0 or 1) and log, a row a response.
    """
    cells = told.groupby(["item_id", "right"])["log"].agg(["mean", "size", "var"]).unstack()
    means, sizes = (cells[name].to_numpy() for name in ("mean", "size"))
    difference = means[:, 1] - means[:, 0]
    clusters = told.groupby("item_id")["cluster"].first()
    if measure == "within":
        weights = sizes.prod(axis=1) / sizes.sum(axis=1)

        def statistic(times: np.ndarray) -> np.ndarray:
            return times @ (weights * difference) / (times @ weights)

    else:
        squares = np.nansum(cells["var"].to_numpy() * (sizes - 1), axis=1)
        freedom = sizes.sum(axis=1) - 2

        def statistic(times: np.ndarray) -> np.ndarray:
            pooled = np.sqrt(times @ squares / (times @ freedom))
            return times @ difference / times.sum(axis=-1) / pooled

    return jackknife(clusters, statistic, confidence=confidence)


def mixed_model(
    y: np.ndarray, x: np.ndarray, items: np.ndarray, clusters: np.ndarray, *, confidence: float
) -> Estimate:
    """Slope of y ~ x + (1 | item), all of shape (n,); where the fit fails, `method` says so.

    The variances are statsmodels', by maximum likelihood, so that items copied within their cluster
    change nothing. Given them the slope is least squares on values less a
    part of their item's mean, 1 - sqrt(s / (s + n v)) of n values with residual variance s and v
    between items, so that its standard error can be robust against clusters of items.
    """
    import statsmodels.api as sm  # 1 s to import; only this needs it

    y, x = np.asarray(y, float), np.asarray(x, float)
    design = np.column_stack([np.ones_like(x), x])
    fit = _fitted(sm.MixedLM(y, design, groups=np.asarray(items)))
    if fit is None:
        return Estimate(method="not estimated: the fit did not converge")
    between, rest = float(np.asarray(fit.cov_re)[0, 0]), float(fit.scale)
    codes, found = pd.factorize(np.asarray(items))
    sizes = np.bincount(codes)
    part = (1 - np.sqrt(rest / (rest + sizes * between)))[codes]

    def less(values: np.ndarray) -> np.ndarray:
        return values - part * (np.bincount(codes, values) / sizes)[codes]

    groups, several = pd.factorize(np.asarray(clusters))
    reduced = np.column_stack([less(column) for column in design.T])
    known = {"groups": groups, "use_correction": False}
    ols = sm.OLS(less(y), reduced).fit(cov_type="cluster", cov_kwds=known)
    slope, count = float(ols.params[1]), len(several)
    if count < 3:
        return Estimate(slope, method=f"no interval: from {count} clusters")
    error = float(ols.bse[1]) * np.sqrt(count / (count - 1))
    half = float(stats.t.ppf((1 + confidence) / 2, count - 1) * error)
    p = float(2 * stats.t.sf(abs(slope) / error, count - 1))
    how = f"cluster-robust t over {count} {'items' if count == len(found) else 'clusters'}"
    edge = "; no variance between items, on the boundary" if between < 1e-8 * rest else ""
    method = f"{percent(confidence)} interval {how}{edge}"
    return Estimate(slope, slope - half, slope + half, method, p, how)


def _fitted(model: Any) -> Any:
    """The model's fit; None if it does not converge. Powell's method also does on the boundary."""
    for method in ("lbfgs", "powell"):
        with warnings.catch_warnings(action="ignore"), suppress(np.linalg.LinAlgError):
            fit = model.fit(reml=False, method=method)
            if fit.converged:
                return fit
    return None
