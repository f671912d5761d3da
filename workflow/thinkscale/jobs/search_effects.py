"""What search is known to do on the phantom, measured from the searches of a study of it."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pandas as pd

from thinkscale.stats.compute_matched import interpolated
from thinkscale.stats.core.intervals import Estimate, clustered_mean

COLUMNS = ["effect", "model", "n_items", "estimate", "lower", "upper", "sampled"]
N = 8  # the size at which strategies are compared


def search_effects(searches: pd.DataFrame) -> pd.DataFrame:
    """Every effect of search that a study shows, a row each and model by model, with `COLUMNS`.

    searches: by the contract, of strategies named as in config/studies/search-effects.yaml; what
    it does not hold is left out. Accuracies and shares are 0..1, gains are paired by item,
    intervals at 95% over items. sampled: mean tokens an item that the strategy would have cost
    alone; of a gain, the side that is named first.
    """
    rows = []
    for model, own in searches[~searches["excluded"]].groupby("model", sort=False):
        for effect, found, n_items, sampled in _of_model(own):
            row = {"effect": effect, "model": model, "n_items": n_items, "sampled": sampled}
            rows.append(row | found.bounds())
    return pd.DataFrame(rows, columns=COLUMNS)


Effect = tuple[str, Estimate, int, Any]


def _of_model(own: pd.DataFrame) -> Iterator[Effect]:
    groups = own.groupby(["strategy", "n"], sort=False)
    cells = {key: cell.set_index("item_id") for key, cell in groups}
    correct = {key: cell["correct"].astype(float) for key, cell in cells.items()}
    cost = {key: float(cell["sampled"].mean()) for key, cell in cells.items()}

    def gain(name: str, key: tuple, over: tuple) -> Iterator[Effect]:
        if key in cells and over in cells:
            yield name, *_mean(correct[key] - correct[over], (-1, 1)), cost[key]

    for strategy, n in [("majority", 1), *((s, n) for s, n in cells if n == N)]:
        if (strategy, n) in cells:
            value = correct[strategy, n]
            yield f"accuracy of {strategy} at {n}", *_mean(value), cost[strategy, n]
    for strategy, n in cells:
        if n == N and strategy != "majority":
            over = ("majority", N)
            yield from gain(f"{strategy} at {N}: gain over majority", (strategy, n), over)
    sizes = sorted(n for strategy, n in cells if strategy == "best_of_n")
    for less, more in pairwise(sizes):
        name = f"best_of_n: gain of {more} over {less}"
        yield from gain(name, ("best_of_n", more), ("best_of_n", less))
    for strategy in ("majority", "weighted_best_of_n"):
        for n in (n for n in sizes if n >= N):
            name = f"{strategy} at {n}: gain over best_of_n"
            yield from gain(name, (strategy, n), ("best_of_n", n))
    for strategy, beside in (("revisions", "majority"), ("revisions_by_scorer", "best_of_n")):
        curve = own[own["strategy"] == beside]
        for n in (n for name, n in cells if name == strategy):
            there = interpolated(curve, "sampled", cost[strategy, n]) if len(curve) else None
            if there is not None:
                yield f"accuracy of {strategy}", *_mean(correct[strategy, n]), cost[strategy, n]
                name = f"{strategy}: gain over {beside} at equal tokens"
                yield name, *_mean(correct[strategy, n] - there, (-1, 1)), cost[strategy, n]
    for strategy, n in cells:
        if strategy == "rejection":
            cell = cells[strategy, n]
            unmet = cell["unmet"].astype(float)
            yield f"rejection at {n}: share unmet", *_mean(unmet), cost[strategy, n]
            kept = cell.loc[~cell["unmet"].astype(bool), "think_tokens"].astype(float)
            name = f"rejection at {n}: thinking tokens where it was met"
            yield name, *_mean(kept, (0, n)), cost[strategy, n]


def _mean(values: pd.Series, bounds: tuple[float, float] = (0, 1)) -> tuple[Estimate, int]:
    values = values.dropna()
    return clustered_mean(values, values.index.to_numpy(), bounds=bounds), len(values)
