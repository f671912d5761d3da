"""How good a scorer is: whether its scores tell right thoughts from wrong ones, and how far they
can be believed as probabilities."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.calibration import calibration_error, equal_mass
from thinkscale.stats.core.intervals import Estimate, clustered_share
from thinkscale.stats.core.jackknife import jackknifed_correlation
from thinkscale.stats.core.resampling import Draws
from thinkscale.stats.selection import AGGREGATED

PARTS = 5  # of a thought, at whose ends it is looked at
COLUMNS = [
    *["model", "scorer", "agg_strategy", "fraction", "measure", "n_items", "n_candidates"],
    *["unscored", "n_excluded", "share_correct", "estimate", "lower", "upper", "guessing"],
    *["null_mean", "method"],
]
NATURAL = "samples"
"""The search that holds the natural samples: no scorer has chosen among them."""


def tabulate(
    ballots: pd.DataFrame, scores: pd.DataFrame, graded: pd.DataFrame, **options: Any
) -> pd.DataFrame:
    """Quality of every scorer on every model's natural samples, whose answers are right or wrong.

    Candidates of a search are no fair test: its scorer has chosen among them. A row is of whole
    thoughts, whose steps' scores become one by `agg_strategy`, or of the beginnings that have a
    `fraction` of a thought's steps, by the score of the last step in it; what counts as right is
    the answer at the end.

    Measures: `auc`, the chance that a right candidate has the higher score of two, ties counting
    half, over all pairs (items in which the scorer sees a hard one help it here); `auc_within`, the
    same of pairs about one item, mean over the items that have both kinds: what a choice goes by;
    `calibration_error` with the mean of its null, as of readouts (`stats.core.calibration`); and
    `brier`, mean squared distance from 0 or 1. n_items: those with both kinds, of `auc_within`;
    else all. guessing: of the measure, if every candidate had the
    share right as its score. The last two need scores from 0 to 1. Intervals are clustered by item.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws, rows = Draws(**options), []
    for (model, scorer), candidates in _judged(ballots, scores, graded):
        for view, values in _views(candidates["steps"]):
            known = values.notna()
            own = candidates[known].assign(score=values[known])
            row = {
                **{"model": model, "scorer": scorer, **view, "n_items": own["item_id"].nunique()},
                **{"n_candidates": len(own), "unscored": int((~known).sum())},
                "share_correct": own["correct"].mean(),
            }
            stream = draws.named("scorer quality", model, scorer, *map(str, view.values()))
            for measure, (one, more) in measures(own, stream).items():
                rows.append({**row, "measure": measure, **one.row(), **more})
    return frame.table(rows, COLUMNS, graded)


def _judged(
    ballots: pd.DataFrame, scores: pd.DataFrame, graded: pd.DataFrame
) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield every (model, scorer) with the natural samples it judged: `steps`, the array of their
    scores, `correct`, and `cluster`."""
    items = frame.included(graded).drop_duplicates("item_id")
    items = items[["item_id"]].assign(cluster=frame.clusters(items))
    keys = ["model", "item_id", "search", "n", "candidate"]
    steps = scores[scores["search"] == NATURAL].sort_values([*keys, "scorer", "step"])
    steps = steps.groupby([*keys, "scorer"], sort=False)["score"].agg(
        steps=lambda values: values.to_numpy(float)
    )
    found = steps.reset_index().merge(ballots[[*keys, "correct"]], on=keys).merge(items)
    yield from found.groupby(["model", "scorer"], sort=False)


def _views(steps: pd.Series) -> Iterator[tuple[dict, pd.Series]]:
    """Yield what a row is of, and each candidate's score in it."""
    for how, one in AGGREGATED.items():
        yield {"agg_strategy": how}, steps.map(one)
    for part in range(1, PARTS + 1):
        ends = steps.map(lambda own, p=part: own[ceil(p * len(own) / PARTS) - 1])
        yield {"fraction": part / PARTS}, ends


def measures(own: pd.DataFrame, draws: Draws) -> dict[str, tuple[Estimate, dict]]:
    """Of each measure its estimate and the columns that only it has."""
    score, right = own["score"].to_numpy(float), own["correct"].to_numpy(bool)
    both = int((own.groupby("item_id")["correct"].nunique() == 2).sum())
    found = {
        "auc": (_over_all(score, right, own["cluster"], draws.confidence), {"guessing": 0.5}),
        "auc_within": (_within(own, draws.confidence), {"guessing": 0.5, "n_items": both}),
    }
    if len(own) == 0 or score.min() < 0 or score.max() > 1:
        none = Estimate(method="not estimated: scores outside 0 to 1, or none")
        return found | {"calibration_error": (none, {}), "brier": (none, {})}
    bins = equal_mass(score, own["cluster"].nunique())
    error, null, _ = calibration_error(score, right, own["cluster"], bins, draws)
    how = f"{bins.max() + 1} bins of equal mass; {error.method.removeprefix('mean; ')}"
    brier = clustered_share((score - right) ** 2, own["cluster"], draws.confidence)
    return found | {
        "calibration_error": (replace(error, method=how), {"guessing": 0.0, "null_mean": null}),
        "brier": (brier, {"guessing": right.mean() * (1 - right.mean())}),
    }


def _over_all(
    score: np.ndarray, right: np.ndarray, clusters: pd.Series, confidence: float
) -> Estimate:
    """The area, whose interval is that of 2 auc - 1, the rank-biserial correlation."""
    if not 0 < right.sum() < len(right):
        return Estimate(method="not estimated: all candidates right, or all wrong, or none")
    found = jackknifed_correlation(
        clusters, lambda times: 2 * auc(score, right, times) - 1, confidence=confidence
    )
    areas = {name: (1 + value) / 2 for name, value in found.bounds().items()}
    return replace(found, **areas, p=np.nan, p_method="", method=f"{found.method} of 2 auc - 1")


def _within(own: pd.DataFrame, confidence: float) -> Estimate:
    of_items = [
        (float(auc(*(item[c].to_numpy() for c in ("score", "correct")))), item["cluster"].iloc[0])
        for _, item in own.groupby("item_id")
        if item["correct"].nunique() == 2
    ]
    if not of_items:
        return Estimate(method="not estimated: no item has right and wrong candidates")
    found = clustered_share(*map(np.array, zip(*of_items, strict=True)), confidence)
    return replace(found, method=f"of {len(of_items)} items with both kinds; {found.method}")


def auc(score: np.ndarray, right: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
    """Area under the ROC curve with weights, for many sets of weights at once.

    What scikit-learn's `roc_auc_score` gives with `sample_weight`; a call of that for each cluster
    left out would be most of a study's analysis. NaN where one kind has no weight.

    Parameters
    ----------
    score, right : shape (n,)
    weights : shape (..., n)

    Returns
    -------
    shape (...)
    """
    score, right = np.asarray(score, float), np.asarray(right, bool)
    weights = np.broadcast_to(weights, (*np.shape(weights)[:-1], len(score)))
    order = np.argsort(score[~right])
    ranked, of_right = score[~right][order], weights[..., right]
    # Of each right candidate the weight of the wrong ones below it, and of those that tie half.
    until = weights[..., np.flatnonzero(~right)[order]].cumsum(axis=-1)
    until = np.concatenate([np.zeros((*until.shape[:-1], 1)), until], axis=-1)
    ends = (np.searchsorted(ranked, score[right], side) for side in ("left", "right"))
    below = sum(until[..., end] for end in ends) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return (of_right * below).sum(axis=-1) / (of_right.sum(axis=-1) * until[..., -1])
