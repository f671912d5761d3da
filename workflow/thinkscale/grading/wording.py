"""Which option a piece of text is, begins with, nearly is, or mentions."""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz, process

from thinkscale.grading.choice.options import Choices
from thinkscale.grading.text import Extraction, normalised

CLAUSE_END = re.compile(
    r"(?<!\d)[.;,:(]|[.;,:(](?!\d)|\s-\s|\b(?:because|since|which|due to|given|based on)\b|\n",
    re.IGNORECASE,
)
NEGATED_BEFORE = re.compile(
    r"\b(?:not|no|never|without|than|unlike|neither|nor|isn t|exclude[sd]?|avoid|instead of"
    r"|rules? out|ruled out)(?: (?:an?|the|have|be|of|by|with))*$"
)
# In normal form, where punctuation is gone.
_NEGATED_AFTER = re.compile(
    r" (?:(?:is|are|was|were|has been|can be|would be|seems|looks) (?:also |therefore |thus )?"
    r"(?:ruled out|excluded|eliminated|unlikely|less likely|not|incorrect|wrong|contraindicated"
    r"|unsafe|inappropriate|false)|does not|do not|did not|would not|cannot|can not|isn t|doesn t"
    r"|can t)\b"
)
_LISTED_ON = re.compile(r"^(?: (?:or|nor|and))?$")
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


def read_wording(field: str, choices: Choices, settings: ChoiceSettings) -> Extraction | None:
    """The option whose text a field is, begins with, or nearly is."""
    field = field[: choices.longest + 1]  # what comes later cannot matter
    whole = normalised(field)
    clause = normalised(CLAUSE_END.split(field, maxsplit=1)[0])
    for part in (whole, clause):
        if labels := equal(part, choices):
            return one_of(labels, "text", "an option's text")
    begun = [
        (len(form), label)
        for label, form in choices.wordings
        if len(form) >= 4 and whole.startswith(form) and f"{whole} ".startswith(f"{form} ")
    ]
    if begun:
        longest = max(begun)[0]
        return one_of({lb for size, lb in begun if size == longest}, "text", "an option's text")
    return nearest(whole, choices, settings) or nearest(clause, choices, settings)


def nearest(part: str, choices: Choices, settings: ChoiceSettings) -> Extraction | None:
    """The most similar option, if similar enough, clear of the runner-up, and of equal numbers."""
    forms = [form for _, form in choices.wordings]
    # Below the cutoff a score is 0, which leaves the comparison with threshold and margin as it is.
    cutoff = settings.threshold - settings.margin
    close = process.extract(
        part, forms, scorer=fuzz.ratio, processor=None, score_cutoff=cutoff, limit=None
    )
    scores = sorted(((score, *choices.wordings[index]) for _, score, index in close), reverse=True)
    if not scores:
        return None
    score, label, form = scores[0]
    # A short text that differs at all is another text, and so is another dose.
    if score < settings.threshold or len(form) < 5:
        return None
    if _DIGITS.findall(part) != _DIGITS.findall(form):
        return None
    if len(scores) > 1 and score - scores[1][0] < settings.margin:
        return tie({label, scores[1][1]})
    return Extraction(label, "fuzzy", f"similar to an option's text ({score:.1f})")


def equal(part: str, choices: Choices) -> frozenset[str]:
    """Labels of the options whose normal form is `part`, itself in normal form."""
    return choices.labels.get(part, frozenset())


def mentioned(text: str, choices: Choices) -> set[str]:
    """Labels whose text occurs as whole words, not within a longer option's and not denied.

    `text` is one sentence, in normal form. A list denied at its head is denied whole.
    """
    seen: list[tuple[int, int, frozenset[str]]] = []
    left = text
    for form, pattern, labels in choices.mentions:
        if form not in left or (form.isalpha() and len(form) < 2 and form.isascii()):
            continue
        # A letter or a bare number occurs in passing; in a few words it can be the answer.
        passing = (len(form) < 3 and form.isascii()) or not any(c.isalpha() for c in form)
        if passing and len(text) > _FEW_WORDS:
            continue
        seen += [(*match.span(), labels) for match in pattern.finditer(left)]
        left = pattern.sub(lambda m: "\x00" * len(m[0]), left)
    found: set[str] = set()
    denied_to = -1
    for start, end, labels in sorted(seen, key=lambda mention: mention[:2]):
        listed_on = denied_to >= 0 and _LISTED_ON.match(text[denied_to:start].rstrip())
        if listed_on or NEGATED_BEFORE.search(text[max(0, start - 40) : start].strip()):
            denied_to = end
        elif not _NEGATED_AFTER.match(text, end):
            found |= labels
    return found


def one_of(labels: set[str] | frozenset[str], how: str, detail: str) -> Extraction:
    return Extraction(*labels, how, detail) if len(labels) == 1 else tie(labels)


def tie(labels: set[str] | frozenset[str]) -> Extraction:
    shown = ", ".join(sorted(label or "none" for label in labels))
    return Extraction(None, "tie", f"more than one option is named: {shown}")
