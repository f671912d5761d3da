"""Accuracy against what it costs: every condition and vote of every model, and the frontier."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, Style, conditions, frames, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.estimates import ENDS
from thinkscale.figures.core.text import number, visible


@layout.figure
def draw(frontier: Frame, accuracy: Frame = None, *, look: Look) -> Figure:
    """Accuracy against tokens sampled for an item by a point alone, on a log scale.

    Filled are conditions, named as `accuracy` has them; hollow are votes. Points that none beats in
    both are joined, named, and have their intervals; all others are faint.
    """
    table = frames.some(frontier, "no condition has an accuracy and a cost")
    needed = ["model", "point", "k", "n_items", "alone", "frontier", *ENDS]
    table = frames.require(table, needed, "frontier")
    drawn = table[table["estimate"].notna() & (table["alone"] > 0)]
    drawn = frames.some(drawn, "no condition has an accuracy and a cost")
    look, style = look.over(drawn), look.style
    shown, best = look.among(drawn), drawn[drawn["frontier"]].sort_values("alone")
    names = {point: visible(point, limit=24, style=style) for point in best["point"]}
    if not frames.is_empty(accuracy):
        names |= conditions.condition_names(accuracy, style)

    height = 1.6 * style.height
    figure, (ax,) = layout.panel_grid(1, style, height, extra=1.0)
    core.frontier(ax, drawn, "alone", best, shown, style.ink)
    bottom = np.floor(10 * min(drawn["estimate"].min(), best["lower"].min())) / 10
    ax.set_ylim(max(0, bottom), core.top(best))
    _cost_axis(ax, drawn["alone"], len(names[best["point"].iloc[0]]), style)
    _label(ax, best, names, shown, 72 * height, style)
    ax.set_ylabel(core.LABEL)
    core.frontier_words(figure, table, drawn, look)
    return figure


def _cost_axis(ax: Axes, costs: pd.Series, letters: int, style: Style) -> None:
    """A log scale with room at the left for the name of the cheapest point."""
    low, high = np.log10(costs.min()), np.log10(costs.max())
    room = 0.58 * style.small * letters / (72 * 0.8 * style.width) + 0.04
    whole = max(high - low, 0.3) / (0.95 - room)
    layout.log_axis(ax, "tokens sampled for an item", 10**whole, lambda x: number(x, 0), 6)
    ax.set_xlim(10 ** (low - room * whole), 10 ** (low + (1 - room) * whole))


def _label(
    ax: Axes, best: pd.DataFrame, names: dict[str, str], lines: dict[str, Line], height: float,
    style: Style,
) -> None:  # fmt: skip
    """Names above and left of points, where nothing else is, each a line above the one before.

    height: of the axes, in points of type.
    """
    low, high = ax.get_ylim()
    below = -np.inf
    leader = {"arrowstyle": "-", "color": style.muted, "linewidth": 0.4, "relpos": (1, 0.4)}
    for row in best.itertuples():
        place = (row.estimate - low) / (high - low) * height
        at = max(place + 2, below + 1.15 * style.small)
        layout.label(
            ax, names[row.point], (row.alone, row.estimate), (-6, at - place), style, ha="right",
            color=lines[row.model].colour,
            arrowprops=leader,
        )  # fmt: skip
        below = at
