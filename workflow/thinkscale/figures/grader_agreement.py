"""Accuracy under each grader, and Cohen's kappa between graders."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, estimates, frames, layout
from thinkscale.figures.core.text import number, span, visible

COLUMNS = (
    *("model", "condition", "measure", "grader", "other", "n_items", "n_responses"),
    *estimates.ENDS,
)
_MOST_NUMBERS = 4  # kappas of more models do not fit into a cell; their range does


@layout.figure
def draw(grader_agreement: Frame, *, look: Look) -> Figure:
    """Above, accuracy and the share ungradable by grader and model; below, kappa of each pair.

    The natural condition is shown, or all conditions where it was not run.
    """
    table, style = frames.some(grader_agreement, "no two graders"), look.style
    frames.require(table, COLUMNS, "table grader_agreement")
    condition = "natural" if table["condition"].eq("natural").any() else "all conditions"
    shown = table[table["condition"] == condition]
    look = look.over(shown)
    drawn = look.among(shown)
    graders = list(pd.unique(shown.loc[shown["measure"] == "accuracy", "grader"]))
    scale = style.font_size / 8.0
    lines = len(drawn) if len(drawn) <= _MOST_NUMBERS else 1
    heights = [layout.rows_height(graders, drawn), (0.1 + 0.14 * lines) * (len(graders) - 1)]
    height = scale * (sum(heights) + 1.55)
    figure = layout.constrained(style.width, height, style, h_pad=0.04, hspace=0.06)
    above, below = figure.subplots(2, 1, height_ratios=heights)
    names = {grader: visible(grader, style=style) for grader in graders}
    for measure, alpha in (("ungradable", 0.4), ("accuracy", 1)):
        own = shown[shown["measure"] == measure]
        if alpha < 1:  # a share drawn for comparison, without its interval
            own = own.assign(lower=np.nan, upper=np.nan)
        estimates.dots(above, own, "grader", names, drawn, alpha=alpha)
    above.xaxis.set_major_formatter("{x:.0%}")
    above.grid(axis="x")
    above.set(xlim=(-0.02, 1.02), xlabel="share of responses")
    _kappa(below, shown, graders, list(drawn), look)
    grey = Line(style.muted, "o")
    kinds = [("accuracy", 1.0), ("ungradable", 0.4)]
    others = [grey.handle(label, linestyle="", alpha=alpha) for label, alpha in kinds]
    layout.legend(figure, drawn, look, others)
    where = "natural condition" if condition == "natural" else condition
    text = (
        f"{where}; n = {span(shown['n_responses'])} responses to {span(shown['n_items'])} "
        f"items a model; bars: {100 * look.confidence:g}% intervals clustered by item"
    )
    if 1 < len(drawn) <= _MOST_NUMBERS:
        text += "; kappas in the order of the models"
    layout.note(figure, text, style)
    return figure


def _kappa(
    ax: Axes, shown: pd.DataFrame, graders: Sequence[str], drawn: Sequence[str], look: Look
) -> None:
    """Half a matrix: a row for each grader but the first, a column for each but the last.

    The shade is the mean of the models, the numbers are of each, or their range.
    """
    pairs = shown[shown["measure"] == "kappa"].astype({"estimate": float})
    cells = {"index": "other", "columns": "grader"}
    half = {"index": graders[1:], "columns": graders[:-1]}
    middle = pairs.pivot_table(values="estimate", aggfunc="mean", **cells).reindex(**half)
    words = pairs.groupby(["other", "grader"])[["model", "estimate"]].apply(_numbers, drawn)
    words = words.unstack().reindex(**half).fillna("")
    sns.heatmap(
        middle, vmin=0, vmax=2.5, cmap="Greys", annot=words, fmt="", cbar=False, ax=ax,
        linewidths=2, annot_kws={"fontsize": look.style.small, "color": look.style.ink},
    )  # fmt: skip
    ax.tick_params(length=0, rotation=0)
    ax.set(xlabel="", ylabel="")
    ax.set_title("Cohen\u2019s kappa", fontsize=look.style.small, fontweight="normal", pad=3)


def _numbers(pair: pd.DataFrame, drawn: Sequence[str]) -> str:
    """The kappas of two graders, a line a model, or from the smallest to the largest."""
    values = pair.set_index("model")["estimate"].reindex(drawn)
    if len(values) <= _MOST_NUMBERS:
        return "\n".join(number(value, 2) for value in values)
    return " to ".join(dict.fromkeys(number(end, 2) for end in (values.min(), values.max())))
