"""Accuracy and thinking tokens against forced waits."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core import conditions, frames, layout
from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Look
from thinkscale.figures.core.text import characters

LINES = ("-", "--", ":", "-.")
TOKENS = ("tokens_mean", "tokens_lower", "tokens_upper")


@layout.figure
def draw(accuracy: Frame, *, look: Look) -> Figure:
    """Accuracy, and under it thinking tokens, against the number of forced waits; 0 is natural.

    One line per model; where there are several continuations, one line style for each.
    """
    accuracy, style = core.estimated(accuracy, TOKENS), look.style
    waits = accuracy[conditions.is_waits(accuracy)]
    waits = frames.some(waits, "no accuracy under forced waits alone")
    waits = waits.assign(continuation=conditions.continuations(waits))
    natural = accuracy[conditions.is_natural(accuracy)]
    drawn = pd.concat([waits, natural])
    look = look.over(accuracy)
    shown = look.among(drawn)
    texts = list(pd.unique(waits["continuation"]))

    pads = {"w_pad": 0.04, "h_pad": 0.03, "hspace": 0.04}
    figure = layout.constrained(style.width, 1.6 * style.height + 1.0, style, **pads)
    above, below = figure.subplots(2, 1, sharex=True)
    ticks = sorted({0, *waits["waits"].astype(int)})
    lines = [(model, text) for model in shown for text in texts]
    # Lines of one tick stay within half the way to the next.
    between = 0.78 * 72 * style.width * min(np.diff(ticks)) / (ticks[-1] + 0.6)
    step = min(3.0, 0.5 * between / len(lines))
    for index, (model, text) in enumerate(lines):
        mine = waits[(waits["model"] == model) & (waits["continuation"] == text)]
        mine = pd.concat([natural[natural["model"] == model], mine])
        where = mine["waits"].fillna(0).astype(float)
        mine, where = mine.iloc[np.argsort(where)], where.sort_values()
        how = ((index, len(lines), step), look, LINES[texts.index(text) % len(LINES)])
        core.intervals(above, where, mine, model, *how)
        core.intervals(below, where, mine, model, *how, TOKENS)
    for ax in (above, below):
        ax.grid(axis="y")
    above.set_ylabel(core.LABEL)
    above.set_ylim(0, core.top(drawn))
    below.set_ylabel("thinking tokens (mean)")
    most = drawn[["tokens_mean", "tokens_upper"]].astype(float).max().max()
    below.set_ylim(0, 1.05 * most if most > 0 else 1)
    layout.count_axis(below.yaxis, 5)
    below.set_xticks(ticks, ["0\n(natural)", *(str(tick) for tick in ticks[1:])])
    margin = max(0.3, 0.1 * ticks[-1])
    below.set_xlim(-margin, ticks[-1] + margin)
    below.set_xlabel("forced waits")
    figure.align_ylabels([above, below])

    others = []
    if len(texts) > 1:
        room = characters(style.width, style.small) // 2
        for index, text in enumerate(texts):
            line, label = LINES[index % len(LINES)], conditions.wording(text, room, style)
            others.append(Line2D([], [], color=style.ink, linestyle=line, label=label))
    layout.model_legend(figure, shown, look, others)
    layout.note(figure, core.sizes(drawn, look.confidence), style)
    return figure
