"""Change of tokens under a maximum, which can only shorten, and after a wait."""

from functools import cache

import numpy as np
from scipy import stats

from simulated import Analysis, grid, read
from simulated._frames import graded
from thinkscale.stats import token_change

MOST = {0.1: np.exp(6 + 0.8 * 1.2815516), 0.5: np.exp(6)}  # the share of answers cut, roughly


def study(rng, items, samples, cut):
    between, within = rng.normal(0, 0.7, items)[:, None], rng.normal(0, 0.39, (items, samples))
    natural = np.exp(6 + between + within)  # log-normal; the logarithm's deviation is .8
    capped = np.minimum(natural, MOST[cut])
    right = np.zeros(natural.shape, bool)
    frame = graded({("a", "natural"): (natural, right), ("a", "max=5"): (capped, right)})
    [row] = token_change.tabulate(frame).to_dict("records")
    yield read("mean change", {**row, "p": np.nan}, truth(cut))


@cache
def truth(cut: float) -> float:
    """Mean of min(x, most) - x for log-normal x."""
    x = stats.lognorm(np.hypot(0.7, 0.39), scale=np.exp(6))
    return -float(x.expect(lambda value: value - MOST[cut], lb=MOST[cut]))


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 8], cut=[0.1, 0.5]),
    "Log-normal tokens (standard deviation of the logarithm .7 between items, .39 within), cut at "
    "a maximum that about the share `cut` of them reaches.",
    {
        "": "What a maximum takes away is 0 for most items and much for few: of 20 items of which "
        "a tenth is cut, two tell how much, and where an item has one sample, a study in eight "
        "sees none cut and can say no more than 0.",
    },
)
