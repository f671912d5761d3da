"""Whether right answers are thought about longer than others to the same item, of all models."""

import numpy as np
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import ENDS, forest
from thinkscale.figures.core.text import span

_NAMES = {"within": "within items", "mixed": "mixed model"}


@layout.figure
def draw(allocation: Frame, *, look: Look) -> Figure:
    """Ratio of the thinking tokens of right answers to those of others, a dot for each model."""
    table = frames.some(allocation, "nothing was compared within items")
    frames.require(table, ["model", "measure", "n_both", "censored", *ENDS], "allocation")
    found = table[table["measure"].isin(_NAMES)].dropna(subset="estimate")
    found = frames.some(found, "too few items have both right and other answers")
    look, ends = look.over(found), list(ENDS)
    found = found.assign(**{end: np.exp(found[end].astype(float)) for end in ends})
    label = "tokens, right answers to others (ratio)"
    figure, (ax,) = forest({label: found}, "measure", _NAMES, look)
    ax.axvline(1, color=look.style.muted, linewidth=0.7, zorder=0)
    ax.xaxis.set_major_formatter("{x:g}")
    text = f"n = {span(found['n_both'])} items a model with both right and other answers; bars: "
    text += f"{look.confidence:.0%} intervals"
    if (cut := found["censored"].max()) > 0:
        text += f"; up to {cut:.0%} of a model's samples were cut before they ended"
    layout.note(figure, text, look.style)
    return figure
