"""Which items each condition gets right, from the easiest to the hardest."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.text import number, plural

_TICKS = 6
_NARROW = 16  # conditions for which a third of a page has room


@layout.figure
def draw(graded: Frame, *, look: Look) -> Figure:
    """A row for each item, the hardest below, and a column for each condition, for each model.

    Shade is the share of an item's samples that are correct. What did not fit is not correct.
    """
    needed = [*conditions.COLUMNS, "outcome", "difficulty"]
    graded = frames.included(graded, needed, "there are no responses")
    graded = graded[graded["difficulty"].notna() & graded["outcome"].notna()]
    graded = frames.some(graded, "no graded response is to an item with a difficulty")
    look, style = look.over(graded), look.style
    names = conditions.condition_names(graded, style)
    hard = graded.groupby("item_id")["difficulty"].first().sort_values(kind="stable")
    graded = graded.assign(right=(graded["outcome"] == "correct").astype(float))
    places = np.linspace(0, len(hard) - 1, min(_TICKS, len(hard))).round().astype(int)

    grid = {"sharey": True, "extra": 1.25, "widest": 3 if len(names) <= _NARROW else 2}
    figure, panels = layout.model_panels(graded, look, 1.3 * style.height, **grid)
    size = min(style.small, 72 * 0.75 * style.width / (1.15 * len(names)))
    for ax, model, mine in panels:
        cells = mine.pivot_table(values="right", index="item_id", columns="condition")
        cells = cells.reindex(index=hard.index, columns=list(names))
        sns.heatmap(
            cells, vmin=0, vmax=1, cmap="cividis", xticklabels=list(names.values()), cbar=False,
            yticklabels=False, rasterized=True, ax=ax,
        )  # fmt: skip
        ax.set_yticks(places + 0.5, [number(hard.iloc[place], 2) for place in places])
        ax.tick_params(axis="x", rotation=90, length=0, labelsize=size)
        ax.set(xlabel="", ylabel="")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("difficulty of the item")
        layout.model_heading(ax, model, "", look)
    axes = [ax for ax, *_ in panels]
    bar = {"location": "bottom", "aspect": 20, "shrink": 0.5, "fraction": 0.05, "pad": 0.02}
    figure.colorbar(axes[0].collections[0], ax=axes, label="share correct", **bar)
    text = (
        f"n = {plural(len(hard), 'item')}, the hardest below; white: not run"
        f"{conditions.unfit_note(graded, 'counted as not correct')}"
    )
    layout.note(figure, text, style)
    return figure
