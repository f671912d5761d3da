"""The options of an item, prepared for reading answers: normal forms, and patterns of labels."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from thinkscale.grading.answer import QUALIFIED
from thinkscale.grading.text import normalised

Options = tuple[tuple[str, str], ...]  # (label, text)

# Repetitions are bounded: what a model writes may be one character twenty thousand times.
_LEAD = (
    r"[\s\"':=>#(\[<\-∴⇒→]{0,20}(?:(?:is|the|that|option|choice|letter|answer|statement|either|both"
    r"|between|clearly|definitely|indeed|therefore|thus|so|hence|still|simply|probably|likely"
    r"|most\s+likely|correct:|" + QUALIFIED + r")[\s:,]{1,20}){0,12}[\"'(\[<{]{0,8}\s{0,20}"
)
_COPULA = r"(?:です|だ|입니다|이다)"


@dataclass(frozen=True)
class Shapes:
    """Patterns that depend on the labels."""

    opening: re.Pattern  # what every pattern of the next four begins with
    pure: re.Pattern
    several: re.Pattern
    delimited: re.Pattern
    spaced: re.Pattern
    repeated: re.Pattern
    trailing: re.Pattern
    occurrence: re.Pattern
    set_off: re.Pattern
    bold: re.Pattern
    closing: re.Pattern
    listed: re.Pattern


@dataclass(frozen=True)
class Choices:
    """An item's options, ready to be looked for in many answers."""

    options: Options
    shapes: Shapes
    label: dict[str, str]  # casefolded -> label
    text: dict[str, str]  # label -> text
    form: dict[str, str]  # label -> normal form of the text, which may be empty
    wordings: tuple[tuple[str, str], ...]  # (label, normal form), empty forms left out
    labels: dict[str, frozenset[str]]  # normal form -> labels of the options that have it
    longest: int  # characters; a longer piece of text is no option's, however it is marked up
    spaces: int  # a plain piece with more of them is none either

    def called(self, label: str) -> str:
        """The label as the item writes it."""
        return self.label[label.casefold()]

    def may_equal(self, piece: str) -> bool:
        """Whether a piece of text is short enough to be an option's, before it is compared."""
        return len(piece) <= self.longest and (
            piece.count(" ") <= self.spaces or "\\" in piece or "  " in piece
        )

    @cached_property
    def mentions(self) -> tuple[tuple[str, re.Pattern, frozenset[str]], ...]:
        """(normal form, pattern of its occurrence, labels), longest first."""
        forms = dict(self.labels)
        for form, labels in self.labels.items():
            left, joined, right = form.partition(" and ")
            if joined and " and " not in right and min(len(left), len(right)) >= 3:
                forms.setdefault(f"{right} and {left}", labels)
        return tuple(
            (form, _occurrence(form), forms[form]) for form in sorted(forms, key=len, reverse=True)
        )


def _occurrence(form: str) -> re.Pattern:
    """`form` as whole words; where it begins or ends with a script without spaces, anywhere."""
    left = "" if form[0] >= "\u2e80" else r"(?<![\w.])(?<!\d,)"
    right = "" if form[-1] >= "\u2e80" else r"(?!\w|[.,]\d)"
    return re.compile(f"{left}{re.escape(form)}{right}")


@lru_cache(maxsize=16384)
def choices_of(options: Options) -> Choices:
    form = {label: normalised(text) for label, text in options}
    labels: dict[str, frozenset[str]] = {}
    for label, wording in form.items():
        if wording:
            labels[wording] = labels.get(wording, frozenset()) | {label}
    return Choices(
        options,
        shapes_of(tuple(label for label, _ in options)),
        {label.casefold(): label for label, _ in options},
        dict(options),
        form,
        tuple((label, wording) for label, wording in form.items() if wording),
        labels,
        4 * max((len(text) for _, text in options), default=0) + 200,
        max((wording.count(" ") for wording in form.values()), default=0) + 8,
    )


@lru_cache(maxsize=256)
def shapes_of(labels: tuple[str, ...]) -> Shapes:
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    small = f"(?P<label>(?i:{one}))"  # where the shape leaves no doubt, case does not count
    big = f"(?P<label>{one})"
    again = f"[\"'(\\[]*(?P<second>{one})(?![\\w'])"
    lead = f"^(?i:{_LEAD})"
    return Shapes(
        opening=re.compile(rf"{lead}{small}(?![A-Za-z0-9_])"),
        pure=re.compile(rf"{lead}{small}(?:\s*{_COPULA})?[\"')\]}}>]*\s*[.,:;!?)\]\"'-]*\s*$"),
        repeated=re.compile(rf"^\W*(?P<label>{one})(?:\W+(?P=label))+\W*$"),
        several=re.compile(
            rf"{lead}{big}[)\]\"']*\s*(?:[,;]\s*)?"
            r"(?:(?i:and/or|and|or|vs\.?)\s|[,/&+]|或|(?:[.;]\s*)?(?i:alternatively|or)\b,?\s)\s*"
            rf"(?:(?i:possibly|maybe|perhaps|also)\s+)?(?:(?i:option|choice)\s+)?{again}"
            r"(?=\s*(?:[.,;:!?)\]/&+\"']|$|\n|(?i:and|or|are|because|since|is)\b))"
        ),
        delimited=re.compile(
            rf"{lead}{small}(?!'\w)\s*(?:[)\]}}>\"']+\s*[.:,;-]*|[.:;,](?=\D)|[.:;,]\s|\s-\s)\s*"
            r"(?P<rest>\S.*)",
            re.DOTALL,
        ),
        spaced=re.compile(rf"{lead}{big}\s+(?P<rest>\S.*)", re.DOTALL),
        trailing=re.compile(
            rf"(?P<rest>\S.*?)\s*[(\[](?:(?i:option|choice|answer)\s*:?\s+)?{small}[)\]][\s.,!]*$",
            re.DOTALL,
        ),
        occurrence=re.compile(rf"(?<![A-Za-z0-9_])(?:{one})(?![A-Za-z0-9_'])"),
        set_off=re.compile(rf"\W*{small}(?:[)\]:]|\.(?=\s|$)|\s*$)"),
        bold=re.compile(rf"\*\*\s*\(?{big}[).:]*\s*\*\*"),
        # The end of a text: "... so the only one left is C."
        closing=re.compile(
            r"(?:(?<!\w)(?:is|are|be|so|thus|hence|i\.e\.|answer|option|choice|leaves|with|est|es"
            r"|ist|è|é|:|=)[,:]?\s+(?i:(?:the|la|option|choice|answer|letter)\s+)*|[:=]\s*)"
            rf"[\"'(\[]?{big}[\"')\]]?[.!]*\s*$"
        ),
        listed=re.compile(rf"\W*{small}\s*(?:[)\]:.|]|-\s)(?P<rest>.*)$"),
    )
