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
from thinkscale.stats.core.jackknife import PERFECT, fisher_z, grouped, left_out, of_correlation
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
    `brier`, mean squared distance from 0 or 1. n_items: of `auc_within` those with both kinds, else
    all. guessing: of the measure, if every candidate had the share right as its score. The last two
    need scores from 0 to 1. Intervals are clustered by item.
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
    within, both = _within(own, draws.confidence)
    found = {
        "auc": (_over_all(score, right, own["cluster"], draws.confidence), {"guessing": 0.5}),
        "auc_within": (within, {"guessing": 0.5, "n_items": both}),
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
    area, (codes, _, unit) = auc(score, right), grouped(clusters)
    r = 2 * np.append(area, areas_without(score, right, codes)) - 1
    if abs(r[0]) >= PERFECT:
        return Estimate(area, method="no interval: of a perfect score")
    z = fisher_z(r)
    found = of_correlation(left_out(z[0], z[1:], unit, confidence))
    how = f"{found.method} of 2 auc - 1" if np.isfinite(found.lower) else found.method
    return Estimate(area, (1 + found.lower) / 2, (1 + found.upper) / 2, how)


def _within(own: pd.DataFrame, confidence: float) -> tuple[Estimate, int]:
    """The mean area over items that have both kinds, and how many have."""
    pairs = won(own["score"], own["correct"], own["item_id"])
    pairs = pairs[(pairs["right"] > 0) & (pairs["wrong"] > 0)]
    if pairs.empty:
        return Estimate(method="not estimated: no item has right and wrong candidates"), 0
    areas = pairs["won"] / (pairs["right"] * pairs["wrong"])
    clusters = own.groupby("item_id")["cluster"].first()[pairs.index]
    found = clustered_share(areas, clusters, confidence)
    how = f"of {len(pairs)} items with both kinds; {found.method}"
    return replace(found, method=how), len(pairs)


def won(score: pd.Series, right: pd.Series, groups: pd.Series | np.ndarray) -> pd.DataFrame:
    """By group: how many candidates are `right` and `wrong`, and `won`, of the pairs of one of each
    those in which the right one has the higher score, ties counting half (Mann-Whitney's U)."""
    ranks = score.groupby(groups).rank()
    held = pd.DataFrame({"right": right, "wrong": ~right, "ranks": ranks.where(right, 0.0)})
    found = held.groupby(groups).sum()
    return found.assign(won=found["ranks"] - found["right"] * (found["right"] + 1) / 2)


def auc(score: np.ndarray, right: np.ndarray) -> float:
    """Area under the ROC curve of scores of right and wrong candidates, both shape (n,)."""
    whole = won(pd.Series(score), pd.Series(right), np.zeros(len(score))).iloc[0]
    return float(whole["won"] / (whole["right"] * whole["wrong"]))


def areas_without(score: np.ndarray, right: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """`auc` without each cluster in turn, shape (G,); NaN where one kind is gone.

    Of all pairs those go that have one side in the cluster, once each (as in the components of
    DeLong et al., Biometrics 44 (1988), 837-845), and nothing need be ranked again.

    Parameters
    ----------
    score, right, codes : shape (n,); the cluster of each candidate, from 0 to G - 1
    """
    score, right, codes = pd.Series(score), pd.Series(right), pd.Series(codes)
    others = score.rank() - score.groupby(right).rank()  # of the other kind with a lower score
    pairs = others.where(right, right.sum() - others)  # that a candidate has a part in
    own = won(score, right, codes)
    left = others[right].sum() - pairs.groupby(codes).sum() + own["won"]
    of_right, of_wrong = (own[name].sum() - own[name] for name in ("right", "wrong"))
    return (left / (of_right * of_wrong)).to_numpy()
