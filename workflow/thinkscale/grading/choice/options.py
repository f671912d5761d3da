"""The options of an item, prepared for reading answers, and which of them a wording is."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import SimpleNamespace

from rapidfuzz import fuzz, process

from thinkscale.grading.answer import QUALIFIED
from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import normalised

Options = tuple[tuple[str, str], ...]  # (label, text)

# Repetitions are bounded: what a model writes may be one character twenty thousand times.
_LEAD = (
    r"[\s\"':=>#(\[<\-∴⇒→]{0,20}(?:(?:is|the|that|option|choice|letter|answer|statement|either|both"
    r"|between|clearly|definitely|indeed|therefore|thus|so|hence|still|simply|probably|likely"
    r"|most\s+likely|correct:|" + QUALIFIED + r")[\s:,]{1,20}){0,12}[\"'(\[<{]{0,8}\s{0,20}"
)
_COPULA = r"(?:です|だ|입니다|이다)"
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
_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ChoiceSettings:
    """When a wording counts as an option's text although it differs from it.

    `threshold`: least similarity, 0 to 100 (normalised insertions and deletions; at 90 a slip of
    the pen passes, and "hypotension" for "hypertension", 87, does not). `margin`: how far the
    runner-up must lie below. `keys`: whether "any" of an item's keys is right, or "all" together.
    """

    threshold: float = 90.0
    margin: float = 5.0
    keys: str | None = None


class Choices:
    """An item's options, ready to be looked for in many answers."""

    def __init__(self, options: Options, settings: ChoiceSettings) -> None:
        self.settings = settings
        self.labels = tuple(label for label, _ in options)
        self.shapes = _shapes(self.labels)
        self._cased = {label.casefold(): label for label in self.labels}
        self.text = dict(options)
        # Normal forms of the texts by label; they may be empty, wordings are not.
        self.form = {label: normalised(text) for label, text in options}
        self.wordings = {label: form for label, form in self.form.items() if form}
        self.of_form: dict[str, frozenset[str]] = {}  # labels that share one
        for label, form in self.wordings.items():
            self.of_form[form] = self.of_form.get(form, _NONE) | {label}
        # Characters; a longer piece of text is no option's, however it is marked up, and a plain
        # piece with more spaces is none either.
        self.longest = 4 * max((len(text) for _, text in options), default=0) + 200
        self.spaces = max((form.count(" ") for form in self.form.values()), default=0) + 8

    def called(self, label: str) -> str:
        """The label as the item writes it."""
        return self._cased[label.casefold()]

    def may_equal(self, piece: str) -> bool:
        """Whether a piece of text is short enough to be an option's, before it is compared."""
        return len(piece) <= self.longest and (
            piece.count(" ") <= self.spaces or "\\" in piece or "  " in piece
        )

    def equal(self, piece: str) -> frozenset[str]:
        """Labels of the options whose text a piece is."""
        return self.of_form.get(normalised(piece), _NONE) if self.may_equal(piece) else _NONE

    @cached_property
    def mentions(self) -> tuple[tuple[str, re.Pattern, frozenset[str]], ...]:
        """(normal form, pattern of its occurrence, labels), longest first."""
        forms = dict(self.of_form)
        for form, labels in self.of_form.items():
            left, joined, right = form.partition(" and ")
            if joined and " and " not in right and min(len(left), len(right)) >= 3:
                forms.setdefault(f"{right} and {left}", labels)
        return tuple(
            (form, _occurrence(form), forms[form]) for form in sorted(forms, key=len, reverse=True)
        )


def _occurrence(form: str) -> re.Pattern:
    """`form` as whole words; where it begins or ends with a script without spaces, anywhere."""
    left = "" if form[0] >= "\u2e80" else r"(?<![\w.])(?<!\d,)"
    right = "" if form[-1] >= "\u2e80" else r"(?!\w|[.,]\d)"
    return re.compile(f"{left}{re.escape(form)}{right}")


choices_of = lru_cache(maxsize=16384)(Choices)


