"""Which option a piece of text is, begins with, nearly is, or mentions."""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from thinkscale.grading.extraction import Extraction, normalised

Options = tuple[tuple[str, str], ...]  # (label, text)


CLAUSE_END = re.compile(
    r"(?<!\d)[.;,:(]|[.;,:(](?!\d)|\s-\s|\b(?:because|since|which|due to|given|based on)\b|\n",
    re.IGNORECASE,
)
NEGATED_BEFORE = re.compile(
    r"\b(?:not|no|never|without|than|unlike|neither|nor|isn t|exclude[sd]?|instead of|rules? out"
    r"|ruled out)(?: (?:an?|the|have|be|of|by|with))*$"
)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_FEW_WORDS = 80  # characters


@dataclass(frozen=True)
class ChoiceSettings:
    """When a wording counts as an option's text although it differs from it.

    `threshold`: least similarity, 0 to 100 (normalised insertions and deletions; at 90 a slip of
    the pen passes, and "hypotension" for "hypertension", 87, does not). `margin`: how far the
    runner-up must lie below.
    """

    threshold: float = 90.0
    margin: float = 5.0


def read_wording(field, options, settings):
    """The option whose text a field is, begins with, or nearly is."""
    whole = normalised(field)
    clause = normalised(CLAUSE_END.split(field, maxsplit=1)[0])
    for part in (whole, clause):
        if part and (labels := equal(part, options)):
            return one_of(labels, "text", "an option's text")
    begun = [
        (len(wording), label)
        for label, text in options
        if len(wording := normalised(text)) >= 4 and f"{whole} ".startswith(f"{wording} ")
    ]
    if begun:
        longest = max(begun)[0]
        return one_of({lb for size, lb in begun if size == longest}, "text", "an option's text")
    return nearest(whole, options, settings) or nearest(clause, options, settings)


def nearest(part, options, settings):
    """The most similar option, if similar enough, clear of the runner-up, and of equal numbers."""
    scores = sorted(
        (
            (fuzz.ratio(part, wording), label, wording)
            for label, text in options
            if (wording := normalised(text))
        ),
        reverse=True,
    )
    if not scores:
        return None
    score, label, wording = scores[0]
    # A short text that differs at all is another text, and so is another dose.
    if score < settings.threshold or len(wording) < 5:
        return None
    if _DIGITS.findall(part) != _DIGITS.findall(wording):
        return None
    if len(scores) > 1 and score - scores[1][0] < settings.margin:
        return tie({label, scores[1][1]})
    return Extraction(label, "fuzzy", f"similar to an option's text ({score:.1f})")


def equal(part: str, options: Options) -> set[str]:
    return {label for label, text in options if part and normalised(text) == part}


def contained(text: str, options: Options) -> set[str]:
    """Labels whose text occurs as whole words, not within a longer option's and not denied."""
    found: set[str] = set()
    wordings: dict[str, set[str]] = {}
    for label, option in options:
        wordings.setdefault(normalised(option), set()).add(label)
    for wording in sorted(wordings, key=len, reverse=True):
        # A letter or a bare number occurs in passing; in a few words it can be the answer.
        passing = len(wording) < 3 or not any(c.isalpha() for c in wording)
        if wording not in text or (wording.isalpha() and len(wording) < 2):
            continue
        if not wording or (passing and len(text) > _FEW_WORDS):
            continue
        pattern = re.compile(rf"(?<![\w.])(?<!\d,){re.escape(wording)}(?!\w|[.,]\d)")
        for match in pattern.finditer(text):
            if not NEGATED_BEFORE.search(text[max(0, match.start() - 40) : match.start()].strip()):
                found |= wordings[wording]
        text = pattern.sub(lambda m: "\x00" * len(m[0]), text)
    return found


def one_of(labels: set[str], how: str, detail: str) -> Extraction:
    return Extraction(*labels, how, detail) if len(labels) == 1 else tie(labels)


def tie(labels: set[str]) -> Extraction:
    shown = ", ".join(sorted(label or "none" for label in labels))
    return Extraction(None, "tie", f"more than one option is named: {shown}")
