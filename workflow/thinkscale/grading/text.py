"""What graders return, which part of an answer they read, and the normal form they compare in."""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extraction:
    """A label, or None where the text names no one option; `how` is the rule that decided.

    `open`: the text ends in what was found, so that one cut short may have gone on.

    `how` is one of tag, statement, boxed, letter, text, fuzzy (found); tie, contradiction, none
    (not found). Of free responses `label` is the answer as written. `detail` is the same for a
    reader, with what was seen.
    """

    label: str | None
    how: str
    detail: str
    open: bool = False


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
_LATEX_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt)?|math(?:rm|bf|sf|it)|mbox|bf|rm|boldsymbol)\b"
)
_LATEX_REST = re.compile(r"\\[()\[\],;!: ]|\\(?:quad|left|right|displaystyle)\b|\$+|(?<!\\)[{}]")
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}|\\[dtc]?frac\s*(\d)\s*(\d)")
_ROOT = re.compile(r"\\sqrt\s*(?:\{([^{}]*)\}|(\w))")
_LATEX_SYMBOL = {
    **{"infty": "∞", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "neq": "≠", "times": "×"},
    **{"cdot": "·", "pm": "±", "to": "→", "rightarrow": "→", "approx": "≈", "circ": "°"},
    **{"uparrow": "↑", "downarrow": "↓", "percent": "%"},
}
_SYMBOL = re.compile(rf"\\({'|'.join(sorted(_LATEX_SYMBOL, key=len, reverse=True))})(?![A-Za-z])")
_EMPHASIS = re.compile(r"\*+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|`+|~~")
_PLAIN = str.maketrans(
    {c: '"' for c in "“”„«»「」『』"}
    | {c: "'" for c in "\u2018\u2019\u201a\u2032"}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | {"。": ". ", "、": ", "}
)
# Everything that is neither a word nor part of a number: "." and "," stay between digits, and the
# signs that tell one quantity from another stay.
_NOT_WORD = re.compile(r"[^\w\s.,+\-/%<>=\u00b1\u2190-\u22ff]")
_STOP = re.compile(r"[.,](?:(?<!\d[.,])|(?!\d))")
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")
# Before punctuation goes: the "a" of "a) insulin" is a label and no article.
_ARTICLE = re.compile(
    r"^[\W_]*(?:(?:the|an?|la|le|les|une?|el|los|las|der|die|das|eine?|il|lo)\s+|[ld]')(?=\w)"
)
_POSSESSIVE = re.compile(r"(?<=\w)'s\b")  # "Crohn's disease" is also called Crohn disease
_PERCENT = re.compile(r"\s*\\?(?:%|\bper\s?cent\b)")
_INTERVAL = re.compile(r"([\[(])([^\[\](),;]{1,24})[,;]([^\[\](),;]{1,24})([\])])")


class _Spaced(dict):
    """A translation that turns every character that is no part of a word into a space."""

    def __missing__(self, character: int) -> int:
        kept = _NOT_WORD.match(chr(character)) is None
        self[character] = character if kept else 32
        return self[character]


_SPACED = _Spaced()


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


def plain(text: str) -> str:
    """Compatibility forms unified, typographic quotes, dashes and full stops made plain."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_PLAIN)


def unmarked(text: str) -> str:
    """Without Markdown emphasis and LaTeX dressing; a fraction becomes "1/2"."""
    if "\\" in text:
        text = _LATEX_TEXT.sub("", text)
        if "sqrt" in text:
            text = _ROOT.sub(lambda m: f"√{m[1] or m[2] or ''}", text)
        if "frac" in text:
            text = _FRACTION.sub(_as_quotient, text)
        text = _SYMBOL.sub(lambda m: _LATEX_SYMBOL[m[1]], text)
    if "\\" in text or "$" in text or "{" in text:
        text = _LATEX_REST.sub("", text)
    if "*" in text or "_" in text or "`" in text or "~" in text:
        text = _EMPHASIS.sub("", text)
    return text


def _as_quotient(match: re.Match) -> str:
    above, below = (match[1], match[2]) if match[3] is None else (match[3], match[4])
    return f"{above}/{below}"


def normalised(text: str) -> str:
    """A form in which two wordings of one option are equal: case, marks, punctuation, articles."""
    text = unmarked(plain(text)).casefold()
    if article := _ARTICLE.match(text):
        text = text[article.end() :]
    if "'s" in text:
        text = _POSSESSIVE.sub("", text)
    if "," in text or ";" in text:
        text = _INTERVAL.sub(_in_words, text)
    if not text.isascii():
        text = "".join(c if c < "\u0370" or c > "\u03ff" else _greek_name(c) for c in text)
    # x², x^2 and x_2 lose their marks alike: the compatibility form of ² is a plain 2.
    if "^" in text or "_" in text:
        text = text.replace("^", "").replace("_", "")
    if "%" in text or "cent" in text:
        text = _PERCENT.sub("%", text)
    if "." in text or "," in text:
        text = _STOP.sub(" ", text)
    text = text.translate(_SPACED)
    if "-" in text:
        text = _HYPHEN.sub(" ", text)
    return " ".join(text.split()).strip(" .,")


def _in_words(match: re.Match) -> str:
    """An interval whose ends stay open or closed when its brackets are gone."""
    left = "open" if match[1] == "(" else "closed"
    right = "open" if match[4] == ")" else "closed"
    return f" {left} {match[2]} {match[3]} {right} "


def _greek_name(character: str) -> str:
    """ "β" and "beta" are one word in options."""
    name = unicodedata.name(character, "")
    prefix = "GREEK SMALL LETTER "
    return name.removeprefix(prefix).lower() if name.startswith(prefix) else character
