"""Reliability of thinking length."""

import numpy as np
import pandas as pd

from simulated import Analysis, grid, read
from thinkscale.stats import reliability

RHO = 0.5  # of an item's true length with difficulty
SAMPLES = 4


def study(rng, items, icc, law):
    criterion = rng.normal(size=items)
    true = RHO * criterion + np.sqrt(1 - RHO**2) * drawn(rng, law, items)
    noise = drawn(rng, law, (items, SAMPLES))
    logs = np.sqrt(icc) * true[:, None] + np.sqrt(1 - icc) * noise
    facts = {"mean": logs.mean(axis=1), "size": SAMPLES, "var": logs.var(axis=1, ddof=1)}
    known = pd.DataFrame({**facts, "cluster": np.arange(items), "difficulty": criterion})
    truths = {"icc_single": icc, "icc_mean": icc / (icc + (1 - icc) / SAMPLES)}
    for measure, found in reliability.intraclass(known):
        yield read(measure, found.row(), truths[measure], null=icc == 0)
    if icc:
        _, found = reliability.disattenuated(known, "difficulty")
        yield read("disattenuated", found.row(), RHO)


def drawn(rng, law, shape):
    """Of mean 0 and variance 1."""
    return rng.normal(size=shape) if law == "normal" else rng.exponential(size=shape) - 1


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], icc=[0.0, 0.2, 0.7], law=["normal", "exponential"]),
    f"{SAMPLES} samples an item, log tokens with intraclass correlation `icc`, of which the items' "
    "part correlates with difficulty by .5; both parts are normal, or skewed as an exponential "
    "law.",
    {
        "disattenuated": "With skewed lengths a correlation is not normal even as Fisher's z. "
        "Where lengths are hardly reliable, what is divided by is hardly known; there is no "
        "interval where a study finds no reliability at all.",
        "": "A variance of few values from a skewed law is known less well than its own estimate "
        "says, and 20 items are few; the F distribution's interval would be worse (its docstring).",
    },
)
