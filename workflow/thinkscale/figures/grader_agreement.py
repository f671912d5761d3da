"""Accuracy under each grader, and Cohen's kappa between graders."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import number, span

COLUMNS = (
    *("model", "condition", "measure", "grader", "other", "n_items", "n_responses"),
    *("estimate", "lower", "upper"),
)
_MOST_NUMBERS = 4  # kappas of more models do not fit into a cell; their range does


@layout.figure
def draw(grader_agreement: Frame, *, look: Look) -> Figure:
    """Above, accuracy and the share ungradable by grader and model; below, kappa of each pair.

    The natural condition is shown, or all conditions where it was not run.
    """
    table, style = frames.some(grader_agreement, "no two graders"), look.style
    frames.require(table, COLUMNS, "table grader_agreement")
    condition = "natural" if table["condition"].eq("natural").any() else "all conditions"
    shown = table[table["condition"] == condition]
    look = look.over(shown)
    drawn = look.among(shown)
    graders = list(pd.unique(shown.loc[shown["measure"] == "accuracy", "grader"]))
    scale = style.font_size / 8.0
    lines = len(drawn) if len(drawn) <= _MOST_NUMBERS else 1
    row = (0.17 + 0.105 * len(drawn)) * scale
    cell = (0.1 + 0.14 * lines) * scale
    heights = [row * len(graders), cell * (len(graders) - 1)]
    pads = {"w_pad": 0.05, "h_pad": 0.04, "hspace": 0.06}
    figure = layout.constrained(style.width, sum(heights) + 1.55 * scale, style, **pads)
    above, below = figure.subplots(2, 1, height_ratios=heights)
    _accuracy(above, shown, graders, drawn, look)
    _kappa(below, shown, graders, drawn, look)
    grey = {"color": style.muted, "marker": "o", "linestyle": ""}
    full = Line2D([], [], label="accuracy", **grey)
    ring = Line2D([], [], label="ungradable", markerfacecolor="white", **grey)
    layout.model_legend(figure, drawn, look, [full, ring])
    where = "natural condition" if condition == "natural" else condition
    text = (
        f"{where}; n = {span(shown['n_responses'])} responses to {span(shown['n_items'])} "
        f"items a model; bars: {100 * look.confidence:g}% intervals clustered by item"
    )
    layout.note(figure, text, style)
    return figure


def _accuracy(
    ax: Axes, shown: pd.DataFrame, graders: Sequence[str], drawn: Sequence[str], look: Look
) -> None:
    colours, style = look.colours, look.style
    step = 0.72 / max(1, len(drawn))
    for index, model in enumerate(drawn):
        shift = step * (index - (len(drawn) - 1) / 2)
        for measure, filled in (("ungradable", False), ("accuracy", True)):
            own = shown[(shown["model"] == model) & (shown["measure"] == measure)]
            own = own.set_index("grader").reindex(graders)
            bars = layout.bars(own["lower"], own["estimate"], own["upper"]) if filled else None
            ax.errorbar(
                own["estimate"], np.arange(len(graders)) + shift, xerr=bars,
                fmt=look.marks[model], color=colours[model], elinewidth=style.line_width,
                markerfacecolor=colours[model] if filled else "white", zorder=3 if filled else 2,
            )  # fmt: skip
    for line in np.arange(len(graders) - 1) + 0.5:
        ax.axhline(line, color=style.faint, linewidth=0.6, zorder=0)
    ax.set_yticks(range(len(graders)), graders)
    ax.set_ylim(len(graders) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.grid(axis="x")
    ax.set_xlabel("share of responses")


def _kappa(
    ax: Axes, shown: pd.DataFrame, graders: Sequence[str], drawn: Sequence[str], look: Look
) -> None:
    """Half a matrix: a row for each grader but the first, a column for each but the last."""
    pairs = shown[shown["measure"] == "kappa"].set_index(["grader", "other"])
    style = look.style
    shade = LinearSegmentedColormap.from_list("kappa", ["white", style.faint, style.muted])
    how = {"ha": "center", "va": "center", "fontsize": style.small}
    size = len(graders) - 1
    for across in range(size):
        for down in range(across, size):
            key = (graders[across], graders[down + 1])
            if key not in pairs.index:
                continue
            values = pairs.loc[[key]].set_index("model")["estimate"].reindex(drawn)
            middle = values.mean()
            face = shade(0.6 * max(0.0, middle)) if middle == middle else "none"
            corner = (across - 0.48, down - 0.45)
            ax.add_patch(Rectangle(corner, 0.96, 0.9, facecolor=face, edgecolor="none"))
            for text, height, colour in _numbers(values, look):
                ax.text(across, down + height, text, color=colour, **how)
    ax.set_xlim(-0.5, size - 0.5)
    ax.set_ylim(size - 0.5, -0.5)
    ax.set_xticks(range(size), graders[:-1])
    ax.set_yticks(range(size), graders[1:])
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title("Cohen\u2019s kappa", fontsize=style.small, fontweight="normal", pad=3)


def _numbers(values: pd.Series, look: Look) -> Iterator[tuple[str, float, str]]:
    """(text, offset from the middle of the cell, colour) of a cell's lines."""
    if len(values) > _MOST_NUMBERS:
        known = values.dropna()
        ends = [number(end, 2) for end in (known.min(), known.max())] if len(known) else ["n/a"]
        yield " to ".join(dict.fromkeys(ends)), 0.0, look.style.ink
        return
    step = 0.78 / max(1, len(values))
    for index, (model, value) in enumerate(values.items()):
        place = step * (index - (len(values) - 1) / 2)
        colour = look.colours[model] if len(values) > 1 else look.style.ink
        yield number(value, 2), place, colour
