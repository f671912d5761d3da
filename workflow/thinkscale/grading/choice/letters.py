"""Letters that name an option: at the head of a field, and in running text."""

import re

from thinkscale.grading.choice.options import (
    CLAUSE_END,
    NEGATED_BEFORE,
    Choices,
    one_of,
    read_wording,
    tie,
)
from thinkscale.grading.grader import Extraction

NEGATIVE = re.compile(
    r"\b(?:not|incorrect|wrong|false|unlikely|excluded?|rule[ds]?\s+out|eliminated?|inappropriate"
    r"|unsafe|cannot|contraindicated|less|never|neither)\b|n't\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    rf"\s*(?:(?:is|are|was|can|could|would|may|does|has|seems)\b.*)?(?:{NEGATIVE.pattern})",
    re.IGNORECASE | re.DOTALL,
)
_CONNECTOR = re.compile(
    r"(?:because|since|as|is|was|which|for|due|based|given|and|but|so|would|the|this|in|it|with)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r"(?:because|since|as|due|given|based|for|which)\b", re.IGNORECASE)
# What "I" is followed by where it is a label and no pronoun.
_AFTER_I = re.compile(r"(?:because|since|as|is|which|for|due|based)\b", re.IGNORECASE)


def read_field(
    field: str, choices: Choices, *, article: bool = False, announced: bool = True
) -> Extraction | None:
    """The label that a field opens (or, in brackets, closes) with; None if it does neither.

    `article`: the field follows a verb, where a bare small "a" may begin a phrase that was cut.
    `announced`: it stands where an answer was announced; elsewhere "B would ..." discusses B.
    """
    shapes = choices.shapes
    opens = shapes.opening.match(field) is not None
    pure = shapes.pure.match(field) if opens else None
    if pure and not (
        pure["label"] in "ai" and _may_be_article(field, pure.start("label"), article)
    ):
        return Extraction(choices.called(pure["label"]), "letter", "a lone letter")
    # "Both A and B" and "B-cell lymphoma" can be texts of options.
    if labels := choices.equal(field):
        return one_of(labels, "text", "an option's text")
    if opens and (again := shapes.repeated.match(field)):
        return Extraction(again["label"], "letter", "one letter, repeated")
    several = shapes.several.match(field) if opens else None
    if several and several["label"] != several["second"]:
        return tie({several["label"], several["second"]})
    # Each pattern is tried only where the field can have its shape.
    tried = [shapes.delimited] if opens else []
    if field.rstrip(" \t\n.,!")[-1:] in (")", "]"):
        tried.append(shapes.trailing)
    tried += [shapes.spaced] if opens else []
    for shape in tried:
        match = shape.match(field)
        if match is None:
            continue
        label, rest = choices.called(match["label"]), match["rest"]
        own = choices.text[label]
        if shape is not shapes.trailing and _denied(rest, own):
            return None
        beside = read_wording(rest, choices)
        if beside is not None and beside.label not in (None, label):
            if choices.form[label] and choices.form[label] == choices.form[beside.label]:
                beside = None  # two options with one text
            elif shape is shapes.spaced and label in ("A", "I"):
                return None  # an article or a pronoun
            else:
                return Extraction(
                    None, "contradiction", f"{label} stands beside the text of {beside.label}"
                )
        known = beside is not None and beside.label == label
        follows = (_AFTER_I if label == "I" else _CONNECTOR) if announced else _REASON
        if shape is shapes.spaced and not (known or follows.match(rest)):
            return None
        if shape is shapes.trailing and beside is None:
            return None
        detail = "a letter with its text" if known else "a letter"
        return Extraction(label, "letter", detail)
    return None


def _may_be_article(field: str, start: int, article: bool) -> bool:
    """Whether the small letter at `start`, the last of the field, may begin a phrase cut short."""
    if not field.rstrip()[-1:].isalpha():
        return False
    lead = field[:start].casefold().split()
    return lead[-1] not in ("option", "choice", "letter", "answer", "answer:") if lead else article


def _denied(rest: str, own: str) -> bool:
    """Whether what follows a letter says it is wrong ("B is wrong", "B) Insulin is unsafe")."""
    if rest.casefold().startswith(own.casefold()):
        rest = rest[len(own) :]
    return _DENIAL.match(CLAUSE_END.split(rest, maxsplit=1)[0]) is not None


# Letters in running text.

# What follows a letter that the text calls right.
_CALLED_RIGHT = re.compile(
    r"\)?\s+(?:is|seems|appears|looks|must\s+be|would\s+be)\s+(?:to\s+be\s+)?"
    r"(?:(?:the|most|clearly|definitely|indeed|probably)\s+)*"
    r"(?:correct|right|best|answer|appropriate|likely|true|one)\b",
    re.IGNORECASE,
)
# What comes before a letter that the text chooses, and what may come after it.
_CHOSEN = re.compile(
    r"\b(?:choose|chose|pick(?:ed)?|select(?:ed)?|(?:go(?:ing)?|went)\s+with|opt(?:ed|ing)?\s+for"
    r"|say|settle\s+on|würde|wähle|nehme|elijo|choisis|scelgo|escolho"
    r"|leaves?(?:\s+us\s+with)?(?:\s+only)?)\s*:?\s*"
    r"(?:(?:the|la|option|choice|answer|letter)\s+)*[\"'(]?\Z"
    r"|\b(?:it's|it\s+is|that's|must\s+be|should\s+be|so|thus|therefore|hence|definitely|probably"
    r"|clearly|likely)\s*[,:]?\s*\(?\Z",
    re.IGNORECASE,
)
_CHOSEN_CHINESE = re.compile(r"选择?\s*:?\s*[\"'(]?\Z")
_NAMED = re.compile(r"\b(?:option|choice|answer|letter)\s*[:#]?\s*[\"'(]?\Z", re.IGNORECASE)
_AFTER = re.compile(
    r"(?![\w'])[\"')]?(?=\s*(?:[.,;:!?)\]]|$|\n|(?:because|since|as|is|wählen|nehmen)\b|\(|-\s))",
    re.MULTILINE,
)
_BRACKET = re.compile(r"(?<!\w)[(\[]\Z")
_NOT_A_COUNT = re.compile(r"(?![\w'])(?!\s[a-z]+\s+of\b)")
_REST = re.compile(r"[.\n](?:\s|$)|[;,]")
_REACH = 60  # characters before a letter that are looked at


def labels_said(text: str, choices: Choices) -> tuple[set[str], set[str], set[str]]:
    """Labels that `text` asserts, names, and sets in brackets; those it denies are left out."""
    asserted: set[str] = set()
    named: set[str] = set()
    bracketed: set[str] = set()
    for letter in choices.shapes.occurrence.finditer(text):
        start, end = letter.span()
        from_ = max(0, start - _REACH)
        before = text[from_:start]
        apart = not before[-1:].isalnum() and before[-1:] not in ("_", "'")
        if apart and (right := _CALLED_RIGHT.match(text, end)):
            _add(asserted, letter[0], text, start, right.end())
        elif ((chosen := _CHOSEN.search(before)) and (after := _AFTER.match(text, end))) or (
            (chosen := _CHOSEN_CHINESE.search(before)) and (after := letter)
        ):
            _add(asserted, letter[0], text, from_ + chosen.start(), after.end())
        if (name := _NAMED.search(before)) and _NOT_A_COUNT.match(text, end):
            _add(named, letter[0], text, from_ + name.start(), end)
        if _BRACKET.search(before) and text[end : end + 1] in (")", "]"):
            _add(bracketed, letter[0], text, start - 1, end + 1)
    return asserted, named, bracketed


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at start:end is denied before it or in the rest of its sentence."""
    rest = _REST.split(text[end : end + 62], maxsplit=1)[0][:60]
    before = text[max(0, start - 25) : start].lower().strip()
    return bool(NEGATIVE.search(rest) or NEGATED_BEFORE.search(before))


def _add(labels: set[str], label: str, text: str, start: int, end: int) -> None:
    if not denied(text, start, end):
        labels.add(label)
