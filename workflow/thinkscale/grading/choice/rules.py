"""Which option an answer text names: the extraction rules for multiple choice.

Rules run in this order, and the first that finds something decides: a tag (`<answer>B</answer>`), a
statement ("Answer: B", "the final answer is B"), a box (`\\boxed{B}`), a lone letter ("B", "**B**",
"I choose B"), the text of an option, exactly or nearly. Of several tags, statements or boxes the
last counts. What the text says of others' answers, or of what the answer were if something else
held, is set aside first. No label comes out where two options are named alike (tie), where a letter
stands beside another option's text (contradiction), or where no option is named: a stated value
that is none of the options is not taken for one it contains.
"""

import re
from collections.abc import Iterable

from thinkscale.grading.answer import BOX, TAG, Cue, boxes, cues, json_value, parts
from thinkscale.grading.choice.letters import denied, labels_said, read_field
from thinkscale.grading.choice.options import (
    Choices,
    ChoiceSettings,
    Options,
    choices_of,
    mentioned,
    nearest,
    one_of,
    read_wording,
)
from thinkscale.grading.choice.shapes import NEGATIVE, YES
from thinkscale.grading.grader import Extraction, Facts, Judged
from thinkscale.grading.text import (
    ASIDE_FIRST,
    NOT_BUT,
    after_revision,
    conclusions,
    either,
    normalised,
    plain,
    sentences,
    unmarked,
    words,
)

_SHORT = 300  # characters
_LONGEST_FIELD = 2000
_AFFIRMATIVE = re.compile(rf"\b(?:correct|right|true|yes|best)\b|[{YES}]", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)})\s+option\b", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_PARAGRAPH = re.compile(r"\n\s*\n")
_BREAK = re.compile(r"[.!?\n]")
_REACH, _FEW = 60, 4  # characters, words
_NAMED = ("tag", "statement", "boxed", "letter")
_VALUE = re.compile(r"[-+±√<>≤≥≠~≈($ ]*\.?\d")
_CLAUSE = re.compile(
    r"((?<=[.!?])\s+|[;\n]|但|不过|,?\s(?:but|however|although|though|while|whereas)\b"
    r"|\b(?:so|thus|therefore|hence)\b)",
    re.IGNORECASE,
)
_ASIDE_SIGNS = words("supposed_signs")  # one of them occurs in every clause that is an aside
# Between two statements: the second corrects or concludes.
_CONTRAST = re.compile(rf"\b(?:{either('contrast')})\b", re.IGNORECASE)
_NEAR = 120  # characters


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


