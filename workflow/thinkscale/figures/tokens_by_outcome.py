"""Whether an item is thought about longer where it is then got right: tokens within items."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout

_TOKENS = "think_tokens"


@layout.figure
def draw(graded: Frame, *, look: Look) -> Figure:
    """Mean tokens of an item's correct samples against those of the others, a panel for each model.

    Only items of which a model has both say anything. Above the diagonal the correct are longer.
    """
    needed = ["condition", "outcome", "censored", _TOKENS]
    graded = frames.included(graded, needed, "there are no responses")
    natural = conditions.thought(graded[conditions.is_natural(graded) & graded["outcome"].notna()])
    pairs = frames.some(_pairs(natural), "no item has both correct and other natural samples")
    look, style = look.over(graded), look.style

    figure, panels = layout.model_panels(pairs, look, style.height, extra=0.95)
    for ax, model, mine in panels:
        layout.points(ax, mine, "other", "correct", look.lines[model], style)
        ends = mine[["other", "correct"]]
        low, high = ends.min(axis=None), ends.max(axis=None)
        room = 0.05 * (high - low) or 1
        ax.axline((low, low), slope=1, color=style.muted, linewidth=0.7, zorder=0)
        ax.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
        ax.set_xlabel("tokens where not correct")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("tokens where correct")
        for axis in (ax.xaxis, ax.yaxis):
            layout.count_axis(axis, 5)
        apart = mine["correct"] - mine["other"]
        detail = f"above: {(apart > 0).mean():.0%}, below: {(apart < 0).mean():.0%}"
        detail += f", n = {len(mine):,}"
        layout.model_heading(ax, model, detail, look)
    text = "natural thinking; n items with both correct and other samples, means of each; above, "
    text += "below: shares of them thought about longer and shorter where correct"
    if (cut := natural["censored"].astype(bool)).any():
        text += f"; {cut.mean():.0%} of samples were cut before they ended"
    layout.note(figure, text + conditions.unfit_note(graded), style)
    return figure


def _pairs(natural: pd.DataFrame) -> pd.DataFrame:
    """One row per model and item that has both: mean tokens where correct, and where not."""
    kind = natural["outcome"].eq("correct").map({True: "correct", False: "other"})
    means = natural.groupby(["model", "item_id", kind], sort=False)[_TOKENS].mean().unstack()
    return means.reindex(columns=["correct", "other"]).astype(float).dropna().reset_index()
