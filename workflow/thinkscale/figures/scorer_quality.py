"""How good the scorers are: along the thought, of whole thoughts, and as probabilities."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, accuracy, frames, layout
from thinkscale.figures.core.estimates import ENDS, curves
from thinkscale.figures.core.text import short_names, span

_AGGREGATIONS = ("last", "min", "prod", "mean")
_DASHES = (2, 1.5)


@layout.figure
def draw(scorer_quality: Frame, *, look: Look) -> Figure:
    """A row for each model: AUC along the thought, AUC of whole thoughts, calibration error.

    Full are pairs of candidates about one item, dashed and faint all pairs. Ticks in the last panel
    are the errors that noise alone would make.
    """
    needed = ["model", "scorer", "agg_strategy", "fraction", "measure", "n_items", "n_candidates"]
    needed += [*ENDS, "null_mean"]
    rows = frames.require(
        frames.some(scorer_quality, "no scorer judged natural samples"), needed, "scorer_quality"
    )
    look, style = look.over(rows), look.style
    models, scorers = look.among(rows), style.lines(pd.unique(rows["scorer"]))
    dashed = {name: replace(line, dashes=_DASHES) for name, line in scorers.items()}
    noise = {name: Line(style.muted, "_") for name in scorers}
    height = len(models) * (style.height + 0.6) + 0.6
    figure = layout.constrained(style.wide, height, style, w_pad=0.05, h_pad=0.05)
    grid = figure.subplots(len(models), 3, sharex="col", sharey="col", squeeze=False)
    short = short_names(look.models, style)
    is_auc = rows["measure"].str.startswith("auc")
    low = min(0.45, float(rows.loc[is_auc, ["estimate", "lower"]].min().min()) - 0.02)
    places = rows["agg_strategy"].map(_AGGREGATIONS.index, na_action="ignore")
    rows = rows.assign(place=places.astype(float))
    errors = rows[(rows["measure"] == "calibration_error") & rows["fraction"].isna()]
    step = 0.6 / len(scorers)
    for (along, of_whole, error), model in zip(grid, models, strict=True):
        own = rows[rows["model"] == model]
        for measure, lines, side in (("auc", dashed, -1), ("auc_within", scorers, 1)):
            these, alpha = own[own["measure"] == measure], 0.6 if side < 0 else 1
            how = {"by": "scorer", "alpha": alpha}
            curves(along, these, "fraction", lines, step=0.03 * step, shift=0.004 * side, **how)
            whole, shift = these[these["fraction"].isna()], side * step / 4
            curves(of_whole, whole, "place", lines, step=step, shift=shift, joined=False, **how)
        these, how = errors[errors["model"] == model], {"by": "scorer", "joined": False}
        curves(error, these, "place", scorers, step=step, **how)
        how |= {"markeredgewidth": 1, "markeredgecolor": style.muted}
        curves(error, these, "place", noise, ends=["null_mean"] * 3, step=step, **how)
        for ax in (along, of_whole):
            accuracy.guessing(ax, 0.5, style)
            ax.set_ylim(low, 1.02)
        # Scores outside 0 to 1 have no error.
        heights = errors[["estimate", "upper", "null_mean"]].to_numpy(float)
        error.set_ylim(0, 1.05 * np.fmax.reduce(heights, axis=None, initial=0.1))
        for ax in (of_whole, error):
            ax.set_xticks(range(len(_AGGREGATIONS)), _AGGREGATIONS)
            ax.set_xlim(-0.5, len(_AGGREGATIONS) - 0.5)
        along.set(xlim=(0.12, 1.08), xticks=(0.2, 0.4, 0.6, 0.8, 1.0))
        along.xaxis.set_major_formatter("{x:.0%}")
        sizes = f"{span(own['n_items'])} items, {span(own['n_candidates'])} samples"
        layout.heading(along, short[model], sizes, style.ink, style)
        layout.heading(of_whole, "", "whole thoughts", style.ink, style)
        layout.heading(error, "", "whole thoughts, as probabilities", style.ink, style)
        along.set_ylabel("AUC of the score")
        error.set_ylabel("calibration error (ECE)")
        if model == list(models)[-1]:
            along.set_xlabel("share of its steps that are there")
            of_whole.set_xlabel("how steps become one score")
            error.set_xlabel("how steps become one score")
    pair, ticks = Line(style.ink, "o"), Line(style.muted, "_")
    others = [
        pair.handle("pairs within an item"),
        replace(pair, dashes=_DASHES).handle("all pairs", alpha=0.6),
        ticks.handle("error by noise alone", linestyle="", markersize=6),
    ]
    layout.legend(figure, scorers, look, others)
    text = f"natural samples; bars: {look.confidence:.0%} intervals, clustered by item; dashed: 0.5"
    layout.note(figure, text, style)
    return figure