def judge_choice(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    """(extraction, outcome) of an answer that names one option, by any of the item's keys."""
    extraction = extract_choice(text, facts.options, settings)
    if extraction.label is None:
        return extraction, "ungradable"
    return extraction, "correct" if extraction.label in facts.keys else "incorrect"


def _extract(text: str, choices: Choices) -> Extraction:
    text = plain(text)
    bare = _own(unmarked(BOX.sub(" ", text) if "box" in text else text), choices)
    announced = cues(bare)
    for rule in (_tag, _statement, _box):
        if (found := rule(text, bare, announced, choices)) is not None:
            return found
    # Behind "Answer:" on its line stands the answer, whatever was said before.
    if announced and (rest := bare[announced[-1].end :].strip()):
        lead = _BREAK.split(bare[: announced[-1].end].rstrip()[-_REACH:])[-1]
        bare = rest if lead.endswith(":") and len(lead.split()) <= _FEW else bare
    # Beside a box that names no option, texts of options are what it was worked out from.
    for rule in (_letter,) if boxes(text) else (_letter, _text):
        if (found := rule(bare, choices)) is not None:
            return found
    return Extraction(None, "none", "no option is named")


def _own(bare: str, choices: Choices) -> str:
    """The text without clauses that say what others answer, or what the answer were if."""
    if not _signs(bare.lower()):
        return bare
    quoted = [form for form in choices.of_form if _signs(form)]
    return "".join(
        clause
        for clause in _CLAUSE.split(bare)
        if not (_signs(clause.lower()) and choices.shapes.aside.search(clause))
        or (quoted and any(form in normalised(clause) for form in quoted))
    )


def _signs(lower: str) -> bool:
    return any([sign in lower for sign in _ASIDE_SIGNS])


# The rules: each returns an Extraction, or None to leave the text to the next.


def _tag(text, bare, announced, choices):
    for content in reversed(TAG.findall(text) if "<" in text or "[" in text else []):
        # Inside a tag anything may stand, so the other rules read it; a tag cannot hold a tag.
        content = re.sub(r"<[^<>]{1,40}>", " ", content)
        if (found := _extract(content, choices)).how != "none" or content.strip():
            return _renamed(found, "tag")
    return None


def _statement(text, bare, announced, choices):
    later = None
    for cue in reversed(announced):
        found = _announced(bare, cue, choices)
        if found is None:
            continue
        if later is None:
            later, last = found, cue
            continue
        between = bare[cue.end : last.end]
        apart = len(between) > _NEAR or "\n" in between or _CONTRAST.search(between)
        if not apart and found.label != later.label and later.label is not None:
            later = one_of({found.label, later.label}, "", "") if found.label else found
        break
    return later and _renamed(later, "statement")


def _announced(bare: str, cue: Cue, choices: Choices) -> Extraction | None:
    """The option stated behind a cue."""
    rest = bare[cue.end :]
    line = rest.lstrip(" \t\n*:").split("\n", 1)[0][:_LONGEST_FIELD]
    field = json_value(rest) if cue.json else line
    if not field:
        return None
    if NEGATIVE.match(field):
        rather = NOT_BUT.match(field)
        if rather is None:
            return None
        field = field[rather.end() :].strip()
    found = _read(field, choices, article=cue.verb)
    if found is None or cue.json:
        return found
    again = rest if found.label is None else after_revision(rest)
    said = labels_said(again, choices)[0] if again else set()
    if len(said) == 1:
        return one_of(said, "letter", "a letter, after others")
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
        if (found := _read(field, choices) or _text(field, choices)) is not None:
            return _renamed(found, "boxed")
    return None


def _letter(bare, choices):
    pieces = _PARAGRAPH.split(bare) if "\n" in bare else [bare]
    paragraphs = [p.strip() for p in pieces if p.strip()]
    ends = [p for p in paragraphs[:1] + paragraphs[1:][-1:] if "\n" not in p]
    found = [read_field(p, choices, announced=False) for p in ends]
    if all(found) and len(found) == 2 and after_revision(bare) is not None:
        return found[-1]
    if (agreed := _agreed(found)) is not None:
        return agreed
    if (closing := _closing(bare, choices)) is not None:
        return closing
    asserted, named = labels_said(bare, choices)
    asserted = asserted or named or _listed(bare, choices)
    if not asserted and "option" in bare and (places := _ORDINAL.findall(bare)):
        numbers = {_ORDINALS.index(place.lower()) for place in places}
        asserted = {choices.labels[n] for n in numbers if n < len(choices.labels)}
    return one_of(asserted, "letter", "a lone letter")


def _text(bare, choices):
    lines = [line for line in bare.split("\n") if line.strip()]
    parts = sentences(bare)
    parts = [part for part in parts if not part.endswith("?")] or list(parts)
    result = normalised(parts[-1]).rpartition("= ")[2] if parts else ""  # "x = 3 + 4 = 7"
    for part in dict.fromkeys([bare, *lines[:1], *lines[-1:], *parts[-1:], result, *parts[:1]]):
        if labels := choices.equal(part):
            return one_of(labels, "text", "an option's text")
    # An essay mentions options that it does not choose: of a long text only the last line counts,
    # and of a long line how it begins and ends.
    scope = bare if len(bare) <= _SHORT or not lines else lines[-1]
    if choices.numeric:
        scope = next((part for part in reversed(parts) if _DIGIT.search(part)), scope)
    if len(scope) > _SHORT and (own := sentences(scope)):
        scope = " ".join(dict.fromkeys([own[0], own[-1]]))
    labels = _mentions(scope, choices)
    if len(labels) > 1:
        narrower = (_mentions(part, choices) for part in conclusions(scope))
        labels = next((found for found in narrower if len(found) == 1), labels)
    if labels:
        return one_of(labels, "text", "the text of one option occurs")
    short = (normalised(line) for line in lines if choices.may_equal(line))
    return _agreed([nearest(line, choices) for line in short])


def _agreed(found: Iterable[Extraction | None]) -> Extraction | None:
    """The one label of several findings."""
    found = [each for each in found if each is not None]
    labels = {each.label for each in found}
    return found[0] if len(labels) == 1 else one_of(labels, "", "")


def _mentions(text: str, choices: Choices) -> set[str]:
    said = (part for part in sentences(text) if not part.endswith("?"))
    own = (normalised(ASIDE_FIRST.sub("", part, count=1)) for part in said)
    return set().union(*(mentioned(form, choices) for form in own))


def _closing(bare: str, choices: Choices) -> Extraction | None:
    """The letter a text ends with, as a sentence of its own or after "is"."""
    last = "".join(sentences(bare)[-1:])
    match = choices.shapes.closing.search(last)
    if match and not denied(last, match.start("label"), match.end("label")):
        return Extraction(match["label"], "letter", "the letter the text ends with")
    return None


def _listed(bare: str, choices: Choices) -> set[str]:
    """Labels at the head of lines: the one affirmed, or all that are not denied."""
    affirmed, open_ = set(), set()
    for line in bare.split("\n"):
        match = choices.shapes.listed.match(line)
        if match and not denied(line, match.start("label"), match.end()):
            open_.add(choices.called(match["label"]))
            if _AFFIRMATIVE.search(line):
                affirmed.add(choices.called(match["label"]))
    return affirmed if len(affirmed) == 1 else open_


def _renamed(found: Extraction, how: str) -> Extraction:
    detail = f"{how}: {found.detail}"
    return Extraction(found.label, how if found.label is not None else found.how, detail)
