"""The answer field of a free response, found in the order in which choices are.

A tag (`<answer>42</answer>`), a statement ("Answer: 42", "the final answer is 42"), a box
(`\\boxed{42}`), else the last line. Of several the last counts.
"""

import re
from dataclasses import dataclass

from thinkscale.grading.answer import BOX, TAG, boxes, cues, json_value
from thinkscale.grading.sentences import sentences
from thinkscale.grading.text import answer_part

_PLAIN = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\u2015", "-"))
_EMPHASIS = re.compile(r"\*{2,}|__|`+")
_SKIPPED = re.compile(r"[\s*:>]+")
_DISPLAY = re.compile(r"(?:\\\[|\$\$)\s*(.*?)\s*(?:\\\]|\$\$|\Z)", re.DOTALL)
# "The answer is correct" says nothing of what it is.
_NO_ANSWER = re.compile(
    r"(?:in)?correct\W*|right\W*|wrong\W*|unique\W*|reasonable\W*|clear\W*|as follows\W*|below\W*"
    r"|above\W*",
    re.IGNORECASE,
)
# An answer in words is no longer than this many words, or the reference is as long.
_WORDS = 12


@dataclass(frozen=True, slots=True)
class Field:
    """An answer as written. `open`: the text ends in it, so one cut short may have gone on."""

    text: str
    how: str  # tag, statement, boxed or last line
    open: bool


def answer_field(text: str) -> Field | None:
    """The field that holds the answer; None if the text is empty after thinking.

    >>> answer_field("So 6 times 7.\\nThe answer is $42$.").text
    '$42$'
    """
    text = _EMPHASIS.sub("", answer_part(text).translate(_PLAIN)).strip()
    return _tag(text) or _statement(text) or _box(text) or _last_line(text)


def too_long(field: Field, reference: str) -> bool:
    """Whether a last line is prose and no answer: then nothing was answered."""
    most = max(_WORDS, 2 * len(reference.split()))
    return field.how == "last line" and len(field.text.split()) > most


def _tag(text: str) -> Field | None:
    for match in reversed(list(TAG.finditer(text) if "<" in text else [])):
        content = match[1].replace("<answer>", "").strip()
        if content:
            inner = _statement(content) or _box(content)
            closed = match[0].lower().endswith("</answer>")
            return Field(inner.text if inner else content, "tag", not closed)
    return None


def _statement(text: str) -> Field | None:
    for cue in reversed(cues(text)):
        rest = text[cue.end :]
        if cue.json:
            if value := json_value(rest).strip():
                return Field(value, "statement", False)
            continue
        rest = rest[skipped.end() :] if (skipped := _SKIPPED.match(rest)) else rest
        display = _DISPLAY.match(rest)
        line = rest.split("\n", 1)[0].strip()
        written = display[1] if display else line
        if BOX.search(written) and (inside := [b for b in boxes(written) if b.strip()]):
            return Field(inside[-1].strip(), "statement", False)
        if display:
            return Field(written, "statement", display.end() == len(rest))
        if line and not _NO_ANSWER.fullmatch(line):
            first = sentences(line)[0]
            return Field(_trimmed(first), "statement", rest.rstrip() == first)
    return None


def _box(text: str) -> Field | None:
    inside = [content.strip() for content in boxes(text) if content.strip()]
    return Field(inside[-1], "boxed", text.endswith(inside[-1])) if inside else None


def _last_line(text: str) -> Field | None:
    lines = [line.strip() for line in text.split("\n") if line.strip(" \t$[]\\")]
    return Field(_trimmed(lines[-1]), "last line", True) if lines else None


def _trimmed(line: str) -> str:
    """A line without the full stop that ends it."""
    return re.sub(r"(?<=[^.])\.\s*$", "", line).strip()
