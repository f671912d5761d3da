"""How good the scorers are: along the thought, of whole thoughts, and as probabilities."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.accuracy import HOLLOW
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import short_names, span

_AGGREGATIONS = ("last", "min", "prod", "mean")


@layout.figure
def draw(scorer_quality: Frame, *, look: Look) -> Figure:
    """A row for each model: AUC along the thought, AUC of whole thoughts, calibration error.

    Filled are pairs of candidates about one item, hollow all pairs. Ticks in the last panel are
    the errors that noise alone would make.
    """
    needed = ["model", "scorer", "agg_strategy", "fraction", "measure", "n_items", "n_candidates"]
    needed += ["estimate", "lower", "upper", "null_mean"]
    rows = frames.require(
        frames.some(scorer_quality, "no scorer judged natural samples"), needed, "scorer_quality"
    )
    look, style = look.over(rows), look.style
    models, scorers = look.among(rows), list(pd.unique(rows["scorer"]))
    colours = {name: style.palette[i % len(style.palette)] for i, name in enumerate(scorers)}
    marks = {name: style.markers[i % len(style.markers)] for i, name in enumerate(scorers)}
    height = len(models) * (style.height + 0.6) + 0.6
    figure = layout.constrained(style.wide, height, style, w_pad=0.05, h_pad=0.05)
    grid = figure.subplots(len(models), 3, sharex="col", sharey="col", squeeze=False)
    short = short_names(look.models, style)
    is_auc = rows["measure"].str.startswith("auc")
    low = min(0.45, float(rows.loc[is_auc, ["estimate", "lower"]].min().min()) - 0.02)
    for (along, of_whole, error), model in zip(grid, models, strict=True):
        own = rows[rows["model"] == model]
        for place, name in enumerate(scorers):
            mine = own[own["scorer"] == name]
            for measure, how in (("auc", HOLLOW), ("auc_within", {})):
                these = mine[mine["measure"] == measure]
                drawn = {"color": colours[name], "marker": marks[name], **how}
                shift = (2 * place + (measure == "auc_within"), 2 * len(scorers))
                parts = these[these["fraction"].notna()].sort_values("fraction")
                whole = these[these["fraction"].isna()]
                line = "-" if measure == "auc_within" else (0, (2, 1.5))
                _bars(along, parts["fraction"], parts, (*shift, 2.2), look, line, **drawn)
                _bars(of_whole, _place(whole), whole, (*shift, 4.5), look, **drawn)
            these = mine[(mine["measure"] == "calibration_error") & mine["fraction"].isna()]
            drawn = {"color": colours[name], "marker": marks[name]}
            shift = (place, len(scorers), 8.0)
            _bars(error, _place(these), these, shift, look, **drawn)
            noise = {"marker": "_", "color": style.muted, "linestyle": "none", "markersize": 6}
            moved = layout.dodge(error, *shift)
            error.plot(_place(these), these["null_mean"], transform=moved, zorder=3, **noise)
        for ax in (along, of_whole):
            ax.axhline(0.5, color=style.muted, linestyle=(0, (2, 2)), linewidth=0.9, zorder=0)
            ax.set_ylim(low, 1.02)
        errors = rows[(rows["measure"] == "calibration_error") & rows["fraction"].isna()]
        error.set_ylim(0, 1.05 * np.nanmax(errors[["estimate", "upper", "null_mean"]], initial=0.1))
        for ax in (of_whole, error):
            ax.set_xticks(range(len(_AGGREGATIONS)), _AGGREGATIONS)
            ax.set_xlim(-0.5, len(_AGGREGATIONS) - 0.5)
        along.set(xlim=(0.12, 1.08), xticks=(0.2, 0.4, 0.6, 0.8, 1.0))
        along.xaxis.set_major_formatter(PercentFormatter(1.0))
        sizes = f"{span(own['n_items'])} items, {span(own['n_candidates'])} samples"
        layout.heading(along, short[model], sizes, style.ink, style)
        layout.heading(of_whole, "", "whole thoughts", style.ink, style)
        layout.heading(error, "", "whole thoughts, as probabilities", style.ink, style)
        along.set_ylabel("AUC of the score")
        error.set_ylabel("calibration error (ECE)")
        if model == models[-1]:
            along.set_xlabel("share of its steps that are there")
            of_whole.set_xlabel("how steps become one score")
            error.set_xlabel("how steps become one score")
    handles = [
        Line2D([], [], color=colours[n], marker=marks[n], linestyle="", label=n) for n in scorers
    ]
    pair = {"color": style.ink, "marker": "o"}
    handles += [
        Line2D([], [], label="pairs within an item", **pair),
        Line2D([], [], label="all pairs", linestyle=(0, (2, 1.5)), **pair, **HOLLOW),
        Line2D([], [], label="error by noise alone", **noise),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    text = f"natural samples; bars: {look.confidence:.0%} intervals, clustered by item; dashed: 0.5"
    layout.note(figure, text, style)
    return figure


def _place(rows: pd.DataFrame) -> pd.Series:
    return rows["agg_strategy"].map(_AGGREGATIONS.index)


def _bars(
    ax: Axes, where: pd.Series, rows: pd.DataFrame, shift: tuple[int, int, float], look: Look,
    line: object = "none", **how: object,
) -> None:  # fmt: skip
    """Estimates with their intervals, `shift`ed as by `layout.dodge`."""
    style = look.style
    ax.errorbar(
        where, rows["estimate"], yerr=layout.bars(rows["lower"], rows["estimate"], rows["upper"]),
        linestyle=line, linewidth=0.8 * style.line_width, elinewidth=0.6 * style.line_width,
        markersize=0.8 * style.marker_size, transform=layout.dodge(ax, *shift), **how,
    )  # fmt: skip
