"""Where in a text its answer stands: after thinking, in a tag, behind "Answer:", in a box.

Shared by graders of multiple choice and of free response.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from thinkscale.grading.grader import Extraction, Judged, ungradable
from thinkscale.grading.text import (
    DASHES,
    TABLES,
    TAKEN_BACK,
    THEREFORE,
    after_revision,
    either,
    sentences,
    words,
)

_TURN_END = re.compile(either("turn_end"))
_SPECIAL_TOKEN = re.compile(r"<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>")
# Where a model that does not stop may pose the next question itself, or restates its own.
_NEXT_TURN = re.compile(
    r"\n[ \t]{0,9}(?:\#{1,6}[ \t]{0,9}|\*\*)?(?:Next )?(?:Question|Problem|Exercise|User|Human|Q)"
    r"[ \t]?\d*[ \t]?(?:\*\*)?(?:[:.](?:\*\*)?\s|\n)",
    re.IGNORECASE,
)
_LONE = re.compile(r"\W*(?:\w|\d[\d.,/]*)\W*")
MOST = 40  # announcements of one answer that are looked at, from the last
_QUALIFIED = rf"(?:(?:{either('qualified')}|selected|chosen)[\s_-]?)?"
_KIND = r"(?:[\s_-]?(?:choice|option|letter|label|key|id))?"
_TAG = rf"{_QUALIFIED}(?:{either('tag')}){_KIND}"
TAG = re.compile(
    rf"(?:<{_TAG}(?:\s[^<>]{{0,40}})?>|\[(?:final )?answer\])(.*?)"
    rf"(?:</{_TAG}>|\[/(?:final )?answer\]|\Z)",
    re.DOTALL | re.IGNORECASE,
)
BOX = re.compile(r"(?:\\(?:f(?:rame)?)?box(?:ed)?\s*(?=[{\s]*\S)|(?<!\w)boxed(?=\{))")
_BRACES = r"(?:[^{}]|\{[^{}]*\})*+"
for _ in range(6):  # braces in braces
    _BRACES = rf"(?:[^{{}}]|\{{{_BRACES}\}})*+"
_HELD = re.compile(rf"\{{({_BRACES})\}}|\{{(.*)|(\S+)", re.DOTALL)
_AND = re.compile(rf"[\s}}$]*(?:,?\s*\\?(?:text\{{\s*)?(?:and|(or))|[,;])[\s}}$]*{BOX.pattern}.")
_VERB = rf"""(?:,?\s{{1,9}}(?:{either("auxiliary")})\b,?){{0,5}}
    (?P<verb>\s{{1,9}}(?:{either("copula")})\b\s{{0,9}}:?|\s{{0,9}}[:=]"""
_ANSWER = re.compile(
    rf"""ans(?<=\bans)(?:wers?)?\b
    (?:\s{{1,9}}(?:choice|option|letter|key|i\s(?:would\s)?(?:give|choose)))?
    (?:\s{{0,9}}\([^()\n]{{0,30}}\))?                         # Answer (letter only):
    (?:\s{{1,9}}(?:to|for)\s{{1,9}}[^.:\n]{{1,60}}?)?
    {_VERB}|'s(?=\s)|\s{{0,9}}[-=]{{1,9}}>|\s{{1,9}}-\s|[ \t]{{0,9}}\n|(?<=\bans)\.\s)""",
    re.VERBOSE,
)
_BEST_SIGNS = words("best")
_BEST = re.compile(rf"\b(?:{either('best')})(?:\s{{1,9}}[a-z]{{1,20}}){{0,6}}?{_VERB})", re.VERBOSE)
_CJK = re.compile(
    rf"(?:{either('answer_cjk')})[\]\"')]?\s{{0,9}}(?P<verb>{either('copula_cjk')})?\s{{0,9}}:?\s{{0,9}}"
    r"|(?<![不可备未])[选選][择擇]?\s{0,9}:?\s{0,9}(?=[(\[\"']?[A-Z0-9])"
)
_BUT = re.compile(rf"(?:{either('but')})(?P<verb>)[\s,]{{0,9}}(?=[(\"']?[A-Z](?![A-Za-z]))")
# As written, and as compatibility forms have it.
_NOUNS = [f for noun in words("answer") for f in (noun, unicodedata.normalize("NFKC", noun))]
_SIGNS = [*_NOUNS, *(word.rstrip(",?") for word in words("but"))]
_ASCII_SIGNS = [sign for sign in _SIGNS if sign.isascii()]
_ELSEWHERE = re.compile(
    rf"""(?:{"|".join(noun.replace(" ", "[ ]") for noun in _NOUNS)})(?:et|ul|nya|ที่ถูกต้อง)?
    (?:\s{{1,9}}(?!(?:{either("no")})\s)[^\s\d.:,;=()"']{{2,15}}){{0,3}}?
    (?P<verb>\s{{0,9}}[:=]|\s{{1,9}}(?:{either("is")})(?!\w)(?:\s[ao](?=\s(?-i:[A-Z])(?!\w)))?|คือ
      |\s{{1,9}}(?=\((?-i:[A-Z])\)|(?-i:[A-Z])(?!\w|\s?[:)])))""",
    re.VERBOSE | re.IGNORECASE,
)
# A key of JSON, or of what passes for it.
_JSON = re.compile(
    rf"""["']{_QUALIFIED}(?:answer|choice|option|selection|prediction){_KIND}["']\s*:\s*""",
    re.IGNORECASE,
)
_VALUE = re.compile(r"""\[([^\]]*)\]|"((?:[^"\\]|\\.)*)|'([^'\n]*)|([^,}\n]*)""")


