"""How far the fine-tuning corpus is from the test items: token frequencies in both."""

from itertools import product

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import NullLocator
from matplotlib.transforms import Bbox

from thinkscale.figures.core import Frame, Look, Style, comparisons, frames, layout, text
from thinkscale.figures.core.comparisons import SIDES
from thinkscale.figures.core.text import number, span

_SIZES = ["documents_corpus", "documents_items", "tokens_corpus", "tokens_items"]
_RADII = (5, 10, 17, 26, 38, 52)  # of rings, in points, on which a name is tried
_DEGREES = (30, 150, -30, -150, 0, 180, 60, 120, -60, -120, 90, -90)  # sideways first
_JS = ["corrected", "spread", "window_estimate", "null_mean", "null_upper", "p"]


@layout.figure
def draw(
    divergence_tokens: Frame, divergence: Frame = None, *, labels: int = 12, look: Look
) -> Figure:
    """Frequency of each token in the corpus against the items, on log scales.

    One panel per tokenizer and corpus. Tokens absent from one side lie in the strip at its
    margin. Of the tokens more frequent in the corpus, and of those more frequent in the items,
    the `labels` / 2 that contribute most to the Jensen-Shannon divergence are named; the
    divergence, and that of windows with its null, come from `divergence`.
    """
    style = look.style
    tokens = comparisons.tokens(divergence_tokens)
    present = tokens[(tokens[SIDES] > 0).any(axis=1)]
    groups = comparisons.each(frames.some(present, "no token occurs in corpus or items"))
    figure, panels = layout.panel_grid(len(groups), style, style.width, extra=0.95, widest=2)
    figure.get_layout_engine().set(wspace=0.02)
    placed, sizes = [], []
    for ax, (pair, tokens) in zip(panels, groups, strict=True):
        row = comparisons.js(divergence, pair, [*_SIZES, *_JS])
        placed.append((ax, tokens, _scatter(ax, tokens, style)))
        comparisons.heading(ax, pair, _said(row), style)
        for axis, side in ((ax.xaxis, "corpus"), (ax.yaxis, "items")):
            total = "" if row is None else f"{int(row[f'tokens_{side}']):,} "
            axis.set_label_text(f"frequency in {side} (share of {total}tokens)")
        if row is not None:
            sizes.append(row[_SIZES])
    said = f"n = {span(len(tokens) for _, tokens in groups)} different tokens"
    if sizes:
        corpora, items, *_ = zip(*sizes, strict=True)
        said += f"; documents: corpus {span(corpora)}, items {span(items)}"
    absent = [span((tokens[side] <= 0).sum() for _, tokens in groups) for side in SIDES]
    if absent != ["0", "0"]:
        said += f"; shaded: absent from corpus ({absent[0]}) or items ({absent[1]})"
    said += (
        "; diagonal: equal frequency; named: on either side of it, what adds most to the "
        "Jensen-Shannon divergence (JS)"
    )
    layout.note(figure, said, style)
    layout.finish(figure)  # the layout must stand before labels can avoid each other
    for ax, tokens, where in placed:
        _name_tokens(ax, tokens, where, labels, style)
    return figure


