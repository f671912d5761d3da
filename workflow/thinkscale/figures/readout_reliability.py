"""Reliability diagram: how often the most likely label is right, by how likely it was held."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, accuracy, conditions, frames, layout
from thinkscale.figures.core.estimates import curves
from thinkscale.figures.core.text import number, with_interval

_HELD = "confidence_mean"


@layout.figure
def draw(readout_bins: Frame, readout_calibration: Frame = None, *, look: Look) -> Figure:
    """Share right against mean confidence in bins of equal mass, one panel per model.

    The full line is natural thinking, or the study's first condition where that was not read; the
    dashed one the smallest maximum budget. The heading has the calibration error of the full line,
    and the mean of its null, from `readout_calibration`.
    """
    table = accuracy.estimated(readout_bins, "readout_bins", "no label was read", [_HELD])
    look, style = look.over(table), look.style
    names = conditions.condition_names(table, style)
    first, least = _shown(table)
    ways = {least: Line(style.ink, "s", (3, 1.5)), first: Line(style.ink, "o")}
    table = table[table["condition"].isin(ways)]
    figure, panels = layout.model_panels(table, look, extra=1.0, sharex=True, sharey=True)
    exact = {"color": style.muted, "linestyle": (0, (2, 2)), "linewidth": 0.9}
    for ax, model, mine in panels:
        diagonal = ax.axline((0, 0), (1, 1), label="calibrated", zorder=0, **exact)
        lines = {way: replace(line, colour=look.lines[model].colour) for way, line in ways.items()}
        curves(ax, mine, _HELD, lines, "condition")
        layout.model_heading(ax, model, _error(readout_calibration, model, first), look)
        ax.set_xlabel("probability of the most likely label")
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("share right")
    panels[0][0].set(xlim=(min(0.95 * table[_HELD].min(), 0.8), 1.02), ylim=(0, 1.02))
    handles = [line.handle(names[way]) for way, line in ways.items()]
    layout.legend(figure, {}, look, [*handles, diagonal])
    text = (
        f"{accuracy.sizes(table, look.confidence)}, as brackets; bins of equal mass; "
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
    keys = {"model": model, "condition": condition, "measure": "calibration_error"}
    rows = frames.estimated(table, "readout_calibration", ["null_mean", "lower", "upper"], **keys)
    if rows.empty:
        return ""
    row = rows.iloc[0]
    error = with_interval(row["estimate"], row["lower"], row["upper"])
    return f"ECE {error}, noise {number(row['null_mean'], 2)}"
