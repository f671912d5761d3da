"""Texts in forms that can be compared, and their sentences: what all who read answers share."""

import re
import unicodedata
from functools import lru_cache

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
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_PLAIN = str.maketrans(
    {c: '"' for c in "“”„«»「」『』"}
    | {c: "'" for c in "\u2018\u2019\u201a\u2032"}
    | DASHES
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
_GREEK = {  # "β" and "beta" are one word in options
    code: name.removeprefix("GREEK SMALL LETTER ").lower()
    for code in range(0x370, 0x400)
    if (name := unicodedata.name(chr(code), "")).startswith("GREEK SMALL LETTER ")
}
_INTERVAL = re.compile(r"([\[(])([^\[\](),;]{1,24})[,;]([^\[\](),;]{1,24})([\])])")


class _Spaced(dict):
    """A translation that turns every character that is no part of a word into a space."""

    def __missing__(self, character: int) -> int:
        kept = _NOT_WORD.match(chr(character)) is None
        self[character] = character if kept else 32
        return self[character]


_SPACED = _Spaced()


def compatible(text: str) -> str:
    """Compatibility forms unified and dashes plain, where 2½ is 2 1/2 and x² is x^2."""
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    text = re.sub(r"[⁺⁻⁰¹²³⁴-⁹]+", lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text)
    return unicodedata.normalize("NFKC", text).translate(DASHES).replace("\u2044", "/")


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
            text = _FRACTION.sub(lambda m: "/".join(g for g in m.groups() if g is not None), text)
        text = _SYMBOL.sub(lambda m: _LATEX_SYMBOL[m[1]], text)
    if "\\" in text or "$" in text or "{" in text:
        text = _LATEX_REST.sub("", text)
    if "*" in text or "_" in text or "`" in text or "~" in text:
        text = _EMPHASIS.sub("", text)
    return text


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
        text = text.translate(_GREEK)
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


# Sentences, and where a text concludes.

_END = re.compile(r"[.!?\n](?:(?<=\n)\n*|[\"')\]]*\s+(?=[^\sa-z]))")
# A full stop after these ends no sentence.
_ABBREVIATION = re.compile(r"(?:\be\.g|\bi\.e|\bvs|\bDr|\bRs)$")
_CONCLUSIVE = re.compile(
    r"\b(?:so|thus|therefore|hence|consequently|answer|conclu\w+|diagnosis|most likely|best"
    r"|correct|choose|consistent with|indicat\w+|suggest\w+|points? to|must be)\b",
    re.IGNORECASE,
)
_THEREFORE = re.compile(
    r"[,;.]?\s*(?:\b(?:so|thus|therefore|hence|consequently|in conclusion)\b|因此|所以|=>|⇒|→)",
    re.IGNORECASE,
)
_NOT_BUT = re.compile(r"\bnot\b[^.;]*?\bbut\b", re.IGNORECASE)
# What comes after these says something of another option.
_ASIDE = re.compile(
    r",?\s+(?:who|which|whereas|unlike|rather than|instead of|as opposed to|before|followed by)\s",
    re.IGNORECASE,
)
_REVISION = re.compile(
    r"\b(?:wait|actually|hmm|on second thought|correction|scratch that|no, |let me re\w+"
    r"|i was wrong|i made (?:a mistake|an error)|changed? my mind)",
    re.IGNORECASE,
)
# One of these occurs wherever the pattern matches.
_REVISION_SIGNS = ("wait", "actual", "hmm", "thought", "correction", "scratch", "no, ", "let me re")
_REVISION_SIGNS += ("i was wrong", "mistake", "an error", "my mind")


@lru_cache(maxsize=16)  # several rules ask for those of one text
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text, blank ones left out."""
    parts, begin = [], 0
    for end in _END.finditer(text):
        first = end.start()
        if text[first] == "." and _ABBREVIATION.search(text[max(0, first - 4) : first]):
            continue
        parts.append(text[begin : end.end()].strip())
        begin = end.end()
    parts.append(text[begin:].strip())
    return tuple(part for part in parts if part)


def is_cut(text: str) -> bool:
    """Whether prose ends in the middle of a sentence that is not its first."""
    last_line = text.rstrip().rpartition("\n")[2]
    parts = sentences(last_line)
    return len(parts) > 1 and parts[-1][-1] not in ".!?)\"']:*" and len(parts[-1].split()) > 3


def conclusions(text: str) -> list[str]:
    """Parts of a text that state its outcome, the last sentence first, then ever narrower."""
    parts = sentences(text)
    found = []
    last = parts[-1] if parts else ""
    if "\n" in text.strip() or _CONCLUSIVE.search(last):
        found.append(last)
    if rather := _NOT_BUT.search(last):
        found.append(last[rather.end() :])
    after = _THEREFORE.split(text)
    if len(after) > 1:
        found.append(after[-1])
    if len(parts) == 1 or found:
        found.append(_ASIDE.split(last, maxsplit=1)[0])
    return found


def after_revision(text: str) -> str | None:
    """What follows the last place where the text takes something back; None if it does not."""
    lower = text.lower()
    if not any(sign in lower for sign in _REVISION_SIGNS):
        return None
    marks = list(_REVISION.finditer(text))
    return text[marks[-1].end() :] if marks else None
