"""What the analyses of strategies share: their frame checked, levels of difficulty, and compute."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame

KEYS = ["model", "strategy", "n"]
LEVELS = 5
FORCING = "budget_forcing"


def prepare(searches: pd.DataFrame, graded: pd.DataFrame) -> pd.DataFrame:
    """The searches about items that the study keeps, and the study's conditions beside them.

    Adds `cluster`, `level` (1, the easiest, to 5: fifths of the items by difficulty; 0 where there
    is none), `compute` (FLOPs: 2 · parameters · tokens, of the model for prompt and samples, of the
    scorer for what it read) and `condition`, of rows that are a condition (approach
    `budget_forcing`, one row an item: means over its samples, each at what it would cost alone).
    """
    kept = frame.included(searches).assign(condition=None)
    sizes = kept.groupby("model")["parameters"].first()
    forced = frame.prepare(graded)
    forced = forced[forced["model"].isin(sizes.index)]
    values = {"correct": "mean", "think_tokens": "mean", "alone_tokens": "mean"}
    firsts = dict.fromkeys(("difficulty", "cluster_id", "prompt_tokens", "error"), "first")
    means = forced.groupby(["model", "condition", "item_id"], sort=False).agg(values | firsts)
    means = means.reset_index().rename(columns={"alone_tokens": "sampled"})
    means = means.assign(
        strategy="budget forcing",
        approach=FORCING,
        n=0,
        any_correct=means["correct"],
        candidates=1.0,
        parameters=means["model"].map(sizes),
        **dict.fromkeys(("scored", "scored_uncached", "scorer_parameters", "unanswered"), 0.0),
        **{"unscored": 0.0, "unmet": 0.0, "scorer": None, "choose": None, "length_class": None},
    )
    both = pd.concat([kept, means], ignore_index=True)
    both["cluster"] = frame.clusters(both)
    difficulty = pd.to_numeric(both["difficulty"]).astype(float)
    of_items = difficulty.groupby(both["item_id"]).first()
    both["level"] = both["item_id"].map(levels(of_items))
    policy = both["parameters"] * (both["prompt_tokens"] + both["sampled"])
    both["compute"] = 2.0 * (policy + both["scorer_parameters"] * both["scored"]).astype(float)
    return both


def levels(difficulty: pd.Series) -> pd.Series:
    """Fifths of the items by difficulty, 1 to 5, equal ones together; 0 without a difficulty."""
    ranks = difficulty.rank(method="average", pct=True)
    return np.ceil(ranks * LEVELS - 1e-9).fillna(0).astype(int)


def cells(searches: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Every model, strategy and size (or condition) with its rows, in the order of the study."""
    names = [*KEYS, "length_class", "approach", "scorer", "choose", "condition"]
    for values, group in searches.groupby(names, sort=False, dropna=False):
        cell = dict(zip(names, values, strict=True))
        yield {name: None if pd.isna(v) else v for name, v in cell.items()}, group
