"""Change of thinking tokens from natural on the same items and samples.

A maximum can only shorten a chain, forced waits and a minimum can only lengthen it: that they do is
no finding, and how often and by how much is what there is to say. Where both are set, or where the
responses of a condition were not made from natural's own chains, a change can have either sign, and
the mean of the changes is tested.
"""

from collections import Counter
from dataclasses import replace

import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import AMOUNTS, Estimate, clustered_mean, clustered_share
from thinkscale.stats.core.resampling import Draws, holm_within, sign_flip

READS = frame.NEEDED
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_pairs", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "changed", "changed_lower", "changed_upper"],
    *["one_way", "p", "p_holm", "method"],
]
WORDS = {-1: "shorten", 1: "lengthen"}  # what a condition can only do


def tabulate(
    graded: pd.DataFrame, *, confidence: float = 0.95, n_permutations: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Mean change of thinking tokens from natural, and the share of items whose thinking changed.

    Of each item the mean over paired samples; an item changed if one of its samples did. Intervals
    are clustered. `one_way` is -1 where the condition can only shorten, 1 where it can only
    lengthen, 0 where neither holds: only there is a p, of flipping the signs of whole clusters.
    Truncation and thinking switched off are left out: what they change is what they say. Items that
    did not fit the context are left out and counted in `errors`.
    """
    draws = Draws(confidence, n_permutations=n_permutations, seed=seed).named("token change")
    found = [
        (row, changes(pairs))
        for row, pairs in frame.against_natural(graded)
        if not row["no_think"] and row["truncate"] is None
    ]
    sides = [one_way(row, items["change"]) for row, items in found]
    family = Counter(row["model"] for (row, _), side in zip(found, sides, strict=True) if not side)
    rows = []
    for (row, items), side in zip(found, sides, strict=True):
        own = draws.named(row["model"], row["condition"]).of_family(family[row["model"]])
        note = frame.unfit_note(row["errors"], "left out")
        mean = mean_change(items["change"], items["cluster"], side, own)
        share = clustered_share(items["changed"], items["cluster"], confidence)
        names = ("changed", "changed_lower", "changed_upper")
        shares = dict(zip(names, share.bounds().values(), strict=True))
        rows.append({**row, **mean.row("change of item means: ", note), **shares, "one_way": side})
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def changes(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each item's `change` in tokens, mean over its pairs; whether one `changed`; its `cluster`."""
    change = (pairs["think_tokens"] - pairs["think_tokens_natural"]).astype(float)
    items = pairs.assign(change=change, changed=change != 0).groupby("item_id")
    return items.agg({"change": "mean", "changed": "any", "cluster": "first"})


def one_way(condition: dict, change: pd.Series) -> int:
    """The only sign that changes can have under a condition: -1, 1, or 0 where both can be.

    A change against what the condition allows shows that its chains are not natural's own.
    """
    shortens = condition["max_think"] is not None
    lengthens = condition["min_think"] is not None or condition["waits"] is not None
    side = int(lengthens) - int(shortens)
    return 0 if (side * change < 0).any() else side


def mean_change(change: pd.Series, clusters: pd.Series, side: int, draws: Draws) -> Estimate:
    """Mean of the items' changes, clustered; tested where `side` is 0."""
    if not side:
        mean = clustered_mean(change, clusters, confidence=draws.confidence)
        p, how = sign_flip(change.groupby(clusters.to_numpy()).sum(), draws)
        test = f"{mean.method}; p sign-flip of clusters: {how}; p_holm Holm within the model"
        return replace(mean, p=p, p_method=how, method=test)
    amount = clustered_mean(side * change, clusters, confidence=draws.confidence, bounds=AMOUNTS)
    mean, *ends = (side * value + 0.0 for value in amount.bounds().values())  # 0.0 for -0.0
    method = f"{amount.method}; no test: the condition can only {WORDS[side]}"
    return Estimate(mean, *sorted(ends), method)
