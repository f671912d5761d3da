"""Accuracy under each grader, and Cohen's kappa between graders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from thinkscale.figures.core.layout import (
    bars,
    empty_figure,
    finish,
    is_empty,
    model_legend,
    model_order,
    note,
    require,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import number, short_names, span

COLUMNS = (
    *("model", "condition", "measure", "grader", "other", "n_items", "n_responses"),
    *("estimate", "lower", "upper"),
)
_MOST_NUMBERS = 4  # kappas of more models do not fit into a cell; their range does


def grader_agreement(
    table: pd.DataFrame,
    *,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Above, accuracy and the share ungradable by grader and model; below, kappa of each pair.

    The natural condition is shown, or all conditions where it was not run.
    """
    with apply(style):
        if is_empty(table):
            return empty_figure("no two graders", style)
        require(table, COLUMNS, "table grader_agreement")
        condition = "natural" if table["condition"].eq("natural").any() else "all conditions"
        shown = table[table["condition"] == condition]
        order = model_order(shown, models)
        drawn = [model for model in order if model in set(shown["model"])]
        graders = list(pd.unique(shown.loc[shown["measure"] == "accuracy", "grader"]))
        scale = style.font_size / 8.0
        lines = len(drawn) if len(drawn) <= _MOST_NUMBERS else 1
        row = (0.17 + 0.105 * len(drawn)) * scale
        cell = (0.1 + 0.14 * lines) * scale
        heights = [row * len(graders), cell * (len(graders) - 1)]
        figure = Figure(
            figsize=(style.width, sum(heights) + 1.55 * scale), dpi=style.dpi, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.05, h_pad=0.04, hspace=0.06)
        above, below = figure.subplots(2, 1, height_ratios=heights)
        _accuracy(above, shown, graders, drawn, order, style)
        _kappa(below, shown, graders, drawn, order, style)
        names = short_names(order, style)
        marks = [
            Line2D([], [], color=style.muted, marker="o", linestyle="", label="accuracy"),
            Line2D(
                *([], []),
                **{"color": style.muted, "marker": "o", "linestyle": ""},
                markerfacecolor="white",
                label="ungradable",
            ),
        ]
        model_legend(figure, names, style, drawn, others=marks, colour_of=order)
        where = "natural condition" if condition == "natural" else condition
        note(
            figure,
            f"{where}; n = {span(shown['n_responses'])} responses to {span(shown['n_items'])} "
            f"items a model; bars: {100 * confidence:g}% intervals clustered by item",
            style,
        )
        return finish(figure)


def _accuracy(
    ax: Axes,
    shown: pd.DataFrame,
    graders: Sequence[str],
    drawn: Sequence[str],
    order: Sequence[str],
    style: Style,
) -> None:
    colours, marks = style.colours(order), style.marks(order)
    step = 0.72 / max(1, len(drawn))
    for index, model in enumerate(drawn):
        shift = step * (index - (len(drawn) - 1) / 2)
        for measure, filled in (("ungradable", False), ("accuracy", True)):
            own = shown[(shown["model"] == model) & (shown["measure"] == measure)]
            own = own.set_index("grader").reindex(graders)
            ax.errorbar(
                own["estimate"],
                np.arange(len(graders)) + shift,
                xerr=bars(own["lower"], own["estimate"], own["upper"]) if filled else None,
                fmt=marks[model],
                color=colours[model],
                markerfacecolor=colours[model] if filled else "white",
                elinewidth=style.line_width,
                zorder=3 if filled else 2,
            )
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
    ax: Axes,
    shown: pd.DataFrame,
    graders: Sequence[str],
    drawn: Sequence[str],
    order: Sequence[str],
    style: Style,
) -> None:
    """Half a matrix: a row for each grader but the first, a column for each but the last."""
    pairs = shown[shown["measure"] == "kappa"].set_index(["grader", "other"])
    colours = style.colours(order)
    shade = LinearSegmentedColormap.from_list("kappa", ["white", style.faint, style.muted])
    size = len(graders) - 1
    for across in range(size):
        for down in range(across, size):
            key = (graders[across], graders[down + 1])
            if key not in pairs.index:
                continue
            values = pairs.loc[[key]].set_index("model")["estimate"].reindex(drawn)
            middle = values.mean()
            ax.add_patch(
                _square(across, down, shade(0.6 * max(0.0, middle)) if middle == middle else "none")
            )
            for text, height, colour in _numbers(values, colours, style):
                ax.text(
                    *(across, down + height, text),
                    **{"ha": "center", "va": "center", "color": colour, "fontsize": style.small},
                )
    ax.set_xlim(-0.5, size - 0.5)
    ax.set_ylim(size - 0.5, -0.5)
    ax.set_xticks(range(size), graders[:-1])
    ax.set_yticks(range(size), graders[1:])
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    ax.set_title("Cohen\u2019s kappa", fontsize=style.small, fontweight="normal", pad=3)


def _square(across: int, down: int, colour):
    return Rectangle((across - 0.48, down - 0.45), 0.96, 0.9, facecolor=colour, edgecolor="none")


def _numbers(values: pd.Series, colours: dict[str, str], style: Style):
    """(text, offset from the middle of the cell, colour) of a cell's lines."""
    if len(values) > _MOST_NUMBERS:
        known = values.dropna()
        ends = [number(end, 2) for end in (known.min(), known.max())] if len(known) else ["n/a"]
        yield " to ".join(dict.fromkeys(ends)), 0.0, style.ink
        return
    step = 0.78 / max(1, len(values))
    for index, (model, value) in enumerate(values.items()):
        place = step * (index - (len(values) - 1) / 2)
        yield number(value, 2), place, colours[model] if len(values) > 1 else style.ink
