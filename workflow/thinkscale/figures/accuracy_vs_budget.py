"""Figures of the sweep: accuracy against maximum budgets and against forced waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from thinkscale.data.conditions import NOTHING
from thinkscale.figures.core.conditions import COLUMNS, is_budget, is_natural, is_waits, wording
from thinkscale.figures.core.layout import (
    bars,
    count_axis,
    dodge,
    empty_figure,
    finish,
    is_empty,
    model_legend,
    model_order,
    note,
    require,
)
from thinkscale.figures.core.style import DEFAULT, Style, apply
from thinkscale.figures.core.text import characters, number, short_names, span

ESTIMATE = ("model", *COLUMNS, "n_items", "n_responses", "errors", "estimate", "lower", "upper")
LINES = ("-", "--", ":", "-.")
ACCURACY_LABEL = "accuracy (share correct)"


def accuracy_vs_budget(
    accuracy: pd.DataFrame | None,
    *,
    n_options: int | None = None,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Accuracy against the maximum thinking budget, and beside it without one.

    `n_options`, where all items have as many, draws the accuracy of guessing. Budgets that span
    more than a factor of 16 stand on a log scale that begins at the smallest above 0.
    """
    with apply(style):
        if is_empty(accuracy):
            return empty_figure("no accuracy was estimated", style)
        require(accuracy, ESTIMATE, "accuracy")
        accuracy = accuracy[accuracy["estimate"].notna()]
        budgets, natural = accuracy[is_budget(accuracy)], accuracy[is_natural(accuracy)]
        if budgets.empty:
            return empty_figure("no accuracy under a maximum budget alone", style)
        order = model_order(accuracy, models)
        drawn = pd.concat([budgets, natural])
        shown = [model for model in order if (drawn["model"] == model).any()]

        figure = Figure(
            figsize=(style.width, style.height + 1.0), dpi=style.dpi, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.03, wspace=0.0)
        left, right = figure.subplots(
            1, 2, sharey=True, gridspec_kw={"width_ratios": [1, 0.1 + 0.04 * len(shown)]}
        )
        for ax in (left, right):
            ax.grid(axis="y")
            if n_options:
                ax.axhline(1 / n_options, color=style.muted, linestyle=(0, (2, 2)), linewidth=0.9)
        for index, model in enumerate(shown):
            mine = budgets[budgets["model"] == model].sort_values("max_think")
            where = mine["max_think"].astype(float)
            _intervals(left, where, mine, model, order, index, len(shown), style)
            mine = natural[natural["model"] == model]
            zero = pd.Series(np.zeros(len(mine)))
            _intervals(right, zero, mine, model, order, index, len(shown), style, step=8.0)
        _budget_axis(left, np.unique(budgets["max_think"].astype(float)), style)
        left.set_ylabel(ACCURACY_LABEL)
        left.set_ylim(0, _top(drawn))
        right.set_xlim(-1, 1)
        right.set_xticks([0], ["natural\n(no limit)"])
        right.tick_params(axis="y", length=0, labelleft=False)
        right.spines["left"].set(linestyle=(0, (1, 2)))

        others = []
        if n_options:
            label = f"guessing, 1 of {n_options}"
            others = [Line2D([], [], color=style.muted, linestyle=(0, (2, 2)), label=label)]
        model_legend(figure, short_names(order, style), style, shown, others, order)
        note(figure, _sizes(drawn, confidence), style)
        return finish(figure)


