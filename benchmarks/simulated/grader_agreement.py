"""Agreement of two graders."""

from functools import cache

import numpy as np

from simulated import Analysis, beta, grid, read
from simulated._frames import graded
from thinkscale.stats import grader_agreement
from thinkscale.stats.grader_agreement import kappa

OUTCOMES = np.array(["incorrect", "correct", "ungradable"])


def outcomes(rng, items, samples, slips):
    """Two graders' outcomes, shape (items, samples, 2): the second errs more on some items."""
    right = rng.random((items, samples)) < beta(rng, 0.7, 0.4, items)[:, None]
    first = np.where(rng.random(right.shape) < 0.03, 2, right)
    slipped = rng.random(right.shape) < beta(rng, slips, 0.3, items)[:, None]
    other = np.where(rng.random(right.shape) < 0.3, 2, 1 - right)
    return np.stack([first, np.where(slipped, other, first)], axis=-1)


@cache
def truths(slips: float) -> dict[str, float]:
    """Kappa and agreement over very many answers."""
    found = outcomes(np.random.default_rng(1), 1_000_000, 1, slips).reshape(-1, 2)
    counts = np.zeros((3, 3))
    np.add.at(counts, (found[:, 0], found[:, 1]), 1)
    return {"kappa": float(kappa(counts)), "agreement": np.trace(counts) / counts.sum()}


def study(rng, items, samples, slips):
    found = outcomes(rng, items, samples, slips)
    frame = graded({("a", "natural"): (np.full((items, samples), 9), found[..., 0] == 1)})
    names = OUTCOMES[found.reshape(-1, 2)]
    frame = frame.assign(outcome_one=names[:, 0], outcome_other=names[:, 1])
    table = grader_agreement.tabulate(frame)
    natural = table[table["condition"] == "natural"].set_index("measure")
    for measure, truth in truths(slips).items():
        yield read(measure, natural.loc[measure].to_dict(), truth)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8], slips=[0.02, 0.15, 0.4]),
    "Accuracy .7; the second grader differs from the first in the share `slips` of answers, in "
    "some items more than in others (correlation .3).",
    {
        "kappa": "As agreement near 1. Where graders agree little beyond chance, chance agrees "
        "the more often the more they do, and the interval holds more than it need.",
        "agreement": "As accuracy near 1.",
    },
)
