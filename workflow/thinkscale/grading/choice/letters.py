"""Letters that name an option: at the head of a field, and in running text."""

import re
from functools import lru_cache
from types import SimpleNamespace

from thinkscale.grading.choice.options import Choices, ChoiceSettings, nearest, one_of, read_wording
from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import (
    CLAUSE_END,
    NAY,
    NEGATED_BEFORE,
    NEGATIVE,
    YES,
    either,
    normalised,
    sentences,
)

# Repetitions are bounded: what a model writes may be one character twenty thousand times.
_LEAD = (
    rf"[\s\"':=>#(\[<\-∴⇒→👉{YES}]{{0,20}}"
    rf"(?:(?:{either('lead', 'qualified')})[\s:,]{{1,20}}){{0,12}}"
    r"(?:[選选][項项]|選択肢|선택지|보기|ข้อ)?\s?[\"'(\[<{]{0,8}\s{0,20}"
)
# What may end a sentence whose answer is a letter: 项, です, 입니다, है, 'dir, a sign.
_TAIL = (
    rf"(?:\s?(?:{either('tail_noun')}))?(?:\s?(?:{either('tail_verb')}))?"
    rf"[\"')\]}}>]*\s*[.,:;!?)\]\"'\-{YES}\U0001f300-\U0001f6aa\U0001f6ac-\U0001faff]*\s*$"
)
_DENIAL = re.compile(
    rf"\s*(?:(?:is|are|was|can|could|would|may|does|has|seems)\b.*)?(?:{NEGATIVE.pattern})",
    re.IGNORECASE | re.DOTALL,
)
_CONNECTOR = re.compile(rf"(?:{either('reason', 'going_on')})\b", re.IGNORECASE)
# An article, where an answer in words was cut short.
_CUT = re.compile(r"(?<!option )(?<!choice )(?<!letter )(?<!answer )(?<!answer: )\b[ai]\s*$")
# What follows a letter that the text calls right.
_RIGHT = rf"(?:(?:{either('right_lead')})\s+)*(?:{either('right')})"
_CALLED_RIGHT = re.compile(
    rf"\)?(?:\s+(?:{either('called')})\s+(?:to\s+be\s+)?{_RIGHT}|\s+(?:the|my|our)\s+{_RIGHT}"
    rf"|\s+(?:{either('wins')})(?=\W*$|[.,;])|{either('right_cjk')}"
    rf"|\)?[ \t]?(?P<yes>[{YES}])|\)?:?\s?yes\b)",
    re.IGNORECASE,
)
# What comes before a letter that the text chooses, and what may come after it.
_CHOSEN = re.compile(
    rf"\b(?:(?:{either('chosen')})\s*:?\s*(?:(?:the|la|option|choice|answer|letter)\s+)*[\"'(]?"
    rf"|(?:{either('so')})\s*[,:]?\s*\(?|(?:option|choice|letter)\s*[:#]?\s*|answer )[\"'(]?\Z",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"(?![\w'])[\"')]?(?=\s*(?:[.,;:!?)\]]|$|\n|(?:{either('reason')}|here|correct|wählen|nehmen)\b|\(|-\s))",
    re.MULTILINE,
)
_REST = re.compile(r"[.\n](?:\s|$)|[;,]")
_LIKE = ChoiceSettings(threshold=75, margin=1)  # of words beside a letter
# Characters: a field with its letter only, and what is looked at before a letter.
_BARE, _REACH = 4, 60


@lru_cache(maxsize=256)
def shapes_of(labels: tuple[str, ...]) -> SimpleNamespace:
    """Patterns that depend on the labels."""
    one = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    small = f"(?P<label>(?i:{one}))"  # where the shape leaves no doubt, case does not count
    big = f"(?P<label>{one})"
    alone = rf"(?<![A-Za-z0-9_'])(?:{one})(?![A-Za-z0-9_'])"
    if all(len(label) == 1 for label in labels):  # the same, found faster
        alone = rf"(?:{one})(?<![A-Za-z0-9_'].)(?![A-Za-z0-9_'])"
    again = f"[\"'(\\[]*(?P<second>{one})(?![\\w'])"
    lead = f"^(?i:{_LEAD})"
    claim = rf"(?:(?i:answer|option|choice)\b|答案|答え|정답|{alone})"
    patterns = {
        # What every pattern of the next four begins with.
        "opening": rf"{lead}{small}(?![A-Za-z0-9_])",
        "pure": rf"{lead}{small}{_TAIL}",
        "several": rf"{lead}{big}[)\]\"']*\s*(?:[,;]\s*)?"
        rf"(?:(?i:{either('or')})\s|[,/&+或和与及かと와과]|;[^.;\n]{{1,40}},\s|,\s(?:and|but)\s(?:if|when)\s[^.\n]{{1,40}}\s|(?:[.;]\s*)?(?i:alternatively|or)\b,?\s)\s*"
        rf"(?:(?i:possibly|maybe|perhaps|also)\s+)?(?:(?i:option|choice|the\s+answer\s+is)\s+)?{again}"
        r"(?=\s*(?:[.,;:!?)\]/&+\"']|$|\n|(?i:and|or|are|because|since|is)\b))",
        "delimited": rf"(?s){lead}{small}(?!'\w)\s*"
        r"(?:[)\]}>\"']+\s*[.:,;-]*|[.:;,](?=\D)|[.:;,]\s|\s-\s)\s*(?P<rest>\S.*)",
        "spaced": rf"(?s){lead}{big}\s+(?P<rest>\S.*)",
        "letters": rf"\W*(?:(?:{one})(?!\w)[^\w{YES}{NAY}]*){{2,40}}",
        "trailing": r"(?s)(?P<rest>\S.*?)\s*[(\[](?:(?i:option|choice|answer)\s*:?\s+)?"
        rf"{small}[)\]][\s.,!]*$",
        # "D, not B": what comes behind the answer is another's.
        "contrast": rf"(?:{either('instead_cjk')}"
        r"|(?i:[\s,;(\[-]{1,5}(?:(?:and|but|et|und|y|e|а)\s)?"
        rf"(?:{either('instead', 'no')})\s(?:option\s|choice\s)?))[\"'(]?(?:{one})(?![\w']).*$",
        "occurrence": alone,
        # The end of a text: "... so the only one left is C."
        "closing": rf"(?:^|(?<!\w)(?:{either('closing')})[,:]?\s+"
        r"(?i:(?:the|la|option|choice|answer|letter)\s+)*|[:=]\s*)"
        rf"[\"'(\[]?{big}[\"')\]]?[.!]*\s*$",
        "listed": rf"[^\w√±^=+]*(?i:(?:option|choice)\s)?{small}"
        rf"\s*(?:[)\]:|]|\.(?=\s|$)|-\s|$|(?=[{YES}{NAY}]))",
        # A clause that says what others answer, or what the answer were if something else held.
        "aside": r"(?is)(?:\b(?:(?<!even\s)if(?!\s(?:I|so|my|asked|forced|any\w*|(?:we|you)\s"
        rf"(?:ask|had|have|must))\b)|{either('supposed')})\b|^\W*(?:had|were|should)\b"
        rf"|^(?!.*\b(?:I|I'd|we|let's)\b).*\b(?:{either('opinion')})\b"
        rf"|{either('if_cjk')}).{{0,200}}?(?-i:{claim})"
        rf"|(?-i:{alone})\W{{0,3}}(?:only\s)?(?:if(?!\s(?:I|my|any\w*)\b)|unless)\b",
    }
    return SimpleNamespace(**{name: re.compile(pattern) for name, pattern in patterns.items()})


