"""Reliability of thinking length."""

import numpy as np

from simulated import Analysis, grid, read
from simulated._frames import graded
from thinkscale.stats import reliability

RHO = 0.5  # of an item's true length with difficulty
SAMPLES = 4


def study(rng, items, icc, law):
    criterion = rng.normal(size=items)
    true = RHO * criterion + np.sqrt(1 - RHO**2) * drawn(rng, law, items)
    noise = drawn(rng, law, (items, SAMPLES))
    logs = np.sqrt(icc) * true[:, None] + np.sqrt(1 - icc) * noise
    cells = {("a", "natural"): (np.exp(6 + 0.5 * logs), np.ones(logs.shape, bool))}
    table = reliability.tabulate(graded(cells, difficulty=criterion)).set_index("measure")
    truths = {"icc_single": icc, "icc_mean": icc / (icc + (1 - icc) / SAMPLES)}
    for measure, truth in truths.items():
        yield read(measure, table.loc[measure].to_dict(), truth, null=icc == 0)
    if icc:
        row = table.loc["disattenuated"].to_dict()
        yield read("disattenuated", row, RHO)


def drawn(rng, law, shape):
    """Of mean 0 and variance 1."""
    return rng.normal(size=shape) if law == "normal" else rng.exponential(size=shape) - 1


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], icc=[0.0, 0.5], law=["normal", "exponential"]),
    f"{SAMPLES} samples an item, log tokens with intraclass correlation `icc`, of which the items' "
    "part correlates with difficulty by .5; both parts are normal, or skewed as an exponential "
    "law.",
    {
        "disattenuated": "Where lengths are hardly reliable, what is divided by is hardly known.",
        "": "A variance of few values from a skewed law is known less well than its own estimate "
        "says, and 20 items are few; the F distribution's interval would be worse (its docstring).",
    },
    studies=800,
)
