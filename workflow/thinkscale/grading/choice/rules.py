"""Which option an answer text names: the extraction rules for multiple choice.

Rules run in this order, and the first that finds something decides: a tag (`<answer>B</answer>`), a
statement ("Answer: B", "the final answer is B"), a box (`\\boxed{B}`), a lone letter ("B", "**B**",
"I choose B"), the text of an option, exactly or nearly. Of several tags, statements or boxes the
last counts. No label comes out where two options are named alike (tie), where a letter stands
beside another option's text (contradiction), or where no option is named.
"""

import re
from collections.abc import Iterable
from itertools import chain

from thinkscale.grading.answer import BOX, TAG, answer_part, boxes, cues, json_value
from thinkscale.grading.choice.letters import NEGATIVE, denied, labels_said, read_field
from thinkscale.grading.choice.options import (
    Choices,
    ChoiceSettings,
    Options,
    choices_of,
    mentioned,
    nearest,
    one_of,
    read_wording,
    tie,
)
from thinkscale.grading.grader import Extraction, Facts, Judged
from thinkscale.grading.text import (
    after_revision,
    conclusions,
    is_cut,
    normalised,
    plain,
    sentences,
    unmarked,
)

_SHORT = 300  # characters
_LONGEST_FIELD = 2000
_AFFIRMATIVE = re.compile(r"\b(?:correct|right|true|yes|best)\b|[✓✔✅]", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)})\s+(?:option|choice|answer)\b", re.IGNORECASE)
_PARAGRAPH = re.compile(r"\n\s*\n")


def extract_choice(
    text: str, options: Options, settings: ChoiceSettings | None = None
) -> Extraction:
    """The label of the option that `text` names; `text` is what follows thinking.

    >>> extract_choice("The answer is (B).", (("A", "Insulin"), ("B", "Metformin"))).label
    'B'
    """
    return _extract(answer_part(text), choices_of(options, settings or ChoiceSettings()))


