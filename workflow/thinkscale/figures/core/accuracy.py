"""What figures of accuracy share: which rows they take, guessing, and how they count."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import Frame, Line, Look, Style, conditions, frames, layout
from thinkscale.figures.core.estimates import ENDS, Lines, bars
from thinkscale.figures.core.text import span

LABEL = "accuracy (share correct)"
SIZES = ("n_items", "n_responses")


def estimated(table: Frame, name: str, why: str, more: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of a table with an estimate; it must have `more` columns than every figure's."""
    columns = ["model", *conditions.COLUMNS, *SIZES, *ENDS, *more]
    found = frames.require(frames.some(table, why), columns, name)
    return frames.some(found[found["estimate"].notna()], why)


def read(readout: Frame, more: Iterable[str]) -> pd.DataFrame:
    """Estimates of what was read. Of truncated responses only those were that had ended before."""
    why = "nothing was read"
    table = estimated(readout, "readout", why, ["measure", *more])
    return frames.some(table[~conditions.is_truncated(table)], why)


def guessing(ax: Axes, height: float, style: Style, label: str = "guessing") -> Line2D:
    """Draw a dashed line at what guessing gives; returns it for a legend."""
    how = {"color": style.muted, "linestyle": (0, (2, 2)), "linewidth": 0.9, "zorder": 0}
    return ax.axhline(height, label=label, **how)


def frontier(
    ax: Axes, points: pd.DataFrame, cost: str, best: pd.DataFrame, lines: Lines, ink: str
) -> None:
    """Accuracy over the column `cost`, votes hollow; the frontier is joined, all else is faint.

    best: those rows of the points that none beats in both, the cheapest first, which alone have
    their intervals.
    """
    steps = {"drawstyle": "steps-post", "color": ink, "linewidth": 0.8, "zorder": 1}
    sns.lineplot(best, x=cost, y="estimate", ax=ax, legend=False, **steps)
    kinds = ["model", points.index.isin(best.index), points["k"] > 1]
    for (model, on, vote), rows in points.groupby(kinds):
        line, ends = lines[model], [rows[end] for end in ("lower", "estimate", "upper")]
        ax.errorbar(
            rows[cost], rows["estimate"], bars(*ends) if on else None, fmt=line.marker,
            color=line.colour, markerfacecolor="white" if vote else line.colour,
            alpha=1 if on else 0.3, elinewidth=0.8, zorder=3 if on else 2,
        )  # fmt: skip
    ax.set_ylabel("")
    ax.grid(axis="y")


def frontier_words(figure: Figure, table: pd.DataFrame, drawn: pd.DataFrame, look: Look) -> None:
    """The legend and the note of a figure of costs: votes are hollow, the frontier is joined.

    drawn: the rows of `table` that have a place in the figure.
    """
    style = look.style
    vote = Line(style.ink, "o").handle("vote", linestyle="", markerfacecolor="white")
    others = [vote, Line(style.ink, "").handle("frontier", linewidth=0.8)]
    layout.legend(figure, look.among(drawn), look, others)
    text = f"n = {span(drawn['n_items'])} items a point; bars: {look.confidence:.0%} intervals"
    if left := len(table) - len(drawn):
        text += f"; {left} without an accuracy or a cost not shown"
    layout.note(figure, text, style)


def top(rows: pd.DataFrame) -> float:
    """Upper end of an accuracy axis: the next tenth above all intervals, 1 at most."""
    highest = float(rows[["estimate", "upper"]].astype(float).max().max())
    return min(1.02, np.ceil(10 * highest + 0.2) / 10)


def sizes(rows: pd.DataFrame, confidence: float) -> str:
    """How a note counts what is behind each point."""
    text = "n per point: {} items, {} responses".format(*(span(rows[size]) for size in SIZES))
    text += f"; bars: {confidence:.0%} intervals"
    if "errors" in rows and rows["errors"].any():
        text += f"; {span(rows['errors'])} items did not fit the context and count as not correct"
    return text
