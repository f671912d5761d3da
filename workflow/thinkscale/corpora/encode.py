"""Token ids of large corpora: every distinct piece of text is encoded once.

Text is cut where the tokenizer allows it (`cuts`), the pieces of a block are told apart by Arrow's
dictionary encoding, and only pieces not met before go through the tokenizer. The tokens are those
of encoding each text by itself, exactly; where a tokenizer allows no cuts, or a text holds an added
token that may reach over one, texts are encoded whole.
"""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from thinkscale.corpora.blocks import Block
from thinkscale.corpora.cuts import cut_positions, cutting
from thinkscale.stats import spans

MEMO = 2_000_000  # pieces remembered, about 170 bytes each; then all but a block's are forgotten
_LIST = 500  # words handed to the model as one text
_PLAIN_WORD, _BARE_WORD = re.compile(rb" [A-Z]?[a-z]+"), re.compile(rb"[A-Z]?[a-z]+")
_WHOLE = 1_000_000  # characters handed to the tokenizer at once where texts stay whole
_OFFSETS = 2**31 - 1  # Arrow counts the bytes of a block in 32 bits
_BEFORE = "a"  # stands before a piece that does not begin its text
_SAMPLE = """It's 3.5 mg/dL,  isn't it?\tYes -- "he'll" (say) so:\n\n  * x_1 = 10,000 \u00d7 2\n
na\u00efve caf\u00e9 \u2014 \u201cquoted\u201d \u4e2d\u6587 \u30c6\u30b9\u30c8
\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 e\u0301 \U0001f600
\U0001f468\u200d\U0001f469 ok\u00a0 \u3000 done
def f(a, b):\n    return a  +  b # 'tis I'M WE'LL DON'T we've 1st 2nd 123456 \\frac{1}{2} $x^2$
<b>tag</b> a\u200b b \u00ad c\ufeff d ... !!! ?! http://x.y/z?a=b&c=d ALLCAPS mixedCase end \n"""


@dataclass(frozen=True)
class Encoded:
    """Token ids of a block, text after text; the number of ids of each text."""

    ids: np.ndarray
    lengths: np.ndarray


