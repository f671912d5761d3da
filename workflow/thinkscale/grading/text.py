"""Texts in forms that can be compared, and their sentences: what all who read answers share."""

import re
import tomllib
import unicodedata
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

TABLES = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))


def words(kind: str) -> list[str]:
    """The words of one kind in `words.toml`."""
    return [word.replace("_", " ") for word in TABLES["words"][kind].split()]


def either(*kinds: str) -> str:
    """A pattern of those words."""
    return "|".join(word.replace(" ", r"\s{1,9}") for kind in kinds for word in words(kind))


_COMMANDS = TABLES["commands"]
_COMMAND = re.compile(rf"\\(?:({'|'.join(_COMMANDS)})(?![A-Za-z])|[,;: ])")
_LATEX_REST = re.compile(r"\\[()\[\]!]|\$+|(?<!\\)[{}]")
_ARGUMENT = r"\s*(\{[^{}]*\}|\w)"
_LATEX_GROUP = re.compile(  # innermost braces, and what they belong to
    rf"\\[dtc]?frac{_ARGUMENT}{_ARGUMENT}|\\sqrt(?:\[(\w{{1,9}})\])?{_ARGUMENT}"
    r"|\^(\{[^{}]*\})|_(\{[^{}]*\})|\{(?<!frac\{)(?<!sqrt\{)(?<![\^_}\]]\{)([^{}]*)\}"
)
_DEPTH = 20  # of braces in braces
_WHOLE = re.compile(r"-?\d+[+-]?|\\?(?:\d+|[^\W\d]+)(?:\^\w+)?|\([^()]*\)|[°∞]")
_EMPHASIS = re.compile(r"\*{2,}|(?<!\d)\*|\*(?!\d)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)|`+|~~")
DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"))
_PLAIN = DASHES | {ord(sign): plain for plain, signs in TABLES["signs"].items() for sign in signs}
_GREEK = {  # "β" and "beta" are one word in options
    code: name.removeprefix("GREEK SMALL LETTER ").lower()
    for code in range(0x370, 0x400)
    if (name := unicodedata.name(chr(code), "")).startswith("GREEK SMALL LETTER ")
}
# Before punctuation goes: the "a" of "a) insulin" is a label and no article.
_ARTICLE = re.compile(
    r"^[\W_]*(?:(?:the|an?|la|le|les|une?|el|los|las|der|die|das|eine?|il|lo)\s+|[ld]')(?=\w)"
)
# Everything that is neither a word nor part of a number: "." and "," stay between digits, and the
# signs that tell one quantity from another stay.
_NOT_WORD = re.compile(r"[^\w\s.,+\-/%<>=^\u00b1\u2190-\u22ff]")
_SPACED = {ord(sign): f" {sign} " for sign in "=<>≤≥≠"} | dict.fromkeys(map(ord, "*×·"), " × ")


def _in_words(match: re.Match) -> str:
    """An interval whose ends stay open or closed when its brackets are gone."""
    left = "open" if match[1] == "(" else "closed"
    right = "open" if match[4] == ")" else "closed"
    return f" {left} {match[2]} {match[3]} {right} "


def _in_line(match: re.Match) -> str:
    """A fraction, root, script or group without its braces; brackets where one is needed."""
    over, under, index, root, above, below, group = (g and g.strip("{}") for g in match.groups())
    if over is not None:
        return f"{over if over.lstrip('-').isalnum() else _operand(over)}/{_operand(under)}"
    if root is not None:
        return f"{index or ''}√{_operand(root)}"
    if above is not None:
        return f"^{_operand(above)}"
    return group if below is None else f"_{_operand(below)}"


def _operand(text: str) -> str:
    return text if _WHOLE.fullmatch(text) else f"({text})"


# What is done to a text that has the sign, in this order.
_UNIFYING = [
    (",", r"([\[(])([^\[\](),]{1,24}),([^\[\](),]{1,24})([\])])", _in_words),
    ("\\", rf"\\({'|'.join(_GREEK.values())})(?![a-z])", r"\1"),
    ("_", r"_", ""),
    ("^", r"\^(?:(?<![\d)]\^)|(?![\w(+-]))", ""),  # only a number's exponent stays one
    ("=", r"(?:(>)|<)\s?=", lambda match: "≥" if match[1] else "≤"),
    ("%", r"\s*\\?%", "%"),
    ("cent", r"\s*\bper\s?cent\b", "%"),
    ("!", r"(?<=\d)!", " factorial"),
    (".", r"(?<![\w.])\.(?=\d)", "0."),
    (".", r"\.(?:(?<!\d\.)|(?!\d))", " "),
    (",", r",(?:(?<!\d,)|(?!\d))", " "),
]
_UNIFYING = [(sign, re.compile(pattern).sub, new) for sign, pattern, new in _UNIFYING]
_HYPHEN = re.compile(r"(?<=[^\W\d])-(?=[^\W\d])")


def folded(text: str) -> str:
    """Without case, as patterns have it: for them the Turkish letters are those of "i" too."""
    return text.replace("İ", "i").replace("ı", "i").casefold()