def accuracy_vs_waits(
    accuracy: pd.DataFrame | None,
    *,
    models: Sequence[str] | None = None,
    confidence: float = 0.95,
    style: Style = DEFAULT,
) -> Figure:
    """Accuracy, and under it thinking tokens, against the number of forced waits; 0 is natural.

    One line per model; where there are several continuations, one line style for each.
    """
    with apply(style):
        if is_empty(accuracy):
            return empty_figure("no accuracy was estimated", style)
        tokens = ("tokens_mean", "tokens_lower", "tokens_upper")
        require(accuracy, (*ESTIMATE, *tokens), "accuracy")
        accuracy = accuracy[accuracy["estimate"].notna()]
        waits, natural = accuracy[is_waits(accuracy)], accuracy[is_natural(accuracy)]
        if waits.empty:
            return empty_figure("no accuracy under forced waits alone", style)
        order = model_order(accuracy, models)
        drawn = pd.concat([waits, natural])
        shown = [model for model in order if (drawn["model"] == model).any()]
        waits = waits.assign(continuation=waits["continuation"].fillna(NOTHING))
        texts = list(pd.unique(waits["continuation"]))

        figure = Figure(
            figsize=(style.width, 1.6 * style.height + 1.0), dpi=style.dpi, layout="constrained"
        )
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.03, hspace=0.04)
        above, below = figure.subplots(2, 1, sharex=True)
        ticks = sorted({0, *waits["waits"].astype(int)})
        lines = [(model, text) for model in shown for text in texts]
        # Lines of one tick stay within half the way to the next.
        between = 0.78 * 72 * style.width * min(np.diff(ticks)) / (ticks[-1] + 0.6)
        step = min(3.0, 0.5 * between / len(lines))
        for index, (model, text) in enumerate(lines):
            mine = waits[(waits["model"] == model) & (waits["continuation"] == text)]
            mine = pd.concat([natural[natural["model"] == model], mine])
            where = mine["waits"].fillna(0).astype(float)
            mine, where = mine.iloc[np.argsort(where)], where.sort_values()
            look = LINES[texts.index(text) % len(LINES)]
            place = (model, order, index, len(lines), style)
            _intervals(above, where, mine, *place, line=look, step=step)
            _intervals(below, where, mine, *place, line=look, step=step, columns=tokens)
        for ax in (above, below):
            ax.grid(axis="y")
        above.set_ylabel(ACCURACY_LABEL)
        above.set_ylim(0, _top(drawn))
        below.set_ylabel("thinking tokens (mean)")
        most = drawn[["tokens_mean", "tokens_upper"]].astype(float).max().max()
        below.set_ylim(0, 1.05 * most if most > 0 else 1)
        count_axis(below.yaxis, 5)
        below.set_xticks(ticks, ["0\n(natural)", *(str(tick) for tick in ticks[1:])])
        margin = max(0.3, 0.1 * ticks[-1])
        below.set_xlim(-margin, ticks[-1] + margin)
        below.set_xlabel("forced waits")
        figure.align_ylabels([above, below])

        others = []
        if len(texts) > 1:
            room = characters(style.width, style.small) // 2
            for index, text in enumerate(texts):
                line, label = LINES[index % len(LINES)], wording(text, room, style)
                others.append(Line2D([], [], color=style.ink, linestyle=line, label=label))
        model_legend(figure, short_names(order, style), style, shown, others, order)
        note(figure, _sizes(drawn, confidence), style)
        return finish(figure)


def _intervals(
    ax: Axes,
    where: pd.Series,
    rows: pd.DataFrame,
    model: str,
    order: Sequence[str],
    index: int,
    count: int,
    style: Style,
    *,
    line: str = "-",
    columns: Sequence[str] = ("estimate", "lower", "upper"),
    step: float = 3.0,
) -> None:
    """Estimates with intervals, joined by a line, in the model's colour and marker."""
    estimate, lower, upper = (rows[column].astype(float) for column in columns)
    ax.errorbar(
        where.to_numpy(),
        estimate.to_numpy(),
        yerr=bars(lower, estimate, upper),
        color=style.colours(order)[model],
        marker=style.marks(order)[model],
        linestyle=line,
        markersize=0.85 * style.marker_size,
        markeredgewidth=0,
        elinewidth=0.75 * style.line_width,
        transform=dodge(ax, index, count, step),
    )


def _budget_axis(ax: Axes, budgets: np.ndarray, style: Style) -> None:
    """Ticks at the budgets themselves, as many as fit; a log scale where they span much."""
    positive = budgets[budgets > 0]
    label = "maximum thinking budget (tokens)"
    logarithmic = positive.size > 1 and positive[-1] / positive[0] > 16
    if logarithmic:
        ax.set_xscale("symlog", base=2, linthresh=positive[0], linscale=1)
        label = "maximum thinking budget (tokens, log scale)"
        place = np.where(
            budgets > 0, 1 + np.log2(np.maximum(budgets, positive[0]) / positive[0]), 0
        )
    else:
        place = budgets
    reach = float(np.ptp(place)) or 1.0
    lengths = [len(number(budget, 0)) for budget in budgets]
    character = reach / characters(0.56 * style.width, style.small)
    kept: list[int] = []
    for i in range(len(budgets) - 1, -1, -1):  # from the largest down: its label matters most
        room = place[kept[-1]] - place[i] if kept else np.inf
        if room >= character * (1 + (lengths[i] + lengths[kept[-1] if kept else i]) / 2):
            kept.append(i)
    ax.xaxis.set_major_locator(FixedLocator(sorted(budgets[kept])))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 0)))
    ax.set_xlabel(label)
    if not logarithmic:
        ax.set_xlim(budgets[0] - 0.06 * reach, budgets[-1] + 0.06 * reach)
    else:
        ratio = 2 ** (0.06 * reach)
        ax.set_xlim(-0.06 * reach * positive[0] if budgets[0] == 0 else positive[0] / ratio,
                    positive[-1] * ratio)  # fmt: skip


def _top(rows: pd.DataFrame) -> float:
    """Upper end of an accuracy axis: the next tenth above all intervals, 1 at most."""
    highest = float(rows[["estimate", "upper"]].astype(float).max().max())
    return min(1.02, np.ceil(10 * highest + 0.2) / 10)


def _sizes(rows: pd.DataFrame, confidence: float) -> str:
    text = (
        f"n per point: {span(rows['n_items'])} items, {span(rows['n_responses'])} responses; "
        f"bars: {confidence:.0%} intervals"
    )
    if rows["errors"].any():
        text += f"; {span(rows['errors'])} items did not fit the context and count as not correct"
    return text
