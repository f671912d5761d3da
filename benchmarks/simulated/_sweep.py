"""Studies in which accuracy rises with the budget and levels off."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from simulated import beta
from simulated._frames import COLUMNS, LIMITS
from thinkscale.stats.core.sweep import Sweep

BUDGETS = (100, 200, 400, 800)
ACCURACY = 0.6  # in the natural condition
SPREAD = 0.7  # of the logarithm of tokens, between items and within


def cells(rng, items: int, samples: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Tokens and correct, both (items, samples), of natural and of a maximum at each budget.

    Tokens are log-normal about 300. A thought that is cut answers rightly if it would have, and if
    what it needed of its length, which is uniform, lay below the cut.
    """
    shape = items, samples
    between, within = rng.normal(0, SPREAD, (items, 1)), rng.normal(0, SPREAD, shape)
    natural = np.exp(np.log(300) + between + within)
    right = rng.random(shape) < beta(rng, ACCURACY, 0.3, items)[:, None]
    needed = rng.random(shape) * natural
    found = {f"max={b}": (np.minimum(natural, b), right & (needed <= b)) for b in BUDGETS}
    return {"natural": (natural, right), **found}


def sweep_of(found: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Sweep:
    """The sweep of one model, from tokens and correct (items, samples) of each condition."""
    names = [(name, *name.partition("=")[::2]) for name in found]
    limits = [{COLUMNS.get(kind, kind): int(value)} if value else {} for _, kind, value in names]
    none = dict.fromkeys((*LIMITS, "continuation")) | {"no_think": False}
    places = zip(found, limits, strict=True)
    conditions = tuple({"condition": name, **none, **limit} for name, limit in places)
    tokens, correct = (np.column_stack([np.ravel(c[k]) for c in found.values()]) for k in (0, 1))
    items, samples = next(iter(found.values()))[0].shape
    item = np.repeat(np.arange(items), samples)
    facts = {"item_id": item, "sample": np.tile(np.arange(samples), items), "cluster": item}
    values = {"think_tokens": tokens.astype(float), "correct": correct.astype(float)}
    return Sweep("a", conditions, pd.DataFrame({**facts, "fits": True}), values)


@cache
def means() -> tuple[np.ndarray, np.ndarray]:
    """Mean tokens and accuracy of the budgets, and of natural at last, over very many items."""
    natural, *cut = cells(np.random.default_rng(1), 200_000, 1).values()
    return tuple(np.array([cell[k].mean() for cell in (*cut, natural)]) for k in (0, 1))
