"""What each condition does to thinking length, item by item."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look, Style
from thinkscale.figures.core.text import number, span


@layout.figure
def draw(graded: Frame, token_change: Frame = None, *, look: Look) -> Figure:
    """Change of thinking tokens against natural, item by item, for every forced condition.

    Truncation and thinking switched off are left out: what they change is what they say. Ridges
    are histograms over items of the mean change over samples; the mean of these changes and its
    interval come from `token_change`.
    """
    needed = ["sample", *conditions.COLUMNS, "think_tokens"]
    graded, style = frames.included(graded, needed, "there are no responses"), look.style
    look, left_out = look.over(graded), conditions.unfit_note(graded)
    forced = conditions.is_forced(graded)
    graded = graded[forced | conditions.is_natural(graded)]
    graded = conditions.thought(graded)
    why = "no condition can be paired with a natural response"
    per_item = frames.some(change_per_item(graded), why)
    names = conditions.condition_names(graded[~conditions.is_natural(graded)], style)
    one_scale = layout.comparable(per_item["change"].abs().groupby(per_item["model"]).max())

    height = layout.ROW_HEIGHT * max(3, len(names))
    figure, panels = layout.model_panels(per_item, look, height, sharex=one_scale, sharey=True)
    for ax, model, mine in panels:
        scale = per_item if one_scale else mine
        edges = layout.edges_about_zero(scale["change"].to_numpy(dtype=float))
        bases = layout.ridge_rows(ax, list(names.values()), style)
        ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
        how = {"fill": True, "color": look.colours[model], "alpha": 0.4}
        for condition, base in zip(names, bases, strict=True):
            values = mine.loc[mine["condition"] == condition, "change"].to_numpy(dtype=float)
            if not values.size:
                layout.beside(ax, base, "no data", style)
                continue
            layout.ridge(ax, base, values, edges, np.diff(edges), **how)
            _mean_change(ax, token_change, model, condition, base, style)
        pairs = mine.groupby("condition")["item_id"].nunique()
        layout.model_heading(ax, model, f"n = {span(pairs)} items", look)
        ax.set_xlabel("change in thinking tokens")
        layout.count_axis(ax.xaxis, 4)
    text = "change against natural, item means over samples; "
    if frames.is_empty(token_change):
        text += "no data on estimates"
    else:
        text += (
            f"ticks, bars and numbers: mean change with {look.confidence:.0%} interval; heights "
            "are relative within a row"
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


def _mean_change(
    ax: Axes, table: Frame, model: str, condition: str, base: float, style: Style
) -> None:
    if frames.is_empty(table):
        return
    columns = ["model", "condition", "estimate", "lower", "upper"]
    frames.require(table, columns, "token_change")
    row = table[(table["model"] == model) & (table["condition"] == condition)]
    row = row[row["estimate"].notna()]
    if row.empty:
        layout.beside(ax, base, "no estimate", style)
        return
    value, lower, upper = (float(row.iloc[0][name]) for name in columns[2:])
    layout.mean_mark(ax, value, lower, upper, base - 0.14, style)
    digits = 1 if abs(value) < 100 else 0
    sign = "+" if number(value, digits).strip("0.,") and value > 0 else ""
    layout.beside(ax, base, sign + number(value, digits), style)
