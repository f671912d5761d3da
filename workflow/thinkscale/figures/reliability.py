"""How far samples of one item agree in the length of thinking, of all models."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, frames, layout
from thinkscale.figures.core.estimates import ENDS, forest
from thinkscale.figures.core.text import plural, span

_LEAST = -1  # what is lower tells no more, and would leave no room for the rest
_NAMES = {"icc_single": "one sample", "icc_mean": "mean of all samples"}


@layout.figure
def draw(reliability: Frame, *, look: Look) -> Figure:
    """Intraclass correlation of one sample and of an item's mean, a dot for each model."""
    table = frames.some(reliability, "no reliability was estimated")
    frames.require(table, ["model", "measure", "n", "samples", *ENDS], "reliability")
    found = table[table["measure"].isin(_NAMES)].dropna(subset="estimate")
    found = frames.some(found, "no model has several samples of an item that vary")
    look = look.over(found)
    figure, (ax,) = forest({"reliability (ICC of log tokens)": found}, "measure", _NAMES, look)
    ax.set_xlim(max(_LEAST, min(0, 1.05 * found["lower"].min())), 1)
    samples = span(found["samples"], "{:.3g}".format)
    text = f"n = {span(found['n'])} items a model, {samples} samples each; natural thinking; bars: "
    text += f"{look.confidence:.0%} intervals"
    if below := int((found["estimate"] < _LEAST).sum()):
        text += f"; {plural(below, 'estimate')} below \u2212{-_LEAST} not shown"
    layout.note(figure, text, look.style)
    return figure
