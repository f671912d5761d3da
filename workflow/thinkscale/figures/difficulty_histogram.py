"""How hard the items are for people."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from scipy import stats

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.text import plural, with_interval


@layout.figure
def draw(items: Frame, *, look: Look) -> Figure:
    """Items per difficulty, with the mean and its t interval above the bars."""
    frames.require(frames.some(items, "the item bank has no items"), ["difficulty"], "items")
    known = frames.some(items["difficulty"].dropna(), "no item has a difficulty").astype(float)

    figure, (ax,) = layout.panel_grid(1, look.style)
    sns.histplot(known, color=look.style.muted, alpha=0.4, element="step", linewidth=0.8, ax=ax)
    ax.margins(y=0.2)
    ax.set(xlabel=layout.DIFFICULTY, ylabel="items")
    layout.count_axis(ax.yaxis, 5)

    mean, deviation = known.mean(), known.std()
    lower, upper = stats.t.interval(look.confidence, len(known) - 1, mean, known.sem())
    layout.mean_mark(ax, mean, lower, upper, 0.92 * ax.get_ylim()[1], look.style)

    text = (
        f"n = {plural(len(known), 'item')}; tick and bar: "
        f"mean {with_interval(mean, lower, upper)} ({look.confidence:.0%} interval); "
        f"SD {with_interval(deviation, np.nan, np.nan)}"
    )
    if missing := len(items) - len(known):
        text += f"; {plural(missing, 'item')} without a difficulty left out"
    layout.note(figure, text, look.style)
    return figure
