"""Studies in which accuracy rises with the budget and levels off."""

from functools import cache

import numpy as np
import pandas as pd

from simulated import beta
from simulated._frames import graded

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


def frame(rng, items: int, samples: int) -> pd.DataFrame:
    """A graded frame of one study."""
    found = cells(rng, items, samples)
    return graded({("a", condition): values for condition, values in found.items()})


@cache
def means() -> tuple[np.ndarray, np.ndarray]:
    """Mean tokens and accuracy of the budgets, and of natural at last, over very many items."""
    natural, *cut = cells(np.random.default_rng(1), 200_000, 1).values()
    return tuple(np.array([cell[k].mean() for cell in (*cut, natural)]) for k in (0, 1))
