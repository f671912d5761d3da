"""Free response, mathematics: the answer equals the reference, says the package math-verify.

A text is read whole or not at all: as mathematics, with a unit behind it or prose around it, or as
words, which equal words only. The package is given one expression in LaTeX and is asked in a
process of its own (`verifier.py`).
"""

import re
from dataclasses import dataclass, replace
from string import ascii_lowercase

from text_to_num import alpha2digit

from thinkscale.grading.answer import answer_field, conclusion, wordy
from thinkscale.grading.grader import Facts, Judged, ungradable
from thinkscale.grading.text import compatible, either, normalised
from thinkscale.grading.verifier import ask

# What the package does not know of plain text and of dialects of LaTeX, as it writes it.
_WRITTEN = {
    "\\\\": "\\\\",  # what ends a row begins no command
    **{"√": r"\sqrt ", "∞": r"\infty ", "·": r"\cdot ", "°": r"^\circ ", "∈": r"\in "},
    **{"**": "^", "。": "."},
    **{r"\varnothing": r"\emptyset ", r"\langle": "(", r"\rangle": ")"},
    **dict.fromkeys((r"\big", r"\Big", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr"), ""),
    **dict.fromkeys((r"\(", r"\)", r"\[", r"\]", r"\ ", r"\,", r"\$", "$", "~"), " "),
}
_SIGN = re.compile("|".join(re.escape(s) + "(?![a-z])" * s[-1].isalpha() for s in _WRITTEN))
_UNIT_MARK = "\u2063"  # on both sides of what LaTeX sets as text behind a number
_TEXT = r"\\(?:text\w*|math(?:rm|bf|it|sf)|mbox|operatorname)\*?\s*\{([^{}]*)\}"
_NO_UNIT = r"(?!\\text\{\s*(?:and|or|for|if|when|where)\b)"
_NAMES = r"(?:arc)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|exp|sqrt|pi|max|min|gcd|lcm|infty"
_LATEX = [
    (rf"(?<=[\d}})])\s*{_NO_UNIT}{_TEXT}(?!\s*[\d(\\])", rf"{_UNIT_MARK}\1{_UNIT_MARK}"),
    (_TEXT, r" \1 "),
    (r"&\s*(?:if|when|for)\b", "& "),
    (r"&\s*(?:otherwise|else)\b", "& o"),
    # A system of equations is a list, and cases are pairs.
    (r"\\begin\{(?:cases|aligned)\}([^&]*?)\\end\{\w+\}", lambda m: m[1].replace(r"\\", ",")),
    (
        r"(?s)\\begin\{cases\}(.*?)\\end\{cases\}",
        lambda m: r"\{(" + m[1].replace("&", ",").replace(r"\\", "),(") + r")\}",
    ),
    (
        r"(?<![\w.,(\[{])[1-9]\d{0,2}(?:[ ,]\d{3})+(?![\d/)\]}]|,\d)",
        lambda number: re.sub("[ ,]", "", number[0]),
    ),
    (r"(?<=\d)[eE]([+-]?\d+)(?!\w)", r"\\times 10^{\1}"),
    (r"(?<=\d)\s+x\s+(?=10\b)", r"\\times "),
    (r"(?i)\b([ap])\.\s?m\b", r"\1m"),
    (r"\^\s*(-?\d+)", r"^{\1}"),
    (r"(?<![\\A-Za-z])log_?(\d+)(?=\()", r"\\log_{\1}"),
    (r"(?<![\\A-Za-z])inf(?:inity)?\b", r"\\infty "),
    (rf"(?<![\\A-Za-z])({_NAMES})(?![A-Za-z])", r"\\\1 "),
    (r"\\sqrt\s*(?:\(((?:[^()]|\([^()]*\))*)\)|(\d+(?:\.\d+)?|[A-Za-z]))", r"\\sqrt{\1\2}"),
    (r"(?<![\w./^}])(?:(\d+) )?(\d+)\s?/\s?(\d+)(?![\w/.^!])", r"\1\\frac{\2}{\3}"),
    (  # 0.1666… = 16/90 - 1/90
        r"(?<!\d)(\d*)\.(\d*)\\overline\{(\d+)\}",
        lambda m: "\\frac{{{0}{1}{2}-{0}{1}}}{{{3}}}".format(
            *m.groups(), "9" * len(m[3]) + "0" * len(m[2])
        ),
    ),
    (r"(?<![A-Za-z\\])([A-Za-z])\s+(?:is|equals)\s+", r"\1 = "),
]
_PARTS = re.compile(r"[,;]\s|\b(?:and|or)\b")
_EDGES = re.compile(r"^(?:[\s,;:)]|(?:and|or)\b)+|(?:[\s,;:.(]|\b(?:and|or))+$")
_RUN = re.compile(
    r"\\(?:begin|end)\{[^{}]*\}(?:\{[clr|]*\})?|\\[A-Za-z]+|(?:and|or)(?![^\W\d_])"
    rf"|(?P<word>{_UNIT_MARK}[^{_UNIT_MARK}]*{_UNIT_MARK}|[^\W\d_]{{2,}}|[aI](?=\s[^\W\d_]{{2}}))"
    r"(?:/\s*[A-Za-z]+|\s*\^\{-?\d\})*"
)
# Runs of letters are products ("abc") unless one like these, or a long one, stands in the text.
_SHORT_WORDS = re.compile(either("short"))
_NO_ANSWER = {"not", "cannot", "than"}  # "more than 5" is not 5
_SYMBOL = re.compile(r"(?<![\\A-Za-z])[A-Za-z]")
_UNIT = re.compile(
    r"(?<=[\d})])(?:\s+|\s*\^\\circ\s*)[kcmµ]?(?:m|g|s|L|l|h|N|J|W|V|A|K|C|F|Pa|mol)(?:\^\{-?\d\})?"
    r"(?:\s*(?:[/*]|\\cdot)\s*[kcm]?(?:m|g|s|h|L|mol)(?:\^\{-?\d\})?)*$"
)


@dataclass(frozen=True)
class MathSettings:
    """timeout: whole seconds for reading and comparing; sets: strict or loose."""

    timeout: int = 5
    sets: str = "strict"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as mathematics with a unit; as words alone, in any order, where `math` is empty."""

    math: str
    unit: frozenset[str]
    words: tuple[str, ...]


def judge_math(text: str, facts: Facts, settings: MathSettings) -> Judged:
    """(extraction, outcome); the label is the answer in LaTeX, or in words."""
    gold = read(facts.answer_text, whole=True)
    field = answer_field(text, figures=bool(re.search(r"\d", facts.answer_text)))
    if field is None or (wordy(field, facts.answer_text) and not re.search(r"[\\$]", field.label)):
        return ungradable("no answer is stated")
    answer = read(field.label)
    if not gold.math or (gold.math.isalpha() and not answer.math):
        right = answer.words == gold.words
        if not right and set(" ".join(gold.words).split()) <= set(normalised(field.label).split()):
            return ungradable(f"{field.detail}; the reference and more")
        return replace(field, label=", ".join(answer.words)).judged(right)
    figures = alpha2digit(field.label, "en", threshold=0)
    if not answer.math and not re.search(r"\d[a-z]", figures):  # "three fifths" is "3 5ths" there
        answer = read(figures)
    verdict = _compare(gold, answer, settings)
    if verdict in ("right", "wrong"):
        return replace(field, label=answer.math).judged(verdict == "right")
    return ungradable(f"{field.detail}; {verdict}")


def check_math(facts: Facts, settings: MathSettings) -> None:
    """Raise ThinkscaleError for a reference that does not parse."""
    gold = read(facts.answer_text, whole=True)
    if _compare(gold, gold, settings).startswith("no ") if gold.math else not gold.words:
        why = ", which does not parse as mathematics; expected LaTeX, a number or words"
        raise facts.unfit("math", why)


def equal_math(first: str, second: str, settings: MathSettings) -> bool:
    """Whether two labels of `judge_math` are one answer."""
    a, b = read(first), read(second)
    if first == second or not (a.math and b.math):
        return a.words == b.words
    return "right" in (_compare(a, b, settings), _compare(b, a, settings))


def _compare(gold: Reading, answer: Reading, settings: MathSettings) -> str:
    """The verdict of the package; beside a mere number, a unit of one letter is no variable."""
    latex, unit = answer.math, answer.unit
    if (letters := _UNIT.search(latex)) and not _SYMBOL.search(gold.math):
        latex, unit = latex[: letters.start()], frozenset(normalised(letters[0]).split())
    if gold.unit and unit and not gold.unit & unit:
        return "its unit is another"
    return ask(gold.math, latex, settings.timeout, settings.sets == "loose")


def read(text: str, whole: bool = False) -> Reading:
    """A text as mathematics or words; `whole`: mathematics only if it begins with it.

    >>> read("x**2 + 1").math, read("so it is 5 cm").math, read("An ellipse.").words
    ('x^{2} + 1', '5', ('ellipse',))
    """
    latex = _SIGN.sub(lambda sign: _WRITTEN[sign[0]], compatible(text))
    for pattern, replacement in _LATEX:
        latex = re.sub(pattern, replacement, latex)
    latex = conclusion(latex).strip(" \n\t,;:=").rstrip(" .")
    plain = latex.replace(_UNIT_MARK, " ")
    words = tuple(sorted(filter(None, map(normalised, _PARTS.split(plain)))))
    runs = [run for run in _RUN.finditer(latex) if run["word"]]
    written = [run["word"] for run in runs]
    if not any(map(_is_prose, written)):
        return Reading(latex, frozenset(), words)
    edges = [0, *(edge for run in runs for edge in run.span()), len(latex)]
    pieces = [_EDGES.sub("", latex[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    found = [n for n, piece in enumerate(pieces) if re.search(r"[^\W_]", piece)]
    if len(found) != 1 or (whole and found != [0]) or _NO_ANSWER & {*written}:
        return Reading("", frozenset(), words)
    unit = " ".join(written[found[0] :]).replace(_UNIT_MARK, " ")
    return Reading(pieces[found[0]], frozenset(normalised(unit).split()), words)


def _is_prose(word: str) -> bool:
    if word[0] == _UNIT_MARK or _SHORT_WORDS.fullmatch(word) or word > "\u2e80":  # or Chinese
        return True
    return len(word) > 3 and "".join(sorted(word)) not in ascii_lowercase
