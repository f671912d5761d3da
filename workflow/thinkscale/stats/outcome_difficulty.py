"""Difficulty against outcome: are the items a model gets wrong the ones people find hard?"""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import covariation, rank_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import jackknife
from thinkscale.stats.core.resampling import (
    Draws,
    correlation_over_items,
    permutation_of_pairs,
)

READS = frame.NEEDED
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
        facts = [used[column] for column in ("difficulty", "correct", "samples", "cluster")]
        for measure in MEASURES:
            found = by_outcome(measure, *facts, draws=draws.named("outcome", model))
            rows.append({**row, "measure": measure, **found.row(after=note)})
    return frame.table(rows, COLUMNS, graded)


def by_outcome(
    measure: str,
    difficulty: np.ndarray,
    correct: np.ndarray,
    samples: np.ndarray,
    clusters: np.ndarray,
    *,
    draws: Draws,
) -> Estimate:
    """One of `MEASURES`; the difference is incorrect minus correct, in units of difficulty.

    Means are over responses; their intervals, and p that the difference is 0, are the jackknife's
    over clusters of items with all their samples, which held the true value in 93 to 96 % of
    simulated studies of 20 to 200 items, a BCa bootstrap in 83 to 95 %. The two means have no p,
    since they test nothing. The correlation is `correlation_over_items`.

    Parameters
    ----------
    difficulty, correct, samples, clusters : shape (n,), per item: its difficulty, how many of its
        samples are correct, how many there are, its cluster
    """
    difficulty, correct, samples = (np.asarray(x, float) for x in (difficulty, correct, samples))
    wrong = samples - correct
    name, draws = MEASURES[measure], draws.named(measure)
    if reason := _impossible(measure, difficulty, correct, wrong):
        return Estimate(method=f"{name}; not estimated: {reason}")

    if measure == "spearman_item_accuracy":
        accuracy = correct / samples
        moved, shuffled = stats.rankdata(difficulty), covariation(stats.rankdata(accuracy))
        permuted = partial(permutation_of_pairs, moved, shuffled)
        rho = rank_correlation(accuracy, difficulty)
        found = correlation_over_items(clusters, rho, permuted, draws)
        return replace(found, method=f"{name}; {found.method}; p {found.p_method}")
    parts = {
        "mean_difficulty_correct": [(1, correct)],
        "mean_difficulty_incorrect": [(1, wrong)],
        "difference": [(1, wrong), (-1, correct)],
    }[measure]

    def means(times: np.ndarray) -> np.ndarray:
        weights = ((sign, times * outcome) for sign, outcome in parts)
        return sum(sign * (w @ difficulty) / w.sum(axis=-1) for sign, w in weights)

    found = jackknife(clusters, means, confidence=draws.confidence)
    if len(parts) == 1:
        return replace(found, method=f"{name}; {found.method}", p=np.nan, p_method="")
    return replace(found, method=f"{name}; {found.method}; p {found.p_method}")


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
