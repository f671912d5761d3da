"""What each condition does to thinking length, item by item."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS
from thinkscale.figures.core.text import signed, span


@layout.figure
def draw(graded: Frame, token_change: Frame = None, *, look: Look) -> Figure:
    """Change of thinking tokens against natural, item by item, for every forced condition.

    Truncation and thinking switched off are left out: what they change is what they say. Rows are
    distributions over items of the mean change over samples; the mean of these changes and its
    interval come from `token_change`.
    """
    needed = ["sample", *conditions.COLUMNS, "think_tokens"]
    graded, style = frames.included(graded, needed, "there are no responses"), look.style
    look, left_out = look.over(graded), conditions.unfit_note(graded)
    shown = conditions.is_forced(graded) | conditions.is_natural(graded)
    graded = conditions.thought(graded[shown])
    why = "no condition can be paired with a natural response"
    per_item = frames.some(change_per_item(graded), why)
    names = conditions.condition_names(graded[~conditions.is_natural(graded)], style)
    one_scale = layout.comparable(per_item["change"].abs().groupby(per_item["model"]).max())
    said = not frames.is_empty(token_change)

    height = layout.rows_height(names)
    figure, panels = layout.model_panels(per_item, look, height, sharex=one_scale, sharey=True)
    for ax, model, mine in panels:
        layout.distributions(ax, mine, "change", "condition", names, look.lines[model].colour)
        ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
        means = frames.estimated(token_change, "token_change", ["condition", *ENDS], model=model)
        means = means.set_index("condition")[list(ENDS)].astype(float)
        drawn = set(mine["condition"])
        for row, condition in enumerate(names):
            if condition in means.index:
                estimate, *_ = ends = means.loc[condition]
                layout.mean_mark(ax, *ends, row + 0.45, style)
                layout.beside(ax, row, signed(estimate, 1 if abs(estimate) < 100 else 0), style)
            elif condition not in drawn or said:
                layout.beside(ax, row, "no estimate" if condition in drawn else "no data", style)
        pairs = mine.groupby("condition")["item_id"].nunique()
        layout.model_heading(ax, model, f"n = {span(pairs)} items", look)
        ax.set_xlabel("change in thinking tokens")
        layout.count_axis(ax.xaxis, 4)
    text = "change against natural, item means over samples; thin lines: quartiles; "
    text += (
        f"ticks, bars and numbers: mean change with {look.confidence:.0%} interval; heights are "
        "relative within a row"
        if said
        else "no data on estimates"
    )
    layout.note(figure, text + left_out, style)
    return figure


def change_per_item(graded: pd.DataFrame) -> pd.DataFrame:
    """Mean change of tokens against natural over the samples of an item.

    Columns model, condition, item_id, change; pairs are of one item and sample.
    """
    keys = ["model", "item_id", "sample"]
    natural = graded.loc[conditions.is_natural(graded), [*keys, "think_tokens"]]
    other = graded.loc[~conditions.is_natural(graded), [*keys, "condition", "think_tokens"]]
    pairs = other.merge(natural, on=keys, suffixes=("", "_natural"), validate="many_to_one")
    pairs["change"] = pairs["think_tokens"] - pairs["think_tokens_natural"]
    return pairs.groupby(["model", "condition", "item_id"], sort=False, as_index=False)[
        "change"
    ].mean()
