"""Parts the figures share: panels, headings, notes, legends, ridges, dodged intervals."""

from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from thinkscale.figures.core.frames import NoData
from thinkscale.figures.core.style import PLAIN, Look, Style, apply
from thinkscale.figures.core.text import characters, fold, number, short_names

DIFFICULTY = "difficulty (higher = harder)"
"""The label of an axis of item difficulty."""
ROW_HEIGHT = 0.27
"""Of a ridge, in inches."""


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
    for index, ax in enumerate(axes[:count]):
        if share.get("sharey"):
            ax.tick_params(labelleft=index % columns == 0)
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
    heading(ax, name, detail, look.colours[model], look.style)


def note(figure: Figure, text: str, style: Style) -> None:
    """A line or more under the axes: n, what the bars are, what is left out."""
    room = characters(0.97 * figure.get_figwidth(), style.small)
    figure.supxlabel(fold(text, room), x=0.015, ha="left", fontsize=style.small, color=style.muted)


def model_legend(
    figure: Figure, models: Sequence[str], look: Look, others: Sequence[Line2D] = ()
) -> None:
    """Names of the models above the axes, with their colours and markers, then `others`.

    The figure grows by the height of the rows beyond the first.
    """
    style, names = look.style, short_names(look.models, look.style)
    handles = [
        Line2D([], [], color=look.colours[model], marker=look.marks[model], label=names[model])
        for model in models
    ]
    handles += others
    room = characters(0.97 * figure.get_figwidth(), style.small)
    longest = max(len(str(handle.get_label())) for handle in handles) + 7
    columns = max(1, min(len(handles), room // longest))
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + (rows - 1) * 1.7 * style.small / 72)
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)


def dodge(ax: Axes, index: int, count: int, step: float = 3.0) -> Transform:
    """Data coordinates moved sideways by points, so that intervals of models do not hide.

    What is drawn so does not widen the axes: set their limits.
    """
    shift = step * (index - (count - 1) / 2) / 72
    return ax.transData + ScaledTranslation(shift, 0, ax.figure.dpi_scale_trans)


def bars(lower: pd.Series, estimate: pd.Series, upper: pd.Series) -> np.ndarray:
    """Interval ends as the distances `errorbar` wants, shape (2, n); none where missing."""
    below = (estimate - lower).to_numpy(dtype=float, na_value=np.nan)
    above = (upper - estimate).to_numpy(dtype=float, na_value=np.nan)
    # An estimate may lie a rounding error outside its own interval.
    return np.clip(np.nan_to_num(np.vstack([below, above])), 0, None)


def ridge(
    ax: Axes, base: float, values: np.ndarray, edges: np.ndarray, widths: np.ndarray, **look
) -> None:
    """A histogram standing on the line `base`; its tallest bin is 0.72 high."""
    counts, _ = np.histogram(values, edges)
    heights = counts / widths
    if heights.max() > 0:
        heights = 0.72 * heights / heights.max()
    ax.stairs(base + heights, edges, baseline=base, **look)


def ridge_rows(ax: Axes, labels: Sequence[str], style: Style) -> list[float]:
    """Prepare an axes for ridges, first label on top; returns the base line of each row."""
    bases = [float(-i) for i in range(len(labels))]
    ax.set_ylim(bases[-1] - 0.35, bases[0] + 0.95)
    ax.set_yticks([base + 0.22 for base in bases], labels)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for base in bases:
        ax.axhline(base, color=style.faint, linewidth=0.6, zorder=0)
    return bases


def mean_mark(
    ax: Axes, estimate: float, lower: float, upper: float, height: float, style: Style
) -> None:
    """An estimate lying at `height`: a tick, on a bar that is its interval.

    A tick and not a dot, which would hide a narrow interval.
    """
    ends = [[max(0.0, estimate - lower)], [max(0.0, upper - estimate)]]
    ax.errorbar(
        [estimate], [height], xerr=ends if np.isfinite([lower, upper]).all() else None,
        fmt="|", color=style.ink, elinewidth=1.8, markersize=1.2 * style.marker_size,
        markeredgewidth=0.8,
    )  # fmt: skip


def beside(ax: Axes, base: float, text: str, style: Style) -> None:
    """A word at the right of a ridge's row, outside the axes."""
    where = ("axes fraction", "data")
    label(ax, text, (1, base + 0.22), (2, 0), style, xycoords=where, va="center", color=style.muted)


def edges_about_zero(values: np.ndarray, most: int = 60) -> np.ndarray:
    """Edges of equal bins, one of which has 0 in its middle, so that no change is one bar."""
    step = float(np.diff(even_edges(values, most))[0])
    first, last = np.floor(values.min() / step + 0.5), np.ceil(values.max() / step - 0.5)
    return (np.arange(first, last + 2) - 0.5) * step


def even_edges(values: np.ndarray, most: int = 40) -> np.ndarray:
    """Edges of equal bins over all values: Freedman and Diaconis' number, from 12 to `most`."""
    values = np.asarray(values, dtype=float)
    low, high = float(values.min()), float(values.max())
    if low == high:
        width = abs(low) * 0.05 or 0.5
        return np.array([low - width, low + width])
    wanted = len(np.histogram_bin_edges(values, bins="fd")) - 1 if len(values) < 200_000 else most
    return np.linspace(low, high, min(most, max(12, wanted)) + 1)


def comparable(ranges: Iterable[float], factor: float = 4.0) -> bool:
    """Whether sizes lie close enough together to be drawn on one scale."""
    sizes = [size for size in ranges if size > 0]
    return not sizes or max(sizes) <= factor * min(sizes)


def count_axis(axis: Axis, most: int = 6) -> None:
    """Whole numbers with thousands separators."""
    axis.set_major_locator(MaxNLocator(most, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))


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
