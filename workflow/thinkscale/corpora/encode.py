"""Token ids of texts, by a tokenizer's own batch encoding: as each text has them by itself."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from tokenizers import Tokenizer

from thinkscale.corpora.source import gathered
from thinkscale.data.tokens import Documents, joined

# Characters encoded at once. What the library makes of a token takes some eighty bytes until its
# id is taken out, and a character can be three tokens.
_BATCH = 1_000_000

A, B = TypeVar("A"), TypeVar("B")


@dataclass(frozen=True)
class Encoded:
    """Token ids of documents that have several texts each.

    texts: the ids of each text. document: the number of each text's document, rising. number: how
    many documents there are, those without a text included.
    """

    texts: Documents
    document: np.ndarray
    number: int

    @property
    def documents(self) -> Documents:
        """The same ids by document."""
        lengths = np.bincount(self.document, self.texts.lengths, minlength=self.number)
        return Documents(self.texts.ids, lengths.astype(np.int64))


def plain(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, set to give the tokens of a text: no more, no fewer, and always the same."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if getattr(tokenizer.model, "dropout", None):
        tokenizer.model.dropout = None  # a way of training
    return tokenizer


def encode(tokenizer: Tokenizer, documents: Sequence[Sequence[str]]) -> Encoded:
    """The token ids of documents, each a list of texts, without special tokens.

    No token reaches from one text into another. tokenizer: a `plain` one.
    """
    parts = []
    batches = gathered((text for texts in documents for text in texts), _BATCH, len)
    for found in _ahead(partial(tokenizer.encode_batch_fast, add_special_tokens=False), batches):
        ids = [np.array(one.ids, np.int32) for one in found]
        parts.append(Documents(np.concatenate(ids), np.array([len(one) for one in ids], np.int64)))
    texts_of_each = np.fromiter(map(len, documents), np.int64, len(documents))
    document = np.repeat(np.arange(len(documents)), texts_of_each)
    return Encoded(joined(parts), document, len(documents))


def encoded(tokenizer: Tokenizer, blocks: Iterable[Sequence[Sequence[str]]]) -> Iterator[Encoded]:
    """`encode` of every block of documents, the next being worked on while one is used."""
    return _ahead(partial(encode, tokenizer), blocks)


def _ahead(work: Callable[[A], B], given: Iterable[A]) -> Iterator[B]:
    """Yield work(one) of all that is given; the library lets other threads run while it encodes."""
    with ThreadPoolExecutor(1) as pool:
        before = None
        for one in given:
            begun = pool.submit(work, one)
            if before is not None:
                yield before.result()
            before = begun
        if before is not None:
            yield before.result()


def use_threads(number: int) -> None:
    """Let the library encode on so many threads; it heeds the first call before it has begun."""
    os.environ.update(RAYON_NUM_THREADS=str(number), TOKENIZERS_PARALLELISM="true")
