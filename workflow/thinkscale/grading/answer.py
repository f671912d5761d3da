"""Where in a text its answer stands: after thinking, in a tag, behind "Answer:", in a box.

Shared by graders of multiple choice and of free response.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from thinkscale.grading.grader import Extraction
from thinkscale.grading.text import DASHES, sentences

_SPECIAL_TOKEN = re.compile(
    r"<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>|</s>|<eos>|<pad>|<end_of_turn>"
)
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
# A model that does not stop writes the next question itself; that is not its answer to this one.
_NEXT_TURN = re.compile(
    r"\n[ \t]*(?:\#+[ \t]*|\*\*)?(?:Next )?(?:Question|Problem|User|Human|Q)[ \t]*\d*"
    r"[ \t]*(?:\*\*)?[:.](?:\*\*)?\s",
    re.IGNORECASE,
)
QUALIFIED = r"(?:correct|right|best|final|my|most\s+likely|most\s+appropriate|appropriate)"
MOST = 40  # announcements of one answer that are looked at, from the last
TAG = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.DOTALL | re.IGNORECASE)
BOX = re.compile(r"\\f?box(?:ed)?\s*(?=[{\s]*\S)")

_ANSWER = re.compile(
    r"""\b(?:answers?|ans)\b
    (?:\s+(?:choice|option|letter|key))?
    (?:\s*\([^()\n]{0,30}\))?                                 # Answer (letter only):
    (?:\s+(?:to|for)\s+[^.:\n]{1,60}?)?
    (?:,?\s+(?:then|therefore|thus|hence|however),?)?
    (?P<verb>\s+(?:is|are|(?:would|should|must|will)\s+be)\b\s*:?|'s(?=\s)
      |\s*[:=]|\s*[-=]+>|\s+-\s|\s*\n|(?<=\bans)\.\s)""",
    re.VERBOSE | re.IGNORECASE,
)
_OPTION = re.compile(
    rf"\b{QUALIFIED}\s+(?:option|choice|selection|letter)\s*"
    r"(?P<verb>\s+(?:is|would\s+be)\b\s*:?|[:=])",
    re.IGNORECASE,
)
_CJK = re.compile(
    r"(?:答案|答え|解答|正解|正确(?:的)?选项)\s*(?P<verb>应该是|应为|是|为|选|は)?\s*:?\s*"
    r"|정답\s*(?:은|는)?\s*:?\s*"
)
_NOUNS = (
    *("antwort", "lösung", "respuesta", "réponse", "risposta", "resposta", "antwoord", "svar"),
    *("ответ", "відповідь", "odpowiedź", "odpověď", "cevap", "yanıt", "vastaus", "válasz"),
    *("răspuns", "răspunsul", "jawaban", "đáp án", "απάντηση", "opción", "opzione", "alternativa"),
    *("richtig", "उत्तर", "الإجابة", "תשובה"),
)
_ASCII_NOUNS = tuple(noun for noun in _NOUNS if noun.isascii())
_ELSEWHERE = re.compile(
    rf"""(?<!\w)(?:{"|".join(_NOUNS)})
    (?:\s+(?:correct[ae]?|corretta|correta|corecta?|corect|juste|exacte|finale?|definitiva|doğru
      |benar|đúng|الصحيحة))*
    (?P<verb>\s*[:=]|\s+(?:ist|lautet|wäre|es|est|serait|sería|è|é|seria|is|to|adalah|là|är|er|on
      |este|είναι|-)(?!\w))
    (?:\s+(?:die|der|das|la|el|le|il|a|o|l'|option|opción|opção|opzione|lettre|letra|lettera
      |antwort)(?=\s+\S))*""",
    re.VERBOSE | re.IGNORECASE,
)
# A key of JSON, or of what passes for it.
_JSON = re.compile(
    r"""["'](?:(?:final|correct|best|selected|chosen|my)[_\s-]?)?
    (?:answer|choice|option|selection|prediction)(?:[_\s-]?(?:choice|option|letter|label|key|id))?
    ["']\s*:\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_VALUE = re.compile(r"""\[(?P<list>[^\]]*)\]|"(?P<double>(?:[^"\\]|\\.)*)|'(?P<single>[^'\n]*)""")


def answer_part(text: str) -> str:
    """The text without thinking, special tokens and turns that the model played on its own."""
    if "<" in text:
        text = _THINK.sub("", text)
        text = text.rpartition("</think>")[2]
        text = text.rpartition("<|im_start|>answer")[2]
        text = _SPECIAL_TOKEN.sub("", text)
    if "\n" not in text:
        return text
    cut = _NEXT_TURN.search(text)
    return text[: cut.start()] if cut and text[: cut.start()].strip() else text


@dataclass(frozen=True, slots=True)
class Cue:
    """The answer begins at `end`; `verb`: after a word like "is", and not after a colon."""

    end: int
    verb: bool = False
    json: bool = False


def cues(text: str) -> list[Cue]:
    """The last places of `text` that announce an answer, in the order of the text."""
    lower = text.lower()
    found = []
    if "ans" in lower:
        found += _answers(text, lower)
    if "option" in lower or "choice" in lower or "selection" in lower or "letter" in lower:
        found += map(_cue, _OPTION.finditer(text))
    if '":' in text or "':" in text:
        found += [Cue(m.end(), json=True) for m in _JSON.finditer(text)]
    ascii_only = text.isascii()
    if not ascii_only:
        found += [Cue(m.end(), bool(m["verb"])) for m in _CJK.finditer(text)]
    if any([noun in lower for noun in (_ASCII_NOUNS if ascii_only else _NOUNS)]):
        found += map(_cue, _ELSEWHERE.finditer(text))
    return sorted(found, key=lambda cue: cue.end)[-MOST:] if len(found) > 1 else found


def _answers(text: str, lower: str) -> Iterator[Cue]:
    """Cues in English; faster than searching for the pattern, which begins in too many ways."""
    place = lower.find("ans") if len(lower) == len(text) else -1
    if place < 0:
        yield from map(_cue, _ANSWER.finditer(text))
    while place >= 0:
        if match := _ANSWER.match(text, place):
            yield _cue(match)
        place = lower.find("ans", match.end() if match else place + 3)


def _cue(match: re.Match) -> Cue:
    return Cue(match.end(), match["verb"].strip(" \t:'").isalpha())


def json_value(text: str) -> str:
    """The value that follows a key: a string, the entries of a list, or all up to a comma."""
    match = _VALUE.match(text)
    if match is None:
        return re.split(r"[,}\n]", text, maxsplit=1)[0].strip()
    if match["list"] is not None:
        return match["list"].replace('"', "").replace("'", "")
    return re.sub(r'\\(["\\/])', r"\1", match["double"] or match["single"] or "")


def boxes(text: str) -> list[str]:
    """Contents of the last boxes, braces balanced; a box left open runs to the end."""
    contents = []
    for start in list(BOX.finditer(text))[-MOST:] if "box" in text else ():
        position = start.end()
        if text[position : position + 1] != "{":
            contents.append(text[position:].split(maxsplit=1)[0])
            continue
        depth = 0
        for end in range(position, len(text)):
            depth += (text[end] == "{") - (text[end] == "}")
            if depth == 0:
                break
        contents.append(text[position + 1 : end if depth == 0 else len(text)])
    return contents


# The answer of a free response.

# Struck out, or emphasis; between x and 2 two stars are a power.
_MARKS = re.compile(r"~~[^~\n]*~~|(?<![\w)])\*{2,}|\*{2,}(?!-?\d|[\w(])|__|`+")
_AND = re.compile(rf"[\s}}$]*(?:,|;|,?\s*\\?(?:text\{{\s*)?(?:and|or))[\s}}$]*{BOX.pattern}\{{?")
_SKIPPED = re.compile(r"(?:[\s*:]|(?<=\n)>)+")
_DISPLAY = re.compile(r"(?:\\\[|\$\$)\s*(.*?)\s*(?:\\\]|\$\$|\Z)", re.DOTALL)
# "The answer is correct" says nothing of what it is; "First, we need ..." begins an argument.
_NO_ANSWER = re.compile(
    r"(?:(?:in)?correct|right|wrong|unique|reasonable|clear|as follows|below|above)\W*$",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(
    r"(?:not an?|based|simply|just|obtained|found|given|to \w+|step|first,?|let|let's|we \w+)\s",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"[.!?\n]\W{0,9}(?:no\W+)?(?:wait|hmm+|oops|actually|scratch that|on second thought"
    r"|correction)\b|\bth(?:at|is)(?: is|'s| can't be| cannot be) (?:not )?(?:right|wrong)",
    re.IGNORECASE,
)
_CUT = re.compile(r"(?:(?<!\.)[-+*/×=,(]|\b(?:and|or|the|is|are|to|so))\s*$")
_SO = re.compile(
    r"\b(?:so(?! (?:that|far|many|much)\b)|thus|therefore|hence)\b|因此|所以|⇒"
    r"|\\(?:Rightarrow|implies)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"(?<![;:.,]),?\s(?:since|because|as|where|when|which|whereas|by(?= [a-z]{3})|not|i\.e"
    r"|for (?:all|any|every)|rather than|instead of)\b.*|,\s*[A-Za-z]\s*\\in\s*\\mathbb.*"
    r"|(?<=[\w.})$])\s\((?=[^()]*(?:(?<![\\a-z])[^\W\d_]{4}|\\times|[=×]))[^()]*\)\W*$",
    re.DOTALL,
)
_FIGURE = re.compile(r"[\d=\\]")
_QUANTITY = re.compile(r"\W*\d[\d.,/]*(?:\s?[^\W\d_]{2}|\s?[-+*/×=])")
_WORDS = 12  # no answer in words has more, unless the reference is as long


@dataclass(frozen=True, slots=True)
class Field:
    """An answer as written. `open`: the text ends in it, so one cut short may have gone on."""

    text: str
    how: str  # tag, statement, boxed or last line
    open: bool

    @property
    def shown(self) -> str:
        """How it was found, and how it begins, for a reader."""
        return f"{self.how}: {self.text[:100]!r}"

    def read_as(self, label: str) -> Extraction:
        return Extraction(label, self.how, self.shown, self.open)

    def too_long(self, reference: str) -> bool:
        """Whether a last line is prose and no answer: then nothing was answered."""
        most = max(_WORDS, 2 * len(reference.split()))
        return self.how == "last line" and len(self.text.split()) > most


def answer_field(text: str, figures: bool = False) -> Field | None:
    """The field that holds the answer; None if there is none, or it stops in mid-sentence.

    It is looked for in the order in which choices are: a tag (`<answer>42</answer>`), a statement
    ("Answer: 42", "the final answer is 42"), a box (`\\boxed{42}`), else the last line. Of several
    the last counts, none that was taken back, and with `figures` one with figures if there is any.

    >>> answer_field("So 6 times 7.\nThe answer is $42$.").text
    '$42$'
    """
    text = _MARKS.sub("", answer_part(text).translate(DASHES)).strip()
    text = _TAKEN_BACK.split(text)[-1]
    field = _tag(text) or _statement(text, figures) or _box(text) or _last_line(text, figures)
    return None if field and field.open and _CUT.search(field.text) else field


def conclusion(text: str) -> str:
    """What a sentence comes to: behind "so" unless it begins with a quantity, before "since"."""
    parts = [text] if _QUANTITY.match(text) else _SO.split(text)
    last = ([part for part in parts if _FIGURE.search(part)] or [text])[-1]
    cut = _COMMENT.sub("", last)
    return cut if _FIGURE.search(cut) else last


def _tag(text: str) -> Field | None:
    for match in reversed(list(TAG.finditer(text) if "<" in text else [])):
        if content := match[1].replace("<answer>", "").strip():
            inner = _statement(content) or _box(content)
            closed = match[0].lower().endswith("</answer>")
            return Field(inner.text if inner else content, "tag", not closed)
    return None


def _statement(text: str, figures: bool = False) -> Field | None:
    for cue in reversed(cues(text)):
        rest = text[cue.end :]
        if cue.json:
            if value := json_value(rest).strip():
                return Field(value, "statement", False)
            continue
        rest = rest[skipped.end() :] if (skipped := _SKIPPED.match(rest)) else rest
        display = _DISPLAY.match(rest)
        line = rest.split("\n", 1)[0].strip()
        if inside := _filled(display[1] if display else line):
            return Field(inside[0], "statement", False)
        if display:
            return Field(display[1], "statement", display.end() == len(rest))
        if not line or _NO_ANSWER.match(line) or (figures and _ARGUMENT.match(line)):
            continue
        first = sentences(line)[0]
        if not figures or len(first.split()) <= _WORDS or _QUANTITY.match(first):
            return Field(_trimmed(first), "statement", rest.rstrip() == first)
        if _FIGURE.search(line) and not cue.verb:  # an argument that stands behind "Answer:"
            return _last_line(rest, figures)
    return None


def _box(text: str) -> Field | None:
    inside = _filled(text)
    return Field(inside[-1], "boxed", text.endswith(inside[-1])) if inside else None


def _filled(text: str) -> list[str]:
    """Contents of boxes; those of boxes that "and" joins are one list."""
    found, end = [], 0
    for content in filter(str.strip, boxes(text)):
        start = text.index(content, end)
        if found and _AND.fullmatch(text, end, start):
            found[-1] += f", {content.strip()}"
        else:
            found.append(content.strip())
        end = start + len(content)
    return found


def _last_line(text: str, figures: bool) -> Field | None:
    lines = [line.strip() for line in text.split("\n") if line.strip(" \t$[]\\")]
    if figures and (with_figures := [line for line in lines if _FIGURE.search(line)]):
        lines = [part for part in sentences(with_figures[-1]) if _FIGURE.search(part)]
    return Field(_trimmed(lines[-1]), "last line", True) if lines else None


def _trimmed(line: str) -> str:
    """A line without the full stop that ends it."""
    return re.sub(r"(?<=[^.])\.\s*$", "", line).strip()
