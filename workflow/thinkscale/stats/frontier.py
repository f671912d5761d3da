"""Accuracy and its cost: the frontier over all models, conditions and votes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.data.seeds import generator
from thinkscale.stats.consensus import ballots, cons_at_k, subsets
from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import AMOUNTS, clustered_mean, clustered_share
from thinkscale.stats.core.resampling import Draws

COSTS = ["alone_tokens", "new_tokens"]
READS = [*frame.NEEDED, *COSTS]
VOTE_DRAWS = 200  # subsets of an item's samples, where there are more
COLUMNS = [
    *["model", "point", "condition", "k", "n_items", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "alone", "alone_lower", "alone_upper", "new"],
    *["frontier", "frontier_share", "own_frontier", "own_frontier_share", "method"],
]


def tabulate(graded: pd.DataFrame, ks: Sequence[int] = (4, 8), **options: Any) -> pd.DataFrame:
    """Accuracy and sampled tokens an item of every condition and vote, and what is on the frontier.

    point: a condition, or `cons@k`, the plurality of k natural samples (of one or two there is
    none); k: answers to an item. alone: tokens sampled for an item by this point alone; new: what
    it took beyond other conditions of this study. frontier: whether no point of any model is as
    cheap and as accurate, and better in one of both; own_frontier: no point of the same model. Both
    are missing where a log leaves the cost open.
    Their shares are of resamples of the clusters, in which all points see the same items. Tokens of
    models of different size are not of one price. What did not fit the context is not correct, and
    has no cost.
    options: confidence, n_boot, seed, as of `core.resampling.Draws`.
    """
    draws, rows, values = Draws(**options), [], []
    frame.require(graded, COSTS, "graded responses")
    prepared = frame.prepare(graded[READS])
    for model, own in frame.by_model(prepared):
        one = sweep.sweep(model, own, "correct", *COSTS)
        note = one.unfit("count as not correct and have no cost")
        for point, clusters, part in _points(one, frame.natural(own), ks, draws.seed):
            correct, alone, new = part.T
            answered = ~np.isnan(correct)
            paid = ~np.isnan(alone)
            mean = clustered_share(correct[answered], clusters[answered], draws.confidence)
            cost = clustered_mean(
                alone[paid], clusters[paid], confidence=draws.confidence, bounds=AMOUNTS
            )
            rows.append(
                {
                    **one.sizes,
                    **point,
                    **mean.bounds(),
                    "alone": cost.estimate,
                    "alone_lower": cost.lower,
                    "alone_upper": cost.upper,
                    "new": float(np.nanmean(new)) if paid.any() else np.nan,
                    "method": f"accuracy: {mean.method}; tokens: {cost.method}{note}",
                }
            )
            values.append((clusters, part))
    made = _with_frontiers(rows, values, draws.named("frontier"))
    table = frame.table(made, COLUMNS, graded)
    return table.astype(dict.fromkeys(("frontier", "own_frontier"), "boolean"))


def _points(
    one: sweep.Sweep, natural: pd.DataFrame, ks: Sequence[int], seed: int
) -> Iterator[tuple[dict, np.ndarray, np.ndarray]]:
    """Each point with its clusters (n,), and its correct, alone and new tokens, shape (n, 3)."""
    clusters = one.rows["cluster"].to_numpy()
    both = np.stack([one.values[name] for name in ("correct", *COSTS)], axis=-1)
    for place, name in enumerate(one.names):
        there = ~np.isnan(both[:, place, 0])
        sizes = {"n_items": one.rows.loc[there, "item_id"].nunique()}
        yield (
            {"point": name, "condition": name, "k": 1, **sizes},
            clusters[there],
            both[there, place],
        )
    for k, items in votes(one.model, natural, [k for k in ks if k > 2], seed):
        found = {"point": f"cons@{k}", "condition": "natural", "k": k, "n_items": len(items)}
        yield found, items["cluster"].to_numpy(), items[["correct", *COSTS]].to_numpy(float)


def votes(
    model: str, natural: pd.DataFrame, ks: Sequence[int], seed: int
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each k with the items that have as many natural samples, by item_id, the smallest k first.

    `correct` is the chance that the plurality of k is right, a tie counting in part; then what k
    samples cost, NaN where the item did not fit, and the `cluster`.
    """
    costs = natural[COSTS].where(natural["fits"])
    by_item = natural.assign(**costs).groupby("item_id")
    items = by_item.agg(dict.fromkeys(COSTS, "mean") | {"cluster": "first"})
    sizes = by_item.size().to_numpy()
    ends = sizes.cumsum()[:-1]  # responses are in the order of their items
    voted = ballots(natural)[["ballot", "correct"]]
    every = list(zip(*(np.split(voted[name].to_numpy(), ends) for name in voted), strict=True))
    for k in sorted(set(ks)):
        used = sizes >= k
        if not used.any():
            continue
        members = {
            n: subsets(n, k, n_draws=VOTE_DRAWS, rng=generator(seed, model, f"{n} {k}"))
            for n in set(sizes[used].tolist())
        }
        share = [cons_at_k(*vote, members[len(vote[0])]) for vote in every if len(vote[0]) >= k]
        paid = items.loc[used, COSTS].astype(float) * k
        yield k, paid.assign(correct=share, cluster=items.loc[used, "cluster"])