def read_field(
    field: str, choices: Choices, *, article: bool = False, announced: bool = True
) -> Extraction | None:
    """The label that a field opens (or, in brackets, closes) with; None if it does neither.

    `article`: the field follows a verb, where a bare small "a" may begin a phrase that was cut.
    `announced`: it stands where an answer was announced; elsewhere "B would ..." discusses B.
    """
    shapes = shapes_of(choices.labels)
    opens = shapes.opening.match(field) is not None
    if opens and len(field) > _BARE:
        field = shapes.contrast.sub("", field)
    pure = opens and shapes.pure.match(field)
    if pure and not ((article or " " in field.strip()) and _CUT.search(field)):
        return Extraction(choices.called(pure["label"]), "letter", "a lone letter")
    # "Both A and B" and "B-cell lymphoma" can be texts of options.
    if labels := choices.equal(field):
        return one_of(labels, "text", "an option's text")
    if opens and shapes.letters.fullmatch(field):
        return one_of({*shapes.occurrence.findall(field)}, "letter", "one letter, repeated")
    whole = opens and (announced or len(sentences(field)) == 1)
    several = whole and shapes.several.match(field)
    if several and several["label"] != several["second"]:
        both_denied = _denied(field[several.end() :], "")
        return None if both_denied else one_of({several["label"], several["second"]}, "", "")
    delimited = opens and shapes.delimited.match(field)
    trailing = not delimited and field.rstrip("\n .,!").endswith((")", "]"))
    trailing = trailing and shapes.trailing.match(field)
    match = delimited or trailing or (opens and shapes.spaced.match(field))
    if not match:
        return None
    label, rest = choices.called(match["label"]), match["rest"]
    if not trailing and _denied(rest, choices.text[label]):
        return None
    beside = read_wording(rest, choices)
    clause = CLAUSE_END.split(rest, maxsplit=1)[0]
    like = beside or nearest(normalised(clause), choices, _LIKE)
    other = like and like.label
    if other not in (None, label):
        if match is not delimited and not trailing and label in ("A", "I"):
            return None  # an article or a pronoun
        return Extraction(None, "contradiction", f"{label} stands beside the text of {other}")
    known = beside is not None and other == label
    goes_on = delimited or (not trailing and announced and label != "I" and _CONNECTOR.match(rest))
    if not (known or goes_on or (trailing and beside)):
        return None
    return Extraction(label, "letter", "a letter with its text" if known else "a letter")


def _denied(rest: str, own: str) -> bool:
    """Whether what follows a letter says it is wrong ("B is wrong", "B) Insulin is unsafe")."""
    if rest.casefold().startswith(own.casefold()):
        rest = rest[len(own) :]
    clause = CLAUSE_END.split(rest, maxsplit=1)[0]
    return _DENIAL.match(clause) is not None or rest[:3].lower() in ("no.", "no;")


def labels_said(text: str, choices: Choices) -> set[str]:
    """Labels that `text` asserts."""
    said = set()
    for letter in shapes_of(choices.labels).occurrence.finditer(text):
        start, end = letter.span()
        if right := _CALLED_RIGHT.match(text, end):
            if right["yes"] or not denied(text, start, right.end()):
                said.add(letter[0])
        elif after := _AFTER.match(text, end):
            chosen = _CHOSEN.search(text[max(0, start - _REACH) : start])
            if chosen and not denied(text, start - len(chosen[0]), after.end()):
                said.add(letter[0])
    return said


def denied(text: str, start: int, end: int) -> bool:
    """Whether what stands at start:end is denied before it or in the rest of its sentence."""
    rest = _REST.split(text[end : end + 62], maxsplit=1)[0][:60]
    before = text[max(0, start - 40) : start].lower().rpartition("\n")[2].rstrip(" (\"'")
    return bool(NEGATIVE.search(rest) or NEGATED_BEFORE.search(before))
