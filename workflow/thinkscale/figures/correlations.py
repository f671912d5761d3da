"""Every correlation of thinking tokens with difficulty, of all models."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.estimates import ENDS, dots
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import span, visible

_NAMES = {
    "spearman": "Spearman\u2019s \u03c1",
    "partial_spearman": "\u03c1, length held equal",
    "pearson_log": "Pearson\u2019s r, log tokens",
    "kendall": "Kendall\u2019s \u03c4",
}


@layout.figure
def draw(registration: Frame, *, look: Look) -> Figure:
    """A row for each correlation with a dot for each model, and what n items could have shown."""
    table = frames.some(registration, "nothing was correlated with difficulty")
    frames.require(table, ["model", "measure", "n", "detectable", *ENDS], "registration")
    found = table.dropna(subset="estimate")
    found = frames.some(found, "nothing was correlated with difficulty")
    look, style = look.over(found), look.style
    shown, measures = look.among(found), set(found["measure"])
    names = {measure: name for measure, name in _NAMES.items() if measure in measures}
    others = [measure for measure in pd.unique(found["measure"]) if measure not in names]
    names |= {measure: visible(measure, limit=24, style=style) for measure in others}

    figure, (ax,) = layout.panel_grid(1, style, layout.rows_height(names, shown))
    dots(ax, found, "measure", names, shown)
    ax.axvline(0, color=style.muted, linewidth=0.7, zorder=0)
    within = found["detectable"].max()
    ax.axvspan(-within, within, color=style.faint, alpha=0.5, linewidth=0, zorder=-1)
    ax.set_xlabel("correlation of tokens and difficulty")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(axis="x")
    layout.legend(figure, shown, look)
    text = f"n = {span(found['n'])} items a model; bars: {look.confidence:.0%} intervals; shaded: "
    layout.note(figure, text + "too small to be found with 80% power", style)
    return figure
