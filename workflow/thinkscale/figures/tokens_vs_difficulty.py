"""Does thinking length register human difficulty: tokens against difficulty, item by item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from statsmodels.regression.linear_model import OLS

from thinkscale.figures.core.conditions import natural_rows, thought, unfit_note
from thinkscale.figures.core.layout import (
    comparable,
    count_axis,
    empty_figure,
    finish,
    first_column,
    heading,
    is_empty,
    model_order,
    note,
    panel_grid,
    require,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import plural, short_names, with_interval
from thinkscale.figures.difficulty_by_outcome import DIFFICULTY_LABEL

RHO = "\N{GREEK SMALL LETTER RHO}"


def tokens_vs_difficulty(
    graded_natural: pd.DataFrame | None,
    registration: pd.DataFrame | None = None,
    *,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Mean thinking tokens of each item against its difficulty, one panel per model.

    The line is least squares over items, the band its confidence band for the mean. Spearman's
    rho and its interval come from `registration`. Items with a censored sample are open rings.
    """
    with apply(style):
        if not is_empty(graded_natural):
            graded_natural = natural_rows(graded_natural)
        if is_empty(graded_natural):
            return empty_figure("no response that stopped naturally", style)
        needed = ["model", "item_id", "difficulty", "think_tokens", "censored", "error"]
        require(graded_natural, needed, "graded responses")
        order = model_order(graded_natural, models)
        left_out = unfit_note(graded_natural)
        points = _per_item(thought(graded_natural))
        if points.empty:
            return empty_figure("no item fits the context of a model", style)
        known = points[points["difficulty"].notna()]
        if known.empty:
            return empty_figure("no item has a difficulty", style)
        shown = [model for model in order if (known["model"] == model).any()]
        colours, marks, names = style.colours(order), style.marks(order), short_names(order, style)

        one_scale = comparable(known.groupby("model")["tokens"].max())
        figure, panels = panel_grid(len(shown), style, sharex=True, sharey=one_scale)
        for ax, model in zip(panels, shown, strict=True):
            mine = known[known["model"] == model]
            _points(ax, mine, colours[model], marks[model], style)
            _fit(ax, mine, confidence, style)
            heading(ax, names[model], _rho(registration, model, len(mine)), colours[model], style)
            ax.set_xlabel(DIFFICULTY_LABEL)
            count_axis(ax.yaxis)
        for ax in first_column(panels):
            ax.set_ylabel("thinking tokens (mean per item)")
        for ax in panels:
            ax.set_ylim(bottom=max(0.0, ax.get_ylim()[0]))

        parts = [
            f"points: items, mean over samples; line and band: least squares with "
            f"{confidence:.0%} band; brackets: {confidence:.0%} interval of Spearman\u2019s {RHO}"
        ]
        cut = int(known["censored"].sum())
        if cut:
            parts.append(f"open: {plural(cut, 'point')} with a sample cut before it ended")
        if len(known) < len(points):
            left = points[points["difficulty"].isna()]["item_id"].nunique()
            parts.append(f"{plural(left, 'item')} without a difficulty left out")
        note(figure, "; ".join(parts) + left_out, style)
        return finish(figure)


def _per_item(responses: pd.DataFrame) -> pd.DataFrame:
    """One row per model and item: mean tokens, difficulty, whether any sample was cut."""
    return responses.groupby(["model", "item_id"], sort=False, as_index=False).agg(
        tokens=("think_tokens", "mean"),
        difficulty=("difficulty", "first"),
        censored=("censored", "any"),
    )


def _points(ax: Axes, items: pd.DataFrame, colour: str, marker: str, style: Style) -> None:
    size = (0.75 * style.marker_size) ** 2
    alpha = 0.55 if len(items) <= 300 else 0.3
    whole, cut = items[~items["censored"]], items[items["censored"]]
    ax.scatter(
        whole["difficulty"], whole["tokens"], s=size, marker=marker, color=colour, alpha=alpha,
        linewidths=0, label="whole", rasterized=len(items) > 5000,
    )  # fmt: skip
    if len(cut):
        ax.scatter(
            cut["difficulty"], cut["tokens"], s=1.3 * size, marker=marker, facecolors="white",
            edgecolors=colour, linewidths=0.8, label="censored", rasterized=len(items) > 5000,
        )  # fmt: skip


def _fit(ax: Axes, items: pd.DataFrame, confidence: float, style: Style) -> None:
    """Least squares line and band, where there are three items and two difficulties."""
    difficulty = items["difficulty"].to_numpy(dtype=float)
    if len(items) < 3 or np.ptp(difficulty) == 0:
        return
    grid = np.linspace(difficulty.min(), difficulty.max(), 60)
    fit = OLS(items["tokens"].to_numpy(dtype=float), _design(difficulty)).fit()
    line = fit.get_prediction(_design(grid)).summary_frame(alpha=1 - confidence)
    ax.fill_between(
        grid, line["mean_ci_lower"], line["mean_ci_upper"], color=style.ink, alpha=0.2, linewidth=0
    )
    ax.plot(grid, line["mean"], color=style.ink)


def _design(difficulty: np.ndarray) -> np.ndarray:
    """Intercept and slope columns, shape (n, 2)."""
    return np.column_stack([np.ones_like(difficulty), difficulty])


def _rho(table: pd.DataFrame | None, model: str, items: int) -> str:
    if not is_empty(table):
        columns = ["model", "measure", "n", "estimate", "lower", "upper"]
        require(table, columns, "registration")
        rows = table[(table["model"] == model) & (table["measure"] == "spearman")]
        rows = rows[rows["estimate"].notna()]
        if len(rows):
            row = rows.iloc[0]
            rho = with_interval(float(row["estimate"]), float(row["lower"]), float(row["upper"]))
            return f"{RHO} = {rho}, n = {int(row['n']):,}"
    return f"{RHO}: no data, n = {items:,}"
