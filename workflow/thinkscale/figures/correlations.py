"""Every correlation of thinking tokens with difficulty and response time, of all models."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import ENDS, forest
from thinkscale.figures.core.text import span, visible

_NAMES = {
    "spearman": "Spearman\u2019s \u03c1",
    "partial_spearman": "\u03c1, length held equal",
    "pearson_log": "Pearson\u2019s r, log tokens",
    "kendall": "Kendall\u2019s \u03c4",
    "somers_d": "Somers\u2019 D, cut as bounds",
}


@layout.figure
def draw(registration: Frame, *, look: Look) -> Figure:
    """A panel for each criterion, a row for each correlation with it, a dot for each model.

    Behind them is what n items could not have shown.
    """
    table = frames.some(registration, "nothing was correlated with a criterion")
    needed = ["model", "criterion", "measure", "n", "detectable", *ENDS]
    found = frames.require(table, needed, "registration").dropna(subset="estimate")
    found = frames.some(found, "nothing was correlated with a criterion")
    look, style, measures = look.over(found), look.style, list(pd.unique(found["measure"]))
    names = {measure: name for measure, name in _NAMES.items() if measure in measures}
    names = names | {m: visible(m, limit=24, style=style) for m in measures if m not in names}
    panels = {
        f"correlation with {criterion.replace('_', ' ')}": rows
        for criterion, rows in found.groupby("criterion", sort=False)
    }

    figure, axes = forest(panels, "measure", names, look)
    for ax, rows in zip(axes, panels.values(), strict=True):
        ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
        within = rows["detectable"].max()
        ax.axvspan(-within, within, color=style.faint, alpha=0.5, linewidth=0, zorder=-1)
    text = f"n = {span(found['n'])} items a model; bars: {look.confidence:.0%} intervals; shaded: "
    layout.note(figure, text + "too small to be found with 80% power", style)
    return figure
