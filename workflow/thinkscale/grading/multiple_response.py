"""Multiple response: an answer names a set of options, and is right if that is the set of keys.

Read strictly, for a set of which a part is read is another set. In a tag, behind an announcement or
in a box stands a list of labels or of options' texts, and there the sentence ends or a reason
begins. A text without such a place is a list as a whole, or it names no more than one option.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from thinkscale.grading.answer import BOX, TAG, answer_part, boxes, cues
from thinkscale.grading.choice.options import ChoiceSettings, Options
from thinkscale.grading.choice.rules import extract_choice
from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import either, folded, plain, sentences, unmarked

_LEAD = rf"(?i:{either('lead', 'qualified')}|so|I (?:choose|select|pick))[\s:,•-]+"
_LEAD = rf"[\s\"'(\[:>•-]{{0,9}}(?:{_LEAD}){{0,12}}[\"'(\[]*"
_AND = r"[\s\"')\].:]*(?:[,;/&+\n]|\band\b)(?:[\s,•-]|\b(?i:and|options?)\b)*[\"'(\[]*"
_CALLED_RIGHT = r"(?:\s+(?:is|are)\s+(?:all\s+|both\s+)?(?:the\s+)?(?:correct|right|true)\b)?"


def named_set(text: str, options: Options, settings: ChoiceSettings) -> Extraction:
    """The options that an answer names, joined by commas.

    >>> options = (("A", "red"), ("B", "green"), ("C", "blue"))
    >>> named_set("The answers are C and A.", options, ChoiceSettings()).label
    'A,C'
    """
    label_of, wording, listed, lone = _shapes(options)

    def labelled(piece: str) -> str:
        return wording.sub(called, unmarked(BOX.sub(" ", plain(piece))))

    def called(match: re.Match) -> str:
        label = label_of[folded(match[2])]
        return label if match[1] in (None, label) else "?"  # beside the text of another

    text = answer_part(text)
    bare, inside = labelled(text), {*boxes(text)}
    # With whether the text ends where they do, so that one cut short may have named more.
    places = [("tag", labelled(held), text.endswith(held)) for held in TAG.findall(text)[-1:]]
    for cue in cues(bare)[-1:]:
        rest = bare[cue.end :]
        closed = cue.value and "}" in text[text.rfind("{") :]
        places.append(("statement", cue.value or rest, not closed))
    places += [
        ("boxed", labelled(b), text.endswith(b.split()[-1])) for b in inside if len(inside) == 1
    ]
    places += [("list", bare, True), ("last sentence", "".join(sentences(bare)[-1:]), True)]
    for how, place, ends in places:
        if (match := listed.match(place)) is None:
            continue
        behind = place[match.end() :].strip()
        goes_on = how in ("list", "last sentence") and behind.strip(" .!\n")
        names = {label_of[folded(name)] for name in match["run"] or lone.findall(match["list"])}
        # Before a last sentence that names one, another may be named.
        if not goes_on and (how != "last sentence" or len(names) > 1):
            shown = f"{how}: {match['list'][:100]!r}"
            return Extraction(_joined(names, options), how, shown, ends and not behind)
    one = extract_choice(text, options, settings)
    if one.label is None or {*lone.findall(bare)}.intersection(dict(options)) <= {one.label}:
        return replace(one, open=True)
    return Extraction(None, "none", "no list of options is stated")


def _joined(labels: Collection[str], options: Options) -> str:
    return ",".join(label for label, _ in options if label in labels)


@lru_cache(maxsize=4096)
def _shapes(options: Options) -> tuple[dict[str, str], re.Pattern, re.Pattern, re.Pattern]:
    """Label by label or text; patterns of a text (its label before it or not), a list, a label."""
    labels = [label for label, _ in options]
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    said = ((label, folded(unmarked(plain(text)))) for label, text in options)
    label_of = {text: label for label, text in said if text[1:] or text.isdigit()}
    texts = "|".join(map(re.escape, sorted(label_of, key=len, reverse=True))) or r"(?!)"
    label_of |= {folded(label): label for label in labels}
    item = rf"(?i:{one})(?!\w)"
    run = rf"(?:{one}){{2,}}(?!\w)" if all(len(n) == 1 and n.isalpha() for n in labels) else r"(?!)"
    patterns = (
        rf"(?:(?<!\w)({one})[).:\]]*\s+)?(?<![\w.,+/-])((?i:{texts}))(?!\w|[.,]\d|\s*[%/^])",
        rf"{_LEAD}(?P<list>(?P<run>{run})|{item}(?:{_AND}{item})*)[\"')\]]*{_CALLED_RIGHT}"
        rf"(?=\s*(?:$|[.!(]|,?\s(?:because|since|as|which)\b)|\s*?\n(?!\W*{item}))",
        rf"(?<!\w)(?i:{one})(?!\w)",
    )
    return label_of, *map(re.compile, patterns)
