"""Which option an answer text names: the extraction rules for multiple choice.

Rules run in this order, and the first that finds something decides: a tag (`<answer>B</answer>`), a
statement ("Answer: B", "the final answer is B"), a box (`\\boxed{B}`), a lone letter ("B", "**B**",
"I choose B"), the text of an option, exactly or nearly. Of several tags, statements or boxes the
last counts. No label comes out where two options are named alike (tie), where a letter stands
beside another option's text (contradiction), or where no option is named.
"""

import re

from thinkscale.grading.extraction import Extraction, answer_part, normalised, plain, unmarked
from thinkscale.grading.field import NEGATIVE, QUALIFIED, Shapes, read_field, shapes_of
from thinkscale.grading.wording import (
    NEGATED_BEFORE,
    ChoiceSettings,
    Options,
    contained,
    equal,
    nearest,
    one_of,
    read_wording,
    tie,
)

_TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
_BOX = re.compile(r"\\f?box(?:ed)?\s*(?=[{\s]*\S)")
_CUE = re.compile(
    r"""(?:
        \b(?:answers?|ans)\b
        (?:\s+(?:choice|option|letter|key))?
        (?:\s*\([^()\n]{0,30}\))?                                 # Answer (letter only):
        (?:\s+(?:to|for)\s+[^.:\n]{1,60}?)?
        (?:,?\s+(?:then|therefore|thus|hence|however),?)?
        (?P<verb>\s+(?:is|are|(?:would|should|must|will)\s+be)\b\s*:?|\s*[:=]|\s*[-=]+>|\s+-\s|\s*\n)
      | \b"""
    + QUALIFIED
    + r"""\s+(?:option|choice|selection|letter)\s*(?:\s+(?:is|would\s+be)\b\s*:?|[:=])
      | 答案\s*(?:应该是|应为|是|为|选)?\s*:?
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_SHORT = 300  # characters


def extract_choice(
    text: str, options: Options, settings: ChoiceSettings | None = None
) -> Extraction:
    """The label of the option that `text` names; `text` is what follows thinking.

    >>> extract_choice("The answer is (B).", (("A", "Insulin"), ("B", "Metformin"))).label
    'B'
    """
    return _extract(answer_part(text), options, settings or ChoiceSettings())


def _extract(text: str, options: Options, settings: ChoiceSettings) -> Extraction:
    text = plain(text)
    bare = unmarked(_BOX.sub(" ", text))
    shapes = shapes_of(tuple(label for label, _ in options))
    for rule in (_tag, _statement, _box, _letter, _text):
        found = rule(text, bare, options, shapes, settings)
        if found is not None:
            return found
    return Extraction(None, "none", "no option is named")


# The rules: each returns an Extraction, or None to leave the text to the next.


def _tag(text, bare, options, shapes, settings):
    for content in reversed(_TAG.findall(text) if "<" in text else []):
        # Inside a tag anything may stand, so the other rules read it; a tag cannot hold a tag.
        found = _extract(content.replace("<answer>", ""), options, settings)
        if found.how != "none":
            return _renamed(found, "tag")
    return None


def _statement(text, bare, options, shapes, settings):
    for cue in reversed(list(_CUE.finditer(bare))):
        field = bare[cue.end() :].lstrip(" \t\n*:").split("\n", 1)[0]
        after_verb = bool(cue["verb"]) and cue["verb"].strip(" \t:").isalpha()
        if field and not NEGATIVE.match(field):
            found = read_field(field, options, shapes, settings, article=after_verb)
            found = found or read_wording(field, options, settings)
            if found is not None:
                return _renamed(found, "statement")
    return None


def _box(text, bare, options, shapes, settings):
    for content in reversed(_boxes(text)):
        field = unmarked(content).strip()
        found = read_field(field, options, shapes, settings) or read_wording(
            field, options, settings
        )
        if found is not None:
            return _renamed(found, "boxed")
    return None


def _letter(text, bare, options, shapes, settings):
    paragraphs = [p.strip() for p in re.split(r"\n\s*\n", bare) if p.strip()]
    ends = [p for p in paragraphs[:1] + paragraphs[1:][-1:] if "\n" not in p]
    found = [f for p in ends if (f := read_field(p, options, shapes, settings)) is not None]
    if found:
        labels = {f.label for f in found}
        return found[0] if len(labels) == 1 else tie(labels)

    asserted = _labels(shapes.asserted, bare, shapes)
    if len(asserted) != 1:
        asserted = asserted or _labels(shapes.named, bare, shapes)
    if not asserted:
        asserted = _labels(shapes.set_off, bare, shapes) | _labels(shapes.bold, text, shapes)
    if len(asserted) > 1:
        return tie(asserted)
    return Extraction(*asserted, "letter", "a lone letter") if asserted else None


def _text(text, bare, options, shapes, settings):
    lines = [line for line in bare.split("\n") if line.strip()]
    for part in dict.fromkeys([bare, *lines[:1], *lines[-1:]]):
        if labels := equal(normalised(part), options):
            return one_of(labels, "text", "an option's text")
    # An essay mentions options that it does not choose: of a long text only the last line counts.
    short = len(bare) <= _SHORT or not lines
    if labels := contained(normalised(bare if short else lines[-1]), options):
        return one_of(labels, "text", "the text of one option occurs")
    near = [f for line in lines if (f := nearest(normalised(line), options, settings)) is not None]
    if near:
        labels = {f.label for f in near}
        return near[0] if len(labels) == 1 else tie(labels)
    return None


def _labels(pattern: re.Pattern, text: str, shapes: Shapes) -> set[str]:
    """Labels that a pattern finds and the rest of their sentence does not deny."""
    found = set()
    for match in pattern.finditer(text):
        rest = re.split(r"[.\n](?:\s|$)|[;,]", text[match.end() :], maxsplit=1)[0][:60]
        before = text[max(0, match.start() - 25) : match.start()].lower().strip()
        if not NEGATIVE.search(rest) and not NEGATED_BEFORE.search(before):
            label = next(g for g in match.groupdict().values() if g)
            found.add(shapes.label[label.casefold()])
    return found


def _boxes(text: str) -> list[str]:
    """Contents of every box, braces balanced; a box left open runs to the end."""
    contents = []
    for start in _BOX.finditer(text):
        position = start.end()
        if text[position : position + 1] != "{":
            contents.append(text[position:].split(maxsplit=1)[0])
            continue
        depth = 0
        for end in range(position, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if depth == 0:
                break
        contents.append(text[position + 1 : end if depth == 0 else len(text)])
    return contents


def _renamed(found: Extraction, how: str) -> Extraction:
    if found.label is None:
        return Extraction(None, found.how, f"{how}: {found.detail}")
    return Extraction(found.label, how, f"{how}: {found.detail}")
