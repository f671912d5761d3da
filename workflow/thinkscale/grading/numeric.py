"""Free response, numeric: the quantity that the answer states lies near the reference.

It is the first ("5 km in 2 hours"), or the last that an equals sign leads to ("48 + 24 = 72"), or
the one that a word like "is" does; a last line with several and none of these states none.
Quantities that stand together ("3 or 4", "2-4") are several answers, right only for a reference of
as many; a bound ("> 5") and a part of a term ("4√2") are none. Units are passed over and not
converted; "K", "M", "cents" and "thirds" may be units or factors. A percentage equals its number
and its hundredth where only one of answer and reference has the sign: for a reference of 0.5 or 50,
"50%" is right.
"""

import re
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from itertools import product

from text_to_num import alpha2digit

from thinkscale.grading.answer import answer_field, conclusion
from thinkscale.grading.grader import Facts, Judged, ungradable
from thinkscale.grading.text import TABLES, compatible, either, unmarked

# What stands for or around figures, and what is left of it.
_PLAIN = [
    (  # 1,234 and 12,34,567 and 1 234 and 1'234; 1.234.567 and 1.234,5
        r"(?<![\w.])[1-9]\d{0,2}(?:(?:,\d\d)+,\d{3}|(?:[,~'’_ ]\d{3})+"
        r"|(?:\.\d{3}){2,}|(?:\.\d{3})+(?=,\d))(?!\d)",
        lambda match: re.sub(r"\D", "", match[0]),
    ),
    (r"[\\€£¥₹]|\b(?:US|USD|EUR|GBP|INR|JPY|CNY|CHF|CAD|AUD|Rs\.?)(?=\s?\d)", " "),
    (r"(?i)\b(?:minus|negative)\s+(?=[\d.])", "-"),
    (r"(?i)(?<=\d)\s+and\s+a\s+half\b", " 1/2"),
    (r"(?i)\ban?\s+(?=dozen|hundred|thousand|[mb]illion|lakh|crore|half|3rd)", "1 "),
    (r"\b(\d+\s(?:\w+\s)?)(?:out\s)?of\s(?:(?:the|all|these|those)\s)?\d+\b", r"\1"),
]
_UNITS = {"K": 10**3, "M": 10**6} | {word: 1 / Decimal(n) for word, n in TABLES["parts"].items()}
_SCALES = _UNITS | TABLES["factors"]
_LITERAL = r"(?:\d+[.,]\d+|\.\d+|\d+)"
_POWER = r"\s*\^\s*\(?(?P<{0}>-?\d{{1,3}})(?!\d)\)?"
_NUMBER = re.compile(
    rf"(?<![\w^.])(?P<sign>(?:(?<![\w)])-\s*)?)(?<!\^-)(?P<base>{_LITERAL})"
    rf"(?:[eE](?P<e>[+-]?\d{{1,4}})(?![\w.])"
    rf"|\s*[×·x]\s*10{_POWER.format('ten')}"
    rf"|{_POWER.format('power')}"
    rf"|(?:(?:\s+|-|\sand\s)(?P<mixed>\d+))?\s*/\s*(?P<below>{_LITERAL}))?"
    rf"(?:\s*(?P<scale>[kKMB]|(?i:{'|'.join(s for s in _SCALES if len(s) > 1)}))s?\b)?"
    r"(?P<percent>\s*(?:\\?%|[Pp]er\s?cent\b))?"
)
# Between quantities that are one answer; before an outcome; beside no number.
_TOGETHER = re.compile(
    r"\s*(?:(?:(?:[^\W\d]+,?\s){0,2}(?:or|and|to|through)\b|[-,;:/+×·x])"
    r"\s*(?:(?:and|or)\b\s*)?(?:[^\W\d]\w*\s*=\s*)?)?"
)
_EQUALS = re.compile(r"[^(]*[=≈→][^(]*")
_VERB = re.compile(rf"\b(?:{either('outcome')})\s+(?:(?:about|only|exactly|still)\s+)?$")
_BOUND = re.compile(r"(?:[<>≤≥√±]|-\(|\b(?:more|less|fewer) than|\bnot)\s*$")
_TERM = re.compile(r"\s*(?:√|\\?(?:sqrt|pi)\b|[π万億亿千])|[xyzn]\b")
_EXACTLY = Context(prec=60, Emax=400, Emin=-400)  # what is larger or smaller is no quantity


@dataclass(frozen=True)
class NumericSettings:
    """An answer a is right for reference g if |a - g| <= max(absolute, relative * |g|)."""

    relative_tolerance: float = 1e-6
    absolute_tolerance: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Number:
    """`other`: the value where a word is a unit and no factor, or the other way about."""

    value: Decimal
    other: Decimal
    percent: bool

    def __str__(self) -> str:
        value = self.value.normalize()
        text = f"{value:f}" if value == value.to_integral_value() else f"{value:.12g}"
        return text + ("%" if self.percent else "")


