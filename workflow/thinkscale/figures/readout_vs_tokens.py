"""How sure a model is of the key, against how long it thought."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from thinkscale.figures.core import accuracy, conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import number, span


@layout.figure
def draw(readout: Frame, *, look: Look) -> Figure:
    """Mean probability of the key against mean thinking tokens, a line for each model.

    Points are conditions. Natural thinking is a hollow point: budgets lie before it,
    waits and minimum budgets behind.
    """
    needed = ["model", *conditions.COLUMNS, "measure", "n_items", "n_responses"]
    needed += ["estimate", "lower", "upper", "guessing"]
    table = frames.require(frames.some(readout, "nothing was read"), needed, "readout")
    points, style = frames.some(_points(table), "nothing was read"), look.style
    look = look.over(points)
    shown = look.among(points)
    figure, (ax,) = layout.panel_grid(1, style, extra=1.0)
    ax.grid(axis="y")
    guess = accuracy.guessing(ax, points["guessing"].mean(), style)
    for model in shown:
        mine = points[points["model"] == model].sort_values("tokens")
        _line(ax, mine, model, look)
    _token_axis(ax, points)
    ax.set_ylim(0, accuracy.top(points))
    ax.set_ylabel("probability of the key (mean)")
    how = {"color": style.ink, "marker": "o", "linestyle": "none", **accuracy.HOLLOW}
    natural = Line2D([], [], label="natural", **how)
    layout.model_legend(figure, shown, look, [natural, guess])
    sizes = f"n per point: {span(points['n_items'])} items, {span(points['n_responses'])} responses"
    text = f"{sizes}; a point for each condition; bars: {look.confidence:.0%} intervals"
    layout.note(figure, text, style)
    return figure


def _points(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the key's probability, with the tokens of the same responses."""
    keys = ["model", "condition"]
    ends = {"estimate": "tokens", "lower": "tokens_lower", "upper": "tokens_upper"}
    tokens = table[table["measure"] == "think_tokens"].rename(columns=ends)
    found = table[table["measure"] == "key_probability"].merge(tokens[[*keys, *ends.values()]])
    return found.dropna(subset=["estimate", "tokens"])


def _line(ax: Axes, rows: pd.DataFrame, model: str, look: Look) -> None:
    colour, size = look.colours[model], look.style.marker_size
    tokens, estimate = (rows[name].to_numpy(float) for name in ("tokens", "estimate"))
    ax.errorbar(
        tokens, estimate, yerr=layout.bars(rows["lower"], rows["estimate"], rows["upper"]),
        xerr=layout.bars(rows["tokens_lower"], rows["tokens"], rows["tokens_upper"]),
        color=colour, marker=look.marks[model], markersize=0.85 * size, markeredgewidth=0,
        elinewidth=0.6 * look.style.line_width,
    )  # fmt: skip
    natural = conditions.is_natural(rows).to_numpy()
    ax.plot(
        tokens[natural], estimate[natural], color=colour, marker=look.marks[model],
        linestyle="none", markersize=1.15 * size, zorder=4, **accuracy.HOLLOW,
    )  # fmt: skip


def _token_axis(ax: Axes, points: pd.DataFrame) -> None:
    """A log scale where means span more than a factor of 16, with room for 0."""
    tokens = points["tokens"].astype(float)
    positive, label = tokens[tokens > 0], "thinking tokens (mean)"
    if len(positive) and positive.max() > 16 * positive.min():
        ax.set_xscale("symlog", base=2, linthresh=positive.min(), linscale=1)
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))
        label = "thinking tokens (mean, log scale)"
    else:
        layout.count_axis(ax.xaxis)
    ax.set_xlabel(label)
