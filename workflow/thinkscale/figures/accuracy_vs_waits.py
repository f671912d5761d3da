"""Accuracy and thinking tokens against forced waits."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, conditions, frames, layout
from thinkscale.figures.core import accuracy as core
from thinkscale.figures.core.estimates import ENDS, curves
from thinkscale.figures.core.style import DASHES
from thinkscale.figures.core.text import characters

TOKENS = ("tokens_mean", "tokens_lower", "tokens_upper")


@layout.figure
def draw(accuracy: Frame, *, look: Look) -> Figure:
    """Accuracy, and under it thinking tokens, against the number of forced waits; 0 is natural.

    One line per model; where there are several continuations, one line style for each.
    """
    why = "no accuracy was estimated"
    accuracy = core.estimated(accuracy, "accuracy", why, ["errors", *TOKENS])
    waits = accuracy[conditions.is_waits(accuracy)]
    waits = frames.some(waits, "no accuracy under forced waits alone")
    waits = waits.assign(text=conditions.continuations(waits))
    natural = accuracy[conditions.is_natural(accuracy)]
    look, style = look.over(accuracy), look.style
    texts = list(pd.unique(waits["text"]))
    # Natural thinking is where the line of every continuation begins.
    drawn = pd.concat([*(natural.assign(text=text) for text in texts), waits])
    drawn = drawn.assign(
        n=pd.to_numeric(drawn["waits"]).fillna(0), line=drawn["model"] + "\n" + drawn["text"]
    )
    shown = look.among(drawn)
    dashes = {text: DASHES[i % len(DASHES)] for i, text in enumerate(texts)}
    lines = {
        f"{model}\n{text}": replace(line, dashes=dashes[text])
        for model, line in shown.items()
        for text in texts
    }
    figure = layout.constrained(style.width, 1.6 * style.height + 1.0, style, hspace=0.04)
    above, below = axes = figure.subplots(2, 1, sharex=True)
    ticks = sorted({0, *waits["waits"].astype(int)})
    step = min(0.02 * ticks[-1], 0.5 / len(lines))
    for ax, ends in ((above, ENDS), (below, TOKENS)):
        curves(ax, drawn, "n", lines, "line", ends=ends, step=step)
        ax.grid(axis="y")
    most = drawn[[*TOKENS]].astype(float).max().max()
    above.set(ylabel=core.LABEL, ylim=(0, core.top(drawn)))
    below.set(ylabel="thinking tokens (mean)", ylim=(0, 1.05 * most if most > 0 else 1))
    layout.count_axis(below.yaxis, 5)
    below.set_xticks(ticks, ["0\n(natural)", *(str(tick) for tick in ticks[1:])])
    margin = max(0.3, 0.1 * ticks[-1])
    below.set(xlabel="forced waits", xlim=(-margin, ticks[-1] + margin))
    figure.align_ylabels(axes)
    room = characters(style.width, style.small) // 2
    others = [
        Line(style.ink, "", dashes[text]).handle(conditions.wording(text, room, style))
        for text in texts[: len(texts) if len(texts) > 1 else 0]
    ]
    layout.legend(figure, shown, look, others)
    layout.note(figure, core.sizes(drawn, look.confidence), style)
    return figure
