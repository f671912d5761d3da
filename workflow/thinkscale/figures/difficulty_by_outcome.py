"""Figures of the item bank: how hard the items are, and which ones models get right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from thinkscale.figures.core.conditions import natural_rows, unfit_note
from thinkscale.figures.core.layout import (
    beside,
    count_axis,
    empty_figure,
    even_edges,
    finish,
    first_column,
    heading,
    is_empty,
    mean_mark,
    model_order,
    note,
    one_panel,
    panel_grid,
    require,
    ridge,
    ridge_rows,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import MINUS, plural, short_names, with_interval

DIFFICULTY_LABEL = "difficulty (higher = harder)"
OUTCOMES = ("correct", "incorrect", "ungradable")


def difficulty_histogram(
    items: pd.DataFrame | None, *, confidence: float = 0.95, style: Style = DEFAULT
) -> Figure:
    """Items per difficulty, with the mean and its t interval above the bars."""
    with apply(style):
        if is_empty(items):
            return empty_figure("the item bank has no items", style)
        require(items, ["difficulty"], "items")
        difficulty = items["difficulty"].dropna().to_numpy(dtype=float)
        if difficulty.size == 0:
            return empty_figure("no item has a difficulty", style)

        figure, ax = one_panel(style)
        counts, edges = np.histogram(difficulty, even_edges(difficulty, most=30))
        ax.stairs(counts, edges, fill=True, color=style.muted, alpha=0.35)
        ax.stairs(counts, edges, color=style.muted, linewidth=0.8)
        ax.set_ylim(0, 1.2 * counts.max())
        ax.set_xlabel(DIFFICULTY_LABEL)
        ax.set_ylabel("items")
        count_axis(ax.yaxis, 5)

        mean, deviation = difficulty.mean(), np.nan
        lower = upper = np.nan
        if difficulty.size > 1:
            deviation = difficulty.std(ddof=1)
            half = stats.t.ppf((1 + confidence) / 2, difficulty.size - 1)
            half *= deviation / np.sqrt(difficulty.size)
            lower, upper = mean - half, mean + half
        height = 1.1 * counts.max()
        mean_mark(ax, mean, lower, upper, height, style)

        missing = len(items) - difficulty.size
        text = (
            f"n = {plural(difficulty.size, 'item')}; tick and bar: "
            f"mean {with_interval(mean, lower, upper)} ({confidence:.0%} interval); "
            f"SD {with_interval(deviation, np.nan, np.nan)}"
        )
        if missing:
            text += f"; {plural(missing, 'item')} without a difficulty left out"
        note(figure, text, style)
        return finish(figure)


def difficulty_by_outcome(
    graded_natural: pd.DataFrame | None,
    outcome_difficulty: pd.DataFrame | None = None,
    *,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Difficulty of the items behind correct, incorrect and ungradable responses, per model.

    Ridges are histograms over responses; means and intervals come from `outcome_difficulty`.
    """
    with apply(style):
        if not is_empty(graded_natural):
            graded_natural = natural_rows(graded_natural)
        if is_empty(graded_natural):
            return empty_figure("no graded response that stopped naturally", style)
        needed = ["model", "item_id", "outcome", "difficulty", "error"]
        require(graded_natural, needed, "graded responses")
        known = graded_natural[graded_natural["difficulty"].notna()]
        if known.empty:
            return empty_figure("no graded response is to an item with a difficulty", style)
        order = model_order(graded_natural, models)
        shown = [model for model in order if (known["model"] == model).any()]
        colours, names = style.colours(order), short_names(order, style)
        edges = even_edges(known["difficulty"].to_numpy(dtype=float), most=24)

        figure, panels = panel_grid(len(shown), style, 1.35, sharex=True, sharey=True, extra=0.85)
        for ax, model in zip(panels, shown, strict=True):
            mine = known[known["model"] == model]
            means = _outcome_table(outcome_difficulty, model)
            heading(ax, names[model], _difference(means), colours[model], style)
            bases = ridge_rows(ax, OUTCOMES, style)
            for outcome, base in zip(OUTCOMES, bases, strict=True):
                values = mine.loc[mine["outcome"] == outcome, "difficulty"].to_numpy(dtype=float)
                look = {
                    "correct": {"fill": True, "color": colours[model], "alpha": 0.55},
                    "incorrect": {"color": colours[model], "linewidth": 0.9},
                    "ungradable": {"fill": True, "color": style.muted, "alpha": 0.35},
                }[outcome]
                if values.size:
                    ridge(ax, base, values, edges, np.diff(edges), **look)
                beside(ax, base, f"n = {values.size:,}", style)
                if outcome in means:
                    mean_mark(ax, *means[outcome], base - 0.14, style)
            ax.set_xlabel(DIFFICULTY_LABEL)
        text = (
            f"n = responses, to {plural(known['item_id'].nunique(), 'item')}; ticks and bars: mean "
            f"difficulty with its {confidence:.0%} interval (under incorrect: of all not correct)"
        )
        if is_empty(outcome_difficulty):
            text = text.split(";")[0] + "; no data on means and intervals"
        if len(known) < len(graded_natural):
            left = len(graded_natural) - len(known)
            text += f"; {plural(left, 'response')} to items without a difficulty left out"
        note(figure, text + unfit_note(known, "counted as ungradable"), style)
        for ax in first_column(panels):
            ax.tick_params(labelleft=True)
        return finish(figure)


def _outcome_table(table: pd.DataFrame | None, model: str) -> dict[str, tuple[float, ...]]:
    """Estimate, lower and upper per outcome, and of the difference, for one model."""
    if is_empty(table):
        return {}
    require(table, ["model", "measure", "estimate", "lower", "upper"], "outcome_difficulty")
    keys = {
        "mean_difficulty_correct": "correct",
        "mean_difficulty_incorrect": "incorrect",
        "difference": "difference",
    }
    rows = table[(table["model"] == model) & table["measure"].isin(list(keys))]
    rows = rows[rows["estimate"].notna()]
    return {
        keys[row.measure]: (float(row.estimate), float(row.lower), float(row.upper))
        for row in rows.itertuples()
    }


def _difference(means: dict[str, tuple[float, ...]]) -> str:
    """The difference of the means, in words that follow the table's own sign."""
    if "difference" not in means:
        return "difference of means: no data"
    estimate, lower, upper = means["difference"]
    words = "difference of means"
    if "correct" in means and "incorrect" in means:
        gap = means["incorrect"][0] - means["correct"][0]
        forward = abs(estimate - gap) <= abs(estimate + gap)
        words = f"not correct {MINUS} correct" if forward else f"correct {MINUS} not correct"
    return f"{words} = {with_interval(estimate, lower, upper, 3)}"
