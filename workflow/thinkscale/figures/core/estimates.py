"""Estimates with their intervals, as tables have them: along an axis, or a row for each category.

seaborn draws points and lines; the intervals are the tables' own, which know of clusters.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Line, Look, conditions, frames, layout
from thinkscale.figures.core.text import span

ENDS = ("estimate", "lower", "upper")
Lines = Mapping[str, Line]
"""What is drawn together on one axes: each name in its look, in the order in which they stand."""
_MANY = 40  # intervals that may stand together at full strength


def curves(
    ax: Axes,
    rows: pd.DataFrame,
    x: str,
    lines: Lines,
    by: str = "model",
    *,
    ends: Sequence[str] = ENDS,
    step: float = 0.0,
    shift: float = 0.0,
    log: bool = False,
    joined: bool = True,
    **how: object,
) -> None:
    """Estimates over the column `x`, joined by a line for each name of the column `by`.

    step: how far apart neighbours stand, in units of `x`, or of its logarithm where that is drawn,
    so that intervals do not hide each other; shift: how far all of them. `how` is more of what
    `lineplot` takes.
    """
    rows = _placed(rows, x, lines, by, ends, step, shift, log)
    dashes = {name: tuple(line.dashes) or "" for name, line in lines.items()}
    how = {"markeredgewidth": 0, "dashes": dashes} | how
    if not joined:
        how |= {"dashes": False, "linestyle": ""}
    looks = _looks(lines, by)
    sns.lineplot(rows, x=x, y=ends[0], estimator=None, errorbar=None, ax=ax, **looks, **how)
    alpha = how.get("alpha", 1) * faint(rows)
    intervals(ax, rows, rows[x], rows[ends[0]], ends, lines, by, alpha=alpha)


def running_mean(
    ax: Axes, rows: pd.DataFrame, y: str, line: Line, size: float
) -> tuple[int, float]:
    """The column `y` over steps: small points, and through them a centred running mean.

    size: of the points. The mean bears its marker at a few places, so that colour is not the only
    cue. Returns over how many points it goes (about an eighth of them, odd, at least three), and
    its last value.
    """
    window = max(3, len(rows) // 8) | 1
    mean = rows[y].rolling(window, center=True, min_periods=1).mean()
    how = {"x": rows["step"], "color": line.colour, "marker": line.marker, "ax": ax}
    sns.scatterplot(y=rows[y], s=size**2, linewidth=0, alpha=0.4, legend=False, **how)
    sns.lineplot(
        y=mean, estimator=None, linestyle=line.linestyle, legend=False, markeredgewidth=0,
        markevery=0.2, **how,
    )  # fmt: skip
    return window, float(mean.iloc[-1])


def dots(
    ax: Axes,
    rows: pd.DataFrame,
    y: str,
    names: Mapping[str, str],
    lines: Lines,
    by: str = "model",
    *,
    ends: Sequence[str] = ENDS,
    **how: object,
) -> None:
    """A row for each of `names` (value of the column `y` to its label), the first on top.

    In each a dot for each name of `by`. `how` is more of what `scatterplot` takes.
    """
    at = {value: place for place, value in enumerate(names)}
    rows = rows.assign(place=rows[y].map(at))
    rows = _placed(rows, "place", lines, by, ends, 0.72 / len(lines))
    sns.scatterplot(rows, x=ends[0], y="place", ax=ax, linewidth=0, **_looks(lines, by), **how)
    intervals(ax, rows, rows[ends[0]], rows["place"], ends, lines, by, across=True)
    layout.rows_axis(ax, list(names.values()))


def faint(rows: pd.DataFrame) -> float:
    """How opaque the intervals of rows are, that so many do not hide what is estimated."""
    return 0.45 if len(rows) > _MANY else 1.0


def bars(lower: pd.Series, estimate: pd.Series, upper: pd.Series) -> np.ndarray:
    """Interval ends as the distances `errorbar` wants, shape (2, n); none where missing."""
    below = (estimate - lower).to_numpy(dtype=float, na_value=np.nan)
    above = (upper - estimate).to_numpy(dtype=float, na_value=np.nan)
    # An estimate may lie a rounding error outside its own interval.
    return np.clip(np.nan_to_num(np.vstack([below, above])), 0, None)


def forest(
    panels: Mapping[str, pd.DataFrame], y: str, names: Mapping[str, str], look: Look
) -> tuple[Figure, list[Axes]]:
    """A panel of `dots` for each label of an axis of estimates, a dot for each model."""
    shown = look.among(pd.concat(panels.values()))
    height = layout.rows_height(names, shown)
    figure, axes = layout.panel_grid(len(panels), look.style, height, sharey=True)
    for ax, (label, rows) in zip(axes, panels.items(), strict=True):
        dots(ax, rows, y, names, shown)
        ax.set_xlabel(label)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.grid(axis="x")
    layout.legend(figure, shown, look)
    return figure, axes


def per_condition(table: Frame, label: str, look: Look) -> Figure:
    """Draw a table with one estimate for every model and condition (`stats.core.frame`).

    label: of the axis of estimates, with its unit. Rows without an estimate are left out, one
    without an interval has no bar.
    """
    found: pd.DataFrame = frames.some(table, "nothing was estimated").dropna(subset="estimate")
    found = frames.some(found, "nothing was estimated")
    look = look.over(found)
    names = conditions.condition_names(found, look.style)
    figure, _ = forest({label: found}, "condition", names, look)
    sizes = f"n per point: {span(found['n_items'])} items, {span(found['n_responses'])} responses"
    layout.note(figure, f"{sizes}; bars: {look.confidence:.0%} intervals", look.style)
    return figure


def _placed(
    rows: pd.DataFrame, x: str, lines: Lines, by: str, ends: Sequence[str], step: float,
    shift: float = 0.0, log: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """The rows to draw, as numbers, with `x` moved aside by the place of their name."""
    rows = rows[rows[by].isin(list(lines)) & rows[x].notna()]
    rows = rows.astype(dict.fromkeys([x, *ends], float)).reset_index(drop=True)
    place = {name: i - (len(lines) - 1) / 2 for i, name in enumerate(lines)}
    aside = step * rows[by].map(place).astype(float) + shift
    return rows.assign(**{x: rows[x] * np.exp(aside) if log else rows[x] + aside})


def _looks(lines: Lines, by: str) -> dict[str, object]:
    return {
        "hue": by, "hue_order": list(lines), "style": by, "style_order": list(lines),
        "palette": {name: line.colour for name, line in lines.items()},
        "markers": {name: line.marker for name, line in lines.items()}, "legend": False,
    }  # fmt: skip


def intervals(
    ax: Axes, rows: pd.DataFrame, x: pd.Series, y: pd.Series, ends: Sequence[str], lines: Lines,
    by: str, across: bool = False, alpha: float = 1.0,
) -> None:  # fmt: skip
    """The intervals of estimates at `x` and `y`, `across` where they lie along the first axis."""
    estimate, lower, upper = ends
    for name, line in lines.items():
        own = rows[rows[by] == name]
        sizes = {"xerr" if across else "yerr": bars(own[lower], own[estimate], own[upper])}
        how = {"ecolor": line.colour, "elinewidth": 0.75 * rcParams["lines.linewidth"]}
        ax.errorbar(x[own.index], y[own.index], **sizes, fmt="none", alpha=alpha, **how)
    ax.set(xlabel="", ylabel="")
