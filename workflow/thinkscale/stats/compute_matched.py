"""Strategies at equal compute: accuracy interpolated at multiples of one sample's cost."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core import searches as core
from thinkscale.stats.core.intervals import clustered_mean, clustered_share

READS = core.READS
AXES = {"compute": "FLOPs", "sampled": "sampled tokens"}
COLUMNS = [
    *["model", "strategy", "approach", "axis", "multiple", "cost", "n_items", "n_excluded"],
    *["estimate", "lower", "upper", "gain", "gain_lower", "gain_upper", "method"],
]


def tabulate(
    searches: pd.DataFrame,
    graded: pd.DataFrame,
    *,
    multiples: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    held_out: int | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Accuracy of each strategy at 1, 2, 4 ... times the cost of one natural sample.

    axis: `compute` (FLOPs) or `sampled` (tokens sampled). Between two of a strategy's sizes an
    item's value is interpolated, linearly in the logarithm of the sizes' mean cost; beyond its
    sizes there is none. gain: the paired difference from `majority` at the same cost, with its
    interval; missing where that has none. held_out: as of `core.searches.prepare`.
    """
    frame_ = core.prepare(searches, frame.natural(graded), held_out)
    rows = []
    for model, own in frame_.groupby("model", sort=False):
        natural = own[own["condition"] == "natural"]
        for axis in AXES:
            one = float(natural[axis].astype(float).mean())
            at = {
                (name, multiple): values
                for name, curve in curves(own, axis)
                for multiple in multiples
                if (values := interpolated(curve, axis, multiple * one)) is not None
            }
            for (name, multiple), values in at.items():
                clusters = own.groupby("item_id")["cluster"].first().loc[values.index]
                mean = clustered_share(values, clusters, confidence)
                row = {
                    "model": model,
                    "strategy": name,
                    "approach": own.loc[own["strategy"] == name, "approach"].iloc[0],
                    "axis": axis,
                    "multiple": multiple,
                    "cost": multiple * one,
                    "n_items": len(values),
                    **mean.bounds(),
                }
                vote = at.get(("majority", multiple))
                if vote is not None and name != "majority":
                    gain = clustered_mean(
                        *(values - vote, clusters), confidence=confidence, bounds=(-1.0, 1.0)
                    )
                    row |= {
                        "gain": gain.estimate,
                        "gain_lower": gain.lower,
                        "gain_upper": gain.upper,
                    }
                how = f"interpolated in log {AXES[axis]}; {mean.method}"
                rows.append({**row, "method": how})
    return frame.table(rows, COLUMNS, graded)


def curves(own: pd.DataFrame, axis: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each strategy of one model with its rows; conditions are no sizes of one strategy."""
    yield from own[own["approach"] != core.FORCING].groupby("strategy", sort=False)


def interpolated(curve: pd.DataFrame, axis: str, cost: float) -> pd.Series | None:
    """Every item's value of a strategy at a mean cost an item; None beyond its sizes.

    curve: rows of the strategy, one an item and size. A cost within a hundredth of a size's is its.
    What logs do not say of costs is missing, and then there is no value either.
    """
    costs = curve[axis].astype(float).groupby(curve["n"])
    sizes = costs.mean().sort_values()
    values = curve.pivot(index="item_id", columns="n", values="correct").astype(float)
    near = np.abs(np.log(sizes / cost))
    if near.min() < 0.01:
        return values[near.idxmin()]
    below, above = sizes[sizes < cost], sizes[sizes > cost]
    if below.empty or above.empty:
        return None
    low, high = below.index[-1], above.index[0]
    share = np.log(cost / below.iloc[-1]) / np.log(above.iloc[0] / below.iloc[-1])
    return values[low] * (1 - share) + values[high] * share