def _with_frontiers(
    rows: list[dict], values: list[tuple[np.ndarray, np.ndarray]], draws: Draws
) -> list[dict]:
    """Rows with what is on the frontier of all, and of the model's own, here and in resamples."""
    if not rows:
        return rows
    names = sorted(set().union(*(set(clusters) for clusters, _ in values)))
    parts = [sweep.sums(part[:, :2], clusters, names) for clusters, part in values]
    every = sweep.Sums(
        *(np.concatenate([getattr(p, of) for p in parts], axis=1) for of in ("sums", "counts"))
    )
    weights = np.concatenate([np.ones((1, len(names))), sweep.resamples(len(names), draws)])
    means = every.weighted(weights)
    accuracy, cost = means[:, ::2], means[:, 1::2]
    models = np.array([row["model"] for row in rows])
    for scope, who in (("", np.array(["all"] * len(rows))), ("own_", models)):
        for name in np.unique(who):
            places = np.flatnonzero(who == name)
            on = pareto(cost[:, places], accuracy[:, places])
            share = on[1:].mean(axis=0) if len(on) > 1 else np.full(len(places), np.nan)
            for place, here, often in zip(places, on[0], share, strict=True):
                # What nobody knows the cost of has no place, neither on the frontier nor off it.
                there, often = (bool(here), often) if cost[0, place] >= 0 else (None, np.nan)
                rows[place] |= {f"{scope}frontier": there, f"{scope}frontier_share": often}
    return rows


def pareto(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Which points no other dominates, shape (..., points) to bool (..., points).

    A point dominates if it is as cheap and as accurate, and better in one of both; equals do not
    dominate each other. A point without a number (NaN) is not on the frontier.
    """
    known = ~np.isnan(cost + accuracy)
    cost = np.where(known, np.round(cost, 9), np.inf)
    accuracy = np.where(known, np.round(accuracy, 12), -np.inf)
    order = np.lexsort((-accuracy, cost), axis=-1)
    cost, accuracy = (np.take_along_axis(of, order, -1) for of in (cost, accuracy))
    best = np.maximum.accumulate(accuracy, axis=-1)
    before = np.concatenate([np.full_like(best[..., :1], -np.inf), best[..., :-1]], axis=-1)
    # Of equals the first in this order has the best accuracy so far, at the least cost.
    places = np.where(accuracy > before, np.arange(cost.shape[-1]), 0)
    cheapest = np.take_along_axis(cost, np.maximum.accumulate(places, axis=-1), -1)
    on = np.empty(cost.shape, bool)
    np.put_along_axis(on, order, (accuracy == best) & (cost == cheapest), -1)
    return on & known
