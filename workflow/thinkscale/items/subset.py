"""Subsets of an item bank that grow without reshuffling.

Every item has a place in an order fixed by the seed and its own id. A subset of n is the first n of
that order, so the first 100 of a seed are the beginning of its first 200, whatever the order of the
file, and an item added to the bank moves no other item relative to the rest (unstratified).
"""

import hashlib

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError


def place_hash(seed: int, item_id: str) -> int:
    """The first 64 bits of SHA-256 of seed and item id."""
    digest = hashlib.sha256(f"{seed}\x1f{item_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def drawing_order(hashes: np.ndarray, strata: np.ndarray | None = None) -> np.ndarray:
    """Places of the bank's items (their hashes given) in the order in which they are drawn.

    Unstratified, the order is that of the hashes. With strata (a number for each item) these are
    interleaved: the j-th of a stratum's m items, in hash order, stands at (j + 1/2) / m. Any n then
    holds each stratum in its share of the bank, up to rounding, and subsets stay nested.
    """
    order = np.argsort(hashes, kind="stable")
    if strata is None:
        return order
    within = pd.Series(strata[order]).groupby(strata[order])
    place = (within.cumcount() + 0.5) / within.transform("size")
    return order[np.lexsort((hashes[order], place.to_numpy()))]


def strata_of(
    difficulty: np.ndarray,
    quantiles: int,
    clusters: np.ndarray | None = None,
    where: str = "the item bank",
) -> np.ndarray | None:
    """A number for each item's stratum, or None where there is but one.

    Items are split at the quantiles of difficulty (1: not at all) over the whole bank; those
    without difficulty form one more stratum, equal difficulties stay together. With `clusters` (a
    number for each item; 0 for those in none), strata are clusters times quantiles.
    Raises ThinkscaleError if there is nothing to stratify by.
    """
    if quantiles > 1 and np.isnan(difficulty).all():
        raise ThinkscaleError(
            f"{where}: no item has a difficulty to stratify by (`items.strata: {quantiles}`)."
        )
    if clusters is not None and not clusters.any():
        raise ThinkscaleError(
            f"{where}: no item has a cluster to stratify by (`items.by_cluster`); "
            "`items.columns.cluster` names the column that says which items belong together."
        )
    split = None
    if quantiles > 1:
        values = pd.Series(difficulty)
        split = pd.qcut(values, quantiles, labels=False, duplicates="drop").fillna(-1).to_numpy(int)
    if clusters is None:
        return split
    both = pd.DataFrame({"cluster": clusters, "split": 0 if split is None else split})
    return both.groupby(["cluster", "split"]).ngroup().to_numpy()
