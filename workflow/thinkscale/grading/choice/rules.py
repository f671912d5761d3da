"""Which option an answer text names: the extraction rules for multiple choice.

Rules run in this order, and the first that finds something decides: a tag (`<answer>B</answer>`), a
statement ("Answer: B", "the final answer is B"), a box (`\\boxed{B}`), a lone letter ("B", "**B**",
"I choose B"), the text of an option, exactly or nearly. Of several tags or boxes the last counts,
and of statements if a word like "but" or "wait" comes between. What the text says of others'
answers, or of what the answer were if something else held, is set aside first.

No label comes out where two options are named alike (tie), where a letter stands beside what is
rather another option's text (contradiction), or where no option is named: one that is taken back,
all of them in a list, or a value that holds one and is another.
"""

import re

from thinkscale.grading.answer import BOX, TAG, Cue, boxes, cues, parts
from thinkscale.grading.choice.letters import denied, labels_said, read_field, shapes_of
from thinkscale.grading.choice.options import (
    Choices,
    ChoiceSettings,
    Options,
    choices_of,
    mentioned,
    nearest,
    one_of,
    read_wording,
    result,
)
from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import (
    ASIDE_FIRST,
    NAY,
    NEGATIVE,
    NOT_BUT,
    TAKEN_BACK,
    after_revision,
    conclusions,
    either,
    normalised,
    plain,
    sentences,
    unmarked,
    words,
)

_SHORT, _VERDICT = 300, 12  # characters
_LONGEST_FIELD = 2000
_DIGIT = re.compile(r"\d")
# What is asked or planned chooses nothing, and neither does what is marked as wrong or cut short.
_OPEN = re.compile(rf"\?$|^\d{{1,2}}[.)]\s|[{NAY}]|\b(?:{either('planning')})\b", re.IGNORECASE)
_UNFINISHED = re.compile(rf"\b(?:{either('unfinished')})$")
_NOTHING = ("contradiction", "none")  # what another statement may overrule
_NAMED = ("tag", "statement", "boxed", "letter")
_VALUE = re.compile(r"[-+±√<>≤≥≠~≈($ ]*\.?\d")
_CLAUSE = re.compile(
    rf"((?<=[.!?])\s+|[;\n]|但|不过|,?\s(?:{either('although')})\b|\b(?:{either('therefore')})\b)",
    re.IGNORECASE,
)
_ASIDE_SIGNS = words("supposed_signs")  # one of them occurs in every clause that is an aside
# Between two statements: the second corrects or concludes.
_CONTRAST = re.compile(rf"\b(?:{either('contrast')})\b", re.IGNORECASE)


def extract_choice(
    text: str, options: Options, settings: ChoiceSettings | None = None
) -> Extraction:
    """The label of the option that `text` names; `text` is what follows thinking.

    >>> extract_choice("The answer is (B).", (("A", "Insulin"), ("B", "Metformin"))).label
    'B'
    """
    choices = choices_of(options, settings or ChoiceSettings())
    seen: set[str] = set()
    for part in parts(text):
        found = _extract(part, choices)
        if found.how in _NAMED or (found.how == "text" and choices.equal(part)):
            break
        seen |= {found.label} - {None}
    # What was answered in words before another question was posed, and what it was answered with.
    labels = seen | {found.label} - {None}
    return one_of(labels, "", "") if len(labels) > 1 else found


def _extract(text: str, choices: Choices) -> Extraction:
    text = plain(text)
    bare = _own(unmarked(BOX.sub(" ", text) if "box" in text else text), choices)
    announced = cues(bare)
    for rule in (_tag, _statement, _box):
        if (found := rule(text, bare, announced, choices)) is not None:
            return found
    # Behind "Answer:" stands the answer, whatever was said before.
    if announced and bare[: announced[-1].end].rstrip().endswith(":"):
        bare = bare[announced[-1].end :].strip() or bare
    # Beside a box that names no option, texts of options are what it was worked out from.
    for rule in (_letter,) if boxes(text) else (_letter, _text):
        if (found := rule(bare, choices)) is not None:
            return found
    return Extraction(None, "none", "no option is named")


def _own(bare: str, choices: Choices) -> str:
    """The text without clauses that say what others answer, or what the answer were if."""
    lower = bare.lower()
    if not any([sign in lower for sign in _ASIDE_SIGNS]):
        return bare
    aside = shapes_of(choices.labels).aside
    return "".join(clause for clause in _CLAUSE.split(bare) if not aside.search(clause))


# The rules: each returns an Extraction, or None to leave the text to the next.


def _tag(text, bare, announced, choices):
    for content in reversed(TAG.findall(text) if "<" in text or "[" in text else []):
        # Inside a tag anything may stand, so the other rules read it; a tag cannot hold a tag.
        content = re.sub(r"<[^<>]{1,40}>", " ", content)
        if (found := _extract(content, choices)).how != "none" or content.strip():
            return _renamed(found, "tag")
    return None


