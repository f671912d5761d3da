"""Figures of thinking length: its distribution, and what each condition does to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from thinkscale.figures.core.conditions import (
    COLUMNS,
    condition_names,
    is_natural,
    is_uncapped,
    thought,
    unfit_note,
)
from thinkscale.figures.core.layout import (
    beside,
    comparable,
    count_axis,
    edges_about_zero,
    empty_figure,
    finish,
    heading,
    is_empty,
    mean_mark,
    model_order,
    note,
    panel_grid,
    require,
    ridge,
    ridge_rows,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import number, short_names, span

ROW_HEIGHT = 0.27  # inches


def thinking_lengths(
    responses: pd.DataFrame | None,
    *,
    models: Sequence[str] | None = None,
    style: Style = DEFAULT,
) -> Figure:
    """Histograms of thinking tokens per response: natural, forced waits and minimum budgets.

    Conditions with a maximum budget are left out: their lengths are what the budget says. Bins
    are whole numbers of tokens, or grow with length where lengths span orders of magnitude.
    """
    with apply(style):
        if is_empty(responses):
            return empty_figure("there are no responses", style)
        needed = ["model", "item_id", *COLUMNS, "think_tokens", "censored", "error"]
        require(responses, needed, "responses")
        rows = responses[is_uncapped(responses)]
        if rows.empty:
            return empty_figure("every condition has a maximum budget", style)
        rows, left_out = thought(rows), unfit_note(rows)
        if rows.empty:
            return empty_figure("no item fits the context of a model", style)
        order = model_order(responses, models)
        shown = [model for model in order if (rows["model"] == model).any()]
        colours, names = style.colours(order), short_names(order, style)
        conditions = condition_names(rows, style)
        lengths = rows["think_tokens"].to_numpy(dtype=float)
        logarithmic = lengths.max() > 400 and lengths.max() > 20 * max(
            1.0, np.quantile(lengths, 0.02)
        )
        edges, widths = _log_edges(lengths) if logarithmic else _whole_edges(lengths)

        height = ROW_HEIGHT * max(3, len(conditions))
        figure, panels = panel_grid(len(shown), style, height, sharex=True, sharey=True)
        sizes = []
        for ax, model in zip(panels, shown, strict=True):
            mine = rows[rows["model"] == model]
            bases = ridge_rows(ax, list(conditions.values()), style)
            for condition, base in zip(conditions, bases, strict=True):
                cell = mine[mine["condition"] == condition]
                if cell.empty:
                    beside(ax, base, "no data", style)
                    continue
                tokens = cell["think_tokens"].to_numpy(dtype=float)
                sizes.append(len(cell))
                full = condition == "natural"
                ridge(ax, base, tokens, edges, widths, fill=True, color=colours[model],
                      alpha=0.65 if full else 0.35)  # fmt: skip
                low, middle, high = np.quantile(tokens, [0.25, 0.5, 0.75])
                ax.plot([low, high], [base - 0.13] * 2, color=style.ink, linewidth=1.1)
                ax.plot([middle], [base - 0.13], "o", color=style.ink, markersize=2.6)
                cut = cell["censored"].astype(bool).mean()
                if cut > 0:
                    beside(ax, base, f"{_percent(cut)} cut", style)
            heading(ax, names[model], "", colours[model], style)
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
        note(figure, text + left_out, style)
        return finish(figure)


def token_change(
    responses: pd.DataFrame | None,
    changes: pd.DataFrame | None = None,
    *,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Change of thinking tokens against natural, item by item, for every other condition.

    Ridges are histograms over items of the mean change over samples; the Hodges-Lehmann estimate
    and its interval come from `changes` (token_change.csv).
    """
    with apply(style):
        if is_empty(responses):
            return empty_figure("there are no responses", style)
        needed = ["model", "item_id", "sample", *COLUMNS, "think_tokens", "error"]
        require(responses, needed, "responses")
        order = model_order(responses, models)
        responses, left_out = thought(responses), unfit_note(responses)
        per_item = change_per_item(responses)
        if per_item.empty:
            return empty_figure("no condition can be paired with a natural response", style)
        shown = [model for model in order if (per_item["model"] == model).any()]
        colours, names = style.colours(order), short_names(order, style)
        conditions = condition_names(responses[~is_natural(responses)], style)
        one_scale = comparable(per_item["change"].abs().groupby(per_item["model"]).max())

        height = ROW_HEIGHT * max(3, len(conditions))
        figure, panels = panel_grid(len(shown), style, height, sharex=one_scale, sharey=True)
        for ax, model in zip(panels, shown, strict=True):
            mine = per_item[per_item["model"] == model]
            scale = per_item if one_scale else mine
            edges = edges_about_zero(scale["change"].to_numpy(dtype=float))
            bases = ridge_rows(ax, list(conditions.values()), style)
            ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
            for condition, base in zip(conditions, bases, strict=True):
                values = mine.loc[mine["condition"] == condition, "change"].to_numpy(dtype=float)
                if not values.size:
                    beside(ax, base, "no data", style)
                    continue
                ridge(ax, base, values, edges, np.diff(edges), fill=True, color=colours[model],
                      alpha=0.4)  # fmt: skip
                _hodges_lehmann(ax, changes, model, condition, base, style)
            pairs = mine.groupby("condition")["item_id"].nunique()
            heading(ax, names[model], f"n = {span(pairs)} items", colours[model], style)
            ax.set_xlabel("change in thinking tokens")
            count_axis(ax.xaxis, 4)
        text = (
            "change against natural, item means over samples; ticks, bars and numbers: "
            f"Hodges-Lehmann estimate with {confidence:.0%} interval; "
            "heights are relative within a row"
        )
        if is_empty(changes):
            text = "change against natural, item means over samples; no data on estimates"
        note(figure, text + left_out, style)
        return finish(figure)


def change_per_item(responses: pd.DataFrame) -> pd.DataFrame:
    """Mean change of tokens against natural over the samples of an item.

    Columns model, condition, item_id, change; pairs are of one item and sample.
    """
    keys = ["model", "item_id", "sample"]
    natural = responses.loc[is_natural(responses), [*keys, "think_tokens"]]
    other = responses.loc[~is_natural(responses), [*keys, "condition", "think_tokens"]]
    pairs = other.merge(natural, on=keys, suffixes=("", "_natural"), validate="many_to_one")
    pairs["change"] = pairs["think_tokens"] - pairs["think_tokens_natural"]
    return pairs.groupby(["model", "condition", "item_id"], sort=False, as_index=False)[
        "change"
    ].mean()


def _hodges_lehmann(
    ax: Axes, table: pd.DataFrame | None, model: str, condition: str, base: float, style: Style
) -> None:
    if is_empty(table):
        return
    require(table, ["model", "condition", "estimate", "lower", "upper"], "token_change")
    row = table[(table["model"] == model) & (table["condition"] == condition)]
    row = row[row["estimate"].notna()]
    if row.empty:
        beside(ax, base, "no estimate", style)
        return
    value, lower, upper = (float(row.iloc[0][name]) for name in ("estimate", "lower", "upper"))
    mean_mark(ax, value, lower, upper, base - 0.14, style)
    digits = 1 if abs(value) < 100 else 0
    sign = "+" if number(value, digits).strip("0.,") and value > 0 else ""
    beside(ax, base, sign + number(value, digits), style)


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
        count_axis(ax.xaxis, 5)
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
