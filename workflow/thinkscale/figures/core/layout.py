"""Parts the figures share: panels, headings, notes, legends, rows of distributions, axes."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Annotation
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from thinkscale.figures.core import Line, Look, Style
from thinkscale.figures.core.frames import NoData
from thinkscale.figures.core.style import PLAIN, apply
from thinkscale.figures.core.text import characters, fold, number, short_names

DIFFICULTY = "difficulty (higher = harder)"
"""The label of an axis of item difficulty."""


def figure(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make a module's `draw` draw in the style of its `look`, and fix the layout it leaves.

    Without a `look` it gets the plain one. Where it raises NoData the figure says why there is
    nothing to see.
    """

    @wraps(draw)
    def drawn(*frames, look: Look = PLAIN, **named) -> Figure:
        with apply(look.style):
            try:
                return finish(draw(*frames, look=look, **named))
            except NoData as why:
                return empty_figure(str(why), look.style)

    return drawn


def empty_figure(why: str, style: Style) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(style.width, 0.6 * style.height), dpi=style.dpi)
    text = fold(f"no data: {why}", characters(0.9 * style.width, style.font_size))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=style.muted)
    return figure


def constrained(width: float, height: float, style: Style, **pads: float) -> Figure:
    """A figure of so many inches, whose parts make room for each other."""
    figure = Figure(figsize=(width, height), dpi=style.dpi, layout="constrained")
    figure.get_layout_engine().set(**pads)
    return figure


