"""Concordance of lengths with what predicts them, where some lengths are only lower bounds."""

import numpy as np
import pandas as pd

from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import grouped, left_out

NEVER = np.iinfo(np.int64).max
AT_ONCE = 2_000_000  # pairs of items


def concordance(
    responses: pd.DataFrame, predictor: str, *, confidence: float = 0.95
) -> tuple[float, Estimate]:
    """Harrell's index C of concordance, and Somers' D = 2 C - 1 with its interval.

    C is the share of pairs of thoughts on different items in which the longer goes with the larger
    value of `predictor`, equal values counting one half; of the pairs whose order is known, which
    is where the shorter one was not cut. The jackknife leaves out clusters. (lifelines has C, but
    not for pandas 3, and leaving out items needs their pairs apart.)

    responses: item_id, cluster, think_tokens, censored, and `predictor`, equal within items.
    """
    items = responses.groupby("item_id").agg(cluster=("cluster", "first"), x=(predictor, "first"))
    codes, groups, unit = grouped(items["cluster"])
    place = items["x"].rank(method="dense").to_numpy(np.int32)
    longest, ends = known_lengths(responses)
    # Agreeing and known pairs of each item, with all the others and with those of its cluster.
    sums = np.zeros((2, 2, len(items)))
    for some in np.array_split(np.arange(len(items)), 1 + len(items) ** 2 // AT_ONCE):
        longer = known_longer(longest[some], ends)
        shorter = known_longer(longest, ends[some]).T
        own = (np.arange(len(some)), some)
        longer[own] = shorter[own] = 0
        higher = np.sign(place[some][:, None] - place)
        together = codes[some][:, None] == codes if unit == "clusters" else None
        for kind, pairs in enumerate(((longer - shorter) * higher, longer + shorter)):
            sums[kind, 0, some] = pairs.sum(axis=1)
            if together is not None:
                sums[kind, 1, some] = (pairs * together).sum(axis=1)

    every, inside = (
        np.array([np.bincount(codes, of, groups) for of in sums[:, kind]]) for kind in (0, 1)
    )
    total = every.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        d = float(np.divide(*total)[0])
        without = np.divide(*(total - 2 * every + inside))
    return (1 + d) / 2, left_out(d, without, unit, confidence)


def known_lengths(responses: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """How long each thought at least is, and where it ended, items by samples, sorted by item_id.

    What was cut at a length is longer than what ended there, and ended nowhere.
    """
    codes, found = pd.factorize(responses["item_id"], sort=True)
    place = responses.groupby("item_id").cumcount().to_numpy()
    cut = responses["censored"].to_numpy(bool)
    # Twice the length, and one more where it was cut: whole numbers in the order of what is known.
    shape = len(found), place.max(initial=-1) + 1
    longest, ends = np.full(shape, -1), np.full(shape, NEVER)
    longest[codes, place] = 2 * responses["think_tokens"].to_numpy(int) + cut
    ends[codes, place] = np.where(cut, NEVER, longest[codes, place])
    return longest, ends


def known_longer(longest: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """In how many pairs of thoughts that of a row's item is known to be longer.

    Of what `known_lengths` has of a items and of b: shape (a, b).
    """
    pairs = np.zeros((len(longest), len(ends)), np.int32)
    for one in longest.T:
        for end in ends.T:
            pairs += one[:, None] > end
    return pairs
