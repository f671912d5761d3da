"""What making a model changed: accuracy, thinking, what a Wait gives, what registers difficulty."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Line, Look, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS, dots
from thinkscale.figures.core.text import span

_AFTER, _BEFORE = "the model", "what it was made from"


@layout.figure
def draw(
    training_cost: Frame,
    accuracy: Frame,
    mcnemar: Frame = None,
    registration: Frame = None,
    *,
    look: Look,
) -> Figure:
    """A row for each model, two dots in it: the model, and beside it the parent it was made from.

    Panels: natural accuracy, natural thinking tokens, what one forced Wait adds to accuracy, and
    Spearman's correlation of thinking tokens with difficulty. A panel is left out where its table
    says nothing of any of the models.
    """
    made = frames.some(training_cost, "no model of this study was trained")
    frames.require(made, ["model", "parent", "n_items"], "training_cost")
    look, style = look.over(made), look.style
    parents = made.set_index("model")["parent"]
    panels = {
        label: _both(rows, parents) for label, rows in _panels(accuracy, mcnemar, registration)
    }
    panels = {label: rows for label, rows in panels.items() if len(rows)}
    frames.some(pd.concat(panels.values()) if panels else None, "nothing was estimated of a model")

    shown = look.among(made)
    names = layout.short_names(list(shown), style)
    lines = {_BEFORE: Line(style.muted, "s"), _AFTER: Line(style.palette[0], "o")}
    height = layout.rows_height(names, lines)
    figure, axes = layout.panel_grid(len(panels), style, height, widest=4, sharey=True)
    for ax, (label, rows) in zip(axes, panels.items(), strict=True):
        dots(ax, rows, "model", names, lines, "which")
        ax.set_xlabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(3))
        ax.grid(axis="x")
        if rows[[*ENDS]].min(axis=None) < 0:
            ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
    layout.legend(figure, lines, look)
    text = f"n = {span(made['n_items'])} items a model; bars: {look.confidence:.0%} intervals"
    layout.note(figure, text, style)
    return figure


def _panels(accuracy: Frame, mcnemar: Frame, registration: Frame) -> list[tuple[str, pd.DataFrame]]:
    """By label of an axis, estimates of models."""
    found = []
    if not frames.is_empty(accuracy):
        tokens = ["tokens_mean", "tokens_lower", "tokens_upper"]
        frames.require(accuracy, ["model", *conditions.COLUMNS, *ENDS, *tokens], "accuracy")
        natural = accuracy[conditions.is_natural(accuracy)]
        length = natural[["model", *tokens]].set_axis(["model", *ENDS], axis="columns")
        found = [("natural accuracy", natural), ("thinking tokens", length)]
    if not frames.is_empty(mcnemar):
        frames.require(mcnemar, ["model", *conditions.COLUMNS, *ENDS], "mcnemar")
        waits = mcnemar[conditions.is_waits(mcnemar) & (mcnemar["waits"] == 1)]
        # Of several continuations the first.
        found.append(("gain by one Wait", waits.drop_duplicates("model")))
    rho = {"criterion": "difficulty", "measure": "spearman"}
    rows = frames.estimated(registration, "registration", ["model", *ENDS[1:]], **rho)
    return [*found, ("\u03c1 of tokens, difficulty", rows)]


def _both(rows: pd.DataFrame, parents: Mapping[str, str | None]) -> pd.DataFrame:
    """Rows of models, and those of their parents once more in the rows of these models."""
    own = rows[["model", *ENDS]].dropna(subset="estimate")
    before = pd.DataFrame({"model": parents.index, "parent": parents.to_numpy()}).merge(
        own.rename(columns={"model": "parent"}), on="parent"
    )
    after = own[own["model"].isin(parents.index)]
    both = pd.concat([before.assign(which=_BEFORE), after.assign(which=_AFTER)])
    return both[["model", "which", *ENDS]].astype(dict.fromkeys(ENDS, float))
