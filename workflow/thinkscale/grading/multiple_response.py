"""Multiple response: an answer names a set of options, and is right if that is the set of keys.

Read strictly, for a set of which a part is read is another set. In a tag, behind an announcement or
in a box stands a list of labels or of options' texts, and there the sentence ends or a reason
begins. A text without such a place is a list as a whole, or it names no more than one option.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from thinkscale.grading.answer import BOX, TAG, answer_part, boxes, cues, json_value
from thinkscale.grading.choice import ChoiceSettings, extract_choice
from thinkscale.grading.grader import Extraction, Facts, Judged
from thinkscale.grading.text import plain, sentences, unmarked

Options = tuple[tuple[str, str], ...]  # (label, text)

_LEAD = (
    r"[\s\"'(\[:>•-]{0,9}(?:(?i:so|thus|therefore|hence|the|both|correct|right|final|answers?"
    r"|options?|choices?|statements?|letters?|is|are|I (?:choose|select|pick))[\s:,•-]+){0,6}"
    r"[\"'(\[]*"
)
_AND = r"[\s\"')\].:]*(?:[,;/&+\n]|\band\b)(?:[\s,•-]|\b(?i:and|options?)\b)*[\"'(\[]*"
_CALLED_RIGHT = r"(?:\s+(?:is|are)\s+(?:all\s+|both\s+)?(?:the\s+)?(?:correct|right|true)\b)?"


def judge_multiple_response(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    """(extraction, outcome); the label is the set in the options' order, as "A,C"."""
    found = named_set(text, facts.options, settings)
    if found.label is None:
        return found, "ungradable"
    return found, "correct" if found.label == _joined(facts.keys, facts.options) else "incorrect"


def named_set(text: str, options: Options, settings: ChoiceSettings) -> Extraction:
    """The options that an answer names, joined by commas.

    >>> options = (("A", "red"), ("B", "green"), ("C", "blue"))
    >>> named_set("The answers are C and A.", options, ChoiceSettings()).label
    'A,C'
    """
    label_of, wording, listed, lone = _shapes(options)

    def called(match: re.Match) -> str:
        label = label_of[match[2].casefold()]
        return label if match[1] in (None, label) else "?"  # beside the text of another

    def labelled(piece: str) -> str:
        return wording.sub(called, unmarked(BOX.sub(" ", plain(piece))))

    text = answer_part(text)
    bare = labelled(text)
    places = [("tag", labelled(content)) for content in TAG.findall(text)[-1:]]
    for cue in cues(bare)[-1:]:
        rest = bare[cue.end :]
        places.append(("statement", json_value(rest) if cue.json else rest))
    if len(inside := {*boxes(text)}) == 1:
        places.append(("boxed", labelled(*inside)))
    whole = [("list", bare), *(("last sentence", last) for last in sentences(bare)[-1:])]
    for how, place in places + whole:
        match = listed.match(place)
        if match is None or ((how, place) in whole and place[match.end() :].strip(" .!\n")):
            continue
        names = {label_of[name.casefold()] for name in match["run"] or lone.findall(match["list"])}
        # Before a last sentence that names one, another may be named.
        if how != "last sentence" or len(names) > 1:
            return Extraction(_joined(names, options), how, f"{how}: {match['list'][:100]!r}")
    one = extract_choice(text, options, settings)
    if one.label is None or {*lone.findall(bare)}.intersection(dict(options)) <= {one.label}:
        return one
    return Extraction(None, "none", "no list of options is stated")


def _joined(labels: Collection[str], options: Options) -> str:
    return ",".join(label for label, _ in options if label in labels)


@lru_cache(maxsize=4096)
def _shapes(options: Options) -> tuple[dict[str, str], re.Pattern, re.Pattern, re.Pattern]:
    """Label by label or text; patterns of a text (its label before it or not), a list, a label."""
    labels = [label for label, _ in options]
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    said = ((label, unmarked(plain(text)).casefold()) for label, text in options)
    label_of = {text: label for label, text in said if text[1:] or text.isdigit()}
    texts = "|".join(map(re.escape, sorted(label_of, key=len, reverse=True))) or r"(?!)"
    label_of |= {label.casefold(): label for label in labels}
    item = rf"(?i:{one})(?!\w)"
    run = rf"(?:{one}){{2,}}(?!\w)" if all(len(n) == 1 and n.isalpha() for n in labels) else r"(?!)"
    patterns = (
        rf"(?:(?<!\w)({one})[).:\]]*\s+)?(?<![\w.,+/-])((?i:{texts}))(?!\w|[.,]\d|\s*[%/^])",
        rf"{_LEAD}(?P<list>(?P<run>{run})|{item}(?:{_AND}{item})*)[\"')\]]*{_CALLED_RIGHT}"
        rf"(?=\s*(?:$|[.!(]|,?\s(?:because|since|as|which)\b)|\s*?\n(?!\W*{item}))",
        rf"(?<!\w)(?i:{one})(?!\w)",
    )
    return label_of, *map(re.compile, patterns)
