"""Means over items of pass@k and cons@k, whose values an item are skewed."""

from functools import cache

import numpy as np
from scipy import stats

from simulated import Analysis, beta, grid, read
from thinkscale.stats.consensus import cons_at_k, pass_at_k, subsets
from thinkscale.stats.core.intervals import clustered_share

K, SAMPLES = 4, 8


@cache
def values(measure: str) -> np.ndarray:
    """Of an item with 0, 1, ... right answers of SAMPLES; the wrong ones agree with each other."""
    members = subsets(SAMPLES, K, n_draws=1000, rng=np.random.default_rng(0))
    right = [np.arange(SAMPLES) < count for count in range(SAMPLES + 1)]
    if measure == "pass":
        return np.array([pass_at_k(SAMPLES, int(r.sum()), K) for r in right])
    return np.array([cons_at_k(np.where(r, "A", "B"), r, members) for r in right])


def study(rng, items, icc, accuracy):
    right = rng.binomial(SAMPLES, beta(rng, accuracy, icc, items))
    total = 1 / icc - 1
    law = stats.betabinom(SAMPLES, accuracy * total, (1 - accuracy) * total)
    for measure in ("pass", "cons"):
        found = clustered_share(values(measure)[right], np.arange(items), 0.95)
        truth = float(law.pmf(np.arange(SAMPLES + 1)) @ values(measure))
        yield read(f"{measure}@{K}", found.row(), truth)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], icc=[0.1, 0.5], accuracy=[0.5, 0.9, 0.98]),
    "Eight samples of items as in accuracy; both are means over items of values that 8 samples "
    "give. Wrong answers agree with each other, as a misconception's do.",
    {
        "": "Near 1 almost every item has the value 1, and what is asked for hangs on few items of "
        "which a small study may hold none; those it holds say little of the others. The interval "
        "allows for what is unseen, and is wider than needed where there is little of it.",
    },
)
