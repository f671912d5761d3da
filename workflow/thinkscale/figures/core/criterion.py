"""Thinking tokens against a criterion, something known of people on each item."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from thinkscale.figures.core import Frame, Look, Style, conditions, frames, layout
from thinkscale.figures.core.text import plural, with_interval

RHO = "\N{GREEK SMALL LETTER RHO}"


def tokens_against(
    criterion: str, label: str, graded: Frame, registration: Frame, look: Look
) -> Figure:
    """Mean thinking tokens of each item against the column `criterion`, one panel per model.

    label: of that column's axis. The line is least squares over items, the band its confidence band
    for the mean. Spearman's rho and its interval come from `registration`. Items with a censored
    sample are open rings.
    """
    why, name = "no response that stopped naturally", criterion.replace("_", " ")
    needed = ["condition", criterion, "think_tokens", "censored"]
    graded, style = frames.included(graded, needed, why), look.style
    natural = frames.some(graded[conditions.is_natural(graded)], why)
    look, left_out = look.over(natural), conditions.unfit_note(natural)
    points = _per_item(conditions.thought(natural), criterion)
    points = frames.some(points, "no item fits the context of a model")
    known = frames.some(points[points[criterion].notna()], f"no item has a {name}")

    one_scale = layout.comparable(known.groupby("model")["tokens"].max())
    figure, panels = layout.model_panels(known, look, sharex=True, sharey=one_scale)
    for ax, model, mine in panels:
        layout.points(ax, mine, criterion, "tokens", look.lines[model], style, "censored")
        _fit(ax, mine[criterion], mine["tokens"], look.confidence, style)
        detail = _rho(registration, model, criterion, len(mine))
        layout.model_heading(ax, model, detail, look)
        ax.set_xlabel(label)
        layout.count_axis(ax.yaxis)
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel("thinking tokens (mean per item)")
    for ax, *_ in panels:
        ax.set_ylim(bottom=max(0.0, ax.get_ylim()[0]))

    percent = f"{look.confidence:.0%}"
    parts = [
        f"points: items, mean over samples; line and band: least squares with {percent} band; "
        f"brackets: {percent} interval of Spearman\u2019s {RHO}"
    ]
    if cut := int(known["censored"].sum()):
        parts.append(f"open: {plural(cut, 'point')} with a sample cut before it ended")
    if left := points.loc[points[criterion].isna(), "item_id"].nunique():
        parts.append(f"{plural(left, 'item')} without a {name} left out")
    layout.note(figure, "; ".join(parts) + left_out, style)
    return figure


def _per_item(natural: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """One row per model and item: mean tokens, the criterion, whether any sample was cut."""
    return natural.groupby(["model", "item_id"], sort=False, as_index=False).agg(
        **{"tokens": ("think_tokens", "mean"), criterion: (criterion, "first")},
        censored=("censored", "any"),
    )


def _fit(
    ax: Axes, criterion: pd.Series, tokens: pd.Series, confidence: float, style: Style
) -> None:
    """Least squares line and band, where there are three items and two values of the criterion."""
    known = criterion.to_numpy(dtype=float)
    if len(known) < 3 or np.ptp(known) == 0:
        return
    grid = np.linspace(known.min(), known.max(), 60)
    fit = OLS(tokens.to_numpy(dtype=float), add_constant(known)).fit()
    line = fit.get_prediction(add_constant(grid)).summary_frame(alpha=1 - confidence)
    ax.fill_between(
        grid, line["mean_ci_lower"], line["mean_ci_upper"], color=style.ink, alpha=0.2, linewidth=0
    )
    ax.plot(grid, line["mean"], color=style.ink)


def _rho(table: Frame, model: str, criterion: str, items: int) -> str:
    rows = frames.estimated(
        *(table, "registration", ["n", "lower", "upper"]),
        **{"model": model, "criterion": criterion, "measure": "spearman"},
    )
    for row in rows.itertuples():
        rho = with_interval(float(row.estimate), float(row.lower), float(row.upper))
        return f"{RHO} = {rho}, n = {int(row.n):,}"
    return f"{RHO}: no data, n = {items:,}"
