"""Accuracy of a condition against natural, paired."""

import numpy as np

from simulated import Analysis, beta, grid, read
from simulated._frames import graded
from thinkscale.stats import mcnemar


def study(rng, items, samples, gain, loss):
    shape = (items, samples)
    before = rng.random(shape) < beta(rng, 0.5, 0.5, items)[:, None]
    gained = rng.random(shape) < beta(rng, gain, 0.3, items)[:, None]
    lost = rng.random(shape) < beta(rng, loss, 0.3, items)[:, None]
    after = np.where(before, ~lost, gained)
    few = np.full(shape, 9)
    frame = graded({("a", "natural"): (few, before), ("a", "max=5"): (few, after)})
    seed = int(rng.integers(2**31))
    [row] = mcnemar.tabulate(frame, n_permutations=399, seed=seed).to_dict("records")
    same = gain == loss
    yield read("difference, sign-flip", row, (gain - loss) / 2, null=same, p="p_clustered")
    if samples == 1:
        yield read("exact McNemar", {**row, "lower": np.nan}, np.nan, null=same)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8], gain=[0.1, 0.3], loss=[0.1])
    + grid(items=[20, 50, 200], samples=[1, 8], gain=[0.02], loss=[0.02]),
    "Half of the answers are right at first (`icc` .5); of the wrong ones the share `gain` turns "
    "right, of the right ones the share `loss` turns wrong, more in some items than in others "
    "(correlation .3). 399 sign-flips.",
    {
        "difference, sign-flip": "Where hardly an item flips there are few values that the "
        "difference and its p can have: the test rejects less than 5 %, and the interval allows "
        "for items that would have flipped.",
        "exact McNemar": "Exact tests keep below 5 %, the more so the fewer answers flip.",
    },
)
