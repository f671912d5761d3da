"""What a study would detect, of which the variances are estimated."""

from functools import cache

import numpy as np

from simulated import Analysis, beta, grid, read
from simulated._sweep import sweep_of
from thinkscale.stats import power


def answers(rng, items, samples):
    """Right answers before and after, some items gaining and some losing."""
    shape = items, samples
    before = rng.random(shape) < beta(rng, 0.5, 0.5, items)[:, None]
    gained, lost = (rng.random(shape) < beta(rng, s, 0.3, items)[:, None] for s in (0.2, 0.1))
    return before, np.where(before, ~lost, gained)


@cache
def variance(samples: int) -> float:
    """Of an item's mean difference, over very many items."""
    before, after = answers(np.random.default_rng(1), 100_000, samples)
    return float((after.mean(axis=1) - before.mean(axis=1)).var())


def study(rng, items, samples):
    before, after = answers(rng, items, samples)
    few = np.full(before.shape, 9)
    one = sweep_of({"natural": (few, before), "max=5": (few, after)})
    [row] = power.differences(one, [], 0.8, 0.95)
    smallest = power.detectable_difference(items, 0.8, 0.95)
    row = {"lower": np.nan, "upper": np.nan, **row}  # which it lacks where no response differs
    yield read("difference of accuracies", row, smallest * np.sqrt(variance(samples)))


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8]),
    "As mcnemar, with gains of .2 and losses of .1: the smallest difference of accuracies that as "
    "large a study detects, by the true variance of an item's difference.",
    {
        "": "A variance of a few flips: of 20 items with one answer each there may be 2, and with "
        "eight a few items decide it."
    },
)
