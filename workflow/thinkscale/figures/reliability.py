"""How far samples of one item agree in the length of thinking, of all models."""

from matplotlib.figure import Figure

from thinkscale.figures.core import frames, layout
from thinkscale.figures.core.estimates import ENDS, forest
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import span

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
    ax.set_xlim(min(0, 1.05 * found["lower"].min()), 1)
    samples = f"{found['samples'].min():.3g}"
    if (most := f"{found['samples'].max():.3g}") != samples:
        samples += f"\N{EN DASH}{most}"
    text = f"n = {span(found['n'])} items a model, {samples} samples each; natural thinking; bars: "
    layout.note(figure, text + f"{look.confidence:.0%} intervals", look.style)
    return figure
