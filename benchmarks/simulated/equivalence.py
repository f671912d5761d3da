"""Whether a condition is as good as natural, within a margin."""

import numpy as np

from simulated import Analysis, Reading, beta, grid, read
from thinkscale.stats import equivalence

MARGIN = 0.05


def study(rng, items, samples, gain, loss):
    shape = items, samples
    before = rng.random(shape) < beta(rng, 0.5, 0.5, items)[:, None]
    gained, lost = (rng.random(shape) < beta(rng, s, 0.2, items)[:, None] for s in (gain, loss))
    change = (np.where(before, ~lost, gained).astype(float) - before).ravel()
    clusters, truth = np.repeat(np.arange(items), samples), (gain - loss) / 2
    yield read("difference", equivalence.difference(change, clusters, 0.95).row(), truth)
    found = equivalence.difference(change, clusters, 0.9)
    within, none = found.lower > -MARGIN and found.upper < MARGIN, np.nan
    p, at_margin = 0.0 if within else 1.0, bool(np.isclose(abs(truth), MARGIN))
    yield Reading("equivalent", none, none, none, p, at_margin)


ANALYSIS = Analysis(
    study,
    grid(items=[50, 200, 1000], samples=[1], gain=[0.02], loss=[0.02, 0.12])
    + grid(items=[50, 200], samples=[8], gain=[0.02], loss=[0.02, 0.12]),
    f"As mcnemar. With a `loss` of .12 the true difference is the margin, {MARGIN:g}, and what is "
    "called equivalent is so in error; else there is none. The interval is that of 95 %, the two "
    "tests are those of the table, at 5 %.",
    {
        "equivalent": "A study that is too small for an interval within the margin calls nothing "
        "equivalent; as it grows the error comes up to 5 %.",
        "difference": "Where hardly an item flips the interval allows for those that would have.",
    },
)
