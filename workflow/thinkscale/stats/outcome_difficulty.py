"""Difficulty against outcome: are the items a model gets wrong the ones people find hard?"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import pearson, rank_statistic
from thinkscale.stats.core.intervals import bootstrap
from thinkscale.stats.core.resampling import generator, permutation_of_pairs

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


@dataclass(frozen=True)
class Outcome:
    """A measure of difficulty by outcome; NaN come with the reason in `method`."""

    estimate: float
    lower: float
    upper: float
    p: float
    method: str


def tabulate(
    graded: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Difficulty of the items answered rightly and not, natural condition, for every model.

    Not correct are incorrect and ungradable responses, and items that did not fit the context.
    """
    rows = []
    for model, own in frame.by_model(frame.prepare(graded)):
        items = frame.per_item(frame.natural(own))
        used = items[items["difficulty"].notna()]
        left_out = len(items) - len(used)
        errors = int((~used["fits"]).sum())
        note = frame.unfit_note(errors, "count as not correct")
        note += f"; {left_out} items without difficulty left out" if left_out else ""
        for measure in MEASURES:
            result = by_outcome(
                measure,
                used["difficulty"].to_numpy(),
                used["correct"].to_numpy(),
                used["samples"].to_numpy(),
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("outcome", model),
            )
            rows.append(
                {
                    "model": model,
                    "measure": measure,
                    "n_items": len(used),
                    "n_responses": int(used["samples"].sum()),
                    "errors": errors,
                    **asdict(result),
                    "method": result.method + "; uncorrected" + note,
                }
            )
    return frame.table(rows, COLUMNS, graded)


def by_outcome(
    measure: str,
    difficulty: np.ndarray,
    correct: np.ndarray,
    samples: np.ndarray,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
    names: Sequence[str] = (),
) -> Outcome:
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
    n = len(difficulty)

    def mean_where(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights * values).sum(axis=-1) / weights.sum(axis=-1)

    name = MEASURES[measure]
    if reason := _impossible(measure, difficulty, correct, wrong):
        return Outcome(np.nan, np.nan, np.nan, np.nan, f"{name}; not estimated: {reason}")
    rng = generator(seed, *names, measure)
    resample = {"confidence": confidence, "n_boot": n_boot, "rng": rng}
    permute = {"n_permutations": n_permutations, "rng": rng}
    p, p_method = np.nan, ""
    if measure == "mean_difficulty_correct":
        interval = bootstrap(n, lambda i: mean_where(correct[i], difficulty[i]), **resample)
    elif measure == "mean_difficulty_incorrect":
        interval = bootstrap(n, lambda i: mean_where(wrong[i], difficulty[i]), **resample)
    elif measure == "difference":

        def difference(right, mistaken, values):
            return mean_where(mistaken, values) - mean_where(right, values)

        interval = bootstrap(
            n, lambda i: difference(correct[i], wrong[i], difficulty[i]), **resample
        )
        p, p_method = permutation_of_pairs(
            difficulty, lambda d: difference(correct, wrong, d), **permute
        )
    else:
        accuracy = correct / samples
        interval = bootstrap(n, rank_statistic(accuracy, difficulty), **resample)
        fixed = stats.rankdata(accuracy)
        p, p_method = permutation_of_pairs(
            stats.rankdata(difficulty), lambda d: pearson(fixed, d), **permute
        )
    method = f"{name}; {interval.method}" + (f"; p {p_method} of items" if p_method else "")
    return Outcome(interval.estimate, interval.lower, interval.upper, p, method)


def _impossible(
    measure: str, difficulty: np.ndarray, correct: np.ndarray, wrong: np.ndarray
) -> str:
    """Why the measure cannot be had from these data; empty where it can."""
    if len(difficulty) < 3:
        return f"{len(difficulty)} items with a difficulty, at least 3 are needed"
    if measure == "spearman_item_accuracy":
        if np.ptp(difficulty) == 0:
            return "difficulty does not vary"
        return (
            "accuracy does not vary over items" if np.ptp(correct / (correct + wrong)) == 0 else ""
        )
    if measure != "mean_difficulty_incorrect" and not correct.sum():
        return "no correct response"
    if measure != "mean_difficulty_correct" and not wrong.sum():
        return "no incorrect response"
    return ""
