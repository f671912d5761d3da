"""The best strategy for each difficulty and compute, chosen on one half of the items and measured
on the other (Snell et al., arXiv 2408.03314, section 3.2: the compute-optimal strategy)."""

import numpy as np
import pandas as pd

from thinkscale.data.seeds import generator
from thinkscale.stats.compute_matched import curves, interpolated
from thinkscale.stats.core import frame
from thinkscale.stats.core import searches as core
from thinkscale.stats.core.intervals import clustered_mean, clustered_share

READS = core.READS
COLUMNS = [
    *["model", "axis", "multiple", "level", "cost", "n_items", "n_excluded", "chosen"],
    *["estimate", "lower", "upper", "gain", "gain_lower", "gain_upper", "method"],
]


def tabulate(
    searches: pd.DataFrame,
    graded: pd.DataFrame,
    *,
    multiples: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    held_out: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracy of choosing, for each fifth of difficulty, what did best on other items.

    Items (their clusters) are split in halves at random; for each level and multiple of one
    sample's FLOPs the strategy that is best on one half is measured on the other, both ways round.
    chosen: the strategies that the two halves chose. Level 0 is over all levels, each with its own
    choice. gain: paired difference from majority at the same compute. Only strategies and items
    with a value at that compute take part. held_out: as of `core.searches.prepare`.
    """
    prepared, rows = core.prepare(searches, frame.natural(graded), held_out), []
    for model, own in prepared.groupby("model", sort=False):
        one = float(own.loc[own["condition"] == "natural", "compute"].astype(float).mean())
        facts = own.groupby("item_id")[["cluster", "level"]].first()
        half = _halves(facts["cluster"], generator(seed, model, "halves"))
        for multiple in multiples:
            values = {
                name: found
                for name, curve in curves(own, "compute")
                if (found := interpolated(curve, "compute", multiple * one)) is not None
            }
            if len(values) < 2 or "majority" not in values:
                continue
            table = pd.DataFrame(values).dropna()
            told = facts.loc[table.index]
            measured, chosen = _measured(table, told["level"], half.loc[table.index])
            for level in [0, *sorted(set(told["level"]) - {0})]:
                here = measured.notna() & ((told["level"] == level) | (level == 0))
                if not here.any():
                    continue
                got, clusters = measured[here], told.loc[here, "cluster"]
                mean = clustered_share(got, clusters, confidence)
                gain = clustered_mean(
                    *(got - table.loc[here, "majority"], clusters),
                    confidence=confidence,
                    bounds=(-1.0, 1.0),
                )
                named = sorted(set().union(*(c for k, c in chosen.items() if level in (0, k))))
                rows.append(
                    {
                        **{"model": model, "axis": "compute", "multiple": multiple},
                        **{"level": level, "cost": multiple * one, "n_items": int(here.sum())},
                        "chosen": ", ".join(named),
                        **mean.bounds(),
                        "gain": gain.estimate,
                        "gain_lower": gain.lower,
                        "gain_upper": gain.upper,
                        "method": f"chosen on one half, measured on the other; {mean.method}",
                    }
                )
    return frame.table(rows, COLUMNS, graded)


def _halves(clusters: pd.Series, rng: np.random.Generator) -> pd.Series:
    """0 or 1 for each item: clusters in an order drawn, every other one in the same half."""
    order = {name: place for place, name in enumerate(rng.permutation(clusters.unique()))}
    return clusters.map(order) % 2


def _measured(
    table: pd.DataFrame, level: pd.Series, half: pd.Series
) -> tuple[pd.Series, dict[int, set[str]]]:
    """Each item's value under the strategy that the other half of its level chose."""
    measured, chosen = pd.Series(np.nan, index=table.index), {}
    for name in set(level):
        for side in (0, 1):
            other = table[(level == name) & (half != side)]
            mine = (level == name) & (half == side)
            if other.empty or not mine.any():
                continue
            best = other.mean().idxmax()
            measured[mine] = table.loc[mine, best]
            chosen.setdefault(int(name), set()).add(str(best))
    return measured, chosen
