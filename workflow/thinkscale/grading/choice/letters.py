"""Letters that name an option: at the head of a field, and in running text."""

import re

from thinkscale.grading.choice.options import Choices, one_of, read_wording
from thinkscale.grading.choice.shapes import CLAUSE_END, NEGATED_BEFORE, NEGATIVE, YES
from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import either

_DENIAL = re.compile(
    rf"\s*(?:(?:is|are|was|can|could|would|may|does|has|seems)\b.*)?(?:{NEGATIVE.pattern})",
    re.IGNORECASE | re.DOTALL,
)
_REASON = re.compile(rf"(?:{either('reason')})\b", re.IGNORECASE)
_CONNECTOR = re.compile(rf"(?:{either('reason', 'going_on')})\b", re.IGNORECASE)
_CONTRASTS = re.compile(
    rf"[而不]|\b(?:not|than|instead|opposed|unlike|over|{either('no')})\b", re.IGNORECASE
)
# An article, where an answer in words was cut short.
_CUT = re.compile(r"(?<!option )(?<!choice )(?<!letter )(?<!answer )(?<!answer: )\b[ai]\s*$")
# What "I" is followed by where it is a label and no pronoun.
_AFTER_I = re.compile(rf"(?:{either('reason')}|is)\b", re.IGNORECASE)


def read_field(
    field: str, choices: Choices, *, article: bool = False, announced: bool = True
) -> Extraction | None:
    """The label that a field opens (or, in brackets, closes) with; None if it does neither.

    `article`: the field follows a verb, where a bare small "a" may begin a phrase that was cut.
    `announced`: it stands where an answer was announced; elsewhere "B would ..." discusses B.
    """
    shapes = choices.shapes
    opens = shapes.opening.match(field) is not None
    if opens and _CONTRASTS.search(field):
        field = shapes.contrast.sub("", field)
    pure = shapes.pure.match(field) if opens else None
    if pure and not ((article or " " in field.strip()) and _CUT.search(field)):
        return Extraction(choices.called(pure["label"]), "letter", "a lone letter")
    # "Both A and B" and "B-cell lymphoma" can be texts of options.
    if labels := choices.equal(field):
        return one_of(labels, "text", "an option's text")
    if opens and shapes.letters.fullmatch(field):
        return one_of({*shapes.occurrence.findall(field)}, "letter", "one letter, repeated")
    several = shapes.several.match(field) if opens else None
    if several and several["label"] != several["second"]:
        if _denied(field[several.end() :], ""):
            return None
        return one_of({several["label"], several["second"]}, "letter", "")
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


def _denied(rest: str, own: str) -> bool:
    """Whether what follows a letter says it is wrong ("B is wrong", "B) Insulin is unsafe")."""
    if rest.casefold().startswith(own.casefold()):
        rest = rest[len(own) :]
    clause = CLAUSE_END.split(rest, maxsplit=1)[0]
    return _DENIAL.match(clause) is not None or rest[:3].lower() in ("no.", "no;")


# Letters in running text.

# What follows a letter that the text calls right.
_RIGHT = rf"(?:(?:{either('right_lead')})\s+)*(?:{either('right')})"
_CALLED_RIGHT = re.compile(
    r"\)?(?:\s+(?:is|seems|appears|looks|remains|must\s+be|would\s+be|ist|est|es|è|é)\s+(?:to\s+be\s+)?"
    rf"{_RIGHT}|\s+(?:the|my|our)\s+{_RIGHT}"
    r"|\s+(?:it\s+is|remains|wins|is\s+left|(?:fits|matches)(?:\s+best)?)(?=\W*$|[.,;])"
    r"|\s?[选選]?[项項]?\s?[是为為]?\s?(?:正[确確]|[对對](?:的|(?=\W|$))|最?符合|最佳)|[がは](?:正解|正しい|適切)"
    rf"|を選|번?[가이]\s?(?:정답|맞|옳)|[를을]\s?선택|\)?\s?[{YES}]|\)?:?\s?yes\b)",
    re.IGNORECASE,
)
# What comes before a letter that the text chooses, and what may come after it.
_CHOSEN = re.compile(
    rf"\b(?:(?:{either('chosen')})\s*:?\s*(?:(?:the|la|option|choice|answer|letter)\s+)*[\"'(]?"
    rf"|(?:{either('so')})\s*[,:]?\s*\(?)\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?:(?:option|choice|letter)\s*[:#]?\s*|answer )[\"'(]?\Z", re.IGNORECASE)
_AFTER = re.compile(
    r"(?![\w'])[\"')]?(?=\s*(?:[.,;:!?)\]]|$|\n|(?:because|since|as|wählen|nehmen)\b|\(|-\s))",
    re.MULTILINE,
)
# A count, "A series of", and what is only discussed.
_NO_CHOICE = re.compile(
    r"[\w']|\s[a-z]+\s+of\b|\W{0,2}\s(?:would|could|might|may|should|needs|requires)\b"
)
_REST = re.compile(r"[.\n](?:\s|$)|[;,]")
_REACH = 60  # characters before a letter that are looked at


def labels_said(text: str, choices: Choices) -> tuple[set[str], set[str]]:
    """Labels that `text` asserts, and those it names; those it denies are left out."""
    asserted: set[str] = set()
    named: set[str] = set()
    for letter in choices.shapes.occurrence.finditer(text):
        start, end = letter.span()
        before = text[max(0, start - _REACH) : start]
        if right := _CALLED_RIGHT.match(text, end):
            _add(asserted, letter[0], text, start, right.end())
        elif (after := _AFTER.match(text, end)) and (chosen := _CHOSEN.search(before)):
            _add(asserted, letter[0], text, start - len(chosen[0]), after.end())
        if (name := _NAMED.search(before[-16:])) and not _NO_CHOICE.match(text, end):
            _add(named, letter[0], text, start - len(name[0]), end)
    return asserted, named


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at start:end is denied before it or in the rest of its sentence."""
    rest = _REST.split(text[end : end + 62], maxsplit=1)[0][:60]
    before = text[max(0, start - 40) : start].lower().rpartition("\n")[2].rstrip(" (\"'")
    return bool(NEGATIVE.search(rest) or NEGATED_BEFORE.search(before))


def _add(labels: set[str], label: str, text: str, start: int, end: int) -> None:
    if not denied(text, start, end):
        labels.add(label)
