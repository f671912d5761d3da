"""How long models think: naturally, and where they are made to think on."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import number, span


@layout.figure
def draw(graded: Frame, *, look: Look) -> Figure:
    """Histograms of thinking tokens per response: natural, forced waits and minimum budgets.

    Conditions with a maximum budget are left out: their lengths are what the budget says. Bins
    are whole numbers of tokens, or grow with length where lengths span orders of magnitude.
    """
    needed = [*conditions.COLUMNS, "think_tokens", "censored"]
    graded, style = frames.included(graded, needed, "there are no responses"), look.style
    rows = graded[conditions.is_uncapped(graded)]
    rows = frames.some(rows, "every condition has a maximum budget")
    left_out = conditions.unfit_note(rows)
    rows = frames.some(conditions.thought(rows), "no item fits the context of a model")
    look = look.over(graded)
    names = conditions.condition_names(rows, style)
    lengths = rows["think_tokens"].to_numpy(dtype=float)
    typical = max(1.0, np.quantile(lengths, 0.02))
    logarithmic = lengths.max() > max(400, 20 * typical)
    edges, widths = _log_edges(lengths) if logarithmic else _whole_edges(lengths)

    height = layout.ROW_HEIGHT * max(3, len(names))
    figure, panels = layout.model_panels(rows, look, height, sharex=True, sharey=True)
    sizes = []
    for ax, model, mine in panels:
        bases = layout.ridge_rows(ax, list(names.values()), style)
        for condition, base in zip(names, bases, strict=True):
            cell = mine[mine["condition"] == condition]
            if cell.empty:
                layout.beside(ax, base, "no data", style)
                continue
            tokens = cell["think_tokens"].to_numpy(dtype=float)
            sizes.append(len(cell))
            how = {"color": look.colours[model], "alpha": 0.65 if condition == "natural" else 0.35}
            layout.ridge(ax, base, tokens, edges, widths, fill=True, **how)
            low, middle, high = np.quantile(tokens, [0.25, 0.5, 0.75])
            ax.plot([low, high], [base - 0.13] * 2, color=style.ink, linewidth=1.1)
            ax.plot([middle], [base - 0.13], "o", color=style.ink, markersize=2.6)
            cut = cell["censored"].astype(bool).mean()
            if cut > 0:
                layout.beside(ax, base, f"{_percent(cut)} cut", style)
        layout.model_heading(ax, model, "", look)
        ax.set_xlabel(f"thinking tokens{' (log scale)' if logarithmic else ''}")
        _length_axis(ax, edges, logarithmic)
    text = (
        f"n per row: {span(sizes)} responses; dot and line: median and middle half; "
        "heights are relative within a row"
    )
    cut = rows["censored"].astype(bool)
    text += (
        f"; cut: thinking stopped before it ended ({_percent(cut.mean())} of all)"
        if cut.any()
        else "; no response was cut before it ended"
    )
    layout.note(figure, text + left_out, style)
    return figure


def _whole_edges(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins of one or more whole tokens, at most about 80, with edges between whole numbers."""
    low, high = np.floor(lengths.min()), np.ceil(lengths.max())
    step = max(1, int(np.ceil((high - low + 1) / 80)))
    edges = np.arange(low - 0.5, high + step + 0.5, step)
    return edges, np.diff(edges)


def _log_edges(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bins of equal ratio with edges between whole numbers, and their widths in log10.

    A bin of its own at the left holds responses without any thinking.
    """
    positive = lengths[lengths > 0]
    raw = np.geomspace(positive.min(), positive.max(), 45)
    # The last edge replaces the last of `raw`: a bin of one token up there would tower.
    edges = np.unique([*(np.floor(raw[:-1]) - 0.5), np.floor(positive.max()) + 0.5])
    edges = edges[edges >= 0.5]
    widths = np.diff(np.log10(edges))
    if (lengths == 0).any():
        gap = [widths.max()] if edges[0] > 0.5 else []
        widths = np.concatenate([[widths.max()], gap, widths])
        edges = np.unique(np.concatenate([[-0.5, 0.5], edges]))
    return edges, widths


def _length_axis(ax: Axes, edges: np.ndarray, logarithmic: bool) -> None:
    if not logarithmic:
        layout.count_axis(ax.xaxis, 5)
        return
    if edges[0] < 0:
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    else:
        ax.set_xscale("log")
    ax.set_xlim(edges[0], 1.1 * edges[-1])
    span_of_decades = np.log10(edges[-1] / max(edges[0], 1))
    steps = (1,) if span_of_decades > 2.5 else (1, 3) if span_of_decades > 1.5 else (1, 2, 5)
    ticks = [step * 10.0**power for power in range(0, 8) for step in steps]
    ticks = [tick for tick in ticks if edges[0] <= tick <= edges[-1]]
    ax.set_xticks([0.0, *ticks] if edges[0] < 0 else ticks)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"
