"""Difficulty against outcome."""

from functools import cache

import numpy as np
from scipy import special, stats

from simulated import Analysis, grid, read
from simulated._frames import graded
from thinkscale.stats import outcome_difficulty

DRAWS = {"n_boot": 399, "n_permutations": 399}


def items(rng, count, samples, slope):
    """Difficulty, and right answers by a Rasch model whose items differ beyond difficulty."""
    difficulty = rng.normal(size=count)
    chance = special.expit(0.5 - slope * difficulty + rng.normal(0, 1, count))
    return difficulty, rng.random((count, samples)) < chance[:, None]


@cache
def truths(samples: int, slope: float) -> dict[str, float]:
    """The measures over very many items."""
    difficulty, right = items(np.random.default_rng(1), 400_000, samples, slope)
    share = right.mean(axis=1)
    mean = {
        "correct": np.average(difficulty, weights=share),
        "incorrect": np.average(difficulty, weights=1 - share),
    }
    if slope == 0:
        mean = dict.fromkeys(mean, 0.0)
    rho = stats.spearmanr(share, difficulty).statistic if slope else 0.0
    found = {f"mean_difficulty_{outcome}": value for outcome, value in mean.items()}
    difference = mean["incorrect"] - mean["correct"]
    return {**found, "difference": difference, "spearman_item_accuracy": rho}


def study(rng, n, samples, slope):
    difficulty, right = items(rng, n, samples, slope)
    frame = graded({("a", "natural"): (np.full(right.shape, 9), right)}, difficulty=difficulty)
    table = outcome_difficulty.tabulate(frame, **DRAWS, seed=int(rng.integers(2**31)))
    for row in table.to_dict("records"):
        truth = truths(samples, slope)[row["measure"]]
        yield read(row["measure"], row, truth, null=slope == 0)


ANALYSIS = Analysis(
    study,
    grid(n=[20, 50, 200], samples=[1, 8], slope=[0.0, 1.0]),
    "Right answers by a Rasch model with `slope` on difficulty and a normal deviation of 1 of each "
    "item. The correlation has 399 resamples and permutations.",
    {
        "": "Of 20 items with one sample each a handful are wrong.",
    },
)
