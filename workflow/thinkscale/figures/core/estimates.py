"""Estimates of models with their intervals, a row for each condition."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import span


def per_condition(table: Frame, label: str, look: Look) -> Figure:
    """Draw a table with one estimate for every model and condition (`stats.core.frame`).

    label: of the axis of estimates, with its unit. Rows without an estimate are left out, one
    without an interval has no bar.
    """
    found: pd.DataFrame = frames.some(table, "nothing was estimated").dropna(subset="estimate")
    found = frames.some(found, "nothing was estimated")
    look = look.over(found)
    shown, names = look.among(found), conditions.condition_names(found, look.style)
    figure, (ax,) = layout.panel_grid(1, look.style, 0.25 * len(names) + 0.5)
    for index, model in enumerate(shown):
        own = found[found["model"] == model]
        ax.errorbar(
            own["estimate"],
            own["condition"].map(list(names).index) + 0.15 * (index - (len(shown) - 1) / 2),
            xerr=layout.bars(own["lower"], own["estimate"], own["upper"]),
            color=look.colours[model], marker=look.marks[model], linestyle="none",
        )  # fmt: skip
    ax.set_yticks(range(len(names)), list(names.values()))
    ax.invert_yaxis()
    ax.set_xlabel(label)
    layout.model_legend(figure, shown, look)
    sizes = f"n per point: {span(found['n_items'])} items, {span(found['n_responses'])} responses"
    layout.note(figure, f"{sizes}; bars: {look.confidence:.0%} intervals", look.style)
    return figure
