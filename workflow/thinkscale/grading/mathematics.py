"""Free response, mathematics: the answer equals the reference, says the package math-verify.

The package is asked in a process of its own (`verifier.py`), where it has the main thread that its
timeouts need, a bound on memory, and no way to take the study down: an answer such as
9^{9^{9^9}} is computed in one step that no timeout interrupts, and then the process is ended.
"""

import re
from dataclasses import dataclass

from thinkscale.errors import ThinkscaleError
from thinkscale.grading.free import answer_field, too_long
from thinkscale.grading.grader import Facts
from thinkscale.grading.text import Extraction
from thinkscale.grading.verifier import ask

_DELIMITED = re.compile(r"(?<!\\)\$|\\\(|\\\[|\\boxed|\\begin\{(?:equation|align)")
_WORDS = re.compile(r"[^\W\d_]{2,}(?: [^\W\d_]{2,}){0,3}")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sin|cos|tan|log|ln|exp|sqrt|pi|inf|mod|gcd|lcm|max|min)\b")


@dataclass(frozen=True)
class MathSettings:
    """timeout: seconds for each of parsing and comparing, whole ones."""

    timeout: int = 5


def judge_math(
    text: str, facts: Facts, settings: MathSettings | None = None
) -> tuple[Extraction, str]:
    """(extraction, outcome); the label is the answer as the package reads it."""
    field = answer_field(text)
    if field is None:
        return Extraction(None, "none", "the answer is empty"), "ungradable"
    if too_long(field, facts.answer_text) and not _DELIMITED.search(field.text):
        return Extraction(None, "none", "no answer is stated"), "ungradable"
    seconds = (settings or MathSettings()).timeout
    # Words can equal words only: beside a reference in mathematics they are no answer.
    answer = field.text if _in_words(field.text) and not _in_words(facts.answer_text) else None
    reply = ask(as_latex(facts.answer_text), answer or as_latex(field.text), seconds)
    shown = f"{field.how}: {field.text[:100]!r}"
    match reply["verdict"]:
        case "right" | "wrong" as verdict:
            outcome = "correct" if verdict == "right" else "incorrect"
            return Extraction(reply["label"], field.how, shown, field.open), outcome
        case "gold":
            raise ThinkscaleError(_unreadable(facts))
        case "unparsed":
            why = "does not parse as mathematics"
        case "timeout":
            why = f"reading or comparing it took more than {seconds} s"
        case _:
            why = f"could not be compared ({reply['verdict']})"
    return Extraction(None, "none", f"{shown}; {why}"), "ungradable"


def check_math(facts: Facts, settings: MathSettings | None = None) -> None:
    """Raise ThinkscaleError for a reference that does not parse."""
    seconds = (settings or MathSettings()).timeout
    if ask(as_latex(facts.answer_text), "$0$", seconds)["verdict"] == "gold":
        raise ThinkscaleError(_unreadable(facts))


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


def _unreadable(facts: Facts) -> str:
    return (
        f"Grader 'math': item {facts.item_id!r} has the answer {facts.answer_text!r}, which does "
        "not parse as mathematics; expected LaTeX or a number."
    )
