"""Concordance of lengths with what predicts them, where some lengths are only lower bounds."""

import numpy as np
import pandas as pd
from scipy import sparse

from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import grouped, left_out


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
    longer = known_longer(responses)
    higher = np.sign(np.subtract.outer(items["x"].to_numpy(float), items["x"].to_numpy(float)))
    codes, _, unit = grouped(items["cluster"])
    agreeing, known = (longer - longer.T) * higher, longer + longer.T
    if unit == "clusters":
        of_cluster = sparse.csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))))
        agreeing, known = (of_cluster @ pairs @ of_cluster.T for pairs in (agreeing, known))

    with np.errstate(invalid="ignore"):
        d = agreeing.sum() / known.sum()
        without = _without_each(agreeing) / _without_each(known)
    return (1 + d) / 2, left_out(d, without, unit, confidence)


def _without_each(pairs: np.ndarray) -> np.ndarray:
    """What is left of the sum of `pairs` of clusters, symmetric (G, G), without each of them."""
    return pairs.sum() - 2 * pairs.sum(axis=0) + pairs.diagonal()


def known_longer(responses: pd.DataFrame) -> np.ndarray:
    """In how many pairs of thoughts that of the row's item is known to be longer, shape (n, n).

    Columns are items too, both sorted by id. What was cut at a length is longer than what ended
    there. Pairs within an item are not counted.
    """
    codes, found = pd.factorize(responses["item_id"], sort=True)
    place = responses.groupby("item_id").cumcount().to_numpy()
    cut = responses["censored"].to_numpy(bool)
    # Twice the length, and one more where it was cut: whole numbers in the order of what is known.
    shape = len(found), place.max(initial=-1) + 1
    longer, ends = np.full(shape, -1.0), np.full(shape, np.inf)
    longer[codes, place] = 2 * responses["think_tokens"].to_numpy(float) + cut
    ends[codes, place] = np.where(cut, np.inf, longer[codes, place])
    pairs = np.zeros((len(found), len(found)), np.int32)
    for one in longer.T:
        for end in ends.T:
            pairs += one[:, None] > end
    np.fill_diagonal(pairs, 0)
    return pairs
