"""Reading one field: what follows a cue, fills a box, or is a line of its own."""

import re
from dataclasses import dataclass
from functools import lru_cache

from thinkscale.grading.extraction import Extraction, normalised
from thinkscale.grading.wording import CLAUSE_END, equal, one_of, read_wording, tie

QUALIFIED = r"(?:correct|right|best|final|my|most\s+likely|most\s+appropriate|appropriate)"
_LEAD = (
    r"[\s\"':=>#(\[<\-]*(?:(?:is|the|that|option|choice|letter|answer|statement|either|both|between"
    r"|clearly|definitely|indeed|therefore|thus|still|simply|probably|likely|most\s+likely|"
    + QUALIFIED
    + r")[\s:]+)*[\"'(\[<{]*\s*"
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


@dataclass(frozen=True)
class Shapes:
    """Patterns that depend on the labels."""

    label: dict[str, str]  # casefolded -> label
    pure: re.Pattern
    several: re.Pattern
    delimited: re.Pattern
    spaced: re.Pattern
    trailing: re.Pattern
    asserted: re.Pattern
    named: re.Pattern
    set_off: re.Pattern
    bold: re.Pattern


@lru_cache(maxsize=64)
def shapes_of(labels: tuple[str, ...]) -> Shapes:
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    small = f"(?P<label>(?i:{one}))"  # where the shape leaves no doubt, case does not count
    big = f"(?P<label>{one})"
    again = f"[\"'(\\[]*(?P<second>{one})(?![\\w'])"
    after = r"(?=\s*(?:[.,;:!?)\]]|$|\n|because\b|since\b|as\b|is\b|\())"
    return Shapes(
        label={label.casefold(): label for label in labels},
        pure=re.compile(rf"{_lead()}{small}[\"')\]}}>]*\s*[.,:;!?)\]\"'-]*\s*$"),
        several=re.compile(
            rf"{_lead()}{big}[)\]\"']*\s*(?:[,;]\s*)?(?:(?i:and/or|and|or|vs\.?)\s|[,/&+])\s*"
            rf"(?:(?i:possibly|maybe|perhaps|also)\s+)?(?:(?i:option|choice)\s+)?{again}"
            r"(?=\s*(?:[.,;:!?)\]/&+\"']|$|\n|(?i:and|or|are|because|since|is)\b))"
        ),
        delimited=re.compile(
            rf"{_lead()}{small}(?!'\w)\s*(?:[)\]}}>\"']+\s*[.:,;-]*|[.:;,](?=\D)|[.:;,]\s|\s-\s)\s*"
            r"(?P<rest>\S.*)",
            re.DOTALL,
        ),
        spaced=re.compile(rf"{_lead()}{big}\s+(?P<rest>\S.*)", re.DOTALL),
        trailing=re.compile(
            rf"(?P<rest>\S.*?)\s*[(\[](?:(?i:option|choice|answer)\s*:?\s+)?{small}[)\]][\s.,!]*$",
            re.DOTALL,
        ),
        asserted=re.compile(
            rf"(?<![\w'])\(?{big}\)?\s+(?i:is|seems|appears|looks|must\s+be|would\s+be)\s+"
            r"(?i:to\s+be\s+)?(?i:(?:the|most|clearly|definitely|indeed|probably)\s+)*"
            r"(?i:correct|right|best|answer|appropriate|likely|true|one)\b"
            r"|\b(?i:choose|chose|pick(?:ed)?|select(?:ed)?|(?:go(?:ing)?|went)\s+with"
            r"|opt(?:ed|ing)?\s+for|say|settle\s+on|选择?)\s*:?\s*"
            rf"(?i:(?:the|option|choice|answer|letter)\s+)*[\"'(]?(?P<second>{one})"
            rf"(?![\w'])[\"')]?{after}"
            r"|\b(?i:it's|it\s+is|that's|must\s+be|should\s+be|so|thus|therefore|hence|definitely"
            rf"|probably|clearly|likely)\s*[,:]?\s*\(?(?P<third>{one})(?![\w'])\)?{after}"
        ),
        named=re.compile(
            rf"\b(?i:option|choice|answer|letter)\s*[:#]?\s*[\"'(]?{big}(?![\w'])(?!\s[a-z]+\s+of\b)"
        ),
        set_off=re.compile(
            rf"^\W*{small}(?:[)\]:]|\.(?=\s|$)|\s*$)|(?<!\w)[(\[](?P<second>{one})[)\]]",
            re.MULTILINE,
        ),
        bold=re.compile(rf"\*\*\s*\(?{big}[).:]*\s*\*\*"),
    )


def _lead() -> str:
    return f"^(?i:{_LEAD})"


def read_field(field, options, shapes, settings, *, article=False):
    """The label that a field opens (or, in brackets, closes) with; None if it does neither.

    `article`: the field follows a verb, where a bare small "a" may begin a phrase that was cut.
    """
    pure = shapes.pure.match(field)
    if pure and not (
        pure["label"] in "ai" and _may_be_article(field, pure.start("label"), article)
    ):
        return Extraction(shapes.label[pure["label"].casefold()], "letter", "a lone letter")
    # "Both A and B" and "B-cell lymphoma" can be texts of options.
    if labels := equal(normalised(field), options):
        return one_of(labels, "text", "an option's text")
    if (several := shapes.several.match(field)) and several["label"] != several["second"]:
        return tie({several["label"], several["second"]})
    for shape in (shapes.delimited, shapes.trailing, shapes.spaced):
        match = shape.match(field)
        if match is None:
            continue
        label, rest = shapes.label[match["label"].casefold()], match["rest"]
        if shape is not shapes.trailing and _denied(rest, dict(options)[label]):
            return None
        beside = read_wording(rest, options, settings)
        if beside is not None and beside.label not in (None, label):
            own = dict(options)[label]
            if equal(normalised(own), options) and normalised(own) == normalised(
                dict(options)[beside.label]
            ):
                beside = None  # two options with one text
            elif shape is shapes.spaced and label in ("A", "I"):
                return None  # an article or a pronoun
            else:
                return Extraction(
                    None, "contradiction", f"{label} stands beside the text of {beside.label}"
                )
        known = beside is not None and beside.label == label
        if shape is shapes.spaced and not (known or _CONNECTOR.match(rest)):
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
