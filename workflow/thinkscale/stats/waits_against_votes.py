"""Waits against votes at equal tokens: one thought made longer, or several thoughts?"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.resampling import Draws, holm_within, paired
from thinkscale.stats.frontier import votes

COST = "alone_tokens"
READS = [*frame.NEEDED, COST, "new_tokens"]
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "errors", "n_excluded", "tokens", "accuracy"],
    *["votes", "votes_tokens", "votes_accuracy", "estimate", "lower", "upper"],
    *["p", "p_holm", "p_method", "method"],
]


def tabulate(
    graded: pd.DataFrame,
    ks: Sequence[int] = (4, 8),
    *,
    confidence: float = 0.95,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracy with forced waits less that of votes over natural samples for the same tokens.

    Of each item the mean over samples, or the chance that the plurality of k of them is right.
    votes: the two sizes k between which votes are interpolated, linearly in the logarithm of their
    mean cost, one sample being the smallest; where waits cost more than the largest, that one alone
    for its `votes_tokens`. The difference is paired by item, its interval clustered, its p of
    flipping the signs of whole clusters. What did not fit the context is not correct, and has no
    cost.
    """
    draws = Draws(confidence, n_permutations=n_permutations, seed=seed).named("waits, votes")
    rows = []
    frame.require(graded, READS, "graded responses")
    for model, own in frame.by_model(frame.prepare(graded[READS])):
        waited = own[own["waits"].notna()]
        if waited.empty:
            continue
        sizes = dict(votes(str(model), frame.natural(own), (1, *ks), seed))
        for cell, responses in frame.by_condition(waited):
            row, stream = {"model": model, **cell}, draws.named(str(model), cell["condition"])
            rows += _compared(row, responses, sizes, stream)
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def _compared(
    row: dict, responses: pd.DataFrame, sizes: dict[int, pd.DataFrame], draws: Draws
) -> Iterator[dict]:
    """The row of one condition and model; none where nothing was paid, or no three can vote."""
    # As floats, since logs do not say what forced waits cost.
    paid = responses.assign(**{COST: responses[COST].where(responses["fits"]).astype(float)})
    waits = paid.groupby("item_id").agg({"correct": "mean", COST: "mean", "cluster": "first"})
    tokens = float(waits[COST].mean())
    costs = {k: float(of[COST].mean()) for k, of in sizes.items()}
    costs = {k: cost for k, cost in costs.items() if cost > 0}
    if not tokens > 0 or max(costs, default=0) < 3:
        return
    low = max((k for k in costs if costs[k] <= tokens), default=min(costs))
    high = min((k for k in costs if costs[k] > tokens), default=low)
    place = np.interp(np.log(tokens), np.log([costs[low], costs[high]]), [0, 1])
    far = float(place) if high != low else 0.0
    voted = (1 - far) * sizes[low]["correct"] + far * sizes[high]["correct"]
    both = waits.assign(voted=voted).dropna(subset="voted")
    found = paired(both["voted"], both["correct"], both["cluster"], draws, (-1.0, 1.0))
    errors = frame.unfit_items(responses)
    note = frame.unfit_note(errors, "count as not correct and have no cost")
    yield {
        **row,
        "n_items": len(both),
        "errors": errors,
        "tokens": tokens,
        "accuracy": float(both["correct"].mean()),
        "votes": " to ".join(map(str, dict.fromkeys((low, high)))),
        "votes_tokens": tokens if high != low else costs[low],
        "votes_accuracy": float(both["voted"].mean()),
        **found.row(
            "paired difference from votes, by item: ",
            f"; p sign-flip of clusters: {found.p_method}; p_holm Holm within the model{note}",
        ),
    }