def delimiters(markers: Sequence[str]) -> tuple[str, ...]:
    """(start, *ends) of thinking without those that are words: "Answer:" may begin an answer.

    The start is "" where it is one of them.
    """
    start, *ends = ("" if re.match(r"\s*(?:[\w*#]|$)", m) else m.strip() for m in markers)
    return start, *filter(None, ends)


@lru_cache
def _thinking(starts: tuple[str, ...], ends: tuple[str, ...]) -> tuple:
    """Signs that there are such markers, what they enclose, and the ends."""
    opens, closes = ("|".join(map(re.escape, filter(None, m))) or "(?!)" for m in (starts, ends))
    return (
        {"<" if marker[0] == "<" else marker for marker in filter(None, (*starts, *ends))},
        re.compile(rf"(?:{opens}).*?(?:{closes}|\Z)", re.DOTALL | re.IGNORECASE),
        re.compile(closes, re.IGNORECASE),
    )


_KNOWN = _thinking(*zip(*TABLES["thinking"].items(), strict=True))


def without_thinking(text: str, markers: tuple[str, ...] | None = None) -> str:
    """What follows thinking; thinking left open is dropped.

    `markers`: (start, *ends) of it; without them, those of any family that is known.
    """
    signs, thought, end = _KNOWN if markers is None else _thinking(markers[:1], markers[1:])
    return end.split(thought.sub("", text))[-1] if any([s in text for s in signs]) else text


def parts(text: str) -> list[str]:
    """The first turn without thinking and special tokens: up to each question in it, and whole.

    Behind an answer "Question:" begins the next question; before it, the problem is restated.
    """
    text = without_thinking(text)
    if "<" in text:
        turns = (_SPECIAL_TOKEN.sub("", turn) for turn in _TURN_END.split(text))
        text = next((turn for turn in turns if turn.strip()), "")
    questions = list(_NEXT_TURN.finditer(text))[:MOST] if "\n" in text else ()
    return [*(text[: question.start()] for question in questions), text]


def answer_part(text: str) -> str:
    """The text without thinking, special tokens and turns that the model played on its own."""
    *earlier, whole = parts(text)
    return next(filter(_announces, earlier), whole)


