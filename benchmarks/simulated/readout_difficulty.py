"""Spearman's rho of two values of items that come alone, or in clusters."""

from functools import cache

import numpy as np
from scipy import stats

from simulated import Analysis, grid, read
from simulated._tokens import normals
from thinkscale.stats import readout_difficulty

SHARED = 0.6  # of the variance of either value, within a cluster


def items(rng, n, clusters, rho):
    """Entropy, skewed, and difficulty of `n` clusters of items, and the cluster of each."""
    sizes = np.ones(n, int) if clusters == "one item" else rng.integers(1, 7, n)
    of = np.repeat(np.arange(n), sizes)
    law = [[1, rho], [rho, 1]]
    shared, own = normals(rng, law, n)[:, of], normals(rng, law, len(of))
    entropy, difficulty = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
    return np.exp(entropy), difficulty, of


@cache
def truth(rho: float) -> float:
    entropy, difficulty, _ = items(np.random.default_rng(1), 400_000, "one item", rho)
    return stats.spearmanr(entropy, difficulty).statistic if rho else 0.0


def study(rng, n, clusters, rho):
    found = readout_difficulty.correlate(*items(rng, n, clusters, rho))
    yield read("spearman", found.row(), truth(rho), null=rho == 0)


ANALYSIS = Analysis(
    study,
    grid(n=[20, 50, 200], clusters=["one item", "1 to 6 items"], rho=[0.0, 0.5]),
    "Both values correlate by `rho`, between clusters as within them; `n` counts clusters, in "
    "which items share three fifths of their variance. Interval and p are the jackknife's on "
    "Fisher's z, as they are in registration and outcome difficulty where items are clustered, and "
    "for Rasch difficulty.",
)
