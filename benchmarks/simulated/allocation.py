"""Tokens of right and wrong answers within items."""

import numpy as np
import pandas as pd
from scipy import special

from simulated import Analysis, grid, read
from thinkscale.stats import allocation

WITHIN, VARIED = 0.4, 0.2  # standard deviations of log tokens, and of the effect over items


def study(rng, items, effect, confounded):
    """Where `confounded`, items that get more thought are more often wrong."""
    hard = rng.normal(size=(items, 1))
    right = rng.random((items, 8)) < special.expit(0.5 - hard)
    base = 0.5 * (hard if confounded else rng.normal(size=(items, 1)))
    own = effect + rng.normal(0, VARIED, (items, 1))
    logs = 6 + base + right * own + rng.normal(0, WITHIN, right.shape)
    item = np.repeat(np.arange(items), 8)
    facts = {"item_id": item, "cluster": item, "correct": right.ravel()}
    used = pd.DataFrame({**facts, "think_tokens": np.exp(logs).ravel()})
    both = np.flatnonzero(right.any(axis=1) & ~right.all(axis=1))
    truths = {"within": effect, "cohen_d": effect / WITHIN}
    truths |= {} if confounded else {"mixed": effect}
    for measure, _, found in allocation.measures(used, both, 0.95):
        if measure in truths:
            yield read(measure, found.row(), truths[measure], null=effect == 0)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], effect=[0.0, 0.3], confounded=[False, True]),
    "Eight samples an item, of log-normal length: right answers are longer by `effect` (of the "
    "logarithm), give or take .2 from item to item. Where it is confounded, hard items get longer "
    "thinking and more wrong answers, and the mixed model, which takes that for a part of the "
    "effect, is not read.",
)
