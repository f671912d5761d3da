"""Models that were made from one another, round by round, as those of STaR are."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Look, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS, curves
from thinkscale.figures.core.text import span

_PANELS = {
    "accuracy (share correct)": ENDS,
    "thinking tokens (mean)": ("tokens_mean", "tokens_lower", "tokens_upper"),
}


@layout.figure
def draw(training_cost: Frame, accuracy: Frame, *, look: Look) -> Figure:
    """Natural accuracy, and under it thinking tokens, against rounds of training.

    A dot for each model, in the round that `training_cost` gives it, joined to the one that it came
    from; round 0 is what the study was given.
    """
    made = frames.some(training_cost, "no model of this study was trained")
    frames.require(made, ["model", "previous", "round"], "training_cost")
    table = frames.some(accuracy, "no accuracy was estimated")
    columns = [column for ends in _PANELS.values() for column in ends]
    frames.require(table, ["model", *conditions.COLUMNS, "n_items", *columns], "accuracy")
    natural = table[conditions.is_natural(table)]
    rows = natural.merge(made[["model", "previous", "round"]], on="model")
    rows = frames.some(rows.dropna(subset="estimate"), "no accuracy was estimated")
    look, style = look.over(rows), look.style
    shown = look.among(rows)
    # Who shares a round stands side by side.
    order = rows["model"].map({model: place for place, model in enumerate(shown)})
    beside = order.groupby(rows["round"]).rank() - 1
    room = 0.6 / max(1, beside.max())
    crowd = rows.groupby("round")["model"].transform("size")
    rows = rows.assign(place=rows["round"] + room * (beside - (crowd - 1) / 2))

    figure = layout.constrained(style.width, 1.8 * style.height + 1.0, style, hspace=0.04)
    axes = figure.subplots(len(_PANELS), 1, sharex=True)
    steps = rows.merge(rows, left_on="previous", right_on="model", suffixes=("", "_before"))
    for ax, (label, ends) in zip(axes, _PANELS.items(), strict=True):
        for step in steps.to_dict("records"):
            ends_of = ([step[f"{name}_before"], step[name]] for name in ("place", ends[0]))
            ax.plot(*ends_of, color=style.muted, linewidth=0.7, zorder=0)
        curves(ax, rows, "place", shown, ends=ends, joined=False)
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        ax.grid(axis="y")
    axes[-1].set_xlabel("round of training (0: given)")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.align_ylabels(axes)
    layout.legend(figure, shown, look)
    text = f"n = {span(rows['n_items'])} items a model; bars: {look.confidence:.0%} intervals; "
    layout.note(figure, text + "lines: from the model of the round before", style)
    return figure
