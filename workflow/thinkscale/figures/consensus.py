"""What several samples of an item are worth: the plurality of k, and at least one of k right."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.estimates import ENDS, curves
from thinkscale.figures.core.text import span

_PANELS = {"cons": "plurality of k right (cons@k)", "pass": "at least one of k right (pass@k)"}


@layout.figure
def draw(consensus: Frame, *, look: Look) -> Figure:
    """A panel of each measure over the number of samples, a line for each model.

    Dashed is what drawing one of an item's options at random would have. A plurality of one, and of
    two where the table has none, is one sample.
    """
    table = frames.some(consensus, "no item has several samples")
    table = frames.require(table, ["model", "measure", "k", "n_items", "guess", *ENDS], "consensus")
    found = frames.some(table[table["estimate"].notna()], "no item has several samples")
    look, style = look.over(found), look.style
    shown = look.among(found)
    passed = found[found["measure"] == "pass"]
    few = passed.loc[passed["k"] <= 2, ["model", "k"]]
    single = passed[passed["k"] == 1].drop(columns="k").merge(few, on="model")
    found = pd.concat([found, single.assign(measure="cons")])
    found = found.drop_duplicates(["model", "measure", "k"]).sort_values("k")
    ks = sorted(found["k"].unique())

    figure, axes = layout.panel_grid(2, style, sharex=True, sharey=True)
    how = {"color": style.muted, "linestyle": (0, (2, 2)), "linewidth": 0.9}
    for ax, (measure, label) in zip(axes, _PANELS.items(), strict=True):
        rows = found[found["measure"] == measure].astype({"k": float})
        curves(ax, rows, "k", shown, step=0.012 * np.log(ks[-1] / ks[0]), log=True)
        # Models may have different items of which enough samples are there.
        for _, own in rows[rows["guess"].notna()].groupby("model"):
            ax.plot(own["k"], own["guess"], zorder=0, **how)
        ax.set(xscale="log", xlabel="samples k (log scale)", ylabel="")
        ax.set_xticks(ks, [f"{k:,}" for k in ks])
        ax.minorticks_off()
        ax.grid(axis="y")
        layout.heading(ax, label, "", style.ink, style)
    axes[0].set(ylabel=core.LABEL, ylim=(0, core.top(found)))
    guessed = found["guess"].notna().any()
    others = [Line2D([], [], label="guessing", **how)] if guessed else []
    layout.legend(figure, shown, look, others)
    text = f"n = {span(found['n_items'])} items a point; bars: {look.confidence:.0%} intervals"
    layout.note(figure, text, style)
    return figure
