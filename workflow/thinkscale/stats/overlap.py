"""Which of the items' n-grams of tokens occur in a corpus: how far the items may be known from it.

Exact: n-grams are looked for by a 64-bit hash and every hit is compared token by token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core.intervals import Interval, clustered_mean, percent
from thinkscale.stats.core.sides import Documents, spans

ITEM_COLUMNS = ["item_id", "ngram", "ngrams", "found", "share", "detail"]
SUMMARY_COLUMNS = [
    *["measure", "ngram", "items", "too_short", "estimate", "lower", "upper", "method"],
]
HALF = 0.5
_TABLE_BITS = (16, 26)


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of the items.

    grams: the different ones, (m, n). of: for every n-gram of the items, which of `grams` it is,
    and `item` whose it is, numbered from 0. items: how many there are. hashes: of `grams`, in the
    order of `by_hash`, all different; base: what they are made with. maybe: whether a hash with
    these leading bits is among them.
    """

    grams: np.ndarray
    of: np.ndarray
    item: np.ndarray
    items: int
    hashes: np.ndarray
    by_hash: np.ndarray
    base: int
    maybe: np.ndarray

    @property
    def n(self) -> int:
        return self.grams.shape[1]


def ngrams(texts: Documents, item: Sequence[int], items: int, n: int) -> Ngrams:
    """The n-grams of texts; none reaches from one text into another.

    Parameters
    ----------
    texts : token ids of each text
    item : the number, from 0, of each text's item; `items` is how many items there are
    """
    lengths = np.asarray(texts.lengths, np.int64)
    starts = np.cumsum(lengths) - lengths
    number = np.maximum(lengths - n + 1, 0)
    at = spans(starts, number)
    windows = np.asarray(texts.ids, np.int32)[at[:, None] + np.arange(n)]
    grams, of = np.unique(windows, axis=0, return_inverse=True)
    grams = grams.reshape(-1, n)
    bits = int(np.clip(np.ceil(np.log2(max(1, 32 * len(grams)))), *_TABLE_BITS))
    for base in _bases():
        hashed = _hashes(grams.reshape(-1), n, base)[::n] if len(grams) else np.empty(0, np.uint64)
        by_hash = np.argsort(hashed, kind="stable")
        hashes = hashed[by_hash]
        if not (hashes[1:] == hashes[:-1]).any():
            break  # each hash then stands for one n-gram
    maybe = np.zeros(1 << bits, bool)
    maybe[hashes >> np.uint64(64 - bits)] = True
    whose = np.repeat(np.asarray(item, np.int64), number)
    return Ngrams(grams, of.reshape(-1), whose, items, hashes, by_hash, base, maybe)


def occurring(wanted: Ngrams, texts: Documents, known: np.ndarray | None = None) -> np.ndarray:
    """Which of `wanted.grams` occur in texts: their indices, without those already `known`.

    known : for each of the grams whether it is known to occur, shape (m,)
    """
    n, ids = wanted.n, np.asarray(texts.ids)
    if len(ids) < n or not len(wanted.grams):
        return np.empty(0, np.int64)
    hashed = _hashes(ids, n, wanted.base)
    bits = int(np.log2(len(wanted.maybe)))
    at = np.flatnonzero(wanted.maybe[hashed >> np.uint64(64 - bits)])
    place = np.searchsorted(wanted.hashes, hashed[at])
    place = np.minimum(place, len(wanted.hashes) - 1)
    same = wanted.hashes[place] == hashed[at]
    at, gram = at[same], wanted.by_hash[place[same]]
    if known is not None:
        new = ~known[gram]
        at, gram = at[new], gram[new]
    ends = np.cumsum(texts.lengths)
    within = ends[np.searchsorted(ends, at, side="right")] - at >= n
    at, gram = at[within], gram[within]
    equal = (ids[at[:, None] + np.arange(n)] == wanted.grams[gram]).all(axis=1)
    return np.unique(gram[equal])


