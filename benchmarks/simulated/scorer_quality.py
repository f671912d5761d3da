"""How well scores tell right candidates from wrong ones."""

from functools import cache

import numpy as np
import pandas as pd

from simulated import Analysis, beta, grid, read
from thinkscale.stats import scorer_quality
from thinkscale.stats.core.resampling import Draws

CANDIDATES = 8


def judged(rng, items, quality):
    """Whether candidates are right and their scores, both (items, CANDIDATES).

    Scores of right ones are higher by `quality` standard deviations within an item, and lower where
    an item is hard.
    """
    chance = beta(rng, 0.5, 0.3, items)[:, None]
    right = rng.random((items, CANDIDATES)) < chance
    logits = quality * right + (chance - 0.5) + rng.normal(size=right.shape)
    return right, 1 / (1 + np.exp(-logits))


@cache
def truths(quality: float) -> dict[str, float]:
    """The measures over very many items."""
    right, score = judged(np.random.default_rng(1), 50_000, quality)
    higher = score[:, :, None] > score[:, None, :]
    pairs = right[:, :, None] & ~right[:, None, :]
    both = pairs.any(axis=(1, 2))
    of_item = (higher & pairs).sum(axis=(1, 2))[both] / pairs.sum(axis=(1, 2))[both]
    return {
        "auc": float(scorer_quality.auc(score.ravel(), right.ravel())),
        "auc_within": float(of_item.mean()),
        "brier": float(np.mean((score - right) ** 2)),
    }


def study(rng, items, quality):
    right, score = judged(rng, items, quality)
    item = np.repeat(np.arange(items), CANDIDATES)
    own = pd.DataFrame({"item_id": item, "cluster": item, "correct": right.ravel()})
    draws = Draws(n_boot=199, seed=int(rng.integers(2**31)))
    found = scorer_quality.measures(own.assign(score=score.ravel()), draws)
    for measure, truth in truths(quality).items():
        yield read(measure, found[measure][0].row(), truth)


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], quality=[0.0, 1.5]),
    f"{CANDIDATES} candidates an item, half of them right (`icc` .3); scores are normal, higher by "
    "`quality` for right ones and by up to a half for easy items.",
    {
        "brier": "Squares vary less from item to item than right and wrong do, and Wilson's "
        "interval allows for more: of few items it holds more than it need.",
    },
    studies=1000,
    code=("stats/selection",),
)
