"""An item's options in the forms banks have them in, the key among them, and their order."""

import hashlib
import json
import re
import string
from collections.abc import Iterable, Mapping, Sequence

from thinkscale.items.cells import problem, scalar, shown
from thinkscale.items.item import Options

LABELS = string.ascii_uppercase

_TEXT = {str}
_BETWEEN_KEYS = re.compile(r"[,;/|&+\n]|\band\b")
# "A. yes", "A: yes", "A) yes", "(A) yes", "[A] yes".
_LABELLED = re.compile(r"\s*(?:\((\w{1,2})\)|\[(\w{1,2})\]|(\w{1,2})(?:\)|[.:](?=\s)))\s*(?=\S)")


def listed(where: str, row: int, column: str, cell: object) -> Options:
    """(label, text) pairs of a cell that holds all options of an item.

    That is an object {"A": "..."}, a list of texts, a list of {label, text} or {key, value}, or
    {"label": [...], "text": [...]}; or any of these as JSON; or lines that begin with their labels.
    """
    value = cell
    if isinstance(cell, str):
        try:
            value = _labelled_lines(cell) or json.loads(cell)
        except (ValueError, RecursionError) as error:
            hint = " (single quotes are Python's, not JSON's)" if "'" in cell else ""
            what = (
                f"is {shown(cell)}{hint}; expected options as JSON, or a line each with its label"
            )
            raise problem(where, row, column, what) from error
    pairs = _pairs(value)
    if pairs is None:
        expected = "expected an object of label and text, or a list of texts"
        raise problem(where, row, column, f"is {shown(cell)}; {expected}")
    labels = [label for label, _ in pairs]
    if len(set(labels)) < len(labels):
        repeated = next(label for label in labels if labels.count(label) > 1)
        raise problem(where, row, column, f"has label {repeated!r} more than once")
    return pairs


def _pairs(value: object) -> Options | None:
    if isinstance(value, dict) and _is_plain(value):
        return tuple(value.items())
    if isinstance(value, Mapping) and set(value) == {"label", "text"}:
        labels, texts = value["label"], value["text"]
        if not isinstance(labels, list) or not isinstance(texts, list):
            return None
    elif isinstance(value, Mapping):
        # Parquet writes one struct type for all rows, with null for the labels a row lacks.
        present = {label: text for label, text in value.items() if text is not None}
        labels, texts = list(present), list(present.values())
    elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        first, second = ("key", "value") if "key" in value[0] else ("label", "text")
        labels, texts = [v.get(first) for v in value], [v.get(second) for v in value]
    elif isinstance(value, list) and len(value) <= len(LABELS):
        labels, texts = list(LABELS[: len(value)]), value
    else:
        return None
    if len(labels) != len(texts):
        return None
    pairs = []
    for label, text in zip(map(scalar, labels), texts, strict=True):
        if not label or text is None or isinstance(text, list | dict | bytes):
            return None
        pairs.append((label.strip(), scalar(text)))
    return tuple(pairs)


def _is_plain(value: dict[str, object]) -> bool:
    """Whether labels and texts are what they should be: they mostly are, and this is quick."""
    names = value.keys()
    labels = "" not in names and "label" not in names and "".join(names).isalnum()
    return labels and set(map(type, value.values())) == _TEXT


def without_labels(where: str, row: int, column: str | None, options: Options) -> Options:
    """The options without labels that their texts begin with ("A. yes"), where all of them do.

    These are labels only if they are those of the options, one by one; else they are part of the
    text. Raises ThinkscaleError if they are the same ones in another order.
    """
    if not options or (options[0][1].strip() and not _LABELLED.match(options[0][1])):
        return options
    there = [(label.casefold(), text) for label, text in options if text.strip()]
    labels, brought = [label for label, _ in there], _brought(text for _, text in there)
    if len(labels) < 2 or sorted(brought) != sorted(labels):
        return options
    if brought != labels:
        what = f"has options that begin with {', '.join(brought).upper()}"
        expected = "these in the order of the options, or texts without labels"
        raise problem(where, row, column, f"{what}; expected {expected}")
    return tuple((label, _LABELLED.sub("", text, count=1)) for label, text in options)


