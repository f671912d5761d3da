"""Which items occur in a corpus, and how much of each."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from thinkscale.figures.core import comparisons, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import span, visible, with_interval

_BINS = 20


@layout.figure
def draw(overlap: Frame, overlap_summary: Frame = None, *, look: Look) -> Figure:
    """How many items have which share of their n-grams in a corpus, on a log scale.

    One panel per tokenizer and corpus. Items without any have a bar of their own at 0.
    """
    style = look.style
    overlap = frames.some(overlap, "no item was looked for in a corpus")
    needed = [*comparisons.KEYS, "ngram", "ngrams", "share"]
    groups = comparisons.each(frames.require(overlap, needed, "overlap"))
    share = {"sharex": True, "sharey": True}
    figure, panels = layout.panel_grid(len(groups), style, 1.3, extra=0.95, **share)
    edges = np.linspace(0, 1, _BINS + 1)
    width = edges[1]
    middles = edges[:-1] + width / 2
    for ax, (pair, items) in zip(panels, groups, strict=True):
        shares = items["share"].dropna().to_numpy(dtype=float)
        corpus = visible(pair[1], limit=40, style=style)
        layout.heading(ax, corpus, _overlapping(overlap_summary, pair), style.ink, style)
        none = int((shares == 0).sum())
        counts, _ = np.histogram(shares[shares > 0], edges)
        ax.bar(-width, none, width=0.8 * width, color=style.muted, alpha=0.6, linewidth=0)
        ax.bar(middles, counts, width=0.92 * width, color=style.palette[0])
        how = {"ha": "center", "va": "bottom", "fontsize": 0.8 * style.small}
        for at, count in zip([-width, *middles], [none, *counts], strict=True):
            if count:
                layout.label(ax, f"{count:,}", (at, count), (0, 1), style, **how)
        ax.set_yscale("log")
        ax.set_ylim(0.6, 3 * max(1, len(items)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        ax.set_xlim(-2 * width, 1.02)
        ticks = (0.25, 0.5, 0.75, 1)
        ax.set_xticks([-width, *ticks], ["none", *(f"{at:.0%}" for at in ticks)])
        ax.set_ylabel("items")
        ax.set_xlabel(f"share of {items['ngram'].iloc[0]}-grams in corpus")
    short = [int((items["ngrams"] == 0).sum()) for _, items in groups]
    text = f"n = {span(int((items['ngrams'] > 0).sum()) for _, items in groups)} items"
    if any(short):
        text += f"; left out, too short to have one: {span(short)}"
    if not frames.is_empty(overlap_summary):
        text += f"; brackets: {look.confidence:.0%} intervals"
    layout.note(figure, text, style)
    return figure


def _overlapping(summary: Frame, pair: tuple[str, str]) -> str:
    """Shares of the items with any n-gram in the corpus, and with half of them or more."""
    found = comparisons.estimates(summary, pair, "overlap_summary", ["lower", "upper"])
    found = found.set_index("measure")
    parts = []
    for measure, words in (("any", "with any"), ("half", "with half or more")):
        if measure in found.index:
            percent = 100 * found.loc[measure, ["estimate", "lower", "upper"]].astype(float)
            parts.append(f"{words}: {with_interval(*percent, 1)} %")
    return ", ".join(parts)