def judge_choice(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    """(extraction, outcome) of an answer that names one option, by any of the item's keys."""
    extraction = extract_choice(text, facts.options, settings)
    if extraction.label is None:
        return extraction, "ungradable"
    return extraction, "correct" if extraction.label in facts.keys else "incorrect"


def _extract(text: str, choices: Choices) -> Extraction:
    text = plain(text)
    bare = unmarked(BOX.sub(" ", text) if "box" in text else text)
    for rule in (_tag, _statement, _box, _letter, _text):
        found = rule(text, bare, choices)
        if found is not None:
            return found
    return Extraction(None, "none", "no option is named")


# The rules: each returns an Extraction, or None to leave the text to the next.


def _tag(text, bare, choices):
    for content in reversed(TAG.findall(text) if "<" in text else []):
        # Inside a tag anything may stand, so the other rules read it; a tag cannot hold a tag.
        found = _extract(content.replace("<answer>", ""), choices)
        if found.how != "none":
            return _renamed(found, "tag")
    return None


def _statement(text, bare, choices):
    for cue in reversed(cues(bare)):
        rest = bare[cue.end :]
        line = rest.lstrip(" \t\n*:>").split("\n", 1)[0][:_LONGEST_FIELD]
        field = json_value(rest) if cue.json else line
        if not field or NEGATIVE.match(field):
            continue
        found = read_field(field, choices, article=cue.verb) or read_wording(field, choices)
        if found is not None:
            if not cue.json and (taken_back := after_revision(rest)) is not None:
                found = _revised(taken_back, choices) or found
            return _renamed(found, "statement")
    return None


def _box(text, bare, choices):
    for content in reversed(boxes(text)):
        field = unmarked(content).strip()
        found = read_field(field, choices) or read_wording(field, choices)
        if found is not None:
            return _renamed(found, "boxed")
    return None


def _letter(text, bare, choices):
    pieces = _PARAGRAPH.split(bare) if "\n" in bare else [bare]
    paragraphs = [p.strip() for p in pieces if p.strip()]
    ends = [p for p in paragraphs[:1] + paragraphs[1:][-1:] if "\n" not in p]
    read = (read_field(p, choices, announced=False) for p in ends)
    found = [field for field in read if field is not None]
    if found:
        labels = {f.label for f in found}
        if len(labels) > 1 and None not in labels and after_revision(bare) is not None:
            return found[-1]
        return found[0] if len(labels) == 1 else tie(labels)

    if (closing := _closing(bare, choices)) is not None:
        return closing
    asserted, named, bracketed = labels_said(bare, choices)
    lines = bare.split("\n")
    asserted = asserted or named or _verdict(lines, choices)
    if not asserted:
        begun = filter(None, map(choices.shapes.set_off.match, lines))
        bold = choices.shapes.bold.finditer(text) if "**" in text else ()
        asserted = bracketed | _undenied(chain(begun, bold), choices)
    if not asserted and (places := _ORDINAL.findall(bare)):
        numbers = {_ORDINALS.index(place.lower()) for place in places}
        asserted = {choices.labels[n] for n in numbers if n < len(choices.labels)}
    if len(asserted) > 1:
        return tie(asserted)
    return Extraction(*asserted, "letter", "a lone letter") if asserted else None


def _text(text, bare, choices):
    lines = [line for line in bare.split("\n") if line.strip()]
    parts = sentences(bare)
    result = parts[-1].rpartition("=")[2] if parts else ""  # "x = 3 + 4 = 7"
    for part in dict.fromkeys([bare, *lines[:1], *lines[-1:], *parts[-1:], result, *parts[:1]]):
        if labels := choices.equal(part):
            return one_of(labels, "text", "an option's text")
    # An essay mentions options that it does not choose: of a long text only the last line counts,
    # of a long line how it begins and ends, and of one that breaks off where it does.
    scope = bare if len(bare) <= _SHORT or not lines else lines[-1]
    if is_cut(scope):
        scope = parts[-1]
    elif len(scope) > _SHORT and (own := sentences(scope)):
        scope = " ".join(dict.fromkeys([own[0], own[-1]]))
    labels = _mentions(scope, choices)
    if len(labels) > 1:
        narrower = (_mentions(part, choices) for part in conclusions(scope))
        labels = next((found for found in narrower if len(found) == 1), labels)
    if labels:
        return one_of(labels, "text", "the text of one option occurs")
    short = (normalised(line) for line in lines if choices.may_equal(line))
    near = [f for line in short if (f := nearest(line, choices)) is not None]
    if near:
        labels = {f.label for f in near}
        return near[0] if len(labels) == 1 else tie(labels)
    return None


def _mentions(text: str, choices: Choices) -> set[str]:
    return set().union(*(mentioned(normalised(part), choices) for part in sentences(text)))


def _closing(bare: str, choices: Choices) -> Extraction | None:
    """The letter a text ends with, as a sentence of its own or after "is"."""
    parts = sentences(bare)
    if not parts:
        return None
    alone = choices.shapes.pure.match(parts[-1])
    if alone and alone["label"] in choices.text:
        earlier = choices.shapes.pure.match(parts[-2]) if len(parts) > 1 else None
        if earlier and choices.called(earlier["label"]) != alone["label"]:
            return None  # "A. B. C.", a list
        return Extraction(alone["label"], "letter", "a lone letter at the end")
    if match := choices.shapes.closing.search(parts[-1]):
        return Extraction(match["label"], "letter", "the letter the text ends with")
    return None


def _revised(text: str, choices: Choices) -> Extraction | None:
    """The one letter asserted after the text took an answer back."""
    asserted = labels_said(text, choices)[0]
    if len(asserted) == 1:
        return Extraction(*asserted, "letter", "a letter, after another was taken back")
    return _closing(text, choices)


def _verdict(lines: list[str], choices: Choices) -> set[str]:
    """The option that a list of options with a verdict each affirms, or alone does not deny."""
    affirmed, open_, seen = set(), set(), set()
    for match in filter(None, map(choices.shapes.listed.match, lines)):
        label, rest = choices.called(match["label"]), match["rest"]
        seen.add(label)
        if NEGATIVE.search(rest) is None:
            open_.add(label)
            if _AFFIRMATIVE.search(rest):
                affirmed.add(label)
    if len(seen) < 2:
        return set()
    if len(affirmed) == 1:
        return affirmed
    return open_ if len(open_) == 1 and len(seen) == len(choices.labels) else set()


def _undenied(matches: Iterable[re.Match], choices: Choices) -> set[str]:
    return {
        choices.called(match["label"])
        for match in matches
        if not denied(match.string, match.start(), match.end())
    }


def _renamed(found: Extraction, how: str) -> Extraction:
    detail = f"{how}: {found.detail}"
    return Extraction(found.label, how if found.label is not None else found.how, detail)
