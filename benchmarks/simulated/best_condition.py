"""The lead of the best condition over the others, all at once."""

import numpy as np
import pandas as pd

from simulated import Analysis, Reading, beta, grid
from simulated._sweep import sweep_of
from thinkscale.stats import best_condition
from thinkscale.stats.core.resampling import Draws

NAMES = ("natural", "max=100", "max=200", "waits=1", "waits=2")


def study(rng, items, samples, apart):
    """Each condition is right more often than the one before by `apart`; answers flip alike."""
    shape = items, samples
    before = rng.random(shape) < beta(rng, 0.5, 0.4, items)[:, None]
    anew = [rng.random(shape) < 0.3 for _ in NAMES]  # which answers are given again
    gained = [rng.random(shape) < 0.5 + apart * k / 0.3 for k in range(len(NAMES))]
    right = [np.where(a, g, before) for a, g in zip(anew, gained, strict=True)]
    few = np.full(shape, 9)
    one = sweep_of({name: (few, r) for name, r in zip(NAMES, right, strict=True)})
    draws = Draws(n_boot=999, seed=int(rng.integers(2**31)))
    table = pd.DataFrame(best_condition.of_model(one, draws))
    rank = {name: k for k, name in enumerate(NAMES)}
    truth = apart * (table["best"].map(rank) - table["condition"].map(rank))
    # All intervals at once: how far the nearest ends are from their truths.
    lower, upper = (table["lower"] - truth).max(), (table["upper"] - truth).min()
    yield Reading("all leads of the best", 0.0, lower, upper, table["p"].min(), apart == 0)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8], apart=[0.0, 0.03]),
    "Five conditions, of accuracy .5, or each better by `apart` than the one before; three in ten "
    "answers are drawn anew in each. Read are the best condition's leads over all others: whether "
    "all of their intervals hold the true ones, and the least of their p. 999 draws.",
    {
        "": "The intervals are of all pairs of conditions, of which the best's are some: they hold "
        "more often where the best is not also the one that leads by most over the worst. Of 20 "
        "answers few differ, which is what the t law is far from.",
    },
)
