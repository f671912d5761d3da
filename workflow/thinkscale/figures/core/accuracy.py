"""What figures of accuracy share: estimates with their intervals along an axis of conditions."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look, Style
from thinkscale.figures.core.text import span

LABEL = "accuracy (share correct)"
HOLLOW = {"markerfacecolor": "white", "markeredgewidth": 0.9}


def estimated(accuracy: Frame, more: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of the table with an estimate; it must have `more` columns than every figure's."""
    columns = ["model", *conditions.COLUMNS, "n_items", "n_responses", "errors"]
    columns += ["estimate", "lower", "upper", *more]
    frames.require(frames.some(accuracy, "no accuracy was estimated"), columns, "accuracy")
    return accuracy[accuracy["estimate"].notna()]


def intervals(
    ax: Axes,
    where: pd.Series,
    rows: pd.DataFrame,
    model: str,
    shift: tuple[int, int, float],
    look: Look,
    line: str = "-",
    columns: Sequence[str] = ("estimate", "lower", "upper"),
    **how: object,
) -> None:
    """Estimates with intervals, joined by a line, in the model's colour and marker.

    `shift` is what `layout.dodge` takes: which of how many, how many points apart. `how` is more
    of what `errorbar` takes.
    """
    estimate, lower, upper = (rows[column].astype(float) for column in columns)
    drawn = {"color": look.colours[model], "marker": look.marks[model], "linestyle": line}
    drawn |= {"markeredgewidth": 0, "markersize": 0.85 * look.style.marker_size}
    drawn |= {"elinewidth": 0.75 * look.style.line_width, "transform": layout.dodge(ax, *shift)}
    ends = layout.bars(lower, estimate, upper)
    ax.errorbar(where.to_numpy(), estimate.to_numpy(), yerr=ends, **drawn | how)


def guessing(ax: Axes, height: float, style: Style, label: str = "guessing") -> Line2D:
    """Draw a dashed line at what guessing gives; returns it for a legend."""
    how = {"color": style.muted, "linestyle": (0, (2, 2)), "linewidth": 0.9}
    return ax.axhline(height, label=label, **how)


def top(rows: pd.DataFrame) -> float:
    """Upper end of an accuracy axis: the next tenth above all intervals, 1 at most."""
    highest = float(rows[["estimate", "upper"]].astype(float).max().max())
    return min(1.02, np.ceil(10 * highest + 0.2) / 10)


def sizes(rows: pd.DataFrame, confidence: float) -> str:
    """How a note counts what is behind each point."""
    text = (
        f"n per point: {span(rows['n_items'])} items, {span(rows['n_responses'])} responses; "
        f"bars: {confidence:.0%} intervals"
    )
    if rows["errors"].any():
        text += f"; {span(rows['errors'])} items did not fit the context and count as not correct"
    return text
