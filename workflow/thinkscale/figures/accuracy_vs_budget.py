"""Accuracy against maximum thinking budgets."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, conditions, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.budgets import Budgets

_CUT = (3, 1.5)


@layout.figure
def draw(accuracy: Frame, items: Frame = None, *, look: Look) -> Figure:
    """Accuracy against the maximum thinking budget, and beside it without one.

    A dashed line is thinking truncated at the budget without an answer being asked for; beside
    natural thinking stands thinking switched off. Where all `items` have as many options, the
    accuracy of guessing is drawn.
    """
    accuracy = core.estimated(accuracy, "accuracy", "no accuracy was estimated", ["errors"])
    budgets, look = Budgets.of(accuracy), look.over(accuracy)
    drawn = accuracy[budgets.at(accuracy).notna()]
    cut, style, shown = conditions.is_truncated(drawn), look.style, look.among(drawn)
    figure, (ax,) = layout.panel_grid(1, style, 1.1 * style.height, extra=0.9)
    others = []
    if cut.any():  # then dashes say that, and no model has its own
        shown = {model: replace(line, dashes=()) for model, line in shown.items()}
        others.append(Line(style.ink, "", _CUT).handle("cut, not asked"))
    budgets.curves(ax, drawn[~cut], shown)
    if cut.any():
        dashed = {model: replace(line, dashes=_CUT) for model, line in shown.items()}
        budgets.curves(ax, drawn[cut], dashed)
    if options := _options(items):
        others.append(core.guessing(ax, 1 / options, style, f"guessing, 1 of {options}"))
    budgets.axis(ax, style)
    ax.set_ylabel(core.LABEL)
    ax.set_ylim(0, core.top(drawn))
    layout.legend(figure, shown, look, others)
    layout.note(figure, core.sizes(drawn, look.confidence), style)
    return figure


def _options(items: Frame) -> int | None:
    """How many options each item has, where all have as many, of which one is the key."""
    counts = [] if items is None else items["options"].map(len).unique()
    several = len(counts) == 1 and any("," in key for key in items.get("key", pd.Series()).dropna())
    return int(counts[0]) if len(counts) == 1 and not several else None
