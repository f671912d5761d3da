"""Tokens of right and wrong answers within items."""

import numpy as np
from scipy import special

from simulated import Analysis, grid, read
from simulated._frames import graded
from thinkscale.stats import allocation

WITHIN, VARIED = 0.4, 0.2  # standard deviations of log tokens, and of the effect over items


def study(rng, items, effect, confounded):
    """Where `confounded`, items that get more thought are more often wrong."""
    hard = rng.normal(size=(items, 1))
    right = rng.random((items, 8)) < special.expit(0.5 - hard)
    base = 0.5 * (hard if confounded else rng.normal(size=(items, 1)))
    own = effect + rng.normal(0, VARIED, (items, 1))
    logs = 6 + base + right * own + rng.normal(0, WITHIN, right.shape)
    table = allocation.tabulate(graded({("a", "natural"): (np.exp(logs), right)}))
    truths = {"within": effect, "cohen_d": effect / WITHIN}
    truths |= {} if confounded else {"mixed": effect}
    for row in table.to_dict("records"):
        if row["measure"] in truths:
            yield read(row["measure"], row, truths[row["measure"]], null=effect == 0)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], effect=[0.0, 0.3], confounded=[False, True]),
    "Eight samples an item, of log-normal length: right answers are longer by `effect` (of the "
    "logarithm), give or take .2 from item to item. Where it is confounded, hard items get longer "
    "thinking and more wrong answers, and the mixed model, which takes that for a part of the "
    "effect, is not read.",
    {"": "Of 20 items, some are answered alike throughout and tell nothing."},
    studies=800,
)
