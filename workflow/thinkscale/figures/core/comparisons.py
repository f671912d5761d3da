"""What figures of corpora and items share: one panel for each tokenizer and corpus compared."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from thinkscale.figures.core import Frame, Style, frames, layout
from thinkscale.figures.core.text import visible

KEYS = ["tokenizer", "corpus"]
SIDES = ["frequency_corpus", "frequency_items"]


def each(frame: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """(tokenizer, corpus) and their rows, in the order of the frame."""
    return list(frame.groupby(KEYS, sort=False, dropna=False))


def tokens(divergence_tokens: Frame) -> pd.DataFrame:
    """The table of tokens, if any corpus was compared."""
    frames.some(divergence_tokens, "no token frequencies: no corpus was compared")
    needed = [*KEYS, "token_id", "token", *SIDES, "js_contribution"]
    return frames.require(divergence_tokens, needed, "divergence_tokens")


def js(divergence: Frame, pair: tuple[str, str], more: Sequence[str] = ()) -> pd.Series | None:
    """The row of the Jensen-Shannon divergence in bits, with `more` columns, if there is one."""
    keys = dict(zip(KEYS, pair, strict=True)) | {"measure": "js", "unit": "bits"}
    rows = frames.estimated(divergence, "divergence", more, **keys)
    return None if rows.empty else rows.iloc[0]


def heading(ax: Axes, pair: tuple[str, str], detail: str, style: Style) -> None:
    """Which corpus and tokenizer a panel is of, and under it a line or two of numbers."""
    tokenizer, corpus = (visible(name, limit=40, style=style) for name in pair)
    layout.heading(ax, f"corpus {corpus}, tokenizer {tokenizer}", detail, style.ink, style)


def token_name(token: str | float, token_id: int, style: Style) -> str:
    """A token as a reader sees it; one that is not text by itself by its id."""
    if pd.isna(token):
        return f"[{token_id}]"
    return visible(token, spaces=True, limit=16, style=style)
