"""Accuracy of every strategy against compute, over all items and for the easy and the hard ones."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import fold, short_names, span

_FORCING = "budget_forcing"
# By the table's column: what its axis is called, and how its ticks are written.
_AXES = {"compute": ("FLOPs", "{:.0e}"), "sampled": ("tokens sampled", "{:,.0f}")}
_LINES = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)))


@layout.figure
def draw(strategies: Frame, *, look: Look) -> Figure:
    """A row of panels for each model: all items, the easiest fifth, the hardest.

    Accuracy against FLOPs an item on a log scale, or against tokens sampled where what a strategy
    took is not known (of a recorded model, or its reward model); a line a strategy with a marker at
    each of its sizes; conditions of budget forcing as crosses. The band is the interval of majority
    voting.
    """
    rows = frames.require(
        frames.some(strategies, "no strategy was run"),
        ["model", "strategy", "approach", "n", "level", "n_items", "estimate", *_AXES],
        "strategies",
    )
    look, style = look.over(rows), look.style
    unknown = rows.loc[rows["approach"] != _FORCING, "compute"].isna().any()
    axis = "sampled" if unknown else "compute"
    cost, tick = _AXES[axis]
    models, levels = look.among(rows), sorted(set(rows["level"]))
    shown = [0] if len(levels) < 3 else [0, levels[1], levels[-1]]
    names = list(dict.fromkeys(rows.loc[rows["approach"] != _FORCING, "strategy"]))
    colours = {name: style.palette[i % len(style.palette)] for i, name in enumerate(names)}
    marks = {name: style.markers[i % len(style.markers)] for i, name in enumerate(names)}
    lines = {name: _LINES[i // len(style.markers) % len(_LINES)] for i, name in enumerate(names)}
    short = short_names(look.models, style)
    height = len(models) * (style.height + 0.5) + 0.9
    figure = layout.constrained(style.wide, height, style, w_pad=0.05, h_pad=0.05)
    grid = figure.subplots(len(models), len(shown), sharex=True, sharey="row", squeeze=False)
    for line, model in zip(grid, models, strict=True):
        for ax, level in zip(line, shown, strict=True):
            own = rows[(rows["model"] == model) & (rows["level"] == level)]
            forced = own[own["approach"] == _FORCING]
            vote = own[own["approach"] == "majority"].sort_values(axis)
            ax.fill_between(
                vote[axis], vote["lower"], vote["upper"], color=style.faint, linewidth=0
            )
            ax.scatter(
                *(forced[axis], forced["estimate"]), marker="x", color=style.muted,
                s=3 * style.marker_size**1.3, linewidth=0.9,
            )  # fmt: skip
            for name in names:
                curve = own[own["strategy"] == name].sort_values(axis)
                ax.plot(
                    *(curve[axis], curve["estimate"]), color=colours[name], marker=marks[name],
                    linestyle=lines[name], markeredgewidth=0, linewidth=0.8 * style.line_width,
                    markersize=0.8 * style.marker_size,
                )  # fmt: skip
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick.format(value)))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.grid(axis="y")
            ax.set_ylim(0, 1.02)
            ax.set_xlabel(f"{cost} an item (log scale)" if model == models[-1] else "")
            ax.set_ylabel("accuracy (share correct)" if level == shown[0] else "")
            title, detail = _title(level, levels), f"{span(own['n_items'])} items"
            if level == 0:
                title, detail = short[model], f"all {detail}"
            layout.heading(ax, title, detail, style.ink, style)
    handles = [
        Line2D([], [], color=colours[n], marker=marks[n], linestyle=lines[n], label=n)
        for n in names
    ]
    handles.append(
        Line2D([], [], color=style.muted, marker="x", linestyle="", label="budget forcing")
    )
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    sizes = {int(n) for n in rows.loc[rows["approach"] != _FORCING, "n"] if not np.isnan(n)}
    layout.note(
        figure,
        fold(
            f"markers: sizes of a strategy, {min(sizes)} to {max(sizes)}, rising with cost; "
            f"grey band: {look.confidence:.0%} interval of majority, clustered by item; intervals "
            "of the others are in strategies.csv",
            200,
        ),
        style,
    )
    return figure


def _title(level: int, levels: list[int]) -> str:
    if level == 0:
        return "all items"
    return "easiest fifth" if level == levels[1] else "hardest fifth"
