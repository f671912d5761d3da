"""The budget that is enough for a share of natural accuracy."""

import numpy as np

from simulated import Analysis, Reading, grid
from simulated._sweep import BUDGETS, cells, means, sweep_of
from thinkscale.stats import plateau

SHARE = 0.8


def truth() -> float:
    """Between the budgets' accuracies over very many items, as the analysis interpolates."""
    accuracy = means()[1]
    place = float(plateau.crossing(accuracy[:-1], SHARE * accuracy[-1]))
    return float(np.expm1(np.interp(place, range(len(BUDGETS)), np.log1p(BUDGETS))))


def study(rng, items, samples):
    [row] = plateau.of_model(sweep_of(cells(rng, items, samples)), SHARE, 0.95)
    upper = BUDGETS[-1] if np.isnan(row["upper"]) else row["upper"]
    yield Reading("budget", truth(), row["lower"], upper, np.nan, False)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8]),
    f"As sweeps; the budget at which accuracy is {SHARE:g} of natural's. An interval without an "
    "upper end counts as one up to the largest budget.",
    {"": "With few answers few budgets are told apart, and the interval holds more than it need."},
    code=("stats/equivalence",),
)
