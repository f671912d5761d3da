"""How sure a model is of the key, against how long it thought."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Line, Look, accuracy, conditions, frames, layout
from thinkscale.figures.core.estimates import curves, faint, intervals

_RING = {"facecolor": "white", "linewidth": 0.9}


@layout.figure
def draw(readout: Frame, *, look: Look) -> Figure:
    """Mean probability of the key against mean thinking tokens, a line for each model.

    Points are conditions. Natural thinking is a hollow point: budgets lie before it,
    waits and minimum budgets behind.
    """
    table = accuracy.read(readout, ["guessing"])
    points, style = frames.some(_points(table), "nothing was read"), look.style
    look = look.over(points)
    shown = look.among(points)
    figure, (ax,) = layout.panel_grid(1, style, extra=1.0)
    ax.grid(axis="y")
    guess = accuracy.guessing(ax, points["guessing"].mean(), style)
    curves(ax, points, "tokens", shown)
    spent = ("tokens", "tokens_lower", "tokens_upper")
    where, how = (points["tokens"], points["estimate"]), {"across": True, "alpha": faint(points)}
    intervals(ax, points, *where, spent, shown, "model", **how)
    for model, line in shown.items():
        mine = points[points["model"] == model]
        how = {"marker": line.marker, "edgecolor": line.colour, "zorder": 4, **_RING}
        natural, size = mine[conditions.is_natural(mine)], (1.15 * style.marker_size) ** 2
        sns.scatterplot(natural, x="tokens", y="estimate", s=size, legend=False, ax=ax, **how)
    tokens = points["tokens"].to_numpy()
    logarithmic = tokens.max() > 16 * min(tokens[tokens > 0], default=np.inf)
    layout.token_axis(ax, tokens) if logarithmic else layout.count_axis(ax.xaxis)
    ax.set(ylim=(0, accuracy.top(points)), ylabel="probability of the key (mean)")
    ax.set_xlabel(f"thinking tokens (mean{', log scale' if logarithmic else ''})")
    ring = {"markerfacecolor": "white", "markeredgewidth": 0.9, "linestyle": ""}
    layout.legend(figure, shown, look, [Line(style.ink, "o").handle("natural", **ring), guess])
    text = accuracy.sizes(points, look.confidence) + "; a point for each condition"
    layout.note(figure, text, style)
    return figure


def _points(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the key's probability, with the tokens of the same responses."""
    keys = ["model", "condition"]
    ends = {"estimate": "tokens", "lower": "tokens_lower", "upper": "tokens_upper"}
    tokens = table[table["measure"] == "think_tokens"].rename(columns=ends)
    points = table[table["measure"] == "key_probability"].merge(tokens[[*keys, *ends.values()]])
    return points.astype({"tokens": float, "estimate": float})
