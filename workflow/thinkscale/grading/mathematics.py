"""Free response, mathematics: the answer equals the reference, says the package math-verify.

The package is asked in a process of its own (`verifier.py`), where it has the main thread that its
timeouts need, a bound on memory, and no way to take the study down: an answer such as
9^{9^{9^9}} is computed in one step that no timeout interrupts, and then the process is ended.
"""

import re
from dataclasses import dataclass

from thinkscale.grading.answer import answer_field
from thinkscale.grading.grader import Facts, Judged, ungradable
from thinkscale.grading.verifier import ask

_DELIMITED = re.compile(r"(?<!\\)\$|\\\(|\\\[|\\boxed|\\begin\{(?:equation|align)")
_WORDS = re.compile(r"[^\W\d_]{2,}(?: [^\W\d_]{2,}){0,3}")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sin|cos|tan|log|ln|exp|sqrt|pi|inf|mod|gcd|lcm|max|min)\b")
_UNREADABLE = ", which does not parse as mathematics; expected LaTeX or a number"


@dataclass(frozen=True)
class MathSettings:
    """timeout: seconds for each of parsing and comparing, whole ones."""

    timeout: int = 5


def judge_math(text: str, facts: Facts, settings: MathSettings) -> Judged:
    """(extraction, outcome); the label is the answer as the package reads it."""
    field = answer_field(text)
    if field is None:
        return ungradable("the answer is empty")
    if field.too_long(facts.answer_text) and not _DELIMITED.search(field.text):
        return ungradable("no answer is stated")
    # Words can equal words only: beside a reference in mathematics they are no answer.
    in_words = _in_words(field.text) and not _in_words(facts.answer_text)
    answer = field.text if in_words else as_latex(field.text)
    reply = ask(as_latex(facts.answer_text), answer, settings.timeout)
    match reply["verdict"]:
        case "right":
            return field.read_as(reply["label"]), "correct"
        case "wrong":
            return field.read_as(reply["label"]), "incorrect"
        case "gold":
            raise facts.unfit("math", _UNREADABLE)
        case "unparsed":
            why = "does not parse as mathematics"
        case "timeout":
            why = f"reading or comparing it took more than {settings.timeout} s"
        case other:
            why = f"could not be compared ({other})"
    return ungradable(f"{field.shown}; {why}")


def check_math(facts: Facts, settings: MathSettings) -> None:
    """Raise ThinkscaleError for a reference that does not parse."""
    if ask(as_latex(facts.answer_text), "$0$", settings.timeout)["verdict"] == "gold":
        raise facts.unfit("math", _UNREADABLE)


def as_latex(text: str) -> str:
    """`text` in the delimiters that the package looks for, unless it has some or is prose.

    >>> as_latex("x^2 + 1"), as_latex("east"), as_latex("5 apples and pears")
    ('$x^2 + 1$', '$\\\\text{east}$', '5 apples and pears')
    """
    text = text.strip()
    if _DELIMITED.search(text):
        return text
    if _in_words(text):
        return f"$\\text{{{_unwrapped(text)}}}$"
    if re.search(r"[^\W\d_]{3,}", _COMMAND.sub("", re.sub(r"\\text\w*\{[^{}]*\}", "", text))):
        return text
    return f"${text}$"


def _in_words(text: str) -> bool:
    text = _unwrapped(text)
    return bool(_WORDS.fullmatch(text)) and not _COMMAND.fullmatch(text)


def _unwrapped(text: str) -> str:
    return re.sub(r"\\text\w*\{([^{}]*)\}", r"\1", text.strip(" $."))
