"""What graders return, and the text normalisation they share."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Extraction:
    """A label, or None where the text names no one option; `how` is the rule that decided.

    `how` is one of tag, statement, boxed, letter, text, fuzzy (found); tie, contradiction, none
    (not found). `detail` is the same for a reader, with what was seen.
    """

    label: str | None
    how: str
    detail: str


_SPECIAL_TOKEN = re.compile(
    r"<[|\uff5c][^<>|\uff5c]{1,40}[|\uff5c]>|</s>|<eos>|<pad>|<end_of_turn>"
)
_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
# A model that does not stop writes the next question itself; that is not its answer to this one.
_NEXT_TURN = re.compile(
    r"\n\s*(?:\#+\s*|\*\*)?(?:Next )?(?:Question|Problem|User|Human|Q)\s*\d*"
    r"\s*(?:\*\*)?[:.](?:\*\*)?\s",
    re.IGNORECASE,
)
_LATEX_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt)?|math(?:rm|bf|sf|it)|mbox|bf|rm|boldsymbol)\b"
)
_LATEX_REST = re.compile(r"\\[()\[\],;!: ]|\\(?:quad|left|right|displaystyle)\b|\$+|(?<!\\)[{}]")
_EMPHASIS = re.compile(r"\*+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|`+|~~")
_QUOTES = str.maketrans(
    {c: '"' for c in "“”„«»「」『』"} | {c: "'" for c in "\u2018\u2019\u201a\u2032"}
)
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
# Everything that is neither a word nor part of a number: "." and "," stay between digits, and the
# signs that tell one quantity from another stay.
_NOT_WORD = re.compile(r"(?<!\d)[.,]|[.,](?!\d)|[^\w\s.,+\-/%<>=^\u00b1\u2190-\u22ff]")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")
_ARTICLE = re.compile(r"^(?:the|an|a)\s+(?=\S)")


def answer_part(text: str) -> str:
    """The text without thinking, special tokens and turns that the model played on its own."""
    if "<" in text:
        text = _THINK.sub("", text)
        text = text.rpartition("</think>")[2]
        text = text.rpartition("<|im_start|>answer")[2]
        text = _SPECIAL_TOKEN.sub("", text)
    cut = _NEXT_TURN.search(text)
    return text[: cut.start()] if cut and text[: cut.start()].strip() else text


def plain(text: str) -> str:
    """Compatibility forms unified, typographic quotes and dashes made plain."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text).translate(_QUOTES).translate(_DASHES)


def unmarked(text: str) -> str:
    """Without Markdown emphasis and LaTeX dressing."""
    if "\\" in text or "$" in text or "{" in text:
        text = _LATEX_REST.sub("", _LATEX_TEXT.sub("", text))
    return _EMPHASIS.sub("", text)


@lru_cache(maxsize=65536)
def normalised(text: str) -> str:
    """A form in which two wordings of one option are equal: case, marks, punctuation, articles."""
    text = unmarked(plain(text)).casefold()
    if not text.isascii():
        text = "".join(_greek_name(c) for c in text)
    text = _HYPHEN.sub(" ", _NOT_WORD.sub(" ", text))
    text = " ".join(text.split()).strip(" .,")
    return _ARTICLE.sub("", text)


def _greek_name(character: str) -> str:
    """ "β" and "beta" are one word in options."""
    name = unicodedata.name(character, "")
    prefix = "GREEK SMALL LETTER "
    return name.removeprefix(prefix).lower() if name.startswith(prefix) else character
