"""The items' n-grams of tokens, looked for in a corpus block by block.

Exact: n-grams are looked for by a 64-bit hash and every hit is compared token by token.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from thinkscale.corpora.encode import Encoded
from thinkscale.data.tokens import Documents, spans

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

    def per_item(self, occurs: np.ndarray | None = None) -> np.ndarray:
        """How many n-grams each item has, or how many of `grams` that occur, shape (items,).

        An n-gram that an item has twice counts twice.
        """
        weights = None if occurs is None else occurs[self.of]
        return np.bincount(self.item, weights, minlength=self.items).astype(np.int64)


def ngrams(items: Encoded, n: int) -> Ngrams:
    """The n-grams of items, which are documents here; none reaches from one text into another."""
    lengths = items.texts.lengths
    number = np.maximum(lengths - n + 1, 0)
    at = spans(np.cumsum(lengths) - lengths, number)
    windows = np.asarray(items.texts.ids, np.int32)[at[:, None] + np.arange(n)]
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
    whose = np.repeat(items.document, number)
    return Ngrams(grams, of.reshape(-1), whose, items.number, hashes, by_hash, base, maybe)


def search(wanted: Ngrams, blocks: Iterable[Documents]) -> np.ndarray:
    """Whether each of `wanted.grams` occurs in a corpus, whose texts come some at a time."""
    occurs = np.zeros(len(wanted.grams), bool)
    for texts in blocks:
        occurs[_occurring(wanted, texts, occurs)] = True
    return occurs


def _occurring(wanted: Ngrams, texts: Documents, known: np.ndarray) -> np.ndarray:
    """Which of `wanted.grams` occur in texts: their indices, without those already known to."""
    n, ids = wanted.n, texts.ids
    if len(ids) < n or not len(wanted.grams):
        return np.empty(0, np.int64)
    hashed = _hashes(ids, n, wanted.base)
    bits = int(np.log2(len(wanted.maybe)))
    at = np.flatnonzero(wanted.maybe[hashed >> np.uint64(64 - bits)])
    place = np.searchsorted(wanted.hashes, hashed[at])
    place = np.minimum(place, len(wanted.hashes) - 1)
    gram = wanted.by_hash[place]
    new = (wanted.hashes[place] == hashed[at]) & ~known[gram]
    at, gram = at[new], gram[new]
    ends = np.cumsum(texts.lengths)
    within = ends[np.searchsorted(ends, at, side="right")] - at >= n
    at, gram = at[within], gram[within]
    equal = (ids[at[:, None] + np.arange(n)] == wanted.grams[gram]).all(axis=1)
    return np.unique(gram[equal])


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
