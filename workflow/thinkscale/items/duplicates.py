"""Items that say the same: exactly, over a whole bank, and nearly, among the items drawn."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rapidfuzz import fuzz, process

from thinkscale.config.cleaning import Cleaning
from thinkscale.items.cleaning import Cleaned, clean_text, fold
from thinkscale.items.item import RawItem

# An item with fewer characters of ASCII is hardly known by its skeleton (another script, symbols).
_TELLING = 16

# MinHash (Broder 1997): of all 4-character pieces of a text, the least under each of 128 hashes
# (a x + b) mod 2^64. Two texts agree in as large a share of these as their sets of pieces overlap.
_PIECE, _HASHES = 4, 128
_DRAWN = np.random.default_rng(20250807).integers(2**64, size=(2, _HASHES, 1), dtype=np.uint64)
_A, _B = _DRAWN[0] | np.uint64(1), _DRAWN[1]
_MIX = np.uint64(0x9E3779B97F4A7C15)


def content_digest(raw: RawItem, texts: Sequence[bytes], cleaning: Cleaning) -> int:
    """64 bits that are the same for items equal after cleaning; rarely for others.

    texts: the skeletons of stem and options. The order of options does not count. Equal digests are
    only a reason to look: `content` decides.
    """
    if sum(map(len, texts)) < _TELLING:
        strings = [raw.stem, *(text for _, text in raw.options)]
        texts = [fold(clean_text(text, cleaning)[0]).encode("utf-8", "replace") for text in strings]
    parts = b"\x1f".join([texts[0], *sorted(texts[1:])])
    return int.from_bytes(hashlib.blake2b(parts, digest_size=8).digest(), "big")


def content(item: Cleaned) -> tuple[str, ...]:
    """What makes two items duplicates: stem and option texts as they are compared."""
    return fold(item.stem), *sorted(fold(text) for _, text in item.options)


def repeated(digests: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Places, in order, whose digest occurs more than once in the places where `among` is true."""
    places = np.flatnonzero(among)
    _, which, counts = np.unique(digests[places], return_inverse=True, return_counts=True)
    return places[counts[which] > 1]


def near_duplicates(
    texts: Iterable[str], similarity: float, *, dropped: bool
) -> Iterator[tuple[int, float] | None]:
    """For each text in order: (place, similarity) of the earlier one most like it, if any.

    Similarity is 100 (1 - d / (len(a) + len(b))), d being the insertions and deletions from one to
    the other, and counts from `similarity` on. With `dropped`, a text that has such an earlier one
    is not compared with later ones, so what a text gives depends on those before it alone. Only
    pairs whose sketches are alike enough (`_least_overlap`) are compared character by character.
    """
    sketches = np.empty((_HASHES, 64), dtype=np.uint16)  # by column, which is faster to compare
    taken: list[str] = []
    place_of: list[int] = []
    least = _HASHES * _least_overlap(similarity)
    for place, text in enumerate(texts):
        own = _sketch(text)
        equal = (sketches[:, : len(taken)] == own).view(np.uint8).sum(axis=0, dtype=np.uint8)
        near = {i: taken[i] for i in np.flatnonzero(equal >= least).tolist()}
        found = process.extractOne(text, near, scorer=fuzz.ratio, score_cutoff=similarity)
        match = None if found is None else (place_of[found[2]], found[1])
        if match is None or not dropped:
            if len(taken) == sketches.shape[1]:
                sketches = np.concatenate([sketches, np.empty_like(sketches)], axis=1)
            sketches[:, len(taken)] = own[:, 0]
            taken.append(text)
            place_of.append(place)
        yield match


def _sketch(text: str) -> np.ndarray:
    """The MinHash of a text's pieces, shape (128, 1); 16 bits of each hash tell enough."""
    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    letters = np.pad(letters.astype(np.uint64), (0, max(0, _PIECE - len(letters))))
    pieces = np.zeros(len(letters) - _PIECE + 1, dtype=np.uint64)
    for shift in range(_PIECE):
        pieces = (pieces + letters[shift : shift + len(pieces)]) * _MIX
    pieces ^= pieces >> np.uint64(29)
    least = (np.unique(pieces) * _A + _B).min(axis=1, keepdims=True)
    return (least >> np.uint64(32)).astype(np.uint16)


def _least_overlap(similarity: float) -> float:
    """How far the sketches of two texts of that similarity agree, at least (a share of hashes).

    The worst of ordinary cases are characters exchanged all over a text. Of a share r that stays,
    similarity is 100 r, and the pieces overlap by r^4 / (2 - r^4). Three standard errors of the
    sketch are taken off. (Characters left out all over one text are worse still; at a similarity
    near the limit such a pair can be missed.)
    """
    common = (similarity / 100) ** _PIECE
    overlap = common / (2 - common)
    return overlap - 3 * (overlap * (1 - overlap) / _HASHES) ** 0.5


def compared_text(item: Cleaned) -> str:
    """An item's text as near duplicates are compared: the stem, then the options in their order."""
    return "\n".join([fold(item.stem), *(fold(text) for _, text in item.options)])
