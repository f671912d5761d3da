"""Difficulty predicted out of sample against that for people, item by item."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import ENDS
from thinkscale.figures.core.text import with_interval

_NAMES = {"length": "length alone", "all": "all features"}


@layout.figure
def draw(predicted_difficulty: Frame, prediction: Frame = None, *, look: Look) -> Figure:
    """A panel for each learner from the length of items alone, and from all features.

    Above each is its error, from `prediction`. On the diagonal a prediction is right.
    """
    table = frames.some(predicted_difficulty, "no difficulty was predicted")
    needed = ["features", "learner", "difficulty", "predicted"]
    table = frames.require(table, needed, "predicted_difficulty")
    found = table[table["features"].isin(_NAMES)].dropna(subset="predicted")
    found = frames.some(found, "too few items have a difficulty")
    style, lines = look.style, look.style.lines(_NAMES)
    sets = list(found.groupby(["learner", "features"], sort=False))
    figure, axes = layout.panel_grid(len(sets), style, extra=0.95, sharex=True, sharey=True)
    for ax, ((learner, features), rows) in zip(axes, sets, strict=True):
        layout.points(ax, rows, "difficulty", "predicted", lines[features], style)
        middle = rows["difficulty"].mean()
        ax.axline((middle, middle), slope=1, color=style.muted, linewidth=0.7, zorder=0)
        ax.set_xlabel(layout.DIFFICULTY)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("predicted difficulty")
        layout.heading(
            ax, f"{learner}, {_NAMES[features]}", _said(prediction, learner, features), style.ink,
            style,
        )  # fmt: skip
    text = f"n = {len(rows):,} items, each predicted from others; brackets: "
    layout.note(figure, text + f"{look.confidence:.0%} intervals", style)
    return figure


def _said(prediction: Frame, learner: str, features: str) -> str:
    """The error of predictions and their rank correlation, as far as the table has them."""
    more = ["measure", "against", *ENDS[1:]]
    keys = {"learner": learner, "features": features}
    told = frames.estimated(prediction, "prediction", more, **keys)
    told = told[told["against"].isna()].set_index("measure")
    return "\n".join(
        f"{name} {with_interval(*told.loc[measure, list(ENDS)])}"
        for measure, name in {"rmse": "RMSE", "spearman": "\u03c1"}.items()
        if measure in told.index
    )
