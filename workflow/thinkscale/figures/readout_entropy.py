"""How unsure a model is under each budget, and whether it is so where people find items hard."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, accuracy, conditions, frames, layout
from thinkscale.figures.core.budgets import Budgets
from thinkscale.figures.core.estimates import ENDS

RHO = "\N{GREEK SMALL LETTER RHO}"


@layout.figure
def draw(readout: Frame, readout_difficulty: Frame = None, *, look: Look) -> Figure:
    """Mean entropy over the options against maximum budgets; beside it, its rho with difficulty.

    Without a correlation, as of items without difficulties, the entropy is drawn alone.
    """
    table = accuracy.read(readout, ["guessing"])
    entropy = table[table["measure"] == "entropy"]
    budgets, look = Budgets.of(entropy), look.over(entropy)
    parts = {"entropy over options (bits, mean)": entropy}
    if not frames.is_empty(readout_difficulty):
        rho = readout_difficulty.dropna(subset="estimate")
        if len(rho):
            rho = accuracy.estimated(rho, "readout_difficulty", "no correlation")
            rho = rho[~conditions.is_truncated(rho)]
            parts[f"{RHO} of entropy and difficulty"] = rho
    style, shown = look.style, look.among(entropy)
    figure, panels = layout.panel_grid(len(parts), style, extra=0.9)
    for ax, (label, rows) in zip(panels, parts.items(), strict=True):
        budgets.curves(ax, rows, shown)
        budgets.axis(ax, style)
        ax.set_ylabel(label)
    most = entropy["guessing"].mean()
    unsure = accuracy.guessing(panels[0], most, style, "all options as likely")
    panels[0].set_ylim(0, 1.05 * max(most, entropy["upper"].max()))
    for ax in panels[1:]:
        ax.axhline(0, color=style.muted, linewidth=0.7, zorder=0)
        ends = rho[list(ENDS)].astype(float)
        ax.set_ylim(min(-0.1, 1.05 * ends.min(axis=None)), max(0.1, 1.05 * ends.max(axis=None)))
    layout.legend(figure, shown, look, [unsure])
    text = accuracy.sizes(pd.concat(parts.values()), look.confidence)
    text += f"; {RHO}: Spearman\u2019s, over items" if len(parts) > 1 else ""
    layout.note(figure, text, style)
    return figure
