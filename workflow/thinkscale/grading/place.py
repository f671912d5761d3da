"""Where an answer stands by what the study says: its markers of thinking, a pattern of its own."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from thinkscale.grading.answer import answer_part
from thinkscale.grading.grader import Judged, ungradable


def delimiters(markers: Sequence[str]) -> tuple[str, ...]:
    """(start, *ends) of thinking without those that are words: "Answer:" may begin an answer.

    The start is "" where it is one of them.
    """
    start, *ends = ("" if re.match(r"\s*(?:[\w*#]|$)", m) else m.strip() for m in markers)
    return start, *filter(None, ends)


def without_thinking(text: str, markers: Sequence[str]) -> str:
    """`text` without what (start, *ends) enclose, and without what runs on up to a last end."""
    if not any(marker and marker in text for marker in markers):
        return text
    start, *ends = map(re.escape, markers)
    ended = "|".join(ends) or r"\Z"
    text = re.sub(rf"{start}.*?(?:{ended}|\Z)", "", text, flags=re.DOTALL) if start else text
    return re.split(ended, text)[-1] if ends else text


def at_pattern(pattern, text: str, judge: Callable[[str], Judged]) -> Judged:
    """Judge what the group of a compiled pattern's last match holds, as if it stood in a tag.

    The tag stays open where the text ends in it, for one cut short may have gone on.
    """
    text = answer_part(text).rstrip()
    held = [match for match in pattern.finditer(text) if (match[1] or "").strip()]
    if not held:
        return ungradable("nothing in the answer matches `grading.pattern`")
    tag = f"<answer>{held[-1][1]}" + "</answer>" * (held[-1].end(1) < len(text))
    extraction, outcome = judge(tag)
    detail = f"pattern: {extraction.detail.removeprefix('tag: ')}"
    return replace(extraction, how="pattern", detail=detail), outcome
