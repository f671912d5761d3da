"""How long models think: naturally, and where they are made to think on."""

import numpy as np
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.text import span


@layout.figure
def draw(graded: Frame, *, look: Look) -> Figure:
    """Distributions of thinking tokens per response: natural, forced waits and minimum budgets.

    Conditions with a maximum budget are left out: their lengths are what the budget says. They
    stand on a log scale, with room for 0, where they span orders of magnitude.
    """
    needed = [*conditions.COLUMNS, "think_tokens", "censored"]
    graded, style = frames.included(graded, needed, "there are no responses"), look.style
    rows = graded[conditions.is_uncapped(graded)]
    rows = frames.some(rows, "every condition has a maximum budget")
    left_out = conditions.unfit_note(rows)
    rows = frames.some(conditions.thought(rows), "no item fits the context of a model")
    look, names = look.over(graded), conditions.condition_names(rows, style)
    lengths = rows["think_tokens"].to_numpy(dtype=float)
    logarithmic = lengths.max() > max(400, 20 * np.quantile(lengths, 0.02))

    height = layout.rows_height(names)
    figure, panels = layout.model_panels(rows, look, height, sharex=True, sharey=True)
    for ax, model, mine in panels:
        if logarithmic:
            layout.token_axis(ax, lengths)
        layout.distributions(ax, mine, "think_tokens", "condition", names, look.lines[model].colour)
        cut = mine.groupby("condition")["censored"].mean()
        for row, condition in enumerate(names):
            share = cut.get(condition)
            if share is None or share > 0:
                text = "no data" if share is None else f"{_percent(share)} cut"
                layout.beside(ax, row, text, style)
        layout.model_heading(ax, model, "", look)
        ax.set_xlabel(f"thinking tokens{' (log scale)' if logarithmic else ''}")
        if not logarithmic:
            layout.count_axis(ax.xaxis, 5)
    text = (
        f"n per row: {span(rows.groupby(['model', 'condition']).size())} responses; lines: "
        "quartiles; heights are relative within a row"
    )
    cut = rows["censored"].astype(bool)
    text += (
        f"; cut: thinking stopped before it ended ({_percent(cut.mean())} of all)"
        if cut.any()
        else "; no response was cut before it ended"
    )
    layout.note(figure, text + left_out, style)
    return figure


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"