def _announces(text: str) -> bool:
    announced = any(text[cue.end :].strip(" \t\n*:") for cue in cues(text))
    return bool(announced or BOX.search(text) or TAG.search(text) or _LONE.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Cue:
    """The answer begins at `end`; `verb`: after a word like "is", and not after a colon.

    `value`: the answer itself, behind a key of JSON.
    """

    end: int
    verb: bool = False
    value: str = ""


def cues(text: str) -> list[Cue]:
    """The last places of `text` that announce an answer, in the order of the text."""
    lower = text.lower()
    lower = lower if len(lower) == len(text) else text
    found = list(_ANSWER.finditer(lower))
    if any([word in lower for word in _BEST_SIGNS]):
        found += _BEST.finditer(lower)
    if not text.isascii():
        found += _CJK.finditer(text)
    if any([sign in lower for sign in (_ASCII_SIGNS if text.isascii() else _SIGNS)]):
        found += [*_ELSEWHERE.finditer(text), *_BUT.finditer(text)]
    announced = [Cue(m.end(), (m["verb"] or "").strip(" \t:'").isalpha()) for m in found]
    if '":' in text or "':" in text:
        values = ((m.end(), _value(text[m.end() :])) for m in _JSON.finditer(text))
        announced += [Cue(end, value=value) for end, value in values if value]
    return sorted(announced, key=lambda cue: cue.end)[-MOST:] if len(announced) > 1 else announced


def _value(text: str) -> str:
    """The value that follows a key: a string, the entries of a list, or all up to a comma."""
    listed, *values = _VALUE.match(text).groups()
    if listed is not None:
        return re.sub("[\"']", "", listed)
    return re.sub(r'\\(["\\/])', r"\1", "".join(filter(None, values))).strip()


def boxes(text: str) -> list[str]:
    """Contents of the last boxes; a box left open runs to the end. "and" makes one list of two."""
    found, end = [], 0
    for start in list(BOX.finditer(text))[-MOST:] if "box" in text else ():
        box = _HELD.match(text, start.end())
        content = box[box.lastindex].strip()
        if found and (joined := _AND.fullmatch(text, end, start.end() + 1)):
            found[-1] += f"{(joined[1] and ' or') or ','} {content}"
        elif content:
            found.append(content)
        end = box.end()
    return found


# The answer of a free response.

# Struck out, or emphasis; between x and 2 two stars are a power.
_MARKS = re.compile(r"~~[^~\n]*~~|(?<![\w)])\*{2,}|\*{2,}(?!-?\d|[\w(])|__|`+")
_SKIPPED = re.compile(r"(?:[\s*:]|(?<=\n)>)+")
_DISPLAY = re.compile(r"(?:\\\[|\$\$)\s*(.*?)\s*(?:\\\]|\$\$|\Z)", re.DOTALL)
# "The answer is correct" says nothing of what it is; "First, we need ..." begins an argument.
_NO_ANSWER = re.compile(rf"(?:{either('no_answer')})\W*$", re.IGNORECASE)
_ARGUMENT = re.compile(rf"(?:{either('argument')})\s", re.IGNORECASE)
_CUT = re.compile(r"(?:(?<!\.)[-+*/×=,(]|\b(?:and|or|the|is|are|to|so))\s*$")
_COMMENT = re.compile(
    rf"(?<![;:.,]),?\s(?:{either('comment')})\b.*|,\s*[A-Za-z]\s*\\in\s*\\mathbb.*"
    r"|(?<=[\w.})$])\s\((?=[^()]*(?:(?<![\\a-z])[^\W\d_]{4}|\\times|[=×]))[^()]*\)\W*$",
    re.DOTALL,
)
_FIGURE = re.compile(r"[\d=\\]")
_QUANTITY = re.compile(r"\W*\d[\d.,/]*(?:\s?[^\W\d_]{2}|\s?[-+*/×=])")
_WORDS = 12  # no answer in words has more, unless the reference is as long


def wordy(field: Extraction, reference: str) -> bool:
    """Whether a last line is too long for an answer: then nothing was answered."""
    most = max(_WORDS, 2 * len(reference.split()))
    return field.how == "last line" and len(field.label.split()) > most


def answer_field(text: str, figures: bool = False) -> Extraction | None:
    """The answer as written; None if there is none, or it stops in mid-sentence.

    It is looked for in the order in which choices are: a tag (`<answer>42</answer>`), a statement
    ("Answer: 42", "the final answer is 42"), a box (`\\boxed{42}`), else the last line. Of several
    the last counts, none that was taken back, and with `figures` one with figures if there is any.

    >>> answer_field("So 6 times 7.\nThe answer is $42$.").label
    '$42$'
    """
    text = _MARKS.sub("", answer_part(text).translate(DASHES)).strip()
    text = TAKEN_BACK.split(after_revision(text) or text)[-1]
    field = _tag(text) or _statement(text, figures) or _box(text) or _last_line(text, figures)
    return None if field and field.open and _CUT.search(field.label) else field


def conclusion(text: str) -> str:
    """What a sentence comes to: behind "so" unless it begins with a quantity, before "since"."""
    parts = [text] if _QUANTITY.match(text) else THEREFORE.split(text)
    last = ([part for part in parts if _FIGURE.search(part)] or [text])[-1]
    cut = _COMMENT.sub("", last)
    return cut if _FIGURE.search(cut) else last


def _field(text: str, how: str, ends: bool) -> Extraction:
    return Extraction(text, how, f"{how}: {text[:100]!r}", open=ends)


def _tag(text: str) -> Extraction | None:
    for match in reversed(list(TAG.finditer(text) if "<" in text or "[" in text else [])):
        if content := match[1].replace("<answer>", "").strip():
            inner = _statement(content) or _box(content)
            return _field(inner.label if inner else content, "tag", match.end(1) == match.end())
    return None


def _statement(text: str, figures: bool = False) -> Extraction | None:
    for cue in reversed(cues(text)):
        if cue.value:
            return _field(cue.value, "statement", False)
        rest = text[cue.end :]
        rest = rest[skipped.end() :] if (skipped := _SKIPPED.match(rest)) else rest
        display = _DISPLAY.match(rest)
        line = rest.split("\n", 1)[0].strip()
        if inside := boxes(display[1] if display else line):
            return _field(inside[0], "statement", False)
        if display:
            return _field(display[1], "statement", display.end() == len(rest))
        if not line or _NO_ANSWER.match(line) or (figures and _ARGUMENT.match(line)):
            continue
        first = sentences(line)[0]
        if not figures or len(first.split()) <= _WORDS or _QUANTITY.match(first):
            return _field(_trimmed(first), "statement", rest.rstrip() == first)
        if _FIGURE.search(line) and not cue.verb:  # an argument that stands behind "Answer:"
            return _last_line(rest, figures)
    return None


def _box(text: str) -> Extraction | None:
    inside = boxes(text)
    return _field(inside[-1], "boxed", text.endswith(inside[-1].split()[-1])) if inside else None


def _last_line(text: str, figures: bool) -> Extraction | None:
    lines = [line.strip() for line in text.split("\n") if line.strip(" \t$[]\\")]
    if figures and (with_figures := [line for line in lines if _FIGURE.search(line)]):
        lines = [part for part in sentences(with_figures[-1]) if _FIGURE.search(part)]
    return _field(_trimmed(lines[-1]), "last line", True) if lines else None


def _trimmed(line: str) -> str:
    """A line without the full stop that ends it."""
    return re.sub(r"(?<=[^.])\.\s*$", "", line).strip()


def at_pattern(pattern, text: str, judge: Callable[[str], Judged]) -> Judged:
    """Judge what the group of a compiled pattern's last match holds, as if it stood in a tag.

    The tag stays open where the text ends in it, for one cut short may have gone on.
    """
    text = answer_part(text).rstrip()
    held = [match for match in pattern.finditer(text) if (match[1] or "").strip()]
    if not held:
        return ungradable("nothing in the answer matches `grading.pattern`")
    tag = f"<answer>{held[-1][1]}" + "</answer>" * (held[-1].end(1) < len(text))
    extraction, outcome = judge(tag)
    detail = f"pattern: {extraction.detail.removeprefix('tag: ')}"
    return replace(extraction, how="pattern", detail=detail), outcome
