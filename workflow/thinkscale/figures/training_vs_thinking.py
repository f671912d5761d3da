"""What buys more: making a better model, or letting one think more about each question."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.estimates import ENDS
from thinkscale.figures.core.text import in_powers


@layout.figure
def draw(training_cost: Frame, frontier: Frame, *, look: Look) -> Figure:
    """Accuracy against FLOPs of a question, in panels by how many questions share a making.

    A question costs what a point of the frontier's table samples for it, 2 FLOPs a parameter and
    token, and its share of what making the model took. In the panel in the middle both weigh about
    alike, at the left there is a tenth of its questions, at the right ten times as many. Filled are
    conditions, hollow are votes; what nothing beats in both is joined, and has its interval.
    """
    made = frames.some(training_cost, "no model of this study was trained")
    frames.require(made, ["model", "parameters", "flops_made"], "training_cost")
    table = frames.some(frontier, "no condition has an accuracy and a cost")
    frames.require(table, ["model", "k", "n_items", "alone", *ENDS], "frontier")
    points = table.merge(made[["model", "parameters", "flops_made"]], on="model")
    points["asked"] = 2.0 * points["parameters"].astype(float) * points["alone"]
    drawn = points[points[["asked", "flops_made", "estimate"]].notna().all(axis=1)]
    drawn = frames.some(drawn[drawn["asked"] > 0], "the size of no model is known")
    look, style = look.over(drawn), look.style
    shown = look.among(drawn)
    figure, axes = layout.panel_grid(3, style, sharey=True)
    for ax, questions in zip(axes, _questions(drawn), strict=True):
        points = drawn.assign(cost=drawn["asked"] + drawn["flops_made"] / questions)
        order = points.sort_values(["cost", "estimate"], ascending=[True, False])
        best = order[order["estimate"] > order["estimate"].cummax().shift(fill_value=-1.0)]
        core.frontier(ax, points, "cost", best, shown, style.ink)
        spread = points["cost"].max() / points["cost"].min()
        layout.log_axis(ax, "FLOPs a question", spread, in_powers)
        layout.heading(ax, f"{in_powers(questions)} questions", "", style.ink, style)
    axes[0].set_ylabel(core.LABEL)
    axes[0].set_ylim(max(0, np.floor(10 * drawn["estimate"].min()) / 10), core.top(drawn))
    core.frontier_words(figure, table, drawn, look)
    return figure


def _questions(points: pd.DataFrame) -> list[float]:
    """Powers of ten around the number at which making and asking cost alike."""
    made = points.loc[points["flops_made"] > 0, "flops_made"]
    alike = made.median() / points["asked"].median() if len(made) else 1.0
    exponent = max(1, round(np.log10(max(alike, 1.0))))
    return [10.0 ** (exponent + step) for step in (-1, 0, 1)]
