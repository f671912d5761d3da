"""Natural accuracy against what it took to make a model, and to have one response of it."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import ENDS, curves
from thinkscale.figures.core.text import in_powers, short_names, span

_PANELS = {"flops_made": "FLOPs to make the model", "flops_response": "FLOPs of a response"}


@layout.figure
def draw(training_cost: Frame, *, look: Look) -> Figure:
    """Two panels, a dot for each model: its making, and a response; models not made are lines."""
    table = frames.some(training_cost, "no model of this study was trained")
    frames.require(table, ["model", "n_items", *_PANELS, *ENDS], "training_cost")
    look = look.over(table)
    shown, names = look.among(table), short_names(look.models, look.style)
    figure, axes = layout.panel_grid(2, look.style, sharey=True)
    for ax, (column, label) in zip(axes, _PANELS.items(), strict=True):
        placed = table[table[column] > 0]
        curves(ax, placed, column, shown, joined=False)
        for row in table[table[column] == 0].itertuples():
            line = shown[row.model]
            ax.axhline(row.estimate, color=line.colour, linestyle="--", linewidth=0.8, zorder=0)
        if layout.comparable(placed[column]):
            ax.set_xlabel(label)
            ax.xaxis.set_major_locator(MaxNLocator(4))
            ax.xaxis.set_major_formatter(lambda value, _: in_powers(value))
        else:
            spread = placed[column].max() / placed[column].min()
            layout.log_axis(ax, label, spread, in_powers, 6)
        ax.set_ylabel("")
        ax.grid(axis="y")
    axes[0].set_ylabel("natural accuracy")
    layout.legend(figure, shown, look)
    given = ", ".join(names[model] for model in table.loc[table["flops_made"] == 0, "model"])
    text = f"n = {span(table['n_items'])} items; bars: {look.confidence:.0%} intervals"
    if given:
        text += f"; dashed: not made in the study ({given})"
    layout.note(figure, text, look.style)
    return figure
