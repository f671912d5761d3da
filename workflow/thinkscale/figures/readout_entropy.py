"""How unsure a model is under each budget, and whether it is so where people find items hard."""

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import accuracy, conditions, frames, layout
from thinkscale.figures.core.budgets import Budgets
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import span

RHO = "\N{GREEK SMALL LETTER RHO}"


@layout.figure
def draw(readout: Frame, readout_difficulty: Frame = None, *, look: Look) -> Figure:
    """Mean entropy over the options against maximum budgets; beside it, its rho with difficulty.

    Without a correlation, as of items without difficulties, the entropy is drawn alone.
    """
    needed = ["model", *conditions.COLUMNS, "n_items", "n_responses", "estimate", "lower", "upper"]
    table = frames.some(readout, "nothing was read")
    frames.require(table, [*needed, "measure", "guessing"], "readout")
    entropy = table[(table["measure"] == "entropy") & table["estimate"].notna()]
    budgets, look = Budgets.of(entropy), look.over(entropy)
    parts = [(entropy, "entropy over options (bits, mean)")]
    if not frames.is_empty(readout_difficulty):
        frames.require(readout_difficulty, needed, "readout_difficulty")
        rho = readout_difficulty[readout_difficulty["estimate"].notna()]
        if not rho.empty:
            parts.append((rho, f"{RHO} of entropy and difficulty"))
    style, shown = look.style, look.among(entropy)
    figure, panels = layout.panel_grid(len(parts), style, extra=0.9)
    width = (0.75 * style.width) if len(parts) == 1 else 0.4 * style.wide
    for ax, (rows, label) in zip(panels, parts, strict=True):
        ax.grid(axis="y")
        for index, model in enumerate(shown):
            mine = rows[rows["model"] == model]
            budgets.curve(ax, mine, model, (index, len(shown), 3.0), look)
        budgets.axis(ax, width, style)
        ax.set_ylabel(label)
    most = entropy["guessing"].mean()
    unsure = accuracy.guessing(panels[0], most, style, "all options as likely")
    panels[0].set_ylim(0, 1.05 * max(most, entropy["upper"].max()))
    for ax in panels[1:]:
        ax.axhline(0, color=style.muted, linewidth=0.7, zorder=0)
        ends = parts[1][0][["estimate", "lower", "upper"]].astype(float)
        ax.set_ylim(min(-0.1, 1.05 * ends.min(axis=None)), max(0.1, 1.05 * ends.max(axis=None)))
    layout.model_legend(figure, shown, look, [unsure])
    items, responses = (pd.concat([rows[n] for rows, _ in parts]) for n in needed[-5:-3])
    text = f"n per point: {span(items)} items, {span(responses)} responses"
    text += f"; bars: {look.confidence:.0%} intervals"
    text += f"; {RHO}: Spearman\u2019s, over items" if len(parts) > 1 else ""
    layout.note(figure, text, style)
    return figure