def compatible(text: str) -> str:
    """Compatibility forms unified and dashes plain, where 2½ is 2 1/2 and x² is x^2."""
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    text = re.sub(r"[⁺⁻⁰¹²³⁴-⁹]+", lambda m: "^" + unicodedata.normalize("NFKC", m[0]), text)
    return unicodedata.normalize("NFKC", text).translate(DASHES).replace("\u2044", "/")


def plain(text: str) -> str:
    """Compatibility forms unified, typographic quotes, dashes and full stops made plain."""
    return text if text.isascii() else compatible(text).translate(_PLAIN)


def unmarked(text: str) -> str:
    """Without Markdown emphasis and LaTeX dressing; a fraction becomes "1/2", a root "√2"."""
    if "\\" in text or "{" in text or "$" in text:
        text = _COMMAND.sub(lambda m: _COMMANDS.get(m[1], " "), text)
        for _ in range(_DEPTH):
            text, found = _LATEX_GROUP.subn(_in_line, text)
            if not found or "{" not in text:
                break
        text = _LATEX_REST.sub("", text)
    if "*" in text or "_" in text or "`" in text or "~" in text:
        text = _EMPHASIS.sub("", text)
    return text


@lru_cache(maxsize=64)  # of an answer the same pieces are compared again and again
def normalised(text: str) -> str:
    """A form in which two wordings of one option are equal: case, marks, punctuation, articles."""
    text = unmarked(plain(text)).casefold()
    if article := _ARTICLE.match(text):
        text = text[article.end() :]
    if not text.isascii():
        text = text.translate(_GREEK)
    for sign, replace, new in _UNIFYING:
        if sign in text:
            text = replace(new, text)
    text = _NOT_WORD.sub(" ", text.translate(_SPACED))
    if "-" in text:
        text = _HYPHEN.sub(" ", text)
    return " ".join(text.split()).strip(" .,")


def formula(text: str) -> str:
    """A form in which two writings of one formula are equal: no spaces, brackets kept."""
    text = unmarked(plain(text)).casefold().translate(_GREEK)
    return "".join(text.replace("\\", "").split()).strip(".,")


# Sentences, and where a text concludes or denies.

YES, NAY = "✅✓✔☑👍", "❌✗✘✖🚫👎"
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

# A full stop after an abbreviation, or after the number of a line, ends no sentence.
_END = re.compile(
    r"[.!?\n](?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<!Rs\.)(?<!Dr\.)(?<!\n\d\.)"
    r"(?:(?<=\n)\n*|[\"')\]]*\s+(?=[^\sa-z]))"
)
THEREFORE = re.compile(
    rf"[,;.]?\s{{0,9}}(?:\b(?:{either('therefore')})\b|因此|所以|=>|⇒|→)|;", re.IGNORECASE
)
NOT_BUT = re.compile(
    r"(?:\b\w{1,20}\s)?(?:\bnot\b[^.;]{0,120}?(?:\bbut\b(?:\s+rather)?|,\s*it's\b)|不是[^.;]{0,60}?而是)",
    re.IGNORECASE,
)
_ASIDE = re.compile(rf",?\s{{1,9}}(?:{either('other')})\s", re.IGNORECASE)
ASIDE_FIRST = re.compile(rf"^\W{{0,9}}(?:{either('other_first')})\b[^,]*,\s*", re.IGNORECASE)
_REVISION = re.compile(
    rf"[.!?,;…\n-]\W{{0,9}}(?:(?:no|oh)\W+)?\b(?:{either('revision')})", re.IGNORECASE
)
TAKEN_BACK = re.compile(
    r"\b(?:that|this|it)(?:\sanswer)?(?='s|\s(?:is|was|can))[^.!?\n]{0,20}(?:wrong|incorrect"
    r"|(?:\bnot|n't|cannot)\s(?:\w+\s)?(?:right|correct|true)\b)",
    re.IGNORECASE,
)
_REVISION_SIGNS = words("revision_signs")  # one of them occurs wherever the pattern matches


@lru_cache(maxsize=16)  # several rules ask for those of one text
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of a text, blank ones left out."""
    ends = [0, *(end.end() for end in _END.finditer(text)), len(text)]
    parts = (text[begin:end].strip() for begin, end in pairwise(ends))
    return tuple(part for part in parts if part)


def conclusions(text: str) -> list[str]:
    """Parts of a text that may state its outcome."""
    last = (sentences(text) or ("",))[-1]
    rather = NOT_BUT.search(last)
    found = [last[rather.end() :]] if rather else []
    return [*found, *THEREFORE.split(text)[1:][-1:], _ASIDE.split(last, maxsplit=1)[0]]


def after_revision(text: str) -> str | None:
    """What follows the last place where the text takes something back; None if it does not."""
    lower = text.lower()
    if not any([sign in lower for sign in _REVISION_SIGNS]):
        return None
    marks = list(_REVISION.finditer(text))
    return text[marks[-1].end() :] if marks else None