class Encoder:
    """Encodes blocks for one tokenizer; may be used by several threads at once.

    why_whole: why texts are encoded whole, or None if they are cut. pieces: distinct pieces that
    went through the tokenizer so far.
    """

    def __init__(self, tokenizer: Tokenizer):
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if getattr(tokenizer.model, "dropout", None):
            tokenizer.model.dropout = None  # a way of training; the same text has the same tokens
        self.tokenizer = tokenizer
        self._how = cutting(tokenizer.to_str())
        self.why_whole = self._how.why_not
        self.pieces = 0
        self._unsafe = [text.encode() for text in self._how.unsafe]
        self._model = Tokenizer(tokenizer.model)  # sees words as they are, all in one go
        self._lock = threading.Lock()
        self._memo = _Memo()
        self._prefix = self._ids([_BEFORE])[0]
        if self.why_whole is None and not self._agrees(_SAMPLE):
            self.why_whole = "pieces of a sample text did not give the tokens of the whole"

    @property
    def vocabulary_size(self) -> int:
        return self.tokenizer.get_vocab_size()

    def encode(self, block: Block) -> Encoded:
        """The token ids of a block."""
        whole = self.why_whole is not None or any(text in block.data for text in self._unsafe)
        if not whole:
            try:
                return self._encode_pieces(block)
            except _NotAPiece as error:
                self.why_whole = f"the piece {error.args[0]!r} has other tokens behind a word"
        return self._encode_whole(block.texts())

    def encode_texts(self, texts: Sequence[str]) -> Encoded:
        """The token ids of texts, each encoded whole."""
        return self._encode_whole(texts)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [e.ids for e in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def _encode_whole(self, texts: Sequence[str]) -> Encoded:
        ids, lengths = [np.empty(0, np.int32)], []
        for batch in _batches(texts):
            for found in self._ids(batch):
                ids.append(np.array(found, np.int32))
                lengths.append(len(found))
        return Encoded(np.concatenate(ids), np.array(lengths, np.int64))

    def _encode_pieces(self, block: Block) -> Encoded:
        data, starts, ends = block.data, block.starts, block.ends
        if not len(starts):
            return Encoded(np.empty(0, np.int32), np.empty(0, np.int64))
        if len(data) > _OFFSETS:
            return self._encode_whole(block.texts())
        # Pieces run from bound to bound; some lie between texts and belong to none.
        how = self._how
        cuts = cut_positions(data, marks=how.marks, digits=how.digits, ascii_only=how.ascii_only)
        bound = np.zeros(len(data) + 1, bool)
        for where in (cuts, starts, ends, [0, len(data)]):
            bound[where] = True
        bounds = np.flatnonzero(bound)
        first = np.searchsorted(bounds, starts)
        offsets = pa.py_buffer(bounds.astype(np.int32))
        array = pa.Array.from_buffers(
            pa.binary(), len(bounds) - 1, [None, offsets, pa.py_buffer(data)]
        )
        told_apart = array.dictionary_encode()
        piece = told_apart.indices.to_numpy()
        behind = np.searchsorted(bounds, ends)
        inside = np.zeros(len(piece) + 1, np.int8)
        np.add.at(inside, first, np.int8(1))
        np.add.at(inside, behind, np.int8(-1))
        inside = np.cumsum(inside[:-1], dtype=np.int8).astype(bool)
        inner = inside.copy()
        inner[first] = False

        memo = self._memo  # kept for this block, whatever another thread does
        entry = np.zeros(len(piece), np.int32)
        used = np.zeros(len(told_apart.dictionary), bool)
        used[piece[inner]] = True
        which = np.flatnonzero(used)
        known = np.zeros(len(used), np.int32)
        known[which] = self._entries(memo, told_apart.dictionary.take(pa.array(which)), False)
        entry[inner] = known[piece[inner]]
        begins = array.take(pa.array(first)).dictionary_encode()
        known = self._entries(memo, begins.dictionary, True)
        entry[first] = known[begins.indices.to_numpy()]

        with self._lock:
            where, size, ids = memo.where, memo.size, memo.ids
            if memo is self._memo and len(memo) > MEMO:
                self._memo = memo.only(np.unique(entry[inside]))
        entry = entry[inside]
        lengths = size[entry]
        stops = np.cumsum(lengths, dtype=np.int64)
        at = np.arange(stops[-1]) + np.repeat(where[entry] - (stops - lengths), lengths)
        # Pieces of a text, then of all texts before: tokens up to the end of each text.
        total = np.concatenate([[0], stops])[np.cumsum(behind - first)]
        return Encoded(ids[at], np.diff(total, prepend=0))

    def _entries(self, memo: "_Memo", pieces: pa.Array, begins: bool) -> np.ndarray:
        """The memo's entries of distinct pieces, which are encoded if they are new."""
        keys = pieces.to_pylist()
        table = memo.begins if begins else memo.inner
        found = list(map(table.get, keys))
        missing = [i for i, entry in enumerate(found) if entry is None]
        plain: list[int] = []
        if self._how.bare_words if begins else self._how.plain_words:
            is_word = (_BARE_WORD if begins else _PLAIN_WORD).fullmatch
            sides: tuple[list[int], list[int]] = ([], [])
            for i in missing:
                sides[is_word(keys[i]) is None].append(i)
            plain, missing = sides
        for places, encode in ((plain, self._words), (missing, self._pieces)):
            for batch in _slices(places, 20_000):
                tokens, sizes = encode([keys[i].decode() for i in batch], begins)
                with self._lock:
                    self.pieces += len(batch)
                    for i, entry in zip(batch, memo.add(tokens, sizes), strict=True):
                        found[i] = table.setdefault(keys[i], entry)
        return np.array(found, np.int32)

    def _words(self, texts: list[str], begins: bool) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of plain words, from the model alone: of bytes only the space has another sign."""
        if not begins:
            texts = ["\u0120" + text[1:] for text in texts]
        lists = list(_slices(texts, _LIST))
        encoded = self._model.encode_batch(lists, is_pretokenized=True, add_special_tokens=False)
        sizes = [
            np.bincount(np.array(found.word_ids, np.int64), minlength=len(part))
            for found, part in zip(encoded, lists, strict=True)
        ]
        ids = [np.array(found.ids, np.int32) for found in encoded]
        return np.concatenate(ids), np.concatenate(sizes)

    def _pieces(self, texts: list[str], begins: bool) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of other pieces; those that do not begin a text are encoded behind a letter."""
        ids = self._ids(texts if begins else [_BEFORE + text for text in texts])
        if not begins:
            n = len(self._prefix)
            for text, one in zip(texts, ids, strict=True):
                if one[:n] != self._prefix:
                    raise _NotAPiece(text)
            ids = [one[n:] for one in ids]
        sizes = np.fromiter(map(len, ids), np.int64, len(ids))
        return np.fromiter(chain.from_iterable(ids), np.int32, int(sizes.sum())), sizes

    def _agrees(self, text: str) -> bool:
        parts = [text, *text.split("\n")]
        data = "\n".join(parts).encode()
        ends = np.cumsum([len(part.encode()) + 1 for part in parts]) - 1
        starts = np.concatenate([[0], ends[:-1] + 1])
        keep = ends > starts
        block = Block(0, data, starts[keep], ends[keep], np.arange(keep.sum()), int(keep.sum()))
        try:
            cut = self._encode_pieces(block)
        except _NotAPiece:
            return False
        whole = self._encode_whole(block.texts())
        return np.array_equal(cut.ids, whole.ids) and np.array_equal(cut.lengths, whole.lengths)


class _NotAPiece(Exception):
    """A piece whose tokens depend on what stands before it."""


class _Memo:
    """Tokens of pieces. Entries are added under the encoder's lock and never change."""

    def __init__(self) -> None:
        self.inner: dict[bytes, int] = {}
        self.begins: dict[bytes, int] = {}
        self.where, self.size = np.empty(1024, np.int64), np.empty(1024, np.int32)
        self.ids = np.empty(4096, np.int32)
        self._entries = self._tokens = 0

    def __len__(self) -> int:
        return self._entries

    def add(self, tokens: np.ndarray, sizes: np.ndarray) -> range:
        """Keep the tokens of new pieces, `sizes` of them each; returns their entries."""
        first, start = self._entries, self._tokens
        self._entries, self._tokens = first + len(sizes), start + len(tokens)
        self.where = _grown(self.where, self._entries)
        self.size = _grown(self.size, self._entries)
        self.ids = _grown(self.ids, self._tokens)
        self.where[first : self._entries] = start + np.cumsum(sizes) - sizes
        self.size[first : self._entries] = sizes
        self.ids[start : self._tokens] = tokens
        return range(first, self._entries)

    def only(self, entries: np.ndarray) -> "_Memo":
        """A new memo with these entries alone."""
        kept = _Memo()
        sizes = self.size[entries].astype(np.int64)
        kept.add(self.ids[spans(self.where[entries], sizes)], sizes)
        place = np.full(self._entries, -1)
        place[entries] = np.arange(len(entries))
        place = place.tolist()
        for old, new in ((self.inner, kept.inner), (self.begins, kept.begins)):
            new.update((key, place[entry]) for key, entry in old.items() if place[entry] >= 0)
        return kept


def _grown(array: np.ndarray, needed: int) -> np.ndarray:
    if needed <= len(array):
        return array
    return np.concatenate([array, np.empty(max(needed, 2 * len(array)) - len(array), array.dtype)])


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    held, length = [], 0
    for text in texts:
        held.append(text)
        length += len(text)
        if length >= _WHOLE:
            yield held
            held, length = [], 0
    if held:
        yield held


def _slices(values: list, size: int) -> Iterator[list]:
    return (values[start : start + size] for start in range(0, len(values), size))
