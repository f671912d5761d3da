"""What a divergence needs of a corpus: its documents, or random groups of them if they are many."""

import threading

import numpy as np

from thinkscale.corpora.blocks import Block
from thinkscale.corpora.encode import Encoded
from thinkscale.stats import Documents, Groups, generator, piece_lengths, spans

HOLD = 8_000_000  # tokens of a corpus whose documents are all held
GROUPS = 100
POOL = 2_000_000  # tokens of the pieces the null is drawn from, at least this, and ...
POOL_FACTOR = 20  # ... this many times the items'


class TokenSample:
    """Gathers the tokens of a corpus in bounded memory.

    Up to `hold` tokens every document is held. A larger corpus is counted in `groups` groups: each
    document goes to one of them at random, by itself. Resampling whole groups then estimates the
    variance of resampling documents, since the sum over a group of documents dealt at random has
    the variance of so many documents; the price is that the estimate itself varies as one from
    `groups` values does.

    For the null, documents are cut into pieces (`stats.divergence`), and a random part of them is
    kept, about half to all of `pool` tokens: a draw from a simple random sample of the pieces is a
    simple random draw from all of them.

    Parameters
    ----------
    longest : tokens of a piece, at most
    seed : which documents come together and which pieces are kept depends on it, and on nothing
        else; not on the order in which threads bring the blocks
    """

    def __init__(
        self,
        vocabulary_size: int,
        *,
        longest: int,
        seed: int,
        hold: int = HOLD,
        groups: int = GROUPS,
        pool: int = POOL,
    ):
        self._size, self._longest, self._seed = vocabulary_size, longest, seed
        self._hold, self._groups, self._pool = hold, groups, pool
        self._lock = threading.Lock()
        self._held: dict[int, Documents] = {}
        self._grouped = False
        # Counts (groups, tokens) to add to, one for each thread that counts at once.
        self._spare: list[np.ndarray] = []
        self._documents = self._tokens = self._pooled = 0
        self._share = 1.0
        # by block: pieces (flat ids, lengths) and the number each drew
        self._pieces: dict[int, tuple[Documents, np.ndarray]] = {}

    def take(self, block: Block, encoded: Encoded) -> None:
        """Add a block's tokens; may be called by several threads at once."""
        lengths = np.bincount(
            block.document, weights=encoded.lengths, minlength=block.documents
        ).astype(np.int64)
        documents = Documents(encoded.ids, lengths)
        with self._lock:
            self._documents += len(lengths)
            self._tokens += documents.tokens
            self._held[block.number] = documents
            self._grouped = self._grouped or self._tokens > self._hold
            waiting = self._held if self._grouped else {}
            if self._grouped:
                self._held = {}
        for number, held in waiting.items():
            self._count(number, held)

    def result(self) -> Documents | Groups:
        """What was gathered."""
        if not self._grouped:
            parts = [self._held[number] for number in sorted(self._held)]
            return _joined(parts)
        pieces = _joined([self._pieces[number][0] for number in sorted(self._pieces)])
        counts = sum(self._spare, np.zeros((self._groups, self._size), np.int64))
        return Groups(counts, self._documents, pieces, self._longest, self._share)

    def _count(self, number: int, documents: Documents) -> None:
        rng = generator(self._seed, "groups", str(number))
        group = rng.integers(self._groups, size=len(documents))
        cell = np.repeat(group * self._size, documents.lengths) + documents.ids
        with self._lock:
            counts = self._spare.pop() if self._spare else None
        if counts is None:
            counts = np.zeros((self._groups, self._size), np.int32)
        np.add.at(counts.reshape(-1), cell, np.int32(1))  # with a Python 1 ten times slower
        lengths = piece_lengths(documents.lengths, self._longest)
        drawn = generator(self._seed, "pieces", str(number)).random(len(lengths))
        with self._lock:
            self._spare.append(counts)
            self._keep(number, documents.ids, lengths, drawn)
            while self._pooled > self._pool:
                # Halving keeps what is left a draw with one probability, in whatever order blocks
                # come.
                self._share /= 2
                self._pooled = 0
                for block, (pieces, numbers) in list(self._pieces.items()):
                    self._keep(block, pieces.ids, pieces.lengths, numbers)

    def _keep(self, number: int, ids: np.ndarray, lengths: np.ndarray, drawn: np.ndarray) -> None:
        kept = drawn < self._share
        starts = np.cumsum(lengths) - lengths
        ids = ids[spans(starts[kept], lengths[kept])]
        self._pieces[number] = Documents(ids, lengths[kept]), drawn[kept]
        self._pooled += len(ids)


def pool_size(tokens_items: int) -> int:
    """Tokens of pieces to keep for a null whose draws have so many tokens."""
    return max(POOL, POOL_FACTOR * tokens_items)


def _joined(parts: list[Documents]) -> Documents:
    return Documents(
        np.concatenate([part.ids for part in parts] or [np.empty(0, np.int32)]),
        np.concatenate([part.lengths for part in parts] or [np.empty(0, np.int64)]),
    )