def _brought(texts: Iterable[str]) -> list[str]:
    """The labels that texts begin with; none of them if one has none."""
    found = []
    for text in texts:
        match = _LABELLED.match(text)
        if match is None:
            return []
        found.append((match[1] or match[2] or match[3]).casefold())
    return found


def _labelled_lines(cell: str) -> list[str] | None:
    """The lines of a text, if there are several and all begin with the labels A, B, C …"""
    lines = [line for line in cell.splitlines() if line.strip()]
    labels = list(string.ascii_lowercase[: len(lines)])
    return lines if len(lines) > 1 and _brought(lines) == labels else None


def lettered(texts: Sequence[str]) -> Options:
    """Texts with the labels A, B, C …; blank ones at the end are left out."""
    last = len(texts)
    while last and not texts[last - 1].strip():
        last -= 1
    return tuple(zip(LABELS, texts[:last], strict=False))


def find_key(key: str, options: Options, counts_from: int | None = None) -> str | None:
    """The label that `key` means, or None if it means no option, or more than one.

    A key is an option's label, bare or in brackets or with a full stop, in any case where that is
    clear; or an option's whole text; or both, as in "B. yes"; or, with `counts_from` 0 or 1, a
    number counted from there. Both sides are cleaned text.
    """
    labels = [label for label, _ in options]
    if counts_from is not None:
        place = int(key) - counts_from if key.isdecimal() else -1
        return labels[place] if 0 <= place < len(labels) else None
    bare = key.strip(" ().:[]")
    same = [label for label in labels if label == bare]
    same = same or [label for label in labels if label.casefold() == bare.casefold()]
    same = same or named_by_text(key, options)
    if not same and (labelled := _LABELLED.match(key)):
        [said], text = _brought([key]), key[labelled.end() :]
        same = [label for label in named_by_text(text, options) if label.casefold() == said]
    return same[0] if len(same) == 1 else None


def find_keys(key: str, options: Options, counts_from: int | None = None) -> tuple[str, ...]:
    """The labels that `key` means, in the options' order; none if any part of it means none.

    That is one (`find_key`), or several: "A, C", "A;C", "A and C", "['A', 'C']", or "AC" where
    both are labels.
    """
    if (one := find_key(key, options, counts_from)) is not None:
        return (one,)
    letters = key.isalpha() and {label for label, _ in options}.issuperset(key)
    parts = key if letters else _BETWEEN_KEYS.split(key.strip("[](){}"))
    found = [find_key(part.strip(" \"'"), options, counts_from) for part in parts]
    # Commas join several in an item, so that no label may hold one.
    if None in found or len(set(found)) < len(found) or "," in "".join(filter(None, found)):
        return ()
    return tuple(label for label, _ in options if label in found)


def expected_keys(options: Options, counts_from: int | None = None) -> str:
    """What a key might have been, for messages."""
    if counts_from is not None:
        return ", ".join(str(place + counts_from) for place in range(len(options)))
    return ", ".join(label for label, _ in options)


def named_by_text(key: str, options: Options) -> list[str]:
    """The labels of the options whose whole text `key` is."""
    return [label for label, text in options if text.casefold() == key.casefold()]


def shuffled(seed: int, item_id: str, n: int) -> list[int]:
    """An order of n options: a permutation that follows from the seed and the item alone."""

    def draw(place: int) -> bytes:
        return hashlib.sha256(f"{seed}\x1f{item_id}\x1f{place}".encode()).digest()

    return sorted(range(n), key=draw)


def moved_key(
    key: str | None, options: Options, order: Sequence[int], counts_from: int | None
) -> str | None:
    """The key, of one or several, after `order` moved the options' texts under labels that stay.

    A key that means none of them is left as it is.
    """
    found = () if key is None else find_keys(key.strip(), options, counts_from)
    if not found:
        return key
    labels = [label for label, _ in options]
    places = sorted(order.index(labels.index(label)) for label in found)
    return ",".join(
        labels[place] if counts_from is None else str(place + counts_from) for place in places
    )
