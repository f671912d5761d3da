"""Which answers a condition turns from wrong to right, and from right to wrong."""

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.text import signed, span

_SIDES = {"right_to_wrong": (-1, 0.35), "wrong_to_right": (1, 1.0)}  # way, shade


@layout.figure
def draw(mcnemar: Frame, *, look: Look) -> Figure:
    """Shares of pairs with natural thinking that flip: to the left those lost, to the right won.

    Beside a row is what is left: won minus lost, in points of accuracy.
    """
    table = frames.some(mcnemar, "no condition can be paired with a natural response")
    columns = ["model", *conditions.COLUMNS, "n_items", "n_pairs", *_SIDES]
    frames.require(table, columns, "mcnemar")
    table = frames.some(table[table["n_pairs"] > 0], "no pair of responses")
    look, style = look.over(table), look.style
    names = conditions.condition_names(table, style)
    shares = table.assign(**{side: table[side] / table["n_pairs"] for side in _SIDES})
    height = layout.rows_height(names)
    figure, panels = layout.model_panels(shares, look, height, sharex=True, sharey=True)
    for ax, model, mine in panels:
        for side, (way, alpha) in _SIDES.items():
            ends = {"x": way * mine[side], "y": mine["condition"], "order": list(names)}
            how = {"color": look.lines[model].colour, "saturation": 1, "alpha": alpha, "width": 0.7}
            sns.barplot(**ends, **how, orient="h", errorbar=None, ax=ax)
        layout.rows_axis(ax, list(names.values()))
        gained = mine.set_index("condition").eval("100 * (wrong_to_right - right_to_wrong)")
        for row, condition in enumerate(names):
            known = condition in gained
            layout.beside(ax, row, signed(gained[condition], 1) if known else "no data", style)
        ax.axvline(0, color=style.muted, linewidth=0.7)
        ax.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
        ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0%}")
        ax.set(xlabel="share of pairs", ylabel="")
        layout.model_heading(ax, model, f"n = {span(mine['n_pairs'])} pairs", look)
    most = shares[list(_SIDES)].max(axis=None)
    panels[0][0].set_xlim(-1.08 * most, 1.08 * most)
    keys = [
        Patch(color=style.ink, alpha=_SIDES[side][1], label=side.replace("_", " "), linewidth=0)
        for side in _SIDES
    ]
    layout.legend(figure, {}, look, keys)
    text = (
        f"pairs of one item and sample with natural thinking, {span(table['n_items'])} items; "
        "numbers: won minus lost, in points"
    )
    layout.note(figure, text, style)
    return figure