def _statement(text, bare, announced, choices):
    stated, end = [], 0
    for cue in reversed(announced):
        if (found := _announced(bare, cue, choices)) is None:
            continue
        if stated and _CONTRAST.search(bare[cue.end : end]):
            break
        stated.append(found)
        end = cue.end
    labels = {each.label for each in stated if each.how not in _NOTHING}
    if len(labels) > 1 and stated[0].label is not None:
        return _renamed(one_of(labels, "", ""), "statement")
    return _renamed(stated[0], "statement") if stated else None


def _announced(bare: str, cue: Cue, choices: Choices) -> Extraction | None:
    """The option stated behind a cue."""
    rest = bare[cue.end :]
    line = rest.lstrip(" \t\n*:").split("\n", 1)[0][:_LONGEST_FIELD]
    field = cue.value or line
    if not field:
        return None
    if rather := NOT_BUT.match(field):
        field = field[rather.end() :].strip()
    elif NEGATIVE.match(field):
        return None
    found = _read(field, choices, article=cue.verb)
    if found is None or cue.value:
        return found
    if rest.startswith("\n") and (*_listed(rest, choices),)[:2] == choices.labels[:2]:
        return Extraction(None, "none", "all options are listed")
    again = rest if found.label is None else after_revision(rest)
    said = labels_said(again, choices) if again else set()
    if len(said) == 1:
        return one_of(said, "letter", "a letter, after others")
    if again and found.label and TAKEN_BACK.search(rest):
        return Extraction(None, "none", f"{found.label} is taken back")
    return (again and found.label and _closing(again, choices)) or found


def _read(field: str, choices: Choices, *, article: bool = False) -> Extraction | None:
    """The option that a field names; no label, if it is a value that none of the options has."""
    found = read_field(field, choices, article=article) or read_wording(field, choices)
    if found is None and choices.numeric and _VALUE.match(field):
        return Extraction(None, "none", f"{field[:40]!r} is none of the options")
    return found


def _box(text, bare, announced, choices):
    for content in reversed(boxes(text)):
        field = unmarked(content).strip()
        # A value that is none of the options may hold one of them.
        found = _read(field, choices)
        if found is None and not (choices.formulas or choices.numeric):
            found = _text(field, choices)
        if found is not None:
            return _renamed(found, "boxed")
    return None


def _letter(bare, choices):
    again = after_revision(bare)
    lines = [line.strip() for line in bare.split("\n") if line.strip()]
    listed = _listed(bare, choices) if len(lines) > 1 else {}
    alone = [*listed.values()] if len(lines) > 1 else lines
    found = None
    if len(alone) == 1 and again is None:
        found = read_field(alone[0], choices, announced=False)
    if (found := found or _closing(again or bare, choices)) is not None:
        return found
    return one_of(labels_said(bare, choices) or {*listed}, "letter", "a lone letter")


def _text(bare, choices):
    said = [part for part in _finished(bare) if not _OPEN.search(part)]
    if not said:
        return None
    last = said[-1]
    if labels := choices.equal(bare) or choices.equal(last) or choices.equal(result(last)):
        return one_of(labels, "text", "an option's text")
    # An essay mentions options that it does not choose: of a long text only the end counts.
    scope = said if len(bare) <= _SHORT else [last] if bare.rstrip().endswith(last) else []
    if choices.numeric:
        values = [part for part in said if _DIGIT.search(part) and " would " not in part]
        scope = values[-1:] or scope
    labels = _mentions(scope, choices)
    if len(labels) > 1:
        narrower = (_mentions([part], choices) for part in conclusions(" ".join(scope)))
        labels = next((found for found in narrower if len(found) == 1), labels)
    if labels:
        return one_of(labels, "text", "the text of one option occurs")
    return nearest(normalised(last[: choices.longest]), choices)


def _finished(text: str) -> list[str]:
    """Its sentences, the last without a clause that was cut short."""
    *whole, last = sentences(text) or ("",)
    return [*whole, last.rpartition(",")[0] if _UNFINISHED.search(last[-12:]) else last]


def _mentions(said: list[str], choices: Choices) -> set[str]:
    own = (normalised(ASIDE_FIRST.sub("", part, count=1)) for part in said)
    return set().union(*(mentioned(form, choices) for form in own))


def _closing(bare: str, choices: Choices) -> Extraction | None:
    """The letter a text ends with, as a sentence of its own or after "is"."""
    last = "".join(sentences(bare.lstrip(" ,.;:"))[-1:])
    match = shapes_of(choices.labels).closing.search(last)
    if match and not denied(last, match.start("label"), match.end("label")):
        return Extraction(match["label"], "letter", "the letter the text ends with")
    return None


def _listed(bare: str, choices: Choices) -> dict[str, str]:
    """Labels at the heads of lines, with their lines, that are not denied."""
    open_ = {}
    for line in bare.split("\n"):
        match = shapes_of(choices.labels).listed.match(line)
        if match and not (
            denied(line, match.start("label"), match.end()) or NEGATIVE.search(line[-_VERDICT:])
        ):
            open_.setdefault(choices.called(match["label"]), line.strip())
    return open_


def _renamed(found: Extraction, how: str) -> Extraction:
    detail = f"{how}: {found.detail}"
    return Extraction(found.label, how if found.label is not None else found.how, detail)
