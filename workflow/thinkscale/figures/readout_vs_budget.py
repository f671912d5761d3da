"""Accuracy read from probabilities, and of sampled answers, against maximum thinking budgets."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.budgets import Budgets
from thinkscale.figures.core.text import span

WAYS = {  # measure: what it is called, its marker and dashes
    "sampled_accuracy": ("sampled answers", "s", (3, 1.5)),
    "key_probability": ("probability of the key", "o", ()),
    "readout_accuracy": ("most likely label", "X", (1, 1)),
}


@layout.figure
def draw(readout: Frame, *, look: Look) -> Figure:
    """Accuracy by readout and by sampled answers against maximum budgets, one panel per model.

    The heading says how wide the intervals of the key's probability are beside those of sampled
    answers.
    """
    table = core.read(readout, ["guessing", "relative_width"])
    table = table[table["measure"].isin(WAYS)]
    budgets, look = Budgets.of(table), look.over(table)
    drawn = table[budgets.at(table).notna()]
    style = look.style
    ways = {
        way: (name, Line(style.ink, marker, dashes))
        for way, (name, marker, dashes) in WAYS.items()
        if (drawn["measure"] == way).any()
    }
    figure, panels = layout.model_panels(drawn, look, sharey=True, extra=1.0, widest=2)
    for ax, model, mine in panels:
        guess = core.guessing(ax, mine["guessing"].mean(), style)
        colour = look.lines[model].colour
        lines = {way: replace(line, colour=colour) for way, (_, line) in ways.items()}
        budgets.curves(ax, mine, lines, "measure")
        budgets.axis(ax, style)
        layout.model_heading(ax, model, _narrower(mine), look)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(core.LABEL)
    panels[0][0].set_ylim(0, core.top(drawn))
    layout.legend(figure, {}, look, [*(line.handle(name) for name, line in ways.values()), guess])
    text = (
        f"{core.sizes(drawn, look.confidence)}; headings: width of those of the "
        "key\u2019s probability beside those of sampled answers"
    )
    layout.note(figure, text, style)
    return figure


def _narrower(rows: pd.DataFrame) -> str:
    """How the widths of intervals compare, over what is drawn of a model."""
    ratios = rows.loc[rows["measure"] == "key_probability", "relative_width"].dropna()
    if ratios.empty:
        return ""
    return f"intervals {span(ratios, '{:.2f}'.format)} \N{MULTIPLICATION SIGN} as wide"
