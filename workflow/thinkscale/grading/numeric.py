"""Free response, numeric: the quantity that the answer states lies near the reference.

In a statement, a tag or a box that is the first ("5 km in 2 hours"), or what an equation ends in
("48 + 24 = 72"); in a last line, which argues, the last. Quantities that stand together ("3 or 4",
"2-4") are several answers, right only for a reference of as many; a bound ("> 5") and a part of a
term ("4√2") are none. Units are passed over and not converted; "K" and "M" may be units or factors.
A percentage equals its number and its hundredth where only one of answer and reference has the
sign: for a reference of 0.5 or 50, "50%" is right.
"""

import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from text_to_num import alpha2digit

from thinkscale.grading.answer import answer_field, answer_part
from thinkscale.grading.grader import Facts, Judged, ungradable
from thinkscale.grading.text import compatible

# What stands for or around figures, and what is left of it; in this order.
_PLAIN = [
    (
        r"\\[dtc]?frac\s*(?:\{\s*(-?[\d.,]+)\s*\}\s*\{\s*(-?[\d.,]+)\s*\}|(\d)\s*(\d))",
        r" \1\3/\2\4 ",
    ),
    (r"\\?[$€£¥₹]|\b(?:US|USD|EUR|GBP|INR|JPY|CNY|CHF|CAD|AUD|Rs\.?)(?=\s?\d)", " "),
    (  # 1,234 and 12,34,567 and 1 234 and 1'234 and 1,\!234; 1.234.567 and 1.234,5
        r"(?<![\w.])[1-9]\d{0,2}(?:(?:,\d\d)+,\d{3}|(?:(?:,?\\[!,;: ]|\{,\}|[,~'’_ ])\d{3})+"
        r"|(?:\.\d{3}){2,}|(?:\.\d{3})+(?=,\d))(?!\d)",
        lambda match: re.sub(r"\D", "", match[0]),
    ),
    (r"\\(?:text|mathrm|mathbf|textbf|mbox|boxed|left|right|displaystyle|quad)\b|\\[!,;: ]", " "),
    (r"[{}]|(?<=[\d%}])\s*(?:±|\\pm|\+/-)\s*[\d.,]*\d", ""),
    (r"(?i)\b(?:minus|negative)\s+(?=[\d.])", "-"),
    (r"(?i)(?<=\d)\s+and\s+a\s+half\b", " 1/2"),
    (r"\*\*", "^"),
    (r"(?i)\ban?\s+(?=dozen|hundred|thousand|[mb]illion|lakh|crore)", "1 "),
    (r"\b(\d+\s(?:\w+\s)?)(?:out\s)?of\s(?:(?:the|all|these|those)\s)?\d+\b", r"\1"),
]
_PLAIN = [(re.compile(pattern), left) for pattern, left in _PLAIN]
_PART = re.compile(
    r"(?i)\b(?:half|halves|thirds?|quarters?|(?:four|fif|six|seven|eigh|nin|ten)ths?)\b"
)
_ASIDE = re.compile(r"\s*\([^()]*[^\W\d_][^()]*\)\W*$|,?\s(?:not|rather than|instead of)\s[^=]*$")
_SCALES = {"dozen": 12, "hundred": 100, "lakh": 10**5, "crore": 10**7, "trillion": 10**12}
_SCALES |= dict.fromkeys(("k", "K", "thousand"), 10**3) | dict.fromkeys(
    ("B", "bn", "billion"), 10**9
)
_SCALES |= dict.fromkeys(("M", "mn", "mil", "million"), 10**6)
_LITERAL = r"(?:\d+[.,]\d+|\.\d+|\d+)"
_POWER = r"\s*\^\s*\(?(?P<{0}>-?\d{{1,3}})(?!\d)\)?"
_NUMBER = re.compile(
    rf"(?<![\w^.])(?P<sign>(?:(?<![\w)])-\s*)?)(?<!\^-)(?P<base>{_LITERAL})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,4}})(?![\w.])"
    rf"|\s*(?:\\times|\\cdot|[×·x*])\s*10{_POWER.format('ten')}"
    rf"|{_POWER.format('power')}"
    rf"|(?:(?:\s+|-|\sand\s)(?P<mixed>\d+))?\s*/\s*(?P<below>{_LITERAL}))?"
    rf"(?:\s*(?P<scale>[kKMB]|(?i:{'|'.join(s for s in _SCALES if len(s) > 1)}))s?\b)?"
    r"(?P<percent>\s*(?:\\?%|[Pp]er\s?cent\b))?"
)
# Between quantities that are one answer; before what an equation ends in; beside no number.
_TOGETHER = re.compile(
    r"\s*(?:(?:(?:[^\W\d]+,?\s){0,2}(?:or|and|to|through)\b|[-,;:/+*×x·]|\\times|\\cdot)"
    r"\s*(?:(?:and|or)\b\s*)?(?:[^\W\d]\w*\s*=\s*)?)?"
)
_EQUALS = re.compile(r"[^(]*(?:=|≈|→|\\approx)[^(]*")
_BOUND = re.compile(r"(?:[<>≤≥√±]|-\(|\\(?:[lg]eq?|pm|sqrt)|\b(?:more|less|fewer) than|\bnot)\s*$")
_TERM = re.compile(r"\s*(?:√|π|\\?(?:sqrt|pi)\b|[万億亿千])")
_LARGEST = 400  # digits; a number beyond that is no quantity, and costly to compute with


