"""How hard the items are for people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import plural, with_interval


@layout.figure
def draw(items: pd.DataFrame | None, *, look: Look) -> Figure:
    """Items per difficulty, with the mean and its t interval above the bars."""
    frames.require(frames.some(items, "the item bank has no items"), ["difficulty"], "items")
    known = frames.some(items["difficulty"].dropna(), "no item has a difficulty")
    difficulty = known.to_numpy(dtype=float)

    figure, (ax,) = layout.panel_grid(1, look.style)
    counts, edges = np.histogram(difficulty, layout.even_edges(difficulty, most=30))
    ax.stairs(counts, edges, fill=True, color=look.style.muted, alpha=0.35)
    ax.stairs(counts, edges, color=look.style.muted, linewidth=0.8)
    ax.set_ylim(0, 1.2 * counts.max())
    ax.set_xlabel(layout.DIFFICULTY)
    ax.set_ylabel("items")
    layout.count_axis(ax.yaxis, 5)

    mean, deviation = difficulty.mean(), np.nan
    lower = upper = np.nan
    if difficulty.size > 1:
        deviation = difficulty.std(ddof=1)
        half = stats.t.ppf((1 + look.confidence) / 2, difficulty.size - 1)
        half *= deviation / np.sqrt(difficulty.size)
        lower, upper = mean - half, mean + half
    layout.mean_mark(ax, mean, lower, upper, 1.1 * counts.max(), look.style)

    missing = len(items) - difficulty.size
    text = (
        f"n = {plural(difficulty.size, 'item')}; tick and bar: "
        f"mean {with_interval(mean, lower, upper)} ({look.confidence:.0%} interval); "
        f"SD {with_interval(deviation, np.nan, np.nan)}"
    )
    if missing:
        text += f"; {plural(missing, 'item')} without a difficulty left out"
    layout.note(figure, text, look.style)
    return figure