def judge_numeric(text: str, facts: Facts, settings: NumericSettings) -> Judged:
    """(extraction, outcome); the label is the number in plain figures."""
    field = answer_field(text, figures=True)
    if field is None:
        return ungradable("no answer is stated")
    numbers = quantities(field.label, argues=field.how == "last line")
    reference = quantities(facts.answer_text)
    if not numbers or len(numbers) != len(reference):
        found = "several numbers" if numbers else "no one number"
        return ungradable(f"{field.how}: {found} in {field.label[:100]!r}")
    right = all(_agree(a, g, settings) for a, g in zip(numbers, reference, strict=True))
    return replace(field, label=", ".join(map(str, numbers))).judged(right)


def check_numeric(facts: Facts, settings: NumericSettings) -> None:
    """Raise ThinkscaleError for a reference without a number."""
    if not quantities(facts.answer_text):
        raise facts.unfit("numeric", "; expected a number")


@lru_cache(maxsize=1024)  # an item's reference is read for each of its answers
def quantities(text: str, argues: bool = False) -> tuple[Number, ...]:
    """The quantity that a text states, or those that stand together, by size.

    `argues`: the text may be a step of an argument, whose first number is not its outcome.

    >>> [str(number) for number in quantities("$1{,}234.5$ apples out of 2 \\\\times 10^3")]
    ['1234.5']
    """
    text = _in_figures(conclusion(text))
    groups: list[tuple[str, list[Number]]] = []  # that stand together, behind what is before them
    ends = [0]
    for match in _NUMBER.finditer(text):
        if number := _number(match):
            lead = text[ends[-1] : match.start()][-200:]
            if groups and _TOGETHER.fullmatch(lead):
                groups[-1][1].append(number)
                ends[-1] = match.end()
            else:
                groups.append((lead, [number]))
                ends.append(match.end())
    outcomes = [
        place
        for place, (lead, numbers) in enumerate(groups[1:], start=1)
        if (len(numbers) == 1 or len(groups[place - 1][1]) > 1) and _EQUALS.fullmatch(lead)
    ][-1:]
    if not outcomes and (argues or not re.match(r"\d+\s", text)):
        outcomes = [place for place, (lead, _) in enumerate(groups) if _VERB.search(lead)]
    if not groups or (len(outcomes) != 1 and argues and len(groups) > 1):
        return ()
    stated = outcomes[0] if len(outcomes) == 1 else 0
    lead, numbers = groups[stated]
    if _BOUND.search(lead) or _TERM.match(text, ends[stated + 1]):
        return ()
    return tuple(sorted(numbers))


def _in_figures(text: str) -> str:
    """Plain text, with figures for number words that begin it, or in one without figures."""
    text = re.sub(r"\\[dtc]?frac", r" \\frac", compatible(text))
    text = unmarked(text.replace("**", "^").replace("*", "×"))
    words = re.match(r"[^\W\d_]*(?:[\s-]+[^\W\d_]+)*", text)[0]
    figures = alpha2digit(words, "en", threshold=0)
    # "One sees that ..." counts nothing.
    if figures[:1].isdigit() and not re.match(r"1\s(?!of\b|and\b)\S+\s", figures):
        text = figures + text[len(words) :]
    elif not re.search(r"\d", text):
        text = alpha2digit(text, "en")
    for pattern, left in _PLAIN:
        text = re.sub(pattern, left, text)
    return text


def _number(match: re.Match) -> Number | None:
    """The number matched; None if it is undefined, or too long for a quantity."""
    base, mixed, below = (
        Decimal((match[part] or "1").replace(",", ".")) for part in ("base", "mixed", "below")
    )
    scale = match["scale"] or ""
    name = scale if len(scale) == 1 else scale.lower()
    try:
        with localcontext(_EXACTLY):
            value = base + mixed / below if match["mixed"] else base / below
            value **= int(match["power"] or 1)
            value = value.scaleb(int(match["e"] or match["ten"] or 0))
            value = -value if match["sign"] else +value
            readings = (value * _SCALES.get(name, 1), value)
    except ArithmeticError:
        return None
    if name not in _UNITS:
        readings = readings[:1] * 2
    elif name in ("cent", "quarter"):
        readings = readings[::-1]
    return Number(*readings, match["percent"] is not None)


def _agree(answer: Number, reference: Number, settings: NumericSettings) -> bool:
    pairs = [*product((answer.value, answer.other), (reference.value, reference.other))]
    pairs.append((answer.value.scaleb(2 * (reference.percent - answer.percent)), reference.value))
    absolute, relative = Decimal(settings.absolute_tolerance), Decimal(settings.relative_tolerance)
    return any(abs(a - g) <= max(absolute, relative * abs(g)) for a, g in pairs)
