"""The sections of a text: headings in the shapes models write them, and the words under each.

One pass over the lines, and no pattern that can backtrack far: the text is whatever a model wrote.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HEADING = re.compile(r"(#{1,6})(?!#)")
_BULLET = re.compile(r"(?:[-+•>]|\*(?=[ \t]))[ \t]*")
_NUMBER = re.compile(
    # A number may stand alone; behind a letter there is a sign, or "A title" would be one.
    r"(?:(?:section|part)[ \t]{1,4})?(?:\d{1,3}(?:\.\d{1,3}){0,3}(?:[ \t]{0,2}[.):–-]){0,1}"
    r"|(?:[ivx]{1,5}|[a-z])[ \t]{0,2}[.):–-])[ \t]{1,4}",
    re.IGNORECASE,
)
_MARKS = "*_"
_NO_MARKDOWN = 7  # deeper than any level of Markdown
_LONGEST = 200  # characters in which a heading ends


@dataclass(frozen=True)
class Found:
    """A section of a text. times: how often its heading is there."""

    words: int
    times: int


def heading_name(text: str) -> str:
    """A heading without case, punctuation and marks: two with the same name are the same."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def count_words(text: str) -> int:
    """Pieces between spaces that have a letter or digit in them."""
    return sum(any(map(str.isalnum, piece)) for piece in text.split())


def find_sections(text: str, titles: Mapping[str, str]) -> dict[str, Found]:
    """Find the sections of a text, in the order in which they are there.

    titles: section by the name of its heading (`heading_name`); several may stand for one section.
    A listed heading is a line of its own, as Markdown (`## Title`), in bold, numbered ("2. Title")
    or plain, or begins a line behind which the section goes on: "Title: text", "**Title** text". A
    section runs to the next listed heading, or to a Markdown heading that is not listed, of its own
    level or above (of any level, where its own is not of Markdown). Where a heading is there
    several times, as when an outline comes first, the one with most words under it counts.
    """
    parts: list[tuple[str, int]] = []  # section, words
    level: int | None = None  # of the open section's heading; None: none is open
    for line in text.splitlines():
        depth, candidates = _candidates(line)
        listed = next(((titles[n], rest) for n, rest in candidates if n in titles), None)
        if listed is not None:
            level = depth
            parts.append((listed[0], count_words(listed[1])))
        elif depth < _NO_MARKDOWN and level is not None and depth <= level:
            level = None
        elif level is not None:
            section, words = parts[-1]
            parts[-1] = (section, words + count_words(line))
    longest: dict[str, int] = {}  # place among the parts
    for place, (section, words) in enumerate(parts):
        if section not in longest or words > parts[longest[section]][1]:
            longest[section] = place
    headings = [section for section, _ in parts]
    return {
        section: Found(parts[place][1], headings.count(section))
        for section, place in sorted(longest.items(), key=lambda entry: entry[1])
    }


def _candidates(line: str) -> tuple[int, Iterator[tuple[str, str]]]:
    """(level, (name, rest of the line)) of what may be a heading at the beginning of a line."""
    bare, depth = line.strip(), _NO_MARKDOWN
    if bullet := _BULLET.match(bare):
        bare = bare[bullet.end() :]
    if hashes := _HEADING.match(bare):
        depth, bare = hashes.end(), bare[hashes.end() :]
    return depth, _beginnings(bare.strip())


def _beginnings(bare: str) -> Iterator[tuple[str, str]]:
    plain = bare.lstrip(_MARKS)
    number = _NUMBER.match(plain)
    for text in (bare, bare[len(bare) - len(plain) + number.end() :]) if number else (bare,):
        if len(text) <= _LONGEST:
            yield heading_name(text), ""
        head = text[:_LONGEST]
        for colon in (":", "："):
            if colon in head:
                name, _, _ = head.partition(colon)
                yield heading_name(name), text[len(name) + 1 :]
        # In bold at the beginning of a line; a number may stand outside or inside of the marks.
        inside = text.lstrip(" *_")
        for mark in ("**", "__"):
            if mark in text[: len(text) - len(inside)] + bare[:2]:
                name, closing, _ = inside[:_LONGEST].partition(mark)
                if closing:
                    yield heading_name(name), inside[len(name) + 2 :]
