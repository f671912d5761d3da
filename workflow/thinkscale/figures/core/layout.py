"""Parts the figures share: panels, headings, notes, legends, ridges, dodged intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from thinkscale.errors import ThinkscaleError
from thinkscale.figures.core.style import Style
from thinkscale.figures.core.text import characters, fold, number


def require(frame: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    """Raise ThinkscaleError when a frame that has rows lacks a column a figure needs."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ThinkscaleError(
            f"{name}: column {', '.join(missing)} is missing; found {', '.join(frame.columns)}."
        )


def is_empty(frame: pd.DataFrame | None) -> bool:
    """No frame at all, or one without rows."""
    return frame is None or frame.empty


def model_order(frame: pd.DataFrame, models: Sequence[str] | None) -> list[str]:
    """The models as listed, then those only the frame has: colours stay, nobody is dropped."""
    listed = list(dict.fromkeys(models or ()))
    return listed + [model for model in pd.unique(frame["model"]) if model not in listed]


def empty_figure(why: str, style: Style) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(style.width, 0.6 * style.height), dpi=style.dpi)
    text = fold(f"no data: {why}", characters(0.9 * style.width, style.font_size))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=style.muted)
    return figure


def one_panel(style: Style, height: float | None = None) -> tuple[Figure, Axes]:
    """A figure of one column with one axes."""
    figure, (axes,) = panel_grid(1, style, height)
    return figure, axes


def panel_grid(
    count: int,
    style: Style,
    height: float | None = None,
    *,
    sharex: bool = False,
    sharey: bool = False,
    extra: float = 0.7,
) -> tuple[Figure, list[Axes]]:
    """One axes per model: side by side up to three, then in rows of two or three.

    `height` is that of one panel's axes and `extra` what labels and headings add, in inches.
    """
    columns = count if count <= 3 else 2 if count == 4 else 3
    rows = -(-count // columns)
    width = style.width if columns == 1 else style.wide
    scale = style.font_size / 8.0
    figure = Figure(
        figsize=(width, rows * ((height or style.height) + extra * scale)),
        dpi=style.dpi,
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.05, h_pad=0.03, wspace=0.03, hspace=0.05)
    grid = figure.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False)
    axes = list(grid.flat)
    for spare in axes[count:]:
        spare.remove()
    if sharey:
        for index, ax in enumerate(axes[:count]):
            ax.tick_params(labelleft=index % columns == 0)
    for ax in axes[:count]:  # a panel above a removed one keeps its labels
        ax.tick_params(labelbottom=True)
    return figure, axes[:count]


def first_column(axes: Sequence[Axes]) -> list[Axes]:
    """The axes at the left edge, which carry the shared label."""
    return [ax for ax in axes if ax.get_subplotspec().is_first_col()]


def heading(ax: Axes, title: str, detail: str, colour: str, style: Style) -> None:
    """A panel's name in its colour, and one or two lines of numbers under it, above the axes."""
    columns = ax.get_subplotspec().get_gridspec().ncols
    room = 0.8 * ax.figure.get_figwidth() / columns
    detail = fold(detail, characters(room, style.small)) if detail else ""
    lines = detail.count("\n") + 1 if detail else 0
    ax.set_title(
        fold(title, characters(0.95 * room, style.font_size)),
        color=colour,
        pad=4 + 1.25 * style.small * lines,
    )
    if detail:
        ax.annotate(
            detail,
            (0, 1),
            (0, 3),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            fontsize=style.small,
            color=style.ink,
            annotation_clip=False,
        )


def note(figure: Figure, text: str, style: Style) -> None:
    """A line or more under the axes: n, what the bars are, what is left out."""
    room = characters(0.97 * figure.get_figwidth(), style.small)
    figure.supxlabel(fold(text, room), x=0.015, ha="left", fontsize=style.small, color=style.muted)


def model_legend(
    figure: Figure,
    names: Mapping[str, str],
    style: Style,
    models: Sequence[str],
    others: Sequence[Line2D] = (),
    colour_of: Sequence[str] | None = None,
) -> None:
    """Names of the models above the axes, with their colours and markers, then `others`.

    `colour_of` is the full list of models that colours are counted along. The figure grows by
    the height of the rows beyond the first.
    """
    colours = style.colours(colour_of or models)
    marks = style.marks(colour_of or models)
    handles = [
        Line2D([], [], color=colours[model], marker=marks[model], label=names[model])
        for model in models
    ]
    handles += list(others)
    room = characters(0.97 * figure.get_figwidth(), style.small)
    longest = max(len(str(handle.get_label())) for handle in handles) + 7
    columns = max(1, min(len(handles), room // longest))
    rows = -(-len(handles) // columns)
    figure.set_figheight(figure.get_figheight() + (rows - 1) * 1.7 * style.small / 72)
    figure.legend(handles=handles, loc="outside upper left", ncols=columns)


def dodge(ax: Axes, index: int, count: int, step: float = 3.0) -> Transform:
    """Data coordinates moved sideways by points, so that intervals of models do not hide."""
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
    distances = None
    if np.isfinite(lower) and np.isfinite(upper):
        distances = [[max(0.0, estimate - lower)], [max(0.0, upper - estimate)]]
    ax.errorbar(
        [estimate],
        [height],
        xerr=distances,
        fmt="|",
        color=style.ink,
        markersize=1.2 * style.marker_size,
        markeredgewidth=0.8,
        elinewidth=1.8,
    )


def beside(ax: Axes, base: float, text: str, style: Style) -> None:
    """A word at the right of a ridge's row, outside the axes."""
    ax.annotate(
        text,
        (1, base + 0.22),
        (2, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=style.small,
        color=style.muted,
        annotation_clip=False,
    )


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
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _keep_label_size(axis)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
            label.set_parse_math(False)
    return figure


def _keep_label_size(axis: Axis) -> None:
    """Tie the labels' size to the axis: how many ticks fit depends on it, outside the style too."""
    if "labelsize" not in axis.get_tick_params():
        axis.set_tick_params(labelsize=rcParams[f"{axis.axis_name}tick.labelsize"])
