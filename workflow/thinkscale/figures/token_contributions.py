"""What sets corpus and items apart: tokens that add most to divergence, and items in the corpus."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from thinkscale.figures.core.layout import (
    empty_figure,
    finish,
    heading,
    is_empty,
    note,
    panel_grid,
    require,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import span, visible, with_interval

_BINS = 20


def token_contributions(
    divergence_tokens: pd.DataFrame | None,
    divergence: pd.DataFrame | None = None,
    *,
    bars: int = 15,
    style: Style = DEFAULT,
) -> Figure:
    """What single tokens add to the Jensen-Shannon divergence, in bits.

    One panel per tokenizer and corpus. To the left the tokens that are more frequent in the
    items, to the right those more frequent in the corpus, `bars` of each, the largest on top.
    """
    with apply(style):
        if is_empty(divergence_tokens):
            return empty_figure("no token frequencies: no corpus was compared", style)
        needed = ["tokenizer", "corpus", "token_id", "token", "frequency_corpus"]
        needed += ["frequency_items", "js_contribution"]
        require(divergence_tokens, needed, "divergence_tokens")
        groups = list(divergence_tokens.groupby(["tokenizer", "corpus"], sort=False, dropna=False))
        line = 1.45 * style.small / 72
        figure, panels = panel_grid(len(groups), style, bars * line + 0.1, extra=1.05)
        shown = []
        for ax, ((tokenizer, corpus), tokens) in zip(panels, groups, strict=True):
            corpus_name = visible(corpus, limit=40, style=style)
            name = f"corpus {corpus_name}, tokenizer {visible(tokenizer, limit=40, style=style)}"
            heading(ax, name, _total(divergence, tokenizer, corpus), style.ink, style)
            shown.append(_diverging(ax, tokens, bars, style))
        colours = _colours(style)
        figure.legend(
            handles=[
                Patch(color=colours["items"], label="more frequent in the items"),
                Patch(color=colours["corpus"], label="more frequent in the corpus"),
            ],
            loc="outside upper left",
            ncols=2,
        )
        shares = "\N{EN DASH}".join(f"{share:.0%}" for share in sorted({min(shown), max(shown)}))
        note(
            figure,
            f"n = {span(len(tokens) for _, tokens in groups)} different tokens; those shown make "
            f"up {shares} of JS; open box: a space, \\n: a line break",
            style,
        )
        return finish(figure)


def _colours(style: Style) -> dict[str, str]:
    return {
        "corpus": style.palette[0],
        "items": style.palette[min(1, len(style.palette) - 1)],
    }


def _total(divergence: pd.DataFrame | None, tokenizer: str, corpus: str) -> str:
    if is_empty(divergence):
        return ""
    rows = divergence[
        (divergence["tokenizer"] == tokenizer)
        & (divergence["corpus"] == corpus)
        & (divergence["measure"] == "js")
        & (divergence["unit"] == "bits")
        & divergence["estimate"].notna()
    ]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    return f"JS = {with_interval(row['estimate'], row['lower'], row['upper'], 3)} bits"


def _diverging(ax: Axes, tokens: pd.DataFrame, bars: int, style: Style) -> float:
    """Draw one panel; returns the share of all contributions that is shown."""
    colours = _colours(style)
    more = tokens["frequency_corpus"] > tokens["frequency_items"]
    fewer = tokens["frequency_corpus"] < tokens["frequency_items"]
    sides = {
        "items": tokens[fewer].nlargest(bars, "js_contribution"),
        "corpus": tokens[more].nlargest(bars, "js_contribution"),
    }
    largest = max(
        (side["js_contribution"].max() for side in sides.values() if len(side)), default=0
    )
    scale = 1000.0
    for name, side in sides.items():
        way = 1 if name == "corpus" else -1
        for place, (token, token_id, size) in enumerate(
            zip(side["token"], side["token_id"], side["js_contribution"], strict=True)
        ):
            ax.barh(-place, way * scale * size, height=0.72, color=colours[name], linewidth=0)
            text = f"[{token_id}]" if pd.isna(token) else visible(
                token, spaces=True, limit=16, style=style
            )  # fmt: skip
            ax.annotate(
                text,
                (way * scale * size, -place),
                (3 * way, 0),
                textcoords="offset points",
                ha="left" if way > 0 else "right",
                va="center",
                fontsize=style.small,
                parse_math=False,
            )
    # Beyond the longest bar there is room for a name of full length.
    room = 1.75 * scale * largest if largest > 0 else 1.0
    ax.set_xlim(-room, room)
    ax.set_ylim(-bars + 0.4, 0.6)
    ax.axvline(0, color=style.muted, linewidth=0.6)
    ax.yaxis.set_major_locator(NullLocator())
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
    ax.set_xlabel("contribution to JS (thousandths of a bit)")
    total = tokens["js_contribution"].sum()
    drawn = sum(side["js_contribution"].sum() for side in sides.values())
    return float(drawn / total) if total > 0 else 0.0


def item_overlap(
    overlap: pd.DataFrame | None,
    summary: pd.DataFrame | None = None,
    *,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """How many items have which share of their n-grams in a corpus, on a log scale.

    One panel per tokenizer and corpus. Items without any have a bar of their own at 0.
    """
    with apply(style):
        if is_empty(overlap):
            return empty_figure("no item was looked for in a corpus", style)
        require(overlap, ["tokenizer", "corpus", "ngram", "ngrams", "share"], "overlap")
        groups = list(overlap.groupby(["tokenizer", "corpus"], sort=False, dropna=False))
        figure, panels = panel_grid(len(groups), style, 1.3, sharex=True, sharey=True, extra=0.95)
        edges = np.linspace(0, 1, _BINS + 1)
        width = edges[1]
        for ax, ((tokenizer, corpus), items) in zip(panels, groups, strict=True):
            shares = items["share"].dropna().to_numpy(dtype=float)
            detail = _overlapping(summary, tokenizer, corpus)
            heading(ax, visible(corpus, limit=40, style=style), detail, style.ink, style)
            none = int((shares == 0).sum())
            counts, _ = np.histogram(shares[shares > 0], edges)
            ax.bar(-width, none, width=0.8 * width, color=style.muted, alpha=0.6, linewidth=0)
            ax.bar(edges[:-1] + width / 2, counts, width=0.92 * width, color=style.palette[0])
            for at, count in zip([-width, *(edges[:-1] + width / 2)], [none, *counts], strict=True):
                if count:
                    ax.annotate(
                        f"{count:,}", (at, count), (0, 1), textcoords="offset points",
                        ha="center", va="bottom", fontsize=0.8 * style.small,
                    )  # fmt: skip
            ax.set_yscale("log")
            ax.set_ylim(0.6, 3 * max(1, len(items)))
            ax.yaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
            ax.set_xlim(-2 * width, 1.02)
            ax.set_xticks([-width, 0.25, 0.5, 0.75, 1])
            labels = ["none", *(f"{at:.0%}" for at in (0.25, 0.5, 0.75, 1))]
            ax.set_xticklabels(labels)
            ax.set_ylabel("items")
            ax.set_xlabel(f"share of {items['ngram'].iloc[0]}-grams in corpus")
        short = [int((items["ngrams"] == 0).sum()) for _, items in groups]
        text = f"n = {span(int((i['ngrams'] > 0).sum()) for _, i in groups)} items"
        if any(short):
            text += f"; left out, too short to have one: {span(short)}"
        if not is_empty(summary):
            text += f"; brackets: {confidence:.0%} intervals"
        note(figure, text, style)
        return finish(figure)


def _overlapping(summary: pd.DataFrame | None, tokenizer: str, corpus: str) -> str:
    if is_empty(summary):
        return ""
    rows = summary[(summary["tokenizer"] == tokenizer) & (summary["corpus"] == corpus)]
    found = rows.set_index("measure")
    words = {"any": "with any", "half": "with half or more"}
    parts = []
    for measure, what in words.items():
        if measure in found.index and pd.notna(found.loc[measure, "estimate"]):
            row = 100 * found.loc[measure, ["estimate", "lower", "upper"]].astype(float)
            parts.append(f"{what}: {with_interval(*row, 1)} %")
    return ", ".join(parts)
