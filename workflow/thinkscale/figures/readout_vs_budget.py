"""Accuracy read from probabilities, and of sampled answers, against maximum thinking budgets."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.budgets import Budgets
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import number, span

WAYS = {  # measure: what it is called, and how it is drawn
    "sampled_accuracy": ("sampled answers", {"linestyle": "--", "marker": "o", **core.HOLLOW}),
    "key_probability": ("probability of the key", {"linestyle": "-", "marker": "o"}),
    "readout_accuracy": (
        "most likely label",
        {"linestyle": "none", "marker": "x", "markeredgewidth": 1.1},
    ),
}


@layout.figure
def draw(readout: Frame, *, look: Look) -> Figure:
    """Accuracy by readout and by sampled answers against maximum budgets, one panel per model.

    The heading says how wide the intervals of the key's probability are beside those of sampled
    answers.
    """
    needed = ["model", *conditions.COLUMNS, "measure", "n_items", "n_responses"]
    needed += ["estimate", "lower", "upper", "guessing", "relative_width"]
    table = frames.require(frames.some(readout, "nothing was read"), needed, "readout")
    table = table[table["measure"].isin(WAYS) & table["estimate"].notna()]
    budgets, look = Budgets.of(table), look.over(table)
    drawn = table[budgets.at(table).notna()]
    style, ways = look.style, [way for way in WAYS if (drawn["measure"] == way).any()]
    figure, panels = layout.model_panels(drawn, look, sharey=True, extra=1.0)
    width = 0.75 * style.width if len(panels) == 1 else 0.8 * style.wide / min(3, len(panels))
    for ax, model, mine in panels:
        ax.grid(axis="y")
        guess = core.guessing(ax, mine["guessing"].mean(), style)
        for index, way in enumerate(ways):
            own = mine[mine["measure"] == way]
            budgets.curve(ax, own, model, (index, len(ways), 4.0), look, **WAYS[way][1])
        budgets.axis(ax, width, style)
        layout.model_heading(ax, model, _narrower(mine), look)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(core.LABEL)
    panels[0][0].set_ylim(0, core.top(drawn))
    handles = [
        Line2D([], [], color=style.ink, label=name, **how)
        for name, how in (WAYS[way] for way in ways)
    ]
    layout.model_legend(figure, [], look, [*handles, guess])
    sizes = f"n per point: {span(drawn['n_items'])} items, {span(drawn['n_responses'])} responses"
    text = (
        f"{sizes}; bars: {look.confidence:.0%} intervals; headings: width of those of the "
        "key\u2019s probability beside those of sampled answers"
    )
    layout.note(figure, text, style)
    return figure


def _narrower(rows: pd.DataFrame) -> str:
    """How the widths of intervals compare, over what is drawn of a model."""
    ratios = rows.loc[rows["measure"] == "key_probability", "relative_width"].dropna()
    if ratios.empty:
        return ""
    ends = dict.fromkeys(number(end, 2) for end in (ratios.min(), ratios.max()))
    widths = "\N{EN DASH}".join(ends)
    return f"intervals {widths} \N{MULTIPLICATION SIGN} as wide"