@dataclass(frozen=True)
class NumericSettings:
    """An answer a is right for reference g if |a - g| <= max(absolute, relative * |g|)."""

    relative_tolerance: float = 1e-6
    absolute_tolerance: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """`bare`: the value without a factor that may be a unit."""

    value: Fraction
    bare: Fraction
    percent: bool

    def __str__(self) -> str:
        # Decimal, for a float ends at 1e308.
        above, below = map(Decimal, self.value.as_integer_ratio())
        text = str(self.value) if below == 1 else f"{above / below:.12g}"
        return text + ("%" if self.percent else "")


def judge_numeric(text: str, facts: Facts, settings: NumericSettings) -> Judged:
    """(extraction, outcome); the label is the number in plain figures."""
    field = answer_field(text)
    if field is None:
        return ungradable("the answer is empty")
    argues = field.how == "last line"
    numbers, reference = quantities(field.text, last=argues), quantities(facts.answer_text)
    if not numbers and argues and (numbers := quantities(answer_part(text), last=True)):
        field = replace(field, how="last number")
    if not numbers or len(numbers) != len(reference):
        found = "several numbers" if numbers else "no number"
        return ungradable(f"{field.how}: {found} in {field.text[:100]!r}")
    right = all(_agree(a, g, settings) for a, g in zip(numbers, reference, strict=True))
    return field.read_as(", ".join(map(str, numbers))), "correct" if right else "incorrect"


def check_numeric(facts: Facts, settings: NumericSettings) -> None:
    """Raise ThinkscaleError for a reference without a number."""
    if not quantities(facts.answer_text):
        raise facts.unfit("numeric", "; expected a number")


@lru_cache(maxsize=1024)  # an item's reference is read for each of its answers
def quantities(text: str, last: bool = False) -> tuple[Number, ...]:
    """The quantity that a text states, or those that stand together, by size.

    >>> [str(number) for number in quantities("$1{,}234.5$ apples out of 2 \\\\times 10^3")]
    ['1234.5']
    """
    text = _in_figures(text)
    if last and re.search(r"\d", aside := _ASIDE.sub("", text)):
        text = aside
    groups: list[list[tuple[re.Match, Number]]] = []
    for match in _NUMBER.finditer(text):
        if number := _number(match):
            if groups and _TOGETHER.fullmatch(text, groups[-1][-1][0].end(), match.start()):
                groups[-1].append((match, number))
            else:
                groups.append([(match, number)])
    stated = groups[-1 if last else 0] if groups else []
    for group in [] if last else groups[1:]:
        ends = _EQUALS.fullmatch(text, stated[-1][0].end(), group[0][0].start())
        stated = group if ends and (len(group) == 1 or len(stated) > 1) else stated
    bound = stated and _BOUND.search(text[: stated[0][0].start()][-20:])
    if not stated or bound or _TERM.match(text, stated[-1][0].end()):
        return ()
    return tuple(sorted(number for _, number in stated))


def _in_figures(text: str) -> str:
    """With figures for number words that begin a text, or in one without figures."""
    text = compatible(text)
    words = re.match(r"[^\W\d_]+(?:[\s-]+[^\W\d_]+)*", text)
    if words and not _PART.search(words[0]):
        figures = alpha2digit(words[0], "en", threshold=0)
        # "One sees that ..." counts nothing.
        if figures[0].isdigit() and not re.match(r"1\s(?!of\b)\S+\s", figures):
            text = figures + text[words.end() :]
    if not re.search(r"\d", text) and not _PART.search(text):
        text = alpha2digit(text, "en")
    for pattern, left in _PLAIN:
        text = pattern.sub(left, text)
    return text


def _number(match: re.Match) -> Number | None:
    """The number matched; None if it is too large or undefined."""
    if any(len(match[part] or "") > _LARGEST for part in ("base", "mixed", "below")):
        return None
    value, below = (Fraction((match[n] or "1").replace(",", ".")) for n in ("base", "below"))
    power, ten = int(match["power"] or 1), int(match["e"] or match["ten"] or 0)
    size = abs(power) * math.log10(max(value, 1 / value)) if value else _LARGEST * abs(power - 1)
    if abs(ten) > _LARGEST or size > _LARGEST or below == 0:
        return None
    if power != 1 or ten:
        value = value**power * Fraction(10) ** ten
    value = value + int(match["mixed"]) / below if match["mixed"] else value / below
    value = -value if match["sign"] else value
    scale = match["scale"] or ""
    scaled = value * (_SCALES.get(scale) or _SCALES.get(scale.lower(), 1))
    return Number(scaled, value if scale in ("K", "M") else scaled, match["percent"] is not None)


def _agree(answer: Number, reference: Number, settings: NumericSettings) -> bool:
    factor = Fraction(100) ** (reference.percent - answer.percent)
    pairs = [(a, g) for a in (answer.value, answer.bare) for g in (reference.value, reference.bare)]
    pairs.append((answer.value * factor, reference.value))
    absolute, relative = map(Fraction, (settings.absolute_tolerance, settings.relative_tolerance))
    return any(abs(a - g) <= max(absolute, relative * abs(g)) for a, g in pairs)
