"""Words and numbers as they stand in figures: counts, intervals, names, untrusted text."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from textwrap import wrap

from matplotlib.font_manager import FontProperties, findfont, get_font

from thinkscale.figures.core.style import DEFAULT, Style

MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@lru_cache(maxsize=4)
def _font_with(family: str):
    return get_font(findfont(FontProperties(family=family)))


def visible(
    text: object, *, spaces: bool = False, limit: int | None = None, style: Style = DEFAULT
) -> str:
    """Untrusted text, such that a reader sees every character of it on one line.

    Control, formatting and unprintable characters, and those the font has no glyph for, become
    escapes as in Python (`\\n`, `\\x1b`, `\\u4e2d`). With `spaces`, a space becomes an open box.
    Beyond `limit` characters the middle is left out, shown by an ellipsis.
    """
    font = _font_with(style.font)
    shown = []
    for character in str(text):
        if character == " " and spaces:
            character = "\N{OPEN BOX}"
        elif not (character.isprintable() and font.get_char_index(ord(character))):
            character = character.encode("unicode_escape").decode()
        shown.append("\\\\" if character == "\\" else character)
    if limit is not None and sum(map(len, shown)) > limit:
        # Whole characters from both ends, so that no escape is cut in two.
        room, head, tail = limit - 1, [], []
        while shown:
            side = head if sum(map(len, head)) <= sum(map(len, tail)) else tail
            character = shown.pop(0 if side is head else -1)
            if sum(map(len, head)) + sum(map(len, tail)) + len(character) > room:
                break
            side.append(character)
        shown = [*head, "…", *reversed(tail)]
    return "".join(shown)


def short_names(models: Sequence[str], style: Style = DEFAULT) -> dict[str, str]:
    """Names to show for models: without the owner (`owner/name`) where that stays unambiguous."""
    tails = [model.rsplit("/", 1)[-1] for model in models]
    return {
        model: visible(tail if tail and tails.count(tail) == 1 else model, style=style)
        for model, tail in zip(models, tails, strict=True)
    }


def characters(width: float, size: float) -> int:
    """About how many characters of the type size (points) fit into the width (inches)."""
    return max(8, int(width * 72 / (0.58 * size)))


def fold(text: str, width: int) -> str:
    """Break text into lines of at most `width` characters, at spaces and hyphens if it can."""
    return "\n".join(part for line in text.split("\n") for part in wrap(line, width) or [""])


def number(value: float, digits: int) -> str:
    """Fixed decimals with thousands separators and a true minus sign; `n/a` where missing."""
    return f"{value:z,.{digits}f}".replace("-", MINUS) if math.isfinite(value) else "n/a"


def signed(value: float, digits: int) -> str:
    """`+0.4`, `−0.4`, and `0.0` where nothing else would be shown: a change."""
    shown = number(value, digits)
    return f"+{shown}" if value > 0 and shown.strip("0.,") else shown


def with_interval(estimate: float, lower: float, upper: float, digits: int = 2) -> str:
    """`0.46 [0.34, 0.57]`, or the estimate alone where there is no interval."""
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return number(estimate, digits)
    return f"{number(estimate, digits)} [{number(lower, digits)}, {number(upper, digits)}]"


def digits_for(value: float, significant: int = 3, most: int = 8) -> int:
    """Decimals that show `significant` figures of the value."""
    if not math.isfinite(value) or value == 0:
        return significant - 1
    return min(most, max(0, significant - 1 - math.floor(math.log10(abs(value)))))


def p_value(value: float) -> str:
    """`p = 0.012`, `p < 0.001`."""
    if not math.isfinite(value):
        return "p n/a"
    return "p < 0.001" if value < 0.001 else f"p = {number(value, 3)}"


def span(values: Iterable[float], say: Callable[[float], str] = "{:,.0f}".format) -> str:
    """`200`, or the smallest and the largest where they differ, each in the words of `say`."""
    known = [value for value in values if math.isfinite(value)]
    ends = dict.fromkeys(map(say, (min(known), max(known)))) if known else ["n/a"]
    return "\N{EN DASH}".join(ends)


def plural(count: int, one: str) -> str:
    """`1 item`, `1,600 items`."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def in_powers(value: float) -> str:
    """`3·10¹²`, and `10¹²` without a factor of one, in plain characters: mathtext is off."""
    if not value > 0:
        return number(value, 0)
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = f"{value / 10**exponent:.3g}"
    power = "10" + str(exponent).translate(_SUPERSCRIPTS)
    return power if factor == "1" else f"{factor}·{power}"


def large(value: float) -> str:
    """`950`, `12.3 thousand`, `1.23 million`."""
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e4, "thousand")):
        if abs(value) >= size:
            unit = 1e3 if word == "thousand" else size
            return f"{value / unit:.3g} {word}"
    return f"{value:,.0f}"
