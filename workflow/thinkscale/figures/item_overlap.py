"""Which items occur in a corpus, and how much of each."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, comparisons, frames, layout
from thinkscale.figures.core.text import span, visible, with_interval

_BIN = 0.05


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
    edges = np.linspace(0, 1, round(1 / _BIN) + 1)
    for ax, (pair, items) in zip(panels, groups, strict=True):
        shares = items["share"].dropna().astype(float)
        how = {"ax": ax, "alpha": 1, "linewidth": 0, "shrink": 0.9, "legend": False}
        none = shares[shares == 0] - 1.5 * _BIN
        sns.histplot(none, bins=[-2 * _BIN, -_BIN], color=style.muted, **how)
        sns.histplot(shares[shares > 0], bins=edges, color=style.palette[0], **how)
        for found in ax.containers:
            counts = [f"{bar.get_height():,.0f}" if bar.get_height() else "" for bar in found]
            ax.bar_label(found, counts, padding=1, fontsize=0.8 * style.small)
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.yaxis.set_major_formatter("{x:,.0f}")
        ticks = (0.25, 0.5, 0.75, 1)
        ax.set_xticks([-1.5 * _BIN, *ticks], ["none", *(f"{at:.0%}" for at in ticks)])
        ax.set(xlim=(-2.5 * _BIN, 1.02), ylim=(0.6, 3 * max(1, len(items))), ylabel="items")
        ax.set_xlabel(f"share of {items['ngram'].iloc[0]}-grams in corpus")
        corpus = visible(pair[1], limit=40, style=style)
        layout.heading(ax, corpus, _overlapping(overlap_summary, pair), style.ink, style)
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
    keys = dict(zip(comparisons.KEYS, pair, strict=True))
    found = frames.estimated(
        summary, "overlap_summary", ["measure", "lower", "upper"], **keys
    ).set_index("measure")
    percent = 100 * found[["estimate", "lower", "upper"]].astype(float)
    return ", ".join(
        f"{words}: {with_interval(*percent.loc[measure], 1)} %"
        for measure, words in (("any", "with any"), ("half", "with half or more"))
        if measure in percent.index
    )
