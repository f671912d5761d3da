"""Token ids of documents, as they travel from corpora to statistics.

Documents are held as they are or, of a corpus too large for that, as counts of groups of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from thinkscale.errors import ThinkscaleError


@dataclass(frozen=True)
class Documents:
    """Token ids of documents one behind the other, and the number of ids of each."""

    ids: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def tokens(self) -> int:
        return len(self.ids)

    def totals(self, vocabulary_size: int) -> np.ndarray:
        """How often each token occurs, shape (vocabulary,)."""
        return np.bincount(self.ids, minlength=vocabulary_size)

    def pick(self, which: np.ndarray) -> "Documents":
        """The documents of these numbers in their order, or those where a mask is true."""
        starts = np.cumsum(self.lengths) - self.lengths
        return Documents(self.ids[spans(starts[which], self.lengths[which])], self.lengths[which])

    def stretches(self, longest: int, rng: np.random.Generator) -> "Documents":
        """One run of `longest` tokens of each document, or all of a shorter one.

        It begins anywhere and goes on from the end to the beginning, so that every token of a
        document is as likely to be in it: runs that stopped at the end would have the ends less.
        """
        lengths = np.minimum(self.lengths, longest)
        begun = rng.integers(np.maximum(self.lengths, 1))
        place = spans(begun, lengths) % np.repeat(self.lengths, lengths)
        first = np.cumsum(self.lengths) - self.lengths
        return Documents(self.ids[np.repeat(first, lengths) + place], lengths)


@dataclass(frozen=True)
class Groups:
    """A corpus too large to hold: the counts of groups that its documents were dealt to at random.

    counts: (groups, vocabulary). documents: how many there are. stretches: one run of at most
    `longest` tokens of each document that a draw with probability `share` kept.
    """

    counts: np.ndarray
    documents: int
    stretches: Documents
    longest: int
    share: float

    def __len__(self) -> int:
        return self.documents

    @property
    def tokens(self) -> int:
        return int(self.counts.sum())

    def totals(self, vocabulary_size: int) -> np.ndarray:
        """How often each token occurs, shape (vocabulary,)."""
        return self.counts.sum(axis=0)


def as_documents(documents: Documents | Groups | Sequence[Sequence[int]]) -> Documents | Groups:
    """Sequences of ids, one a document, as one array; what is counted or held stays as it is."""
    if isinstance(documents, Documents | Groups):
        return documents
    arrays = [np.asarray(document, dtype=np.int64).ravel() for document in documents]
    return joined([Documents(array, np.array([len(array)])) for array in arrays])


def joined(parts: Sequence[Documents]) -> Documents:
    """The documents of all parts, one part behind the other."""
    return Documents(
        np.concatenate([part.ids for part in parts] or [np.empty(0, np.int32)]),
        np.concatenate([part.lengths for part in parts] or [np.empty(0, np.int64)]),
    )


def check_ids(documents: Documents, vocabulary_size: int, first: int = 0) -> None:
    """Raise ThinkscaleError for an id outside the vocabulary; `first` numbers the documents."""
    outside = (documents.ids < 0) | (documents.ids >= vocabulary_size)
    if outside.any():
        at = int(np.argmax(outside))
        document = int(np.searchsorted(np.cumsum(documents.lengths), at, side="right")) + first
        raise ThinkscaleError(
            f"document {document}: token id {documents.ids[at]}; expected 0 to "
            f"{vocabulary_size - 1}."
        )


def spans(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Indices start, start + 1, ... of each span, one span behind the other."""
    stops = np.cumsum(lengths)
    total = int(stops[-1]) if len(stops) else 0
    return np.arange(total) + np.repeat(starts - (stops - lengths), lengths)
