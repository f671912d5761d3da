"""Where an answer stands by what the study says: its markers of thinking, a pattern of its own."""

import re
from collections.abc import Sequence

from thinkscale.grading.answer import answer_part


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


def at_pattern(pattern, text: str) -> str | None:
    """What the group of the last match holds, as a tag that graders read; None without one.

    The tag stays open where the text ends in it, for one cut short may have gone on.
    """
    text = answer_part(text).rstrip()
    held = [match for match in pattern.finditer(text) if (match[1] or "").strip()]
    if not held:
        return None
    return f"<answer>{held[-1][1]}" + ("</answer>" if held[-1].end(1) < len(text) else "")
