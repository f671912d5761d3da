"""Difficulty against outcome: are the items a model gets wrong the ones people find hard?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from thinkscale.stats.core.intervals import bootstrap
from thinkscale.stats.core.resampling import generator, permutation_of_pairs
from thinkscale.stats.registration import pearson, rank_statistic

MEASURES = (
    "mean_difficulty_correct",
    "mean_difficulty_incorrect",
    "difference",
    "spearman_item_accuracy",
)


@dataclass(frozen=True)
class Outcome:
    """A measure of difficulty by outcome; NaN come with the reason in `method`."""

    estimate: float
    lower: float
    upper: float
    p: float
    method: str


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

    name, reason = _describe(measure, n, difficulty, correct, wrong)
    if reason:
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


def _describe(measure, n, difficulty, correct, wrong) -> tuple[str, str]:
    """The measure in words, and why it cannot be had from these data, if so."""
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; expected one of {', '.join(MEASURES)}")
    reason = "" if n >= 3 else f"{n} items with a difficulty, at least 3 are needed"
    needs_correct = measure in ("mean_difficulty_correct", "difference")
    needs_wrong = measure in ("mean_difficulty_incorrect", "difference")
    if not reason and needs_correct and not correct.sum():
        reason = "no correct response"
    if not reason and needs_wrong and not wrong.sum():
        reason = "no incorrect response"
    if measure == "spearman_item_accuracy":
        if not reason and np.ptp(difficulty) == 0:
            reason = "difficulty does not vary"
        if not reason and np.ptp(correct / (correct + wrong)) == 0:
            reason = "accuracy does not vary over items"
        return "Spearman of item accuracy and difficulty", reason
    name = {
        "mean_difficulty_correct": "mean difficulty over correct responses",
        "mean_difficulty_incorrect": "mean difficulty over responses not correct",
        "difference": "mean difficulty not correct minus correct",
    }[measure]
    return name, reason
