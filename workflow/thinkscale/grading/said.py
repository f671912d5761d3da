"""Letters in running text: which are asserted ("I choose B"), named ("option B"), in brackets."""

import re

from thinkscale.grading.choice.letters import NEGATIVE
from thinkscale.grading.choice.options import Choices
from thinkscale.grading.wording import NEGATED_BEFORE

# What follows a letter that the text calls right.
_CALLED_RIGHT = re.compile(
    r"\)?\s+(?:is|seems|appears|looks|must\s+be|would\s+be)\s+(?:to\s+be\s+)?"
    r"(?:(?:the|most|clearly|definitely|indeed|probably)\s+)*"
    r"(?:correct|right|best|answer|appropriate|likely|true|one)\b",
    re.IGNORECASE,
)
# What comes before a letter that the text chooses, and what may come after it.
_CHOSEN = re.compile(
    r"\b(?:choose|chose|pick(?:ed)?|select(?:ed)?|(?:go(?:ing)?|went)\s+with|opt(?:ed|ing)?\s+for"
    r"|say|settle\s+on|würde|wähle|nehme|elijo|choisis|scelgo|escolho"
    r"|leaves?(?:\s+us\s+with)?(?:\s+only)?)\s*:?\s*"
    r"(?:(?:the|la|option|choice|answer|letter)\s+)*[\"'(]?\Z"
    r"|\b(?:it's|it\s+is|that's|must\s+be|should\s+be|so|thus|therefore|hence|definitely|probably"
    r"|clearly|likely)\s*[,:]?\s*\(?\Z",
    re.IGNORECASE,
)
_CHOSEN_CHINESE = re.compile(r"选择?\s*:?\s*[\"'(]?\Z")
_NAMED = re.compile(r"\b(?:option|choice|answer|letter)\s*[:#]?\s*[\"'(]?\Z", re.IGNORECASE)
_AFTER = re.compile(
    r"(?![\w'])[\"')]?(?=\s*(?:[.,;:!?)\]]|$|\n|(?:because|since|as|is|wählen|nehmen)\b|\(|-\s))",
    re.MULTILINE,
)
_NOT_A_COUNT = re.compile(r"(?![\w'])(?!\s[a-z]+\s+of\b)")
_REST = re.compile(r"[.\n](?:\s|$)|[;,]")
_REACH = 60  # characters before a letter that are looked at


def labels_said(text: str, choices: Choices) -> tuple[set[str], set[str], set[str]]:
    """Labels that `text` asserts, names, and sets in brackets; those it denies are left out."""
    asserted: set[str] = set()
    named: set[str] = set()
    bracketed: set[str] = set()
    for letter in choices.shapes.occurrence.finditer(text):
        start, end = letter.span()
        from_ = max(0, start - _REACH)
        before = text[from_:start]
        apart = not before or not (before[-1].isalnum() or before[-1] in "_'")
        if apart and (right := _CALLED_RIGHT.match(text, end)):
            _add(asserted, letter[0], text, start, right.end())
        elif ((chosen := _CHOSEN.search(before)) and (after := _AFTER.match(text, end))) or (
            (chosen := _CHOSEN_CHINESE.search(before)) and (after := letter)
        ):
            _add(asserted, letter[0], text, from_ + chosen.start(), after.end())
        if (name := _NAMED.search(before)) and _NOT_A_COUNT.match(text, end):
            _add(named, letter[0], text, from_ + name.start(), end)
        if before[-1:] in ("(", "[") and text[end : end + 1] in (")", "]"):
            bare = len(before) < 2 or not (before[-2].isalnum() or before[-2] == "_")
            if bare:
                _add(bracketed, letter[0], text, start - 1, end + 1)
    return asserted, named, bracketed


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at start:end is denied before it or in the rest of its sentence."""
    rest = _REST.split(text[end : end + 62], maxsplit=1)[0][:60]
    if NEGATIVE.search(rest):
        return True
    return NEGATED_BEFORE.search(text[max(0, start - 25) : start].lower().strip()) is not None


def _add(labels: set[str], label: str, text: str, start: int, end: int) -> None:
    if not denied(text, start, end):
        labels.add(label)
