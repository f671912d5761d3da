"""Reading one field: what follows a cue, fills a box, or is a line of its own."""

import re

from thinkscale.grading.choice.options import Choices
from thinkscale.grading.text import Extraction, normalised
from thinkscale.grading.wording import (
    CLAUSE_END,
    ChoiceSettings,
    equal,
    one_of,
    read_wording,
    tie,
)

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
    field: str,
    choices: Choices,
    settings: ChoiceSettings,
    *,
    article: bool = False,
    announced: bool = True,
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
    if choices.may_equal(field) and (labels := equal(normalised(field), choices)):
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
        beside = read_wording(rest, choices, settings)
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
