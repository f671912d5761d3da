"""Difficulty against outcome: are the items a model gets wrong the ones people find hard?"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import pearson
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.resampling import Draws, bootstrap, permutation_of_pairs

COLUMNS = [
    *["model", "measure", "n_items", "n_responses", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "p", "method"],
]
MEASURES = {  # in words
    "mean_difficulty_correct": "mean difficulty over correct responses",
    "mean_difficulty_incorrect": "mean difficulty over responses not correct",
    "difference": "mean difficulty not correct minus correct",
    "spearman_item_accuracy": "Spearman of item accuracy and difficulty",
}
TESTED = ("difference", "spearman_item_accuracy")


def tabulate(graded: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Difficulty of the items answered rightly and not, natural condition, for every model.

    Not correct are incorrect and ungradable responses, and items that did not fit the context.
    options: confidence, n_boot, n_permutations, seed, as of `core.resampling.Draws`.
    """
    draws = Draws(**options)
    rows = []
    for model, items in frame.natural_items(graded):
        used = items[items["difficulty"].notna()]
        errors, left_out = int((~used["fits"]).sum()), len(items) - len(used)
        note = "; uncorrected" + frame.unfit_note(errors, "count as not correct")
        note += f"; {left_out} items without difficulty left out" if left_out else ""
        row = {"model": model, "n_items": len(used), "errors": errors}
        row["n_responses"] = int(used["samples"].sum())
        facts = [used[column] for column in ("difficulty", "correct", "samples")]
        for measure in MEASURES:
            found = by_outcome(measure, *facts, draws.named("outcome", model))
            rows.append({**row, "measure": measure, **found.row(after=note)})
    return frame.table(rows, COLUMNS, graded)


def by_outcome(
    measure: str, difficulty: np.ndarray, correct: np.ndarray, samples: np.ndarray, draws: Draws
) -> Estimate:
    """One of `MEASURES`; the difference is incorrect minus correct, in units of difficulty.

    Means are over responses. Intervals resample items with all their samples; p shuffles
    difficulty over items, and is missing for the two means, which test nothing.

    Parameters
    ----------
    difficulty, correct, samples : shape (n,), per item: its difficulty, how many of its samples
        are correct, how many there are
    """
    difficulty, correct, samples = (np.asarray(x, float) for x in (difficulty, correct, samples))
    wrong = samples - correct
    name = MEASURES[measure]
    if reason := _impossible(measure, difficulty, correct, wrong):
        return Estimate(method=f"{name}; not estimated: {reason}")

    def statistic(d: np.ndarray, right: np.ndarray, mistaken: np.ndarray) -> np.ndarray:
        if measure == "mean_difficulty_correct":
            return _mean(d, right)
        if measure == "mean_difficulty_incorrect":
            return _mean(d, mistaken)
        if measure == "difference":
            return _mean(d, mistaken) - _mean(d, right)
        accuracy = right / (right + mistaken)
        return pearson(stats.rankdata(accuracy, axis=-1), stats.rankdata(d, axis=-1))

    draws = draws.named(measure)
    found = bootstrap(
        len(difficulty), lambda i: statistic(difficulty[i], correct[i], wrong[i]), draws
    )
    found = replace(found, method=f"{name}; {found.method}")
    if measure not in TESTED:
        return found
    p, how = permutation_of_pairs(difficulty, lambda d: statistic(d, correct, wrong), draws)
    return replace(found, p=p, method=f"{found.method}; p {how} of items")


def _mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights * values).sum(axis=-1) / weights.sum(axis=-1)


def _impossible(
    measure: str, difficulty: np.ndarray, correct: np.ndarray, wrong: np.ndarray
) -> str:
    """Why the measure cannot be had from these data; empty where it can."""
    if len(difficulty) < 3:
        return f"{len(difficulty)} items with a difficulty, at least 3 are needed"
    if measure == "spearman_item_accuracy":
        if np.ptp(difficulty) == 0:
            return "difficulty does not vary"
        if np.ptp(correct / (correct + wrong)) == 0:
            return "accuracy does not vary over items"
    elif measure != "mean_difficulty_incorrect" and not correct.sum():
        return "no correct response"
    elif measure != "mean_difficulty_correct" and not wrong.sum():
        return "no incorrect response"
    return ""