def overlap(wanted: Ngrams, occurs: np.ndarray, item_ids: Sequence[str]) -> pd.DataFrame:
    """The share of each item's n-grams that occur in the corpus, the largest first.

    An n-gram that an item has twice counts twice. Items without an n-gram, because their texts are
    shorter than n tokens, come last, without a share.

    Parameters
    ----------
    occurs : for each of `wanted.grams` whether it occurs, shape (m,)
    """
    number = np.bincount(wanted.item, minlength=wanted.items)
    found = np.bincount(wanted.item, weights=occurs[wanted.of], minlength=wanted.items)
    share = np.divide(found, number, out=np.full(wanted.items, np.nan), where=number > 0)
    frame = pd.DataFrame(
        {
            "item_id": list(item_ids),
            "ngram": wanted.n,
            "ngrams": number,
            "found": found.astype(int),
            "share": share,
            "detail": np.where(number > 0, None, f"too short: no text of {wanted.n} tokens"),
        },
        columns=ITEM_COLUMNS,
    )
    return frame.sort_values(
        ["share", "found", "item_id"], ascending=[False, False, True], ignore_index=True
    )


def overlap_summary(
    per_item: pd.DataFrame, clusters: pd.Series | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """How many items overlap with the corpus, and by how much on average.

    Measures: `any`, the share of items with an n-gram that occurs; `half`, with at least half of
    them; `mean`, the mean share. Items that are too short are left out and counted.

    Parameters
    ----------
    per_item : as `overlap` makes it, of one tokenizer and corpus
    clusters : name of the cluster by item_id; default: every item is one
    """
    known = per_item[per_item["ngrams"] > 0]
    share = known["share"].to_numpy(float)
    names = known["item_id"] if clusters is None else known["item_id"].map(clusters)
    names = names.fillna(known["item_id"]).to_numpy()
    ngram = int(per_item["ngram"].iloc[0]) if len(per_item) else 0
    rows = []
    for measure, values in (("any", share > 0), ("half", share >= HALF), ("mean", share)):
        if measure != "mean" and len(share) and len(set(names)) == len(share):
            result = _wilson(values, confidence)
        else:
            result = clustered_mean(values, names, confidence=confidence, bounds=(0.0, 1.0))
        method = result.method
        if not len(share):
            method = f"not estimated: every item is shorter than {ngram} tokens"
        rows.append(
            {
                "measure": measure,
                "ngram": ngram,
                "items": len(known),
                "too_short": len(per_item) - len(known),
                **result.bounds(),
                "method": method,
            }
        )
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _wilson(values: np.ndarray, confidence: float) -> Interval:
    """A share of independent items: few of many overlap, which a symmetric interval gets wrong."""
    bounds = proportion_confint(values.sum(), len(values), alpha=1 - confidence, method="wilson")
    lower, upper = map(float, bounds)
    how = f"share; {percent(confidence)} interval Wilson over {len(values)} items"
    return Interval(float(values.mean()), lower, upper, how)


def contaminated(
    table: pd.DataFrame, exclude_above: float, corpora: Sequence[str] | None = None
) -> list[str]:
    """Ids of the items of whose n-grams more than this share occurs in one of the corpora.

    table : as the file `overlap.csv` has it. corpora: None for all of them
    """
    counts = table["share"] > exclude_above
    if corpora is not None:
        counts &= table["corpus"].isin(corpora)
    return sorted(table.loc[counts, "item_id"].unique())


def without_items(frame: pd.DataFrame, left_out: Sequence[str]) -> pd.DataFrame:
    """Rows of other items. Raises ThinkscaleError if there are none."""
    kept = frame[~frame["item_id"].isin(left_out)]
    if kept.empty and len(frame):
        raise ThinkscaleError(
            f"`analyses.contamination.exclude_above` leaves out all {len(left_out)} items; raise "
            "it, or look at tables/overlap.csv for what overlaps"
        )
    return kept.reset_index(drop=True)


def _bases():
    """Odd multipliers of polynomial hashes, to be tried in order."""
    rng = np.random.default_rng(20260722)
    while True:
        yield int(rng.integers(1 << 63, dtype=np.uint64)) | 1


def _hashes(ids: np.ndarray, n: int, base: int) -> np.ndarray:
    """Polynomial hashes modulo 2^64 of the n-gram that begins at each position, (len - n + 1,).

    Those of length 1, 2, 4, ... are made from one another, and those of n from them.
    """
    whole, covered = None, 0
    power, size = np.asarray(ids).astype(np.uint64) + np.uint64(1), 1
    room = len(ids) - n + 1
    while size <= n:
        if n & size:
            part = power[covered : covered + room]
            factor = np.uint64(pow(base, size, 1 << 64))
            whole = part if whole is None else whole * factor + part
            covered += size
        if 2 * size <= n:
            factor = np.uint64(pow(base, size, 1 << 64))
            power = power[:-size] * factor + power[size:]
        size *= 2
    return whole
