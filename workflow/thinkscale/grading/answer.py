"""Where an answer text says that its answer follows: "Answer:", "the final answer is", "答案".

Shared by graders of multiple choice and of free response.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Cue:
    """The answer begins at `end`; `verb`: after a word like "is", and not after a colon."""

    start: int
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
        found += _matches(_OPTION, text)
    if '":' in text or "':" in text:
        found += [Cue(m.start(), m.end(), json=True) for m in _JSON.finditer(text)]
    ascii_only = text.isascii()
    if not ascii_only:
        found += [Cue(m.start(), m.end(), bool(m["verb"])) for m in _CJK.finditer(text)]
    if any([noun in lower for noun in (_ASCII_NOUNS if ascii_only else _NOUNS)]):
        found += _matches(_ELSEWHERE, text)
    return sorted(found, key=lambda cue: cue.end)[-MOST:] if len(found) > 1 else found


def _answers(text: str, lower: str) -> Iterator[Cue]:
    """Cues in English; faster than searching for the pattern, which begins in too many ways."""
    place = lower.find("ans") if len(lower) == len(text) else -1
    if place < 0:
        yield from _matches(_ANSWER, text)
    while place >= 0:
        match = _ANSWER.match(text, place)
        if match:
            yield _cue(match)
        place = lower.find("ans", match.end() if match else place + 3)


def _matches(pattern: re.Pattern, text: str) -> Iterator[Cue]:
    return map(_cue, pattern.finditer(text))


def _cue(match: re.Match) -> Cue:
    return Cue(match.start(), match.end(), match["verb"].strip(" \t:'").isalpha())


def json_value(text: str) -> str:
    """The value that follows a key: a string, the entries of a list, or all up to a comma."""
    match = _VALUE.match(text)
    if match is None:
        return re.split(r"[,}\n]", text, maxsplit=1)[0].strip()
    if match["list"] is not None:
        return match["list"].replace('"', "").replace("'", "")
    value = match["double"] if match["double"] is not None else match["single"]
    return re.sub(r'\\(["\\/])', r"\1", value)


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
