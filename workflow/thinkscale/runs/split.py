"""One text in which thinking and answer stand between markers, taken apart."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """What was written: thinking (None where it is not shown), and the answer behind it.

    ended: whether thinking is known to have come to its end. whole: the answer is the whole turn,
    thinking and all.
    """

    thinking: str | None
    answer: str
    ended: bool
    whole: bool = False


def split(text: str, start: str, ends: Sequence[str]) -> Said | None:
    """Take a text apart at the first of the strings that end thinking; None without any marker.

    A `start` at the beginning is no thinking: prompts often hold it already, and then the text does
    not. Where nothing ends what it opened, all the text is thinking that was cut.
    """
    found = [(text.index(end), end) for end in ends if end in text]
    opened = _without(text, start)
    if found:
        at, end = min(found)
        return Said(_without(text[:at], start)[0], text[at + len(end) :], ended=True)
    return Said(opened[0], "", ended=False) if opened[1] else None


def _without(text: str, start: str) -> tuple[str, bool]:
    """The text behind the marker at its beginning, and whether it was there."""
    marker, begun = start.strip(), text.lstrip()
    there = bool(marker) and begun.startswith(marker)
    return (begun.removeprefix(marker) if there else text), there
