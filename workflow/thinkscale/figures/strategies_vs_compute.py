"""Accuracy of every strategy against compute, over all items and by fifths of difficulty."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, Style, frames, layout
from thinkscale.figures.core.estimates import ENDS, Lines, curves
from thinkscale.figures.core.text import in_powers, number, plural, short_names, span

_FORCING = "budget_forcing"
_DOTTED = (1, 1)
_AXES = {  # of a column of costs: what its axis is called, and how its ticks
    "compute": ("FLOPs", in_powers),
    "sampled": ("tokens sampled", lambda tokens: number(tokens, 0)),
}
_COLUMNS = 3


@layout.figure
def draw(strategies: Frame, *, look: Look) -> Figure:
    """For each model a panel of all items and one of each fifth, from the easiest to the hardest.

    Accuracy against FLOPs an item on a log scale, or against tokens sampled where what a strategy
    took is not known (of a recorded model, or its reward model); a line a strategy with a marker at
    each of its sizes, larger ones at larger sizes; conditions of budget forcing as crosses. Bars
    are intervals, that of majority voting is the grey band. Dotted is the share of items with a
    right sample.
    """
    rows = frames.require(
        frames.some(strategies, "no strategy was run"),
        [
            *["model", "strategy", "approach", "n", "level", "level_by", "n_items", *_AXES],
            *[*ENDS, "any_correct"],
        ],
        "strategies",
    )
    look, style = look.over(rows), look.style
    searched = rows["approach"] != _FORCING
    axis = "sampled" if rows.loc[searched, "compute"].isna().any() else "compute"
    paid = rows[axis] > 0
    frames.some(rows[paid & searched], "no log says what its samples cost")
    rows = rows[paid]
    label, say = _AXES[axis]
    spread = rows[axis].max() / rows[axis].min()
    models, levels = look.among(rows), sorted(set(rows["level"]))
    names = pd.unique(rows.loc[rows["approach"] != _FORCING, "strategy"])
    lines = style.lines(names)
    short = short_names(look.models, style)
    columns = min(_COLUMNS, len(levels))
    down = -(-len(levels) // columns)
    height = len(models) * down * (0.75 * style.height + 0.5) + 1.2
    figure = layout.constrained(style.wide, height, style, w_pad=0.05, h_pad=0.05)
    grid = figure.subplots(
        len(models) * down, columns, sharex=True, sharey=True, squeeze=False
    ).reshape(len(models), -1)
    for axes, model in zip(grid, models, strict=True):
        for spare in axes[len(levels) :]:
            spare.remove()
        for place, (ax, level) in enumerate(zip(axes, levels, strict=False)):
            own = rows[(rows["model"] == model) & (rows["level"] == level)]
            _draw_panel(ax, own, axis, lines, style)
            ax.tick_params(labelleft=place % columns == 0)
            below = place + columns >= len(levels) and model == list(models)[-1]
            ax.tick_params(labelbottom=below)
            layout.log_axis(ax, f"{label} an item" if below else "", spread, say)
            ax.set_ylabel("accuracy (share correct)" if place % columns == 0 else "")
            title, detail = _title(level, levels), f"{span(own['n_items'])} items"
            if level == 0:
                title, detail = short[model], f"all {detail}"
            layout.heading(ax, title, detail, style.ink, style)
    others = [
        Line(style.muted, "x").handle("budget forcing", linestyle=""),
        Line(style.muted, "", _DOTTED).handle("a right sample is there"),
    ]
    layout.legend(figure, lines, look, others)
    sizes = {int(n) for n in rows.loc[rows["approach"] != _FORCING, "n"] if not np.isnan(n)}
    by = {
        "difficulty": "fifths: by the bank's difficulty",
        "accuracy": "fifths: by the model's accuracy on samples that nothing here is measured on",
    }
    text = (
        f"markers: sizes of a strategy, {min(sizes)} to {max(sizes)}, larger ones larger; bars and "
        f"the grey band of majority: {look.confidence:.0%} intervals, clustered by item; "
    )
    text += by[rows["level_by"].iloc[0]]
    if left := int((~paid).sum()):
        text += f"; {plural(left, 'point')} without a cost not shown"
    layout.note(figure, text, style)
    return figure


def _draw_panel(ax: Axes, own: pd.DataFrame, axis: str, lines: Lines, style: Style) -> None:
    """axis: the column of costs."""
    vote = own[own["approach"] == "majority"].sort_values(axis)
    ax.fill_between(vote[axis], vote["lower"], vote["upper"], color=style.faint, linewidth=0)
    dotted = {"color": style.muted, "linestyle": (0, _DOTTED), "linewidth": 0.8 * style.line_width}
    ax.plot(vote[axis], vote["any_correct"], **dotted)
    forced, how = own[own["approach"] == _FORCING], {"x": axis, "y": "estimate", "ax": ax}
    size = 3 * style.marker_size**1.3
    sns.scatterplot(forced, marker="x", color=style.muted, s=size, linewidth=0.9, **how)
    found = own[own["strategy"].isin(lines)].copy()
    found.loc[found["approach"] == "majority", ["lower", "upper"]] = np.nan  # the band has them
    curves(ax, found, axis, lines, "strategy", markersize=0)
    for name, line in lines.items():
        mine = found[found["strategy"] == name]
        sizes = style.marker_size**2 * (0.3 + 0.25 * mine["n"].rank(method="dense"))
        sns.scatterplot(mine, s=sizes, marker=line.marker, color=line.colour, linewidth=0, **how)
    ax.grid(axis="y")
    ax.set_ylim(0, 1.03)


def _title(level: int, levels: list[int]) -> str:
    named = {level: f"fifth {level} of 5" for level in levels}
    ends = {levels[-1]: "hardest fifth", levels[min(1, len(levels) - 1)]: "easiest fifth"}
    return (named | ends | {0: "all items"})[level]
