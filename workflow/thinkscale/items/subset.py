"""Subsets of an item bank that grow without reshuffling.

Every item has a place in an order fixed by the seed and its own id. A subset of n is the first n of
that order, so the first 100 of a seed are the beginning of its first 200, whatever the order of the
file, and an item added to the bank moves no other item relative to the rest (unstratified).
"""

import hashlib

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError


def subset(
    items: pd.DataFrame,
    n: int | None,
    seed: int,
    *,
    quantiles: int | None = None,
    source: str = "the item bank",
) -> pd.DataFrame:
    """The first `n` items (all if None) in the seed's order; rows come back in that order.

    Unstratified, the order is that of SHA-256 of seed and item id. With `quantiles` = q, items are
    split at the q-quantiles of difficulty over the whole bank (items without difficulty form one
    more stratum; equal difficulties stay together) and the strata are interleaved: the j-th of a
    stratum's m items, in hash order, stands at (j + 1/2)/m. Any n then holds each stratum in its
    share of the bank, up to rounding, and subsets stay nested.

    `source` names the bank in errors. Raises ThinkscaleError if n is not a positive whole number or
    exceeds the bank, or if q is below 2 or no item has a difficulty to stratify by.
    """
    if n is not None:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ThinkscaleError(f"{source}: asked for {n!r} items; expected at least 1.")
        if n > len(items):
            raise ThinkscaleError(
                f"{source}: asked for {n} items, but it has {len(items)}; "
                "ask for fewer, or leave the number out to take all."
            )
    key = [_hash(seed, item_id) for item_id in items["item_id"]]
    order = pd.DataFrame({"hash": key, "place": 0.0}, index=items.index)
    if quantiles is not None:
        strata = _strata(items["difficulty"], quantiles, source)
        by_stratum = order.sort_values("hash").groupby(strata)
        size = by_stratum["hash"].transform("size")
        order["place"] = (by_stratum.cumcount() + 0.5) / size
    drawn = order.sort_values(["place", "hash"]).index[:n]
    return items.loc[drawn].reset_index(drop=True)


def _strata(difficulty: pd.Series, quantiles: int, source: str) -> pd.Series:
    """Stratum number of each item; -1 where difficulty is missing."""
    if isinstance(quantiles, bool) or not isinstance(quantiles, (int, np.integer)) or quantiles < 2:
        raise ThinkscaleError(f"{source}: {quantiles!r} difficulty quantiles; expected at least 2.")
    if difficulty.notna().sum() == 0:
        raise ThinkscaleError(f"{source}: no item has a difficulty to stratify by.")
    return pd.qcut(difficulty, quantiles, labels=False, duplicates="drop").fillna(-1).astype(int)


def _hash(seed: int, item_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\x1f{item_id}".encode()).digest()
