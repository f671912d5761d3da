"""What the analyses of strategies share: their frame checked, levels of difficulty, and compute."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame

KEYS = ["model", "strategy", "n"]
READS = [*frame.NEEDED, "alone_tokens", "prompt_tokens"]  # of graded responses
LEVELS = 5
FORCING = "budget_forcing"


def prepare(
    searches: pd.DataFrame, graded: pd.DataFrame, held_out: int | None = None
) -> pd.DataFrame:
    """The searches about items that the study keeps, and the study's conditions beside them.

    Adds `cluster`, `level` (1, the easiest, to 5: fifths of the items by difficulty; 0 where there
    is none), `compute` (FLOPs: 2 · parameters · tokens, of the model for prompt and samples, of the
    scorer for what it read) and `condition`, of rows that are a condition (approach
    `budget_forcing`, one row an item: means over its samples, each at what it would cost alone).

    held_out: None for the bank's difficulty. Or the number of the first natural sample that no
    strategy drew: an item's level is then by how many of those from it on are wrong, for each model
    by itself, and the conditions are measured on the samples before it. An accuracy that is shown
    never rests on a sample that its level rests on; else the hard would look harder than they are,
    and the easy easier.
    """
    kept = frame.included(searches)
    sizes = kept.groupby("model")["parameters"].first()
    beside, told = _conditions(graded, sizes, held_out)
    names = [name for name in beside if name in kept]
    both = pd.concat([kept[names].assign(condition=None), beside], ignore_index=True)
    both["cluster"] = frame.clusters(both)
    if held_out is None:
        both["difficulty"] = pd.to_numeric(both["difficulty"]).astype(float)
        both["level"] = both["item_id"].map(levels(both.groupby("item_id")["difficulty"].first()))
    else:
        both = both.merge(told, how="left", on=["model", "item_id"])
        both["level"] = both["level"].fillna(0).astype(int)
    policy = both["parameters"] * (both["prompt_tokens"] + both["sampled"])
    both["compute"] = 2.0 * (policy + both["scorer_parameters"] * both["scored"]).astype(float)
    return both


def _conditions(
    graded: pd.DataFrame, sizes: pd.Series, held_out: int | None
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """The study's conditions as rows of searches, one an item; levels by held-out samples."""
    forced, told = frame.prepare(graded), None
    forced = forced[forced["model"].isin(sizes.index)]
    if held_out is not None:
        told = _levels_of(forced[forced["sample"] >= held_out], sizes.index)
        forced = forced[forced["sample"] < held_out]
    values = {"correct": "mean", "think_tokens": "mean", "alone_tokens": "mean"}
    firsts = dict.fromkeys(("difficulty", "cluster_id", "prompt_tokens", "error"), "first")
    means = forced.groupby(["model", "condition", "item_id"], sort=False).agg(values | firsts)
    means = means.reset_index().rename(columns={"alone_tokens": "sampled"})
    beside = means.assign(
        strategy="budget forcing",
        approach=FORCING,
        n=0,
        any_correct=means["correct"],
        candidates=1.0,
        parameters=means["model"].map(sizes),
        **dict.fromkeys(("scored", "scored_uncached", "scorer_parameters", "unanswered"), 0.0),
        **{"unscored": 0.0, "unmet": 0.0, "scorer": None, "choose": None, "length_class": None},
        sampled_new=np.nan,
        scorer_exact_tokens=None,
    )
    return beside, told


def _levels_of(held_out: pd.DataFrame, models: pd.Index) -> pd.DataFrame:
    """Each model's level of each item, by natural samples that nothing else is measured on."""
    natural = frame.natural(held_out)
    natural = natural[natural["fits"]]
    if missing := sorted(set(models) - set(natural["model"])):
        raise ThinkscaleError(
            f"levels by accuracy: {missing[0]} has no natural sample beyond those that strategies "
            "draw; expected more `inference.samples`"
        )
    wrong = 1 - natural.groupby(["model", "item_id"])["correct"].mean()
    return wrong.groupby("model", group_keys=False).apply(levels).rename("level").reset_index()


def levels(difficulty: pd.Series) -> pd.Series:
    """Fifths of the items by difficulty, 1 to 5, equal ones together; 0 without a difficulty."""
    ranks = difficulty.rank(method="average", pct=True)
    return np.ceil(ranks * LEVELS - 1e-9).fillna(0).astype(int)


def cells(searches: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Every model, strategy and size (or condition) with its rows, in the order of the study."""
    names = [*KEYS, "length_class", "approach", "scorer", "choose", "condition"]
    # Groups that are gone through one by one would all be copied at once.
    numbers = searches.groupby([*KEYS, "condition"], sort=False, dropna=False).ngroup().to_numpy()
    for number in range(numbers.max(initial=-1) + 1):
        group = searches[numbers == number]
        cell = group.iloc[0][names].to_dict()
        yield {name: None if pd.isna(v) else v for name, v in cell.items()}, group
