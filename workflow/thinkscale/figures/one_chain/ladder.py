"""A chain as bars to the scale of tokens, and under it a row for each place of a fork."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from thinkscale.figures.core import layout
from thinkscale.figures.core.style import Style
from thinkscale.figures.core.text import visible
from thinkscale.figures.one_chain.thought import Fork, Thought

_MARKS = {"correct": ("o", True), "incorrect": ("o", False), "ungradable": ("x", True)}


def bars_of(thought: Thought) -> int:
    """Rows the chain itself takes: one, or one more for each branch."""
    return 1 if len(thought.branches) < 2 else 1 + len(thought.branches)


def bar_labels(thought: Thought, style: Style) -> list[str]:
    if bars_of(thought) == 1:
        return ["thought once"]
    names = [visible(branch.name, limit=14, style=style) for branch in thought.branches]
    return ["thought once", *(f"then “{name}”" for name in names)]


def draw_ladder(
    ax: Axes,
    thought: Thought,
    labels: Sequence[str],
    said: Sequence[tuple[str, str]],
    longest: int,
    colours: Mapping[str, str],
    style: Style,
) -> None:
    """The chain as bars at the top, and under it a row for each fork.

    `colours` are those of what was sampled, of what was injected, and of forced ends.
    """
    bars = bars_of(thought)
    low = -(bars + len(thought.forks) + 0.1)
    ax.set_xlim(0, longest)
    ax.set_ylim(low, 0.6)
    rows = [float(-i) for i in range(bars)]
    rows += [-(bars + 0.4 + i) for i in range(len(thought.forks))]
    ax.set_yticks(rows, labels)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("thinking tokens", fontsize=style.small)
    layout.count_axis(ax.xaxis)

    level = {b.name: 0.0 if bars == 1 else rows[1 + i] for i, b in enumerate(thought.branches)}
    drawn = [(piece, 0.0) for piece in thought.trunk]
    drawn += [(piece, level[branch.name]) for branch in thought.branches for piece in branch.pieces]
    point = longest / (72 * ax.get_position().width * ax.figure.get_figwidth())
    for piece, y in drawn:
        # What is put in lies over the bar a little higher, and at least three points wide, so that
        # one token of it among thousands shows.
        over = piece.kind == "injected"
        half, width = 0.36 if over else 0.28, piece.stop - piece.start
        if over and width:
            width = max(width, 3 * point)
        ax.add_patch(
            Rectangle(
                (piece.start, y - half), width, 2 * half, facecolor=colours[piece.kind],
                edgecolor="none", zorder=3 if over else 2,
            )
        )  # fmt: skip
        if piece.ended:
            how = {"color": style.ink, "lw": 1.4, "zorder": 4, "clip_on": False}
            ax.plot([piece.stop] * 2, [y - 0.46, y + 0.46], **how)
    if bars > 1:
        bottom = min(level.values())
        ax.plot([thought.natural] * 2, [0, bottom], color=style.ink, lw=0.6, zorder=1)
    for fork, words, y in zip(thought.forks, said, rows[bars:], strict=True):
        top = level.get(fork.branch, 0.0)
        ax.plot([fork.at] * 2, [top, y], color=style.faint, lw=0.8, zorder=0)
        ax.plot([0, fork.at], [y, y], color=style.muted, lw=0.7, zorder=1)
        _draw_fork(ax, fork, words, y, colours, style)


def _draw_fork(
    ax: Axes, fork: Fork, words: tuple[str, str], y: float, colours: Mapping[str, str], style: Style
) -> None:
    """What was written for this fork alone, to scale, then its outcome and its words."""
    start = fork.at
    for width, who in ((fork.forced, "forced"), (fork.said, "sampled")):
        if width:
            how = {"facecolor": colours[who], "lw": 0, "zorder": 2}
            ax.add_patch(Rectangle((start, y - 0.16), width, 0.32, **how))
        start += width
    marker, filled = _MARKS[fork.outcome]
    ax.plot(
        [fork.end], [y], marker=marker, color=style.ink, zorder=5, clip_on=False,
        markerfacecolor=style.ink if filled else "white", markeredgewidth=0.9,
        markersize=style.marker_size + 0.5,
    )  # fmt: skip
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    how = {"va": "center_baseline", "zorder": 4, "bbox": box}
    layout.label(ax, " ".join(words), (fork.end, y), (6, 0), style, **how)


def said_of(fork: Fork, style: Style) -> tuple[str, str]:
    """The answer as extracted (as written, where nothing could be), and whether it was right."""
    if fork.extracted is not None:
        return visible(fork.extracted.strip(), limit=24, style=style) or "“”", fork.outcome
    return f"“{visible(fork.answer.strip(), limit=24, style=style)}”", fork.outcome


def handles_of(thought: Thought, colours: Mapping[str, str], style: Style) -> list:
    pieces = [*thought.trunk, *(p for branch in thought.branches for p in branch.pieces)]
    handles: list = [Patch(color=colours["sampled"], label="written by the model")]
    if any(piece.kind == "injected" for piece in pieces):
        handles.append(Patch(color=colours["injected"], label="continuation put in"))
    if any(fork.forced for fork in thought.forks):
        handles.append(Patch(color=colours["forced"], label="end put in"))
    bare = {"ls": "", "color": style.ink}
    if any(piece.ended for piece in pieces):
        handles.append(Line2D([], [], marker="|", ms=7, mew=1.4, label="natural end", **bare))
    for outcome in dict.fromkeys(fork.outcome for fork in thought.forks):
        marker, filled = _MARKS[outcome]
        face = style.ink if filled else "white"
        handles.append(Line2D([], [], marker=marker, mfc=face, ms=4.5, label=outcome, **bare))
    return handles
