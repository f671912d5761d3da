"""Accuracy against maximum thinking budgets."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look, Style
from thinkscale.figures.core.text import characters, number


@layout.figure
def draw(accuracy: Frame, items: Frame = None, *, look: Look) -> Figure:
    """Accuracy against the maximum thinking budget, and beside it without one.

    A dashed line is thinking truncated at the budget without an answer being asked for; beside
    natural thinking stands thinking switched off. Where all `items` have as many options, the
    accuracy of guessing is drawn. Budgets that span more than a factor of 16 stand on a log scale
    that begins at the smallest above 0.
    """
    accuracy, style = core.estimated(accuracy), look.style
    budgets = accuracy[conditions.is_budget(accuracy)]
    budgets = frames.some(budgets, "no accuracy under a maximum budget alone")
    truncated = accuracy[conditions.is_truncated(accuracy)]
    beside = accuracy[conditions.is_natural(accuracy) | conditions.is_unthinking(accuracy)]
    drawn = pd.concat([budgets, truncated, beside])
    look = look.over(accuracy)
    shown = look.among(drawn)

    pads = {"w_pad": 0.04, "h_pad": 0.03, "wspace": 0.0}
    figure = layout.constrained(style.width, style.height + 1.0, style, **pads)
    curves = [(budgets, "max_think", "-")]
    curves += [(truncated, "truncate", "--")] if len(truncated) else []
    places = [0.0, 1.0] if conditions.is_unthinking(beside).any() else [0.0]
    # Two labels side by side take more than the marks of few models above them.
    ratios = [1, max(0.1 + 0.04 * len(shown), 0.25 * (len(places) - 1)) * len(places)]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=ratios)
    others, options = [], _options(items)
    if options:
        guess = {"color": style.muted, "linestyle": (0, (2, 2))}
        others = [Line2D([], [], label=f"guessing, 1 of {options}", **guess)]
    if len(truncated):
        others.append(Line2D([], [], label="cut, not asked", color=style.ink, linestyle="--"))
    for ax in (left, right):
        ax.grid(axis="y")
        if options:
            ax.axhline(1 / options, linewidth=0.9, **guess)
    for index, model in enumerate(shown):
        for kind, (rows, limit, line) in enumerate(curves):
            mine = rows[rows["model"] == model].sort_values(limit)
            where = mine[limit].astype(float)
            shift = (index + kind * len(shown), len(curves) * len(shown), 3.0)
            core.intervals(left, where, mine, model, shift, look, line)
        mine = beside[beside["model"] == model]
        where = mine["no_think"].astype(float)
        core.intervals(right, where, mine, model, (index, len(shown), 8.0), look, "")
    limits = [*budgets["max_think"].astype(float), *truncated["truncate"].astype(float)]
    _budget_axis(left, np.unique(limits), style)
    left.set_ylabel(core.LABEL)
    left.set_ylim(0, core.top(drawn))
    right.set_xlim(-0.5, len(places) - 0.5)
    right.set_xticks(places, ["natural\n(no limit)", "thinking\noff"][: len(places)])
    right.tick_params(axis="y", length=0, labelleft=False)
    right.spines["left"].set(linestyle=(0, (1, 2)))
    layout.model_legend(figure, shown, look, others)
    layout.note(figure, core.sizes(drawn, look.confidence), style)
    return figure


def _options(items: Frame) -> int | None:
    """How many options each item has, where all have as many, of which one is the key."""
    counts = [] if items is None else items["options"].map(len).unique()
    several = len(counts) == 1 and any("," in key for key in items.get("key", pd.Series()).dropna())
    return int(counts[0]) if len(counts) == 1 and not several else None


def _budget_axis(ax: Axes, budgets: np.ndarray, style: Style) -> None:
    """Ticks at the budgets themselves, as many as fit; a log scale where they span much."""
    positive = budgets[budgets > 0]
    label, place = "maximum thinking budget (tokens)", budgets
    logarithmic = positive.size > 1 and positive[-1] / positive[0] > 16
    if logarithmic:
        ax.set_xscale("symlog", base=2, linthresh=positive[0], linscale=1)
        label = "maximum thinking budget (tokens, log scale)"
        doublings = np.log2(np.maximum(budgets, positive[0]) / positive[0])
        place = np.where(budgets > 0, 1 + doublings, 0)
    reach = float(np.ptp(place)) or 1.0
    lengths = [len(number(budget, 0)) for budget in budgets]
    character = reach / characters(0.56 * style.width, style.small)
    kept: list[int] = []
    for i in range(len(budgets) - 1, -1, -1):  # from the largest down: its label matters most
        room = place[kept[-1]] - place[i] if kept else np.inf
        if room >= character * (1 + (lengths[i] + lengths[kept[-1] if kept else i]) / 2):
            kept.append(i)
    ticks = budgets[sorted(kept)]
    ax.set_xticks(ticks, [number(tick, 0) for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(label)
    if not logarithmic:
        ax.set_xlim(budgets[0] - 0.06 * reach, budgets[-1] + 0.06 * reach)
    else:
        ratio = 2 ** (0.06 * reach)
        low = -0.06 * reach * positive[0] if budgets[0] == 0 else positive[0] / ratio
        ax.set_xlim(low, positive[-1] * ratio)
