"""Where text can be cut so that its parts, encoded one by one, give the tokens of the whole.

A cut is made before a space that follows a character other than white space and, for tokenizers
that part words and numbers from punctuation, beside a mark such as a comma. That is exact for a
tokenizer if nothing it does reaches over such a place:

- its normalizer changes characters one by one (nothing composes with a space that follows it);
- its pre-tokenizer begins a new piece there, and the model sees a piece at a time; or, without a
  pre-tokenizer, it is a BPE whose vocabulary has no token with a space behind another character,
  so that no merge can join the two sides;
- no added token reaches over the place.

Tokenizers are made of parts with names; these conditions are known for the parts listed here and
assumed of no other. `cutting` says which part stands in the way of a tokenizer.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
)
_ENDS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
# Patterns in which a space can only begin a match, or follow other white space in it.
_CUTTING = {
    # GPT-2
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # GPT-4, Llama 3
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _ENDS,
    # Qwen 2 to 3
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _ENDS,
    # GPT-4o
    "|".join(f"{part}{_CONTRACTIONS}?" for part in _CASED)
    + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
    + _ENDS,
    # Mistral's
    "|".join(_CASED) + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _ENDS,
    # DeepSeek V3 and R1
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]"
    "+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
}
# Patterns that match no white space at all: what they isolate, they isolate in a part too.
_LOCAL = {r"\p{N}{1,3}", r"\p{N}", r"\d", "[0-9]", "[一-龥\u3040-ゟ゠-ヿ]+"}
_CHARACTERWISE = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer"}
_CHARACTERWISE |= {"Nmt", "Precompiled"}


_MARKS = ",.;:?!)"


@dataclass(frozen=True)
class Cutting:
    """How text may be cut for a tokenizer.

    why_not: why it must not be, or None. marks: whether cuts between letters or digits and marks
    are exact too. digits: whether those between marks and digits are. plain_words: whether a space
    and letters of ASCII, at most the first a capital, reach the model as one piece of bytes;
    bare_words: whether the letters do without the space where they begin a text. ascii_only: cut
    only behind characters of ASCII, since a normalizer may turn others into white space. unsafe:
    added tokens that could reach over a cut; texts that hold one have to stay whole.
    """

    why_not: str | None
    marks: bool = False
    digits: bool = False
    bare_words: bool = False
    plain_words: bool = False
    ascii_only: bool = True
    unsafe: tuple[str, ...] = ()


def cutting(tokenizer: str) -> Cutting:
    """How text may be cut for a tokenizer, from its tokenizer.json."""
    parts = json.loads(tokenizer)
    normalizers = list(_steps(parts.get("normalizer"), "normalizers"))
    for step in normalizers:
        if not _keeps_to_characters(step):
            return Cutting(f"the normalizer {step['type']} may look beyond a cut")
    steps = list(_steps(parts.get("pre_tokenizer"), "pretokenizers"))
    splitting = [step for step in steps if _begins_pieces(step)]
    for step in steps:
        if step not in splitting and not _is_local(step):
            return Cutting(f"the pre-tokenizer {_named(step)} may join the two sides of a cut")
    bytewise = any(step["type"] == "ByteLevel" for step in steps)
    if not splitting:
        replaced = [step["content"] for step in normalizers if step["type"] == "Replace"]
        space = "\u0120" if bytewise else replaced[-1] if replaced else " "
        if why := _why_a_model_may_join(parts["model"], space):
            return Cutting(why)
    marks = any(_parts_marks(step) for step in splitting)
    composed = {step["type"] for step in normalizers} <= {"NFC"}
    added = [token["content"] for token in parts.get("added_tokens") or []]
    plain_words = (
        marks
        and bytewise
        and composed
        and parts["model"].get("type") == "BPE"
        and all(step in splitting or step["type"] in ("ByteLevel", "Split") for step in steps)
        and not any(re.fullmatch("[A-Za-z ]+", text) for text in added)
    )
    return Cutting(
        None,
        marks=marks,
        digits=any(step["type"] in ("ByteLevel", "Split") for step in splitting),
        plain_words=plain_words,
        bare_words=plain_words and not any(step.get("add_prefix_space") for step in steps),
        ascii_only=not composed,
        unsafe=tuple(_unsafe(parts.get("added_tokens") or [], marks)),
    )


def _unsafe(added: list[Mapping[str, Any]], marks: bool) -> Iterator[str]:
    mark = f"[{re.escape(_MARKS)}]"
    over = rf"\S |[A-Za-z0-9]{mark}|{mark}[0-9]" if marks else r"\S "
    for token in added:
        if token["rstrip"] or token["single_word"] or re.search(over, token["content"]):
            yield token["content"]


def _steps(part: Mapping[str, Any] | None, inner: str):
    if part is None:
        return
    if part["type"] == "Sequence":
        for step in part[inner]:
            yield from _steps(step, inner)
    else:
        yield part


def _keeps_to_characters(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Replace":
        # One space, or runs of them, none of which a cut divides.
        return step["pattern"] in ({"String": " "}, {"Regex": " {2,}"}) and step["content"] != ""
    return step["type"] in {*_CHARACTERWISE, "Prepend"}


def _begins_pieces(step: Mapping[str, Any]) -> bool:
    match step["type"]:
        case "ByteLevel":
            return bool(step.get("use_regex", True))
        case "Metaspace":
            return bool(step.get("split", True))
        case "Split":
            return (
                step["pattern"].get("Regex") in _CUTTING
                and step["behavior"] in ("Isolated", "Removed")
                and step["invert"] == (step["behavior"] == "Removed")
            )
    return step["type"] in ("Whitespace", "WhitespaceSplit", "BertPreTokenizer")


def _parts_marks(step: Mapping[str, Any]) -> bool:
    """Whether a piece always ends between a letter or digit and a mark."""
    return step["type"] in ("ByteLevel", "Split", "Whitespace", "BertPreTokenizer")


def _is_local(step: Mapping[str, Any]) -> bool:
    match step["type"]:
        case "ByteLevel":
            return True  # bytes become letters, one by one
        case "Split":
            return (
                step["pattern"].get("Regex") in _LOCAL
                and step["behavior"] == "Isolated"
                and not step["invert"]
            )
        case "Punctuation":
            return step.get("behavior", "Isolated") == "Isolated"
    return step["type"] == "Digits"


def _named(step: Mapping[str, Any]) -> str:
    return f"{step['type']} {step['pattern']}" if "pattern" in step else step["type"]


def _why_a_model_may_join(model: Mapping[str, Any], space: str) -> str | None:
    """space: what a space has become when it reaches the model."""
    kind = model.get("type", "BPE")
    if kind != "BPE":
        return f"there is no pre-tokenizer, and a {kind} model weighs the text as a whole"
    if model.get("ignore_merges"):
        return "there is no pre-tokenizer, and the model looks for whole texts in its vocabulary"
    if space not in model["vocab"]:
        return "there is no pre-tokenizer, and the vocabulary has no space"
    space = re.escape(space)
    joined = re.compile(f"(?!{space}).{space}", re.DOTALL)
    if any(joined.search(token) for token in model["vocab"]):
        return "there is no pre-tokenizer, and some tokens reach from one word into the next"
    return None


# What may stand before a space without its being a cut: white space, and characters that some
# normalizer drops or some pattern counts as white space.
_BLANK = [chr(i) for i in range(128, sys.maxunicode) if chr(i).isspace()]
_BLANK += list("\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad")
_CODES = {
    size: np.array([int.from_bytes(c.encode()) for c in _BLANK if len(c.encode()) == size])
    for size in (2, 3)
}


_IS_MARK = np.zeros(256, bool)
_IS_MARK[list(_MARKS.encode())] = True
_IS_DIGIT = np.zeros(256, bool)
_IS_DIGIT[48:58] = True
_IS_WORD = _IS_DIGIT.copy()
_IS_WORD[[*range(65, 91), *range(97, 123)]] = True


def cut_positions(
    data: bytes, *, marks: bool = False, digits: bool = False, ascii_only: bool = False
) -> np.ndarray:
    """Where to cut UTF-8 bytes, rising only within each kind of cut.

    They are the positions of spaces behind something that is not white; with `marks`, of marks
    behind letters and digits of ASCII; with `digits`, of digits behind marks. ascii_only: cut
    before a space only if it is behind a character of ASCII.
    """
    array = np.frombuffer(data, np.uint8)
    spaces = np.flatnonzero(array == 32)
    spaces = spaces[spaces > 0]
    before = array[spaces - 1]
    plain = (before > 32) & (before < 127)
    beyond = np.flatnonzero(before >= 128)
    if not ascii_only and len(beyond):
        at = spaces[beyond]
        code = before[beyond].astype(np.int64)
        code |= array[at - 2].astype(np.int64) << 8  # a byte of 128 or more is never the first
        blank = np.isin(code, _CODES[2])
        code |= np.where(at > 2, array[np.maximum(at - 3, 0)], 0).astype(np.int64) << 16
        plain[beyond] = ~(blank | np.isin(code, _CODES[3]))
    if not marks:
        return spaces[plain]
    at = np.flatnonzero(_IS_MARK[array])
    after = at[at + 1 < len(array)] + 1 if digits else at[:0]
    at = at[at > 0]
    return np.concatenate(
        [spaces[plain], at[_IS_WORD[array[at - 1]]], after[_IS_DIGIT[array[after]]]]
    )
