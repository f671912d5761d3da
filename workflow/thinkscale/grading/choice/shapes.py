"""How letters of options are written: patterns of fields, of denial, of what is only supposed."""

import re
from functools import lru_cache
from types import SimpleNamespace

from thinkscale.grading.text import either

YES, NAY = "✅✓✔☑", "❌✗✘✖🚫"
# Repetitions are bounded: what a model writes may be one character twenty thousand times.
_LEAD = (
    rf"[\s\"':=>#(\[<\-∴⇒→👉{YES}]{{0,20}}"
    rf"(?:(?:{either('lead', 'qualified')})[\s:,]{{1,20}}){{0,12}}"
    r"(?:[选選][项項]|選択肢|선택지|보기|ข้อ)?\s?[\"'(\[<{]{0,8}\s{0,20}"
)
# What may end a sentence whose answer is a letter: 项, です, 입니다, है, 'dir, a sign.
_TAIL = (
    rf"(?:\s?(?:{either('tail_noun')}))?(?:\s?(?:{either('tail_verb')}))?"
    rf"[\"')\]}}>]*\s*[.,:;!?)\]\"'\-{YES}\U0001f300-\U0001f6aa\U0001f6ac-\U0001faff]*\s*$"
)
CLAUSE_END = re.compile(
    r"(?<!\d)[.;,:(]|[.;,:(](?!\d)|\s-\s|\b(?:because|since|which|due to|given|based on)\b|\n",
    re.IGNORECASE,
)
NEGATIVE = re.compile(
    rf"\b(?:{either('negative')})\b|n't\b|{either('negative_cjk')}", re.IGNORECASE
)
NEGATED_BEFORE = re.compile(
    rf"(?:\b(?:{either('denying', 'no')})(?: (?:an?|the|have|be|of|by|with|option|choice|answers?"
    rf"|es|est|is|ist))*|[{NAY}]|不选?|排除)$"
)


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
        rf"(?:(?i:{either('or')})\s|[,/&+或和与及かと와과]|(?:[.;]\s*)?(?i:alternatively|or)\b,?\s)\s*"
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
        "closing": r"(?:^|(?<!\w)(?:is|are|be|so|thus|hence|i\.e\.|answer|option|choice|leaves"
        r"|est|es|ist|è|é|:|=)[,:]?\s+(?i:(?:the|la|option|choice|answer|letter)\s+)*|[:=]\s*)"
        rf"[\"'(\[]?{big}[\"')\]]?[.!]*\s*$",
        "listed": rf"\W*(?i:(?:option|choice)\s)?{small}"
        rf"\s*(?:[)\]:|]|\.(?=\s|$)|-\s|$|(?=[{YES}{NAY}]))",
        # A clause that says what others answer, or what the answer were if something else held.
        "aside": r"(?is)(?:\b(?:(?<!even\s)if(?!\s(?:I|so|my|asked|forced|any\w*|(?:we|you)\s"
        rf"(?:ask|had|have|must))\b)|{either('supposed')})\b|^\W*(?:had|were)\b"
        rf"|^(?!.*\b(?:I|I'd|we|let's)\b).*\b(?:{either('opinion')})\b"
        rf"|{either('if_cjk')}).{{0,200}}?(?-i:{claim})"
        rf"|(?-i:{alone})\W{{0,3}}(?:only\s)?(?:if(?!\s(?:I|my|any\w*)\b)|unless)\b",
    }
    return SimpleNamespace(**{name: re.compile(pattern) for name, pattern in patterns.items()})
