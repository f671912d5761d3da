"""How far a readout's probabilities can be believed: calibration error, Brier score, direction."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, readouts
from thinkscale.stats.core.calibration import calibration_error, equal_mass
from thinkscale.stats.core.intervals import Estimate, clustered_mean
from thinkscale.stats.core.resampling import Draws

READS = readouts.READS
COLUMNS = [
    *["model", *frame.CONDITION, "measure", *readouts.COUNTS, "bins"],
    *["estimate", "lower", "upper", "null_mean", "null_upper", "guessing", "method"],
]


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Calibration of every model and condition, clustered by item.

    Measures: `calibration_error`, of the most likely label, over `bins` bins of equal mass
    (`stats.core.calibration`), which noise raises above 0: `null_mean` and `null_upper` say how
    far, on average and at most, if confidence were right in every bin; `overconfidence`, mean
    confidence minus the share right; `brier`, over all labels, 0 to 2, whose `guessing` is that of
    labels all as likely. The first two leave out readouts without an answer.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
    rows = []
    for row, read in readouts.cells(graded):
        answers = readouts.decided(read)
        stream = draws.named("calibration", row["model"], row["condition"])
        for measure, (one, more) in _measured(read, answers, stream).items():
            used = read if measure == "brier" else answers
            sizes = {"n_items": used["item_id"].nunique(), "n_responses": len(used)}
            fewer = len(read) - len(used)
            after = f"; {fewer} without a most likely label left out" if fewer else ""
            said = one.row(after=after + readouts.note(row))
            rows.append({**row, **sizes, "measure": measure, **said, **more})
    return frame.table(rows, COLUMNS, graded)


def _measured(
    read: pd.DataFrame, answers: pd.DataFrame, draws: Draws
) -> dict[str, tuple[Estimate, dict]]:
    """Of each measure its estimate and the columns that only it has."""
    level = draws.confidence
    confidence, clusters = answers[readouts.CONFIDENCE], answers["cluster"]
    right = readouts.right(answers)
    over = clustered_mean(confidence - right, clusters, confidence=level, bounds=(-1.0, 1.0))
    scores = read[readouts.BRIER]
    worst = max(2.0, scores.max()) if len(read) else 2.0  # several keys of an item go beyond
    brier = clustered_mean(scores, read["cluster"], confidence=level, bounds=(0.0, worst))
    guessing = 1 - (1 / read["n_options"].astype(float)).mean()
    return {
        "calibration_error": _error(answers, right, draws),
        "overconfidence": (over, {}),
        "brier": (brier, {"guessing": guessing}),
    }


def _error(answers: pd.DataFrame, right: pd.Series, draws: Draws) -> tuple[Estimate, dict]:
    if answers.empty:
        return Estimate(method="not estimated: no responses"), {}
    confidence = answers[readouts.CONFIDENCE]
    bins = equal_mass(confidence, answers["cluster"].nunique())
    error, null_mean, null_upper = calibration_error(
        confidence, right, answers["cluster"], bins, draws
    )
    count = int(bins.max()) + 1
    method = f"{count} bins of equal mass; {error.method.removeprefix('mean; ')}"
    if not np.isnan(null_upper):
        method += ", given the sides of bins"
        method += ", and from 0: noise may make the estimate" * (error.estimate <= null_upper)
        method += f"; null: wild bootstrap of clusters ({draws.n_boot} draws)"
    more = {"bins": count, "null_mean": null_mean, "null_upper": null_upper}
    return replace(error, method=method), more
