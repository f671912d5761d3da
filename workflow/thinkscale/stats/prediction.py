"""How well difficulty is predicted out of sample, against a dummy and length alone."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core.correlations import rank_correlation
from thinkscale.stats.core.intervals import Estimate, clustered_mean
from thinkscale.stats.core.resampling import Draws, Statistic, cluster_bootstrap
from thinkscale.stats.predicted_difficulty import DUMMY, FOLDS, LENGTH

COLUMNS = [
    *["features", "learner", "n_features", "measure", "against", "n", "without_difficulty"],
    *["n_excluded", "estimate", "lower", "upper", "method"],
]
WIDER = math.sqrt(1 + FOLDS / (FOLDS - 1))
MEASURES = {  # in words
    "rmse": "root mean squared error, by the delta method",
    "mae": "mean absolute error",
    "spearman": "Spearman of mean prediction and difficulty",
}


def tabulate(predicted_difficulty: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """RMSE, MAE and Spearman's rho of the predictions in the table `predicted_difficulty`.

    Rows with `against` are paired differences on the same items: this set of features minus the
    dummy, or minus length alone by the same learner; below 0 is better for the two errors.

    Errors are those of each item, mean over partitions, and their intervals Student's t with
    clusters of items as units, of RMSE by the delta method. Differences depend on which items were
    learnt from, too, which that error does not hold: their variance is multiplied as Nadeau and
    Bengio have it (Machine Learning 52, 2003), by 1 + K / (K - 1) for K folds. In simulated studies
    of 50 to 200 items RMSE was covered in 90 to 96 % (in 84 % with 20 clusters of 5 items), and the
    difference that these fits have on new items in 95 to 99 % (80 to 93 % without the factor). The
    expected difference, over what else might have been learnt from, is covered less: in 82 % at 50
    items, and in 88 % where nothing can be predicted. Rho is that of the mean predictions; its
    interval resamples clusters, and that of its differences has the same factor.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options).named("prediction")
    sets = dict(list(predicted_difficulty.groupby(["features", "learner"], sort=False)))
    rows = []
    for (features, learner), own in sets.items():
        row = own.iloc[0].to_dict() | {"features": features, "learner": learner}
        if own["predicted"].isna().all():
            rows.append(row)
            continue
        for against, other in [(None, None), *_references(features, learner)]:
            base = None if other is None else sets[other]
            for measure in MEASURES:
                if measure == "spearman" and DUMMY in (features, against):
                    continue  # the mean of the others ranks nothing
                found = _measured(measure, own, base, draws.named(features, learner))
                said = found.row(before=f"{row['method']}; {MEASURES[measure]}; ")
                rows.append(row | {"measure": measure, "against": against} | said)
    if not rows:
        rows.append({"n": 0, "method": "not estimated: no items with a difficulty"})
    return pd.DataFrame(rows, columns=COLUMNS)


def _references(features: str, learner: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """What a set is compared with: its name and its key."""
    if features != DUMMY:
        yield DUMMY, (DUMMY, "mean")
    if features not in (DUMMY, LENGTH):
        yield LENGTH, (LENGTH, learner)


def _measured(measure: str, own: pd.DataFrame, base: pd.DataFrame | None, draws: Draws) -> Estimate:
    """One of `MEASURES` of one set's predictions, or its difference from those of `base`."""
    if measure == "spearman":
        ranked = [_ranked(table) for table in (own, base) if table is not None]
        found = cluster_bootstrap(
            own["cluster"],
            lambda times: ranked[0](times) - (ranked[1](times) if ranked[1:] else 0),
            draws,
            method="percentile",
        )
    else:
        values = _influence(measure, own) - (0 if base is None else _influence(measure, base))
        found = clustered_mean(values, own["cluster"], confidence=draws.confidence)
    if base is None:
        return found
    lower, upper = (
        found.estimate + WIDER * (end - found.estimate) for end in (found.lower, found.upper)
    )
    how = f"{found.method}, {WIDER:g} times as wide for training items that fits share"
    return replace(found, lower=lower, upper=upper, method=how)


def _ranked(own: pd.DataFrame) -> Statistic:
    return rank_correlation(*(own[name].to_numpy(float) for name in ("predicted", "difficulty")))


def _influence(measure: str, own: pd.DataFrame) -> np.ndarray:
    """Values (n,) whose mean is the measure, and whose spread is that of its influence.

    Of MAE the errors themselves; of RMSE, by the delta method, RMSE + (e² - MSE) / (2 RMSE).
    """
    if measure == "mae":
        return own["absolute_error"].to_numpy()
    squares = own["squared_error"].to_numpy()
    root = np.sqrt(squares.mean())
    return root + (squares - squares.mean()) / (2 * root) if root > 0 else squares
