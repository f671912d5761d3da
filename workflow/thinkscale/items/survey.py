"""The first look at a bank: every item checked, and of each a few numbers kept.

A bank of a million rows is read as a stream and never held: what a subset, a scale and the facts
about a bank need is some 50 bytes an item. Text is repaired only where a check depends on it.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from thinkscale.config.cleaning import Cleaning
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cleaning import Origin, clean, skeletons, surely_clean
from thinkscale.items.duplicates import content, content_digest, repeated
from thinkscale.items.item import RawItem
from thinkscale.items.subset import place_hash

# Reads a bank: all of it, or the items of these rows only; in the order of the file.
Read = Callable[[Collection[int] | None], Iterator[RawItem]]

DUPLICATE = "duplicate of an earlier item"


@dataclass(frozen=True)
class Survey:
    """What is known of every item of a bank, in the order of the file; arrays of shape (items,).

    fate: 0 for items that stay, else a place in `reasons`: (excluded | dropped, why).
    cluster: a number that is the same for items of a cluster; 0 for none.
    duplicate_of: place of the earlier item that says the same, by place.
    """

    row: np.ndarray
    hash: np.ndarray
    digest: np.ndarray
    difficulty: np.ndarray  # as in the bank
    response_time: np.ndarray
    stem_chars: np.ndarray
    cluster: np.ndarray
    fate: np.ndarray
    reasons: tuple[tuple[str, str], ...]
    duplicate_of: Mapping[int, int]

    @property
    def stays(self) -> np.ndarray:
        return self.fate == 0

    def lost(self) -> dict[tuple[str, str], int]:
        """How many items are left out, by reason."""
        counts = np.bincount(self.fate, minlength=len(self.reasons))
        return {why: int(n) for why, n in zip(self.reasons, counts, strict=True) if why[0] and n}


def survey(read: Read, cleaning: Cleaning, origin: Origin, seed: int) -> Survey:
    """Check every item of a bank.

    Raises ThinkscaleError naming file, row and column at the first item that is faulty and is not
    to be left out, for duplicates if they are errors, and if no item is left.
    """
    found = _scan(read(None), cleaning, origin, seed)
    found = _without_duplicates(found, read, cleaning, origin)
    if not found.stays.any():
        lost = [f"{n} {kind} ({why})" for (kind, why), n in found.lost().items()]
        raise ThinkscaleError(
            f"{origin.where}: no item is left of {len(found.row)}: {', '.join(lost)}; expected at "
            "least one. `items.exclude` and `items.cleaning` say what is left out."
        )
    return found


def _scan(items: Iterable[RawItem], cleaning: Cleaning, origin: Origin, seed: int) -> Survey:
    row, stem_chars, fate = array("q"), array("q"), array("H")
    hashes, digests, clusters = array("Q"), array("Q"), array("Q")
    difficulty, response_time = array("d"), array("d")
    reasons: dict[tuple[str, str], int] = {("", ""): 0}
    missing = float("nan")
    for raw in items:
        lost, digest = ("", ""), 0
        if raw.excluded is not None:
            lost = ("excluded", raw.excluded)
        else:
            texts = skeletons(raw)
            if not surely_clean(raw, texts, origin):
                dropped = clean(raw, cleaning, origin).dropped
                lost = ("dropped", dropped) if dropped else lost
            digest = content_digest(raw, texts, cleaning)
        row.append(raw.row)
        hashes.append(place_hash(seed, raw.item_id))
        digests.append(digest)
        difficulty.append(missing if raw.difficulty is None else raw.difficulty)
        response_time.append(missing if raw.response_time is None else raw.response_time)
        stem_chars.append(len(raw.stem))
        clusters.append(0 if raw.cluster_id is None else place_hash(0, raw.cluster_id) or 1)
        fate.append(reasons.setdefault(lost, len(reasons)))
    return Survey(
        *(np.frombuffer(a, dtype=a.typecode) for a in (row, hashes, digests, difficulty)),
        *(np.frombuffer(a, dtype=a.typecode) for a in (response_time, stem_chars, clusters)),
        np.frombuffer(fate, dtype=fate.typecode),
        tuple(reasons),
        {},
    )


def _without_duplicates(found: Survey, read: Read, cleaning: Cleaning, origin: Origin) -> Survey:
    """The survey with `duplicate_of`, and with duplicates left out if they are to be dropped."""
    candidates = repeated(found.digest, found.stays)
    if not candidates.size:
        return found
    rows = set(found.row[candidates].tolist())
    first: dict[int, int] = {}  # by hash of the content: the texts themselves may be large
    duplicate_of: dict[int, int] = {}
    for raw in read(rows):
        if raw.row not in rows:
            continue
        place = int(np.searchsorted(found.row, raw.row))
        said = place_hash(0, "\x1f".join(content(clean(raw, cleaning, origin))))
        original = first.setdefault(said, place)
        if original == place:
            continue
        duplicate_of[place] = original
        if cleaning.duplicates == "error":
            raise ThinkscaleError(
                f"{origin.where}, rows {found.row[original]} and {raw.row}: the same stem and the "
                "same options; expected different items (`items.cleaning.duplicates` can report "
                "or drop them)."
            )
    if cleaning.duplicates != "drop" or not duplicate_of:
        return replace(found, duplicate_of=duplicate_of)
    fate = found.fate.copy()
    fate[list(duplicate_of)] = len(found.reasons)
    reasons = (*found.reasons, ("dropped", DUPLICATE))
    return replace(found, fate=fate, reasons=reasons, duplicate_of=duplicate_of)