@lru_cache(maxsize=256)
def _shapes(labels: tuple[str, ...]) -> SimpleNamespace:
    """Patterns that depend on the labels."""
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    small = f"(?P<label>(?i:{one}))"  # where the shape leaves no doubt, case does not count
    big = f"(?P<label>{one})"
    again = f"[\"'(\\[]*(?P<second>{one})(?![\\w'])"
    lead = f"^(?i:{_LEAD})"
    patterns = {
        # What every pattern of the next four begins with.
        "opening": rf"{lead}{small}(?![A-Za-z0-9_])",
        "pure": rf"{lead}{small}(?:\s*{_COPULA})?[\"')\]}}>]*\s*[.,:;!?)\]\"'-]*\s*$",
        "several": rf"{lead}{big}[)\]\"']*\s*(?:[,;]\s*)?"
        r"(?:(?i:and/or|and|or|vs\.?)\s|[,/&+]|或|(?:[.;]\s*)?(?i:alternatively|or)\b,?\s)\s*"
        rf"(?:(?i:possibly|maybe|perhaps|also)\s+)?(?:(?i:option|choice)\s+)?{again}"
        r"(?=\s*(?:[.,;:!?)\]/&+\"']|$|\n|(?i:and|or|are|because|since|is)\b))",
        "delimited": rf"(?s){lead}{small}(?!'\w)\s*"
        r"(?:[)\]}>\"']+\s*[.:,;-]*|[.:;,](?=\D)|[.:;,]\s|\s-\s)\s*(?P<rest>\S.*)",
        "spaced": rf"(?s){lead}{big}\s+(?P<rest>\S.*)",
        "repeated": rf"^\W*(?P<label>{one})(?:\W+(?P=label))+\W*$",
        "trailing": r"(?s)(?P<rest>\S.*?)\s*[(\[](?:(?i:option|choice|answer)\s*:?\s+)?"
        rf"{small}[)\]][\s.,!]*$",
        "occurrence": rf"(?<![A-Za-z0-9_])(?:{one})(?![A-Za-z0-9_'])",
        "set_off": rf"\W*{small}(?:[)\]:]|\.(?=\s|$)|\s*$)",
        "bold": rf"\*\*\s*\(?{big}[).:]*\s*\*\*",
        # The end of a text: "... so the only one left is C."
        "closing": r"(?:(?<!\w)(?:is|are|be|so|thus|hence|i\.e\.|answer|option|choice|leaves|with"
        r"|est|es|ist|è|é|:|=)[,:]?\s+(?i:(?:the|la|option|choice|answer|letter)\s+)*|[:=]\s*)"
        rf"[\"'(\[]?{big}[\"')\]]?[.!]*\s*$",
        "listed": rf"\W*{small}\s*(?:[)\]:.|]|-\s)(?P<rest>.*)$",
    }
    return SimpleNamespace(**{name: re.compile(pattern) for name, pattern in patterns.items()})


def read_wording(field: str, choices: Choices) -> Extraction | None:
    """The option whose text a field is, begins with, or nearly is."""
    field = field[: choices.longest + 1]  # what comes later cannot matter
    whole = normalised(field)
    clause = normalised(CLAUSE_END.split(field, maxsplit=1)[0])
    for part in (whole, clause):
        if labels := choices.of_form.get(part):
            return one_of(labels, "text", "an option's text")
    begun = [form for form in choices.of_form if f"{whole} ".startswith(f"{form} ")]
    if begun and len(longest := max(begun, key=len)) >= 4:
        return one_of(choices.of_form[longest], "text", "an option's text")
    return nearest(whole, choices) or nearest(clause, choices)


def nearest(part: str, choices: Choices) -> Extraction | None:
    """The most similar option, if similar enough, clear of the runner-up, and of equal numbers."""
    threshold, margin = choices.settings.threshold, choices.settings.margin
    # Below the cutoff a score is 0, which leaves the comparison with threshold and margin as it is.
    close = process.extract(
        part, choices.wordings, scorer=fuzz.ratio, score_cutoff=threshold - margin, limit=None
    )
    scores = sorted(((score, label, form) for form, score, label in close), reverse=True)
    if not scores:
        return None
    score, label, form = scores[0]
    # A short text that differs at all is another text, and so is another dose.
    another = len(form) < 5 or _DIGITS.findall(part) != _DIGITS.findall(form)
    if score < threshold or another:
        return None
    if len(scores) > 1 and score - scores[1][0] < margin:
        return tie({label, scores[1][1]})
    return Extraction(label, "fuzzy", f"similar to an option's text ({score:.1f})")


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
