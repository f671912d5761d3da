"""Free response, numeric: the last number of the answer field lies near the reference.

Read are thousands separators ("1,234", "1 234", "1{,}234", "1.234,5"), decimal commas, fractions
and mixed numbers ("3/4", "1 3/4", "\\frac{3}{4}"), scientific notation ("1.2e-3",
"1.2 \\times 10^{-3}", "1.2 × 10⁻³"), small powers, percent, and words such as "million". Units are
passed over and not converted. A percentage equals its number and its hundredth where only one of
answer and reference has the sign: for a reference of 0.5 or 50, "50%" is right.
"""

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from thinkscale.grading.answer import answer_field, answer_part
from thinkscale.grading.grader import Facts, Judged, ungradable

_SUPERSCRIPTS = re.compile(r"[⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014", "-"))
_FRACTION = re.compile(
    r"(?:(?<!\d)(?P<whole>\d{1,9}))?\s{0,9}\\[dtc]?frac\s*"
    r"(?:\{\s*(-?[\d.,]+)\s*\}\s*\{\s*(-?[\d.,]+)\s*\}|(\d)\s*(\d))"
)
_DRESSING = re.compile(
    r"\\(?:text|mathrm|mathbf|textbf|mbox|boxed|left|right|displaystyle|quad)\b|\\[$!;:]|[{}$]"
)
_LITERAL = (
    r"(?:[1-9]\d{0,2}(?:[,\u202f\u2009 ]\d{3})+(?:\.\d+)?(?!\d)|\d{1,3}(?:\.\d{3})+,\d+(?!\d)"
    r"|\d+[.,]\d+|\.\d+|\d+)"
)
_POWER = r"\s*\^\s*\(?(?P<{0}>-?\d{{1,3}})(?!\d)\)?"
_NUMBER = re.compile(
    rf"(?<![\w^.])(?P<sign>(?:(?<![\w)])-\s*)?)(?<!\^-)(?P<base>{_LITERAL})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,4}})(?![\w.])"
    rf"|\s*(?:\\times|\\cdot|[×·x*])\s*10{_POWER.format('ten')}"
    rf"|{_POWER.format('power')}"
    rf"|(?P<mixed>\s+\d+)?\s*/\s*(?P<below>{_LITERAL}))?"
    r"(?P<word>\s*(?:thousand|million|billion|trillion)\b)?"
    r"(?P<percent>\s*(?:\\?%|per\s?cent\b))?",
    re.IGNORECASE,
)
_WORDS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_LARGEST = 400  # digits; a number beyond that is no quantity, and costly to compute with


@dataclass(frozen=True)
class NumericSettings:
    """An answer a is right for reference g if |a - g| <= max(absolute, relative * |g|)."""

    relative_tolerance: float = 1e-6
    absolute_tolerance: float = 1e-9


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction
    percent: bool

    def __str__(self) -> str:
        if self.value.denominator == 1 and abs(self.value) < 10**15:
            text = str(self.value.numerator)
        else:
            # Decimal, for a float ends at 1e308.
            text = f"{Decimal(self.value.numerator) / Decimal(self.value.denominator):.12g}"
        return text + ("%" if self.percent else "")


def judge_numeric(text: str, facts: Facts, settings: NumericSettings) -> Judged:
    """(extraction, outcome); the label is the number in plain figures."""
    field = answer_field(text)
    if field is None:
        return ungradable("the answer is empty")
    number = last_number(field.text)
    if number is None and field.how == "last line":
        number = last_number(answer_part(text))
        field = field if number is None else replace(field, how="last number")
    if number is None:
        return ungradable(f"{field.how}: no number in {field.text[:100]!r}")
    right = _agree(number, last_number(facts.answer_text), settings)
    return field.read_as(str(number)), "correct" if right else "incorrect"


def check_numeric(facts: Facts, settings: NumericSettings) -> None:
    """Raise ThinkscaleError for a reference without a number."""
    if last_number(facts.answer_text) is None:
        raise facts.unfit("numeric", "; expected a number")


def last_number(text: str) -> Number | None:
    """The last number that a text holds.

    >>> str(last_number("$1{,}234.5$ apples out of 2 \\\\times 10^3"))
    '2000'
    """
    text = text.translate(_MINUS)
    text = _SUPERSCRIPTS.sub(lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text)
    text = unicodedata.normalize("NFKC", text).translate(_MINUS).replace("\u2044", "/")
    text = text.replace("{,}", ",").replace("\\,", " ")
    if "frac" in text:
        text = _FRACTION.sub(_quotient, text)
    text = _DRESSING.sub(lambda m: "" if m[0] in "{}" else " ", text)
    for match in reversed(list(_NUMBER.finditer(text))):
        if (value := _value(match)) is not None:
            return Number(value, match["percent"] is not None)
    return None


def _quotient(match: re.Match) -> str:
    above, below = (match[2], match[3]) if match[2] else (match[4], match[5])
    return f"{match['whole'] or ''} {above}/{below} "


def _value(match: re.Match) -> Fraction | None:
    """The number matched; None if it is too large or undefined."""
    if any(len(match[part] or "") > _LARGEST for part in ("base", "mixed", "below")):
        return None
    base = _literal(match["base"])
    if match["e"] or match["ten"]:
        exponent = int(match["e"] or match["ten"])
        if abs(exponent) > _LARGEST:
            return None
        base *= Fraction(10) ** exponent
    elif match["power"]:
        exponent = int(match["power"])
        if base == 0 or abs(exponent) * math.log10(max(base, 1 / base)) > _LARGEST:
            return None
        base **= exponent
    elif match["below"]:
        below = _literal(match["below"])
        if below == 0:
            return None
        base = base + int(match["mixed"]) / below if match["mixed"] else base / below
    if match["word"]:
        base *= 10 ** _WORDS[match["word"].strip().lower()]
    return -base if match["sign"] else base


def _literal(text: str) -> Fraction:
    """ "1,234.5", "1 234", "1.234,5" and "12,5", a comma before three digits being no decimal."""
    text = re.sub(r"[\s\u202f\u2009]", "", text)
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    elif "," in text:
        text = text.replace(".", "").replace(",", ".")
    return Fraction(text)


def _agree(answer: Number, reference: Number, settings: NumericSettings) -> bool:
    values = [answer.value]
    if answer.percent and not reference.percent:
        values.append(answer.value / 100)
    elif reference.percent and not answer.percent:
        values.append(answer.value * 100)
    allowed = max(
        Fraction(settings.absolute_tolerance),
        Fraction(settings.relative_tolerance) * abs(reference.value),
    )
    return any(abs(value - reference.value) <= allowed for value in values)
