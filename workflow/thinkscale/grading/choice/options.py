"""The options of an item, prepared for reading answers, and which of them a wording is."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from rapidfuzz import fuzz, process

from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import (
    CLAUSE_END,
    NEGATED_BEFORE,
    NEGATIVE,
    TABLES,
    either,
    folded,
    formula,
    normalised,
)

Options = tuple[tuple[str, str], ...]  # (label, text)

# The patterns of this page read normal forms, where punctuation is gone.
_NEGATED_AFTER = re.compile(
    r"(?: (?:is|are|was|were|has|been|be|can|would|seems|looks|does|did|do|also|thus)){1,3}"
    rf" (?:{NEGATIVE.pattern})| (?:isn|aren|wasn|doesn|don|can) t\b"
)
_LISTED_ON = re.compile(r"^(?: (?:or|nor|and))?$")
_DIGITS = re.compile(r"(?<!\w)-?\d+(?:[.,]\d+)*")
_QUANTITY = re.compile(
    r"(?P<minus>-|minus |negative )?\+? ?(?:(?P<whole>\d{1,20}) (?=\d+/))?"
    r"(?P<number>\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?|\d{1,20}(?:[.,]\d{1,20})?)"
    r"(?:/(?P<below>\d{1,20}))?(?: × 10\^(?P<power>-?\d{1,3}))? ?"
    r"(?P<unit>[^\W\d][^\s\d√^×+=<>]*(?: [^\s\d√^×+=<>]+)?|%)?"
)
_UNITS, _PREFIXES = TABLES["units"], TABLES["prefixes"]
_UNIT = re.compile(rf"\b({'|'.join(_PREFIXES)})?({'|'.join(_UNITS)})s?\b")
_NO_UNIT = re.compile(rf"(?:\w|(?:{either('part_after')}|or|to|and)\b.*)")
# A number or a formula between these is part of another one: -5, 5!, > 5, √5, 2 ln W.
_PART_BEFORE = re.compile(
    rf"(?:[-%]|[<>≤≥≠√±×+/^] ?|\b[b-z\d](?: -)? |\b(?:{either('part_before')}) )$"
)
_PART_AFTER = re.compile(rf"[-+]\S| ?(?:[<>≤≥≠√±×+/^%]|(?:{either('part_after')})\b)")
# "Portal hypertension" is another noun than "hypertension".
_NO_ADJECTIVE = either("lead", "qualified", "denying", "so")
_ADJECTIVE = re.compile(rf"(?!(?:{_NO_ADJECTIVE}) )(?:[a-z]{{3,}} )?[a-z]{{2,}}[^s\W](?<!\band) $")
_GOES_ON = re.compile(r"[,;:]\s*(?:and |or )?[-+√$]?\d")  # "7, 14"
_RESULT = re.compile(r".*(?<![<>])(?:=\s*|\b(?:is|are) )", re.DOTALL)  # "x = 3 + 4 = 7"
_NO_RESULT = re.compile(rf"{NEGATIVE.pattern}|\b(?:{either('planning')})\b", re.IGNORECASE)
_SHORT = 80  # characters
_MATH = {*"\\$^=+-/*()[]√×·"}
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
        self._cased = {folded(label): label for label in self.labels}
        self.text = dict(options)
        # Normal forms of the texts by label; they may be empty, wordings are not.
        self.form = {label: normalised(text) for label, text in options}
        self.wordings = {label: form for label, form in self.form.items() if form}
        self.of_form = _by_form(self.wordings)  # labels that share one
        head, joined, _ = min(self.wordings.values(), default="").partition(" ")
        shared = joined and all(form.startswith(head + joined) for form in self.wordings.values())
        # The III of "Stage III", where all are stages.
        cores = {o: form[len(head) + 1 :] for o, form in self.wordings.items() if shared}
        self._of_core = _by_form(cores)
        self.formulas = {self.form[label] for label, text in options if {*text} & {*"\\$^="}}
        self._of_formula = _by_form({o: formula(t) for o, t in options if {*t} & _MATH})
        values = {label: quantity(form) for label, form in self.wordings.items()}
        self._values = {label: value for label, value in values.items() if value}
        self.numeric = len(self._values) > len(options) / 2
        # Characters; a longer piece of text is no option's, however it is marked up.
        self.longest = 4 * max((len(text) for _, text in options), default=0) + 200

    def called(self, label: str) -> str:
        """The label as the item writes it."""
        return self._cased[folded(label)]

    def equal(self, piece: str) -> frozenset[str]:
        """Labels of the options whose text a piece is, or whose value or distinct part."""
        if len(piece) > self.longest:
            return _NONE
        form = normalised(piece)
        same = self.of_form.get(form) or self._of_core.get(form)
        same = same or (self._of_formula and self._of_formula.get(formula(piece)))
        if same:
            return same
        if not self._values or (asked := quantity(form)) is None:
            return _NONE
        return frozenset(o for o, value in self._values.items() if _equal(asked, value))

    @cached_property
    def mentions(self) -> tuple[tuple[str, re.Pattern, frozenset[str]], ...]:
        """(normal form, pattern of its occurrence, labels), longest first."""
        forms = sorted(self.of_form, key=len, reverse=True)
        return tuple((form, _occurrence(form), self.of_form[form]) for form in forms)


def _by_form(forms: dict[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for label, form in forms.items():
        found[form] = found.get(form, _NONE) | {label}
    return found


def quantity(form: str) -> tuple[Fraction, str] | None:
    """The number and the unit that a normal form is; None if it is no quantity."""
    match = _QUANTITY.fullmatch(form.replace(" per ", "/"))
    if match is None or (below := Fraction(match["below"] or 1)) == 0:
        return None
    number = match["number"].replace(" ", "")
    grouped = re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", number)
    value = Fraction(number.replace(",", "" if grouped else "."))
    value = int(match["whole"] or 0) + value / below * Fraction(10) ** int(match["power"] or 0)
    unit = (match["unit"] or "").strip()
    unit = _UNIT.sub(lambda m: _PREFIXES.get(m[1], "") + _UNITS[m[2]], unit)
    return (-value if match["minus"] else value), unit


def _equal(asked: tuple[Fraction, str], option: tuple[Fraction, str]) -> bool:
    (value, unit), (own, its) = asked, option
    if {unit, its} == {"", "%"} and value * (100 if its else 1) == own * (1 if its else 100):
        return True  # 0.05 is 5%
    named = its == "" and unit != "%" and not _NO_UNIT.fullmatch(unit)  # "6 apples", asked for 6
    return value == own and (unit in ("", its) or named)


def _occurrence(form: str) -> re.Pattern:
    """`form` as whole words; where it begins or ends with a script without spaces, anywhere."""
    left = "" if form[0] >= "\u2e80" else r"(?<![\w.])(?<!\d,)"
    right = "" if form[-1] >= "\u2e80" else r"(?!\w|[.,]\d)"
    return re.compile(f"{left}{re.escape(form)}{right}")


choices_of = lru_cache(maxsize=16384)(Choices)


def read_wording(field: str, choices: Choices) -> Extraction | None:
    """The option whose text a field is, begins with, nearly is, or is a good part of."""
    field = field[: choices.longest + 1]  # what comes later cannot matter
    whole = normalised(field)
    end = CLAUSE_END.search(field)
    clause = field[: end.start()] if end and not _GOES_ON.match(field, end.start()) else field
    if labels := choices.equal(field) or choices.equal(clause) or choices.equal(result(field)):
        return one_of(labels, "text", "an option's text")
    begun = [form for form in choices.of_form if f"{whole} ".startswith(f"{form} ")]
    longest = max(begun, key=len, default="")
    if len(longest) >= 4 and not _PART_AFTER.match(whole, len(longest)):
        return one_of(choices.of_form[longest], "text", "an option's text")
    if (found := nearest(whole, choices) or nearest(normalised(clause), choices)) is not None:
        return found
    parts = [labels for form, labels in choices.of_form.items() if _is_most(whole, form)]
    return one_of(set().union(*parts), "text", "a part of an option's text")


def result(text: str) -> str:
    """What the text says that something is or equals, if it denies or asks nothing before."""
    found = _RESULT.match(text)
    return text[found.end() :] if found and not _NO_RESULT.search(found[0]) else text


def _is_most(part: str, form: str) -> bool:
    return part.count(" ") >= 2 and 2 * len(part) > len(form) and f" {part} " in f" {form} "


def nearest(
    part: str, choices: Choices, settings: ChoiceSettings | None = None
) -> Extraction | None:
    """The most similar option, if similar enough, clear of the runner-up, and of equal numbers."""
    settings = settings or choices.settings
    threshold, margin = settings.threshold, settings.margin
    # Below the cutoff a score is 0, which leaves the comparison with threshold and margin as it is.
    close = process.extract(
        part, choices.wordings, scorer=fuzz.ratio, score_cutoff=threshold - margin, limit=None
    )
    if not close:
        return None
    form, score, _ = close[0]
    # A short text that differs at all is another text, and so is another dose or formula.
    another = len(form) < 5 or form in choices.formulas
    if score < threshold or another or _DIGITS.findall(part) != _DIGITS.findall(form):
        return None
    rivals = {label for _, other, label in close if score - other < margin}
    return one_of(rivals, "fuzzy", f"similar to an option's text ({score:.1f})")


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
        if passing and len(text) > _SHORT:
            continue
        for match in pattern.finditer(left):
            if not _is_part(text, *match.span(), form in choices.formulas):
                seen.append((*match.span(), labels))
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


def _is_part(text: str, start: int, end: int, is_formula: bool) -> bool:
    """Whether a number or formula at start:end belongs to another."""
    if not is_formula and text[start:end].replace(" ", "").isalpha():
        noun = end == len(text) and text.count(" ", start) < 2
        return noun and _ADJECTIVE.match(text[:start]) is not None
    before = text[max(0, start - 12) : start]
    return bool(_PART_BEFORE.search(before) or _PART_AFTER.match(text, end))


def one_of(labels: set | frozenset, how: str, detail: str) -> Extraction | None:
    """The only one of these labels; a tie of several, None of none."""
    if len(labels) == 1:
        return Extraction(*labels, how, detail)
    shown = ", ".join(sorted(label or "none" for label in labels))
    return Extraction(None, "tie", f"more than one option is named: {shown}") if labels else None
