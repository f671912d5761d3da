"""Reliability diagram: how often the most likely label is right, by how likely it was held."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import accuracy, conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import number, span, with_interval

FILLED = {"marker": "o", "linestyle": "-"}
HOLLOW = {"marker": "o", "linestyle": "--", **accuracy.HOLLOW}


@layout.figure
def draw(readout_bins: Frame, readout_calibration: Frame = None, *, look: Look) -> Figure:
    """Share right against mean confidence in bins of equal mass, one panel per model.

    Filled is natural thinking, or the study's first condition where that was not read; hollow the
    smallest maximum budget. The heading has the calibration error of what is filled, and the mean
    of its null, from `readout_calibration`.
    """
    needed = ["model", *conditions.COLUMNS, "n_items", "n_responses", "confidence_mean"]
    needed += ["estimate", "lower", "upper"]
    table = frames.require(frames.some(readout_bins, "no label was read"), needed, "readout_bins")
    look, style = look.over(table), look.style
    names = conditions.condition_names(table, style)
    first, least = _shown(table)
    ways = {least: HOLLOW, first: FILLED}  # what is first is drawn last
    table = table[table["condition"].isin(ways)]
    figure, panels = layout.model_panels(table, look, extra=1.0, sharex=True, sharey=True)
    exact = {"color": style.muted, "linestyle": (0, (2, 2)), "linewidth": 0.9}
    for ax, model, mine in panels:
        ax.plot([0, 1], [0, 1], zorder=0, **exact)
        for condition, how in ways.items():
            own = mine[mine["condition"] == condition].sort_values("confidence_mean")
            accuracy.intervals(ax, own["confidence_mean"], own, model, (0, 1, 0.0), look, **how)
        layout.model_heading(ax, model, _error(readout_calibration, model, first), look)
        ax.set_xlabel("probability of the most likely label")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("share right")
    panels[0][0].set(xlim=(min(0.95 * table["confidence_mean"].min(), 0.8), 1.02), ylim=(0, 1.02))
    handles = [
        Line2D([], [], color=style.ink, label=names[condition], **how)
        for condition, how in ways.items()
    ]
    handles.append(Line2D([], [], label="calibrated", **exact))
    layout.model_legend(figure, [], look, handles)
    sizes = f"n per point: {span(table['n_items'])} items, {span(table['n_responses'])} responses"
    text = (
        f"{sizes}; bins of equal mass; bars and brackets: {look.confidence:.0%} intervals; "
        f"ECE: expected calibration error ({names[first]}); noise: its mean if there were none"
    )
    layout.note(figure, text, style)
    return figure


def _shown(table: pd.DataFrame) -> tuple[str, str]:
    """Natural thinking, or what comes first, and the smallest budget, or the same once more."""
    natural = conditions.is_natural(table).any()
    first = "natural" if natural else table["condition"].iloc[0]
    budgets = table[conditions.is_budget(table)].sort_values("max_think")
    return first, first if budgets.empty else budgets["condition"].iloc[0]


def _error(table: Frame, model: str, condition: str) -> str:
    """The expected calibration error of a condition and what noise would make of none."""
    if frames.is_empty(table):
        return ""
    columns = ["model", "condition", "measure", "estimate", "lower", "upper", "null_mean"]
    frames.require(table, columns, "readout_calibration")
    keys = {"model": model, "condition": condition, "measure": "calibration_error"}
    rows = table[(table[list(keys)] == pd.Series(keys)).all(axis=1) & table["estimate"].notna()]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    error = with_interval(row["estimate"], row["lower"], row["upper"])
    return f"ECE {error}, noise {number(row['null_mean'], 2)}"
