"""Slopes of accuracy over budgets, and the greatest accuracy."""

import numpy as np

from simulated import Analysis, grid, read
from simulated._sweep import BUDGETS, cells, means, sweep_of
from thinkscale.stats import sweeps
from thinkscale.stats.core.resampling import Draws


def truths() -> dict[str, float]:
    """The measures of the means over very many items."""
    tokens, accuracy = means()
    return {
        "scaling": float(sweeps.scaling(100 * accuracy, np.log2(tokens))),
        "scaling_linear": float(sweeps.scaling(100 * accuracy, tokens / 1000)),
        "slope": float(sweeps.slope(100 * accuracy, np.log2(tokens))),
        "performance": float(accuracy.max()),
    }


def study(rng, items, samples):
    one = sweep_of(cells(rng, items, samples))
    draws = Draws(n_boot=999, seed=int(rng.integers(2**31)))
    found = sweeps.metrics(one, one.kinds()["max"], draws)
    for measure, truth in truths().items():
        yield read(measure, found[measure].bounds(), truth)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8]),
    f"Accuracy .6 (`icc` .3) with log-normal tokens about 300, and maxima of "
    f"{', '.join(map(str, BUDGETS))} tokens, under which less is answered rightly the more is cut. "
    "999 draws.",
    {
        "performance": "The greatest of five accuracies, the greatest of which are nearly as great "
        "as each other; its interval holds for all five at once.",
    },
)
