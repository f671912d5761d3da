"""Blocks of a corpus: some megabytes of texts, and which document each text belongs to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK_BYTES = 8_000_000

NEWLINE, RETURN, SPACE = b"\n\r "


@dataclass(frozen=True)
class Block:
    """Texts of some documents, in one run of UTF-8 bytes.

    data: the bytes. starts, ends: of each text within it, rising; there may be bytes between
    texts. document: the number of each text's document within the block, rising. documents: how
    many there are, those without any text included. number: of the block in its corpus.
    """

    number: int
    data: bytes
    starts: np.ndarray
    ends: np.ndarray
    document: np.ndarray
    documents: int

    def texts(self) -> list[str]:
        """Every text, as Python has it."""
        bounds = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [self.data[start:end].decode() for start, end in bounds]


def block_of_lines(number: int, data: bytes) -> Block:
    """A block in which each line that is not blank is a document."""
    array = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(array == NEWLINE)
    if len(array) and (not len(ends) or ends[-1] != len(array) - 1):
        ends = np.append(ends, len(array))
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(ends)]
    # A file from Windows ends its lines in two bytes.
    filled = ends > starts
    ends = ends - (filled & (array[np.maximum(ends - 1, 0)] == RETURN))
    keep = ends > starts
    starts, ends = starts[keep], ends[keep]
    # Most lines begin with something that is not white space.
    keep = array[starts] > SPACE
    for i in np.flatnonzero(~keep):
        keep[i] = bool(data[starts[i] : ends[i]].strip())
    starts, ends = starts[keep], ends[keep]
    return Block(number, data, starts, ends, np.arange(len(starts)), len(starts))


def block_of_texts(number: int, documents: Sequence[Sequence[str]]) -> Block:
    """A block of documents that have several texts each; empty texts are left out."""
    encoded = [[text.encode() for text in texts if text] for texts in documents]
    flat = [text for texts in encoded for text in texts]
    ends = np.cumsum([len(text) for text in flat], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)[: len(flat)]
    document = np.repeat(np.arange(len(encoded)), [len(texts) for texts in encoded])
    return Block(number, b"".join(flat), starts, ends, document, len(encoded))


def blocks_of_documents(documents: Iterable[Sequence[str]], size: int) -> Iterator[Block]:
    """Gather documents, each a list of texts, into blocks of about `size` characters."""
    held: list[Sequence[str]] = []
    number = length = 0
    for texts in documents:
        held.append(texts)
        length += sum(map(len, texts))
        if length >= size:
            yield block_of_texts(number, held)
            number, held, length = number + 1, [], 0
    if held:
        yield block_of_texts(number, held)