def panel_grid(
    count: int,
    style: Style,
    height: float | None = None,
    *,
    extra: float = 0.7,
    widest: int = 3,
    **share: bool,
) -> tuple[Figure, list[Axes]]:
    """So many axes: side by side up to `widest`, then in rows of two or `widest`.

    `height` is that of one panel's axes and `extra` what labels and headings add, in inches;
    `share` is sharex and sharey of all panels.
    """
    columns = count if count <= widest else 2 if count == 4 else widest
    rows = -(-count // columns)
    width = style.width if columns == 1 else style.wide
    high = rows * ((height or style.height) + extra * style.font_size / 8.0)
    figure = constrained(width, high, style, w_pad=0.05, h_pad=0.03, wspace=0.03, hspace=0.05)
    axes = list(figure.subplots(rows, columns, **share, squeeze=False).flat)
    for spare in axes[count:]:
        spare.remove()
    for ax in axes[:count]:
        ax.tick_params(labelbottom=True)  # a panel above a removed one keeps its labels
    return figure, axes[:count]


def model_panels(
    rows: pd.DataFrame, look: Look, height: float | None = None, **grid
) -> tuple[Figure, list[tuple[Axes, str, pd.DataFrame]]]:
    """A `panel_grid` with an axes for each model: the axes, the model, and its rows."""
    shown = look.among(rows)
    figure, panels = panel_grid(len(shown), look.style, height, **grid)
    return figure, [
        (ax, model, rows[rows["model"] == model]) for ax, model in zip(panels, shown, strict=True)
    ]


def label(
    ax: Axes, text: str, at: tuple, offset: tuple[float, float], style: Style, **how
) -> Annotation:
    """Small text `offset` points from a place of the axes, inside or outside of them."""
    how = {"fontsize": style.small, "annotation_clip": False} | how
    return ax.annotate(text, at, offset, textcoords="offset points", **how)


def heading(ax: Axes, title: str, detail: str, colour: str, style: Style) -> None:
    """A panel's name in its colour, and one or two lines of numbers under it, above the axes."""
    columns = ax.get_subplotspec().get_gridspec().ncols
    room = 0.8 * ax.figure.get_figwidth() / columns
    detail = fold(detail, characters(room, style.small)) if detail else ""
    lines = detail.count("\n") + 1 if detail else 0
    title = fold(title, characters(0.95 * room, style.font_size))
    ax.set_title(title, color=colour, pad=4 + 1.25 * style.small * lines)
    if detail:
        label(ax, detail, (0, 1), (0, 3), style, xycoords="axes fraction", va="bottom",
              color=style.ink)  # fmt: skip


def model_heading(ax: Axes, model: str, detail: str, look: Look) -> None:
    """The heading of a model's panel."""
    name = short_names(look.models, look.style)[model]
    heading(ax, name, detail, look.lines[model].colour, look.style)


def note(figure: Figure, text: str, style: Style) -> None:
    """Under the axes: n, what the bars are, what is left out. More than three lines add height."""
    text = fold(text, characters(0.97 * figure.get_figwidth(), style.small))
    _grow(figure, max(0, text.count("\n") - 2) * 1.3 * style.small)
    figure.supxlabel(text, x=0.015, ha="left", fontsize=style.small, color=style.muted)


def _grow(figure: Figure, points: float) -> None:
    """Make the figure higher, so that what stands outside of its axes takes nothing from them."""
    figure.set_figheight(figure.get_figheight() + points / 72)


def legend(
    figure: FigureBase,
    lines: Mapping[str, Line],
    look: Look,
    others: Sequence[Artist] = (),
    side: str = "upper",
) -> None:
    """Names of models, or of what else has `lines`, above the axes or below, then `others`.

    The figure grows by the height of the rows beyond the first.
    """
    style, names = look.style, short_names(list(lines), look.style)
    handles = [line.handle(names[name]) for name, line in lines.items()] + list(others)
    room = characters(0.97 * figure.figure.get_figwidth(), style.small)
    long = [len(str(handle.get_label())) + 6 for handle in handles]
    # Columns are filled from the top, and each is as wide as its longest name.
    rows = 1
    while (
        rows < len(long) and sum(max(long[i : i + rows]) for i in range(0, len(long), rows)) > room
    ):
        rows += 1
    columns = -(-len(handles) // rows)
    _grow(figure.figure, (rows - 1) * 1.7 * style.small)
    figure.legend(handles=handles, loc=f"outside {side} left", ncols=columns)


def rows_height(names: Collection[str], lines: Collection[str] = ("",)) -> float:
    """Inches that rows of names take, of which each has so many lines."""
    return len(names) * max(0.27, 0.07 + 0.09 * len(lines)) + 0.15


def rows_axis(ax: Axes, labels: Sequence[str]) -> None:
    """Rows with their labels, the first on top, set off from each other by faint lines."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for line in np.arange(1, len(labels)) - 0.5:
        ax.axhline(line, color=rcParams["grid.color"], linewidth=0.6, zorder=0)


def distributions(
    ax: Axes, rows: pd.DataFrame, x: str, y: str, names: Mapping[str, str], colour: str
) -> None:
    """The density of `x` in a row for each of `names`: value of the column `y`, and its label.

    Lines stand at the quartiles. Heights are relative within a row; a row of one value is a line.
    """
    rows = rows.astype({x: float})
    sns.violinplot(
        rows, x=x, y=y, order=list(names), orient="h", split=True, inner="quart", cut=0, ax=ax,
        density_norm="width", width=0.9, bw_adjust=0.5, gridsize=200, color=colour,
        saturation=1, linecolor=colour, linewidth=0.6, alpha=0.5,
        inner_kws={"color": rcParams["text.color"], "linestyle": "-"},
    )  # fmt: skip
    rows_axis(ax, list(names.values()))
    ax.set(xlabel="", ylabel="")


def points(
    ax: Axes, rows: pd.DataFrame, x: str, y: str, line: Line, style: Style, hollow: str = ""
) -> None:
    """Items as points, smaller and fainter where they are many; `hollow`: a column of open ones."""
    few, many = len(rows) <= 40, len(rows) > 300
    size = (style.marker_size * (1 if few else 0.75)) ** 2
    alpha = 0.9 if few else 0.3 if many else 0.55
    for ring, own in rows.groupby(hollow) if hollow else [(False, rows)]:
        how = {"color": line.colour, "linewidth": 0, "s": size, "alpha": alpha}
        if ring:
            how = {"facecolor": "none", "edgecolor": line.colour, "linewidth": 0.8, "s": 1.3 * size}
            how |= {"alpha": min(1, 1.5 * alpha)}
        how |= {"marker": line.marker, "rasterized": len(rows) > 5000, "legend": False}
        sns.scatterplot(own, x=x, y=y, ax=ax, **how)
    ax.set(xlabel="", ylabel="")


def mean_mark(
    ax: Axes, estimate: float, lower: float, upper: float, height: float, style: Style
) -> None:
    """An estimate lying at `height`: a tick, on a bar that is its interval.

    A tick and not a dot, which would hide a narrow interval.
    """
    ends = np.clip([[estimate - lower], [upper - estimate]], 0, None)  # a missing end draws none
    how = {"color": style.ink, "elinewidth": 1.8, "markeredgewidth": 0.8}
    ax.errorbar([estimate], [height], xerr=ends, fmt="|", ms=1.2 * style.marker_size, **how)


def beside(ax: Axes, row: float, text: str, style: Style) -> None:
    """A word at the right of a row, outside the axes."""
    where = ("axes fraction", "data")
    label(ax, text, (1, row), (2, 0), style, xycoords=where, va="center", color=style.muted)


def comparable(ranges: Iterable[float], factor: float = 4.0) -> bool:
    """Whether sizes lie close enough together to be drawn on one scale."""
    sizes = [size for size in ranges if size > 0]
    return not sizes or max(sizes) <= factor * min(sizes)


def count_axis(axis: Axis, most: int = 6) -> None:
    """Whole numbers with thousands separators."""
    axis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: number(value, 0))


def token_axis(ax: Axes, tokens: np.ndarray) -> None:
    """Tokens along the bottom on a log scale, with room for 0 where there is one."""
    low, high = tokens[tokens > 0].min(), tokens.max()
    none = low > tokens.min()
    ax.set_xscale("symlog", linthresh=low, linscale=0.4) if none else ax.set_xscale("log")
    ax.set_xlim(-0.5 * low if none else 0.9 * low, 1.1 * high)
    decades = np.log10(high / low)
    steps = (1,) if decades > 2.5 else (1, 3) if decades > 1.5 else (1, 2, 5)
    ticks = [step * 10.0**power for power in range(8) for step in steps]
    ticks = [0.0] * int(none) + [tick for tick in ticks if low <= tick <= high]
    ax.set_xticks(ticks, [number(tick, 0) for tick in ticks])
    ax.minorticks_off()


def log_axis(
    ax: Axes, label: str, spread: float, say: Callable[[float], str], most: int = 4
) -> None:
    """A log scale along the bottom, with so few ticks that the words `say` has for them fit.

    spread: how many times the smallest value the largest is. most: for how many words there is
    room, about.
    """
    ax.set(xscale="log", xlabel=f"{label} (log scale)" if label else "")
    often = ((1, 2, 3, 4, 6), (1, 3), (1,))
    steps = next((s for s in often if len(s) * np.log10(spread) <= most), often[-1])
    ax.xaxis.set_major_locator(LogLocator(subs=steps))
    ax.xaxis.set_major_formatter(lambda value, _: say(value))
    ax.xaxis.set_minor_formatter(NullFormatter())


def finish(figure: Figure) -> Figure:
    """Fix the layout and every tick while the style holds; no tick is read as mathtext.

    A layout made once is the same in SVG and PNG.
    """
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        # Tied to the axis: how many ticks fit depends on it, outside the style too.
        if "labelsize" not in axis.get_tick_params():
            axis.set_tick_params(labelsize=rcParams[f"{axis.axis_name}tick.labelsize"])
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
            label.set_parse_math(False)
    return figure
