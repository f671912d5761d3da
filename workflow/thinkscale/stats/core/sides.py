"""The two sides of a divergence: documents held as they are, or counts of groups of documents."""

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


@dataclass(frozen=True)
class Groups:
    """A corpus too large to hold: the counts of groups that its documents were dealt to at random.

    counts: (groups, vocabulary). documents: how many there are. pieces: the pieces of at most
    `longest` tokens that documents were cut into and that a draw with probability `share`, each by
    itself, kept. seed: of these draws.
    """

    counts: np.ndarray
    documents: int
    pieces: Documents
    longest: int
    share: float

    def __len__(self) -> int:
        return self.documents

    @property
    def tokens(self) -> int:
        return int(self.counts.sum())


def as_documents(documents: Documents | Sequence[Sequence[int]]) -> Documents:
    """Sequences of ids as one array."""
    if isinstance(documents, Documents):
        return documents
    arrays = [np.asarray(document, dtype=np.int64).ravel() for document in documents]
    return Documents(
        np.concatenate(arrays) if arrays else np.empty(0, np.int64),
        np.array([len(array) for array in arrays], np.int64),
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


def piece_lengths(lengths: np.ndarray, longest: int) -> np.ndarray:
    """Lengths of the pieces that documents of these lengths are cut into, one after the other.

    A document gives pieces of `longest` tokens and one with the rest; an empty one gives none.
    """
    lengths = np.asarray(lengths, np.int64)
    number = -(-lengths // longest)
    pieces = np.full(int(number.sum()), longest, np.int64)
    last = np.cumsum(number)[number > 0] - 1
    pieces[last] = (lengths - (number - 1) * longest)[number > 0]
    return pieces


def spans(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Indices start, start + 1, ... of each span, one span behind the other."""
    stops = np.cumsum(lengths)
    total = int(stops[-1]) if len(stops) else 0
    return np.arange(total) + np.repeat(starts - (stops - lengths), lengths)