def _scatter(ax: Axes, tokens: pd.DataFrame, style: Style) -> np.ndarray:
    """Draw the tokens; returns where each one lies, shape (n, 2), in data coordinates."""
    shares = tokens[SIDES].to_numpy(dtype=float)
    absent = shares <= 0
    # One range for both axes, so that equal frequencies lie on the diagonal.
    low = np.floor(np.log10(shares[~absent].min()) * 2) / 2
    high = np.ceil(np.log10(shares.max()) * 2) / 2
    low, high = low - 0.1, max(high, low + 1) + 0.1
    strip = 0.1 * (high - low) if absent.any() else 0.0
    # Golden-ratio steps spread the absent over the strip, the same way every time.
    spread = (np.arange(len(shares)) * 0.6180339887) % 1
    inside = low - strip * (0.2 + 0.6 * spread)
    with np.errstate(divide="ignore"):
        where = 10 ** np.where(absent, inside[:, None], np.log10(shares))

    limits = (10 ** (low - strip), 10**high)
    ax.set(xscale="log", yscale="log", xlim=limits, ylim=limits)
    ax.set_box_aspect(1)
    ax.plot([10**low, 10**high], [10**low, 10**high], color=style.muted, linewidth=0.7, zorder=1)
    if strip:
        ax.axvspan(limits[0], 10**low, color=style.faint, alpha=0.5, linewidth=0, zorder=0)
        ax.axhspan(limits[0], 10**low, color=style.faint, alpha=0.5, linewidth=0, zorder=0)
    sns.scatterplot(
        x=where[:, 0], y=where[:, 1], s=(0.7 * style.marker_size) ** 2, color=style.muted,
        alpha=0.45, linewidth=0, zorder=2, rasterized=len(where) > 5000, ax=ax,
    )  # fmt: skip
    powers = np.arange(np.ceil(low), np.floor(high) + 1).astype(int)
    if len(powers) > 6:
        powers = powers[:: -(-len(powers) // 6)]
    ticks = [10.0**power for power in powers]
    words = [text.in_powers(tick) for tick in ticks]
    if strip:
        ticks, words = [10 ** (low - strip / 2), *ticks], ["0", *words]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_ticks(ticks, words)
    return where


def _said(row: pd.Series | None) -> str:
    """JS, and that of windows with its null."""
    if row is None:
        return "JS: no data"
    digits = text.digits_for(float(row["estimate"]))
    digits = max(digits, text.digits_for(float(row["null_mean"]), 2))
    js, *values = (number(float(row[column]), digits) for column in ("estimate", *_JS[:-1]))
    corrected, spread, windows, mean, upper = values
    said = f"JS = {js} bits, corrected {corrected} (spread {spread})\nwindows: {windows}, "
    return said + f"null {mean}, upper {upper}, {text.p_value(float(row['p']))}"


def _name_tokens(
    ax: Axes, tokens: pd.DataFrame, where: np.ndarray, count: int, style: Style
) -> None:
    """Name the tokens with the largest contributions where their names hide nothing.

    Each name takes the nearest free place on rings about its point. One that finds none is left
    out, and its point is not marked either.
    """
    per_point = ax.figure.dpi / 72
    points = ax.transData.transform(where)
    inside = ax.get_window_extent()
    largest = _largest(tokens, count)
    half = 0.5 * style.marker_size * per_point
    taken = [Bbox.from_extents(*(points[i] - half), *(points[i] + half)) for i in largest]
    for i in largest:
        name = tokens[["token", "token_id"]].iloc[i]
        label = layout.label(
            ax, comparisons.token_name(*name, style), where[i], (0, 0), style, ha="left",
            va="bottom", path_effects=[withStroke(linewidth=1.5, foreground="white")],
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip
        size = Text.get_window_extent(label).size  # of the name alone, without its line
        free = _free_place(points[i], size, per_point, inside, taken)
        if free is None:
            label.remove()
            continue
        box, radius = free
        taken.append(box)
        label.set_position((box.min - points[i]) / per_point)
        label.arrow_patch.set_visible(radius > 8)
        ax.plot(
            *where[i], "o", color=style.ink, markersize=0.75 * style.marker_size, markeredgewidth=0
        )


def _largest(tokens: pd.DataFrame, count: int) -> np.ndarray:
    """Places of the tokens that contribute most: half from each side, as far as it has them."""
    order = tokens["js_contribution"].to_numpy(dtype=float).argsort(kind="stable")[::-1]
    corpus = (tokens["frequency_corpus"] > tokens["frequency_items"]).to_numpy()[order]
    first, second = order[corpus], order[~corpus]
    half = min(len(first), max(count - len(second), -(-count // 2)))
    chosen = np.concatenate([first[:half], second[: count - half]])
    return order[np.isin(order, chosen)]


def _free_place(
    point: np.ndarray, size: np.ndarray, per_point: float, inside: Bbox, taken: list[Bbox]
) -> tuple[Bbox, float] | None:
    """The nearest place (pixels) inside the axes that covers nothing, and how many points away."""
    for radius, degrees in product(_RADII, _DEGREES):
        direction = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
        # The side of the box that faces the point touches the ring.
        corner = point + radius * per_point * direction - size * (1 - direction) / 2
        box = Bbox.from_bounds(*corner, *size)
        within = np.all(box.min >= inside.min) and np.all(box.max <= inside.max)
        if within and not box.count_overlaps(taken):
            return box, radius
    return None
