"""What sets corpus and items apart: the tokens that add most to their divergence."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from thinkscale.figures.core import Frame, Look, Style, comparisons, layout
from thinkscale.figures.core.text import number, span

_SCALE = 1000.0  # bars are in thousandths of a bit


@layout.figure
def draw(
    divergence_tokens: Frame, divergence: Frame = None, *, bars: int = 15, look: Look
) -> Figure:
    """What single tokens add to the Jensen-Shannon divergence, in bits.

    One panel per tokenizer and corpus. To the left the tokens that are more frequent in the
    items, to the right those more frequent in the corpus, `bars` of each, the largest on top.
    """
    style = look.style
    colours = {"items": style.palette[min(1, len(style.palette) - 1)], "corpus": style.palette[0]}
    groups = comparisons.each(comparisons.tokens(divergence_tokens))
    high = bars * 1.45 * style.small / 72 + 0.1
    figure, panels = layout.panel_grid(len(groups), style, high, extra=1.05)
    shares = []
    for ax, (pair, tokens) in zip(panels, groups, strict=True):
        row = comparisons.js(divergence, pair)
        detail = "" if row is None else f"JS = {number(row['estimate'], 3)} bits"
        comparisons.heading(ax, pair, detail, style)
        shares.append(_diverging(ax, tokens, bars, colours, style))
    keys = [Patch(color=c, label=f"more frequent in the {side}") for side, c in colours.items()]
    figure.legend(handles=keys, loc="outside upper left", ncols=2)
    text = (
        f"n = {span(len(tokens) for _, tokens in groups)} different tokens; those shown make up "
        f"{span(shares, '{:.0%}'.format)} of JS; open box: a space, \\n: a line break"
    )
    layout.note(figure, text, style)
    return figure


def _diverging(
    ax: Axes, tokens: pd.DataFrame, bars: int, colours: dict[str, str], style: Style
) -> float:
    """Draw one panel; returns the share of all contributions that is shown."""
    more = tokens["frequency_corpus"] > tokens["frequency_items"]
    fewer = tokens["frequency_corpus"] < tokens["frequency_items"]
    longest = drawn = 0.0
    for name, where, way in (("items", fewer, -1), ("corpus", more, 1)):
        side = tokens[where].nlargest(bars, "js_contribution")
        ends = way * _SCALE * side["js_contribution"].to_numpy(dtype=float)
        found = ax.barh(np.arange(len(side)), ends, 0.72, color=colours[name])
        names = zip(side["token"], side["token_id"], strict=True)
        names = [comparisons.token_name(*token, style) for token in names]
        ax.bar_label(found, names, padding=3, fontsize=style.small)
        longest = max(longest, *abs(ends), 0.0)
        drawn += side["js_contribution"].sum()
    # Beyond the longest bar there is room for a name of full length.
    room = 1.75 * longest or 1.0
    ax.set_xlim(-room, room)
    ax.set_ylim(bars - 0.4, -0.6)
    ax.axvline(0, color=style.muted, linewidth=0.6)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    ax.set_xlabel("contribution to JS (thousandths of a bit)")
    total = tokens["js_contribution"].sum()
    return float(drawn / total) if total > 0 else 0.0
