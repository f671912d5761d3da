"""A chain as bars to the scale of tokens, and under it a row for each place of a fork."""

from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from thinkscale.figures.core import Line, Style, layout
from thinkscale.figures.core.text import visible
from thinkscale.figures.one_chain.ribbon import joined_names
from thinkscale.figures.one_chain.thought import Fork, Thought

_MARKS = {"correct": ("o", True), "incorrect": ("o", False), "ungradable": ("x", True)}


def bar_labels(thought: Thought, style: Style) -> list[str]:
    """What the rows of the chain itself are called: one, or one more for each of branches."""
    branches = thought.branches if len(thought.branches) > 1 else ()
    names = [visible(branch.name, limit=14, style=style) for branch in branches]
    return ["thought once", *(f"then “{name}”" for name in names)]


def draw_ladder(ax: Axes, thought: Thought, colours: Mapping[str, str], style: Style) -> None:
    """The chain as bars at the top, and under it a row for each fork.

    `colours` are those of what was sampled, of what was injected, and of forced ends.
    """
    labels, forks = bar_labels(thought, style), thought.forks
    bars = len(labels)
    rows = [float(-i) for i in range(bars)] + [-(bars + 0.4 + i) for i in range(len(forks))]
    names = [joined_names(fork, 0.28 * 72 * style.wide, style) for fork in forks]
    ax.set_yticks(rows, [*labels, *names])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("thinking tokens", fontsize=style.small)
    layout.count_axis(ax.xaxis)

    level = {b.name: 0.0 if bars == 1 else rows[1 + i] for i, b in enumerate(thought.branches)}
    drawn = [(piece, 0.0) for piece in thought.trunk]
    drawn += [(piece, level[branch.name]) for branch in thought.branches for piece in branch.pieces]
    ends = [fork.end for fork in forks] + [branch.end for branch in thought.branches]
    longest = max(*ends, thought.natural, 1)
    for piece, y in drawn:
        # What is put in lies over the bar a little higher, and at least one part in 120 of
        # the axis wide, so that one token of it among thousands shows.
        over, width = piece.kind == "injected", piece.stop - piece.start
        if over and width:
            width = max(width, longest / 120)
        how = {"color": colours[piece.kind], "linewidth": 0, "zorder": 3 if over else 2}
        ax.barh(y, width, 0.72 if over else 0.56, left=piece.start, **how)
        if piece.ended:
            how = {"color": style.ink, "linewidth": 1.4, "zorder": 4, "clip_on": False}
            ax.vlines(piece.stop, y - 0.46, y + 0.46, **how)
    ax.vlines(thought.natural, min(level.values(), default=0), 0, color=style.ink, lw=0.6, zorder=1)
    for fork, y in zip(forks, rows[bars:], strict=True):
        ax.vlines(fork.at, y, level.get(fork.branch, 0.0), color=style.faint, lw=0.8, zorder=0)
        ax.hlines(y, 0, fork.at, color=style.muted, lw=0.7, zorder=1)
        _draw_fork(ax, fork, y, colours, style)
    ax.set(xlim=(0, longest), ylim=(rows[-1] - 0.7, 0.6))


def _draw_fork(ax: Axes, fork: Fork, y: float, colours: Mapping[str, str], style: Style) -> None:
    """What was written for this fork alone, to scale, then its outcome and its words."""
    for start, width, who in (
        (fork.at, fork.forced, "forced"),
        (fork.at + fork.forced, fork.said, "sampled"),
    ):
        ax.barh(y, width, 0.32, left=start, color=colours[who], linewidth=0, zorder=2)
    ax.add_line(_mark(fork.outcome, style, [fork.end], [y], zorder=5, clip_on=False))
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
    how = {"va": "center_baseline", "zorder": 4, "bbox": box}
    layout.label(ax, " ".join(said_of(fork, style)), (fork.end, y), (6, 0), style, **how)


def _mark(outcome: str, style: Style, x: Sequence = (), y: Sequence = (), **how) -> Line2D:
    marker, filled = _MARKS[outcome]
    how |= {"markerfacecolor": style.ink if filled else "white", "markeredgewidth": 0.9}
    how |= {"marker": marker, "markersize": style.marker_size + 0.5, "linestyle": ""}
    return Line2D(x, y, color=style.ink, label=outcome, **how)


def said_of(fork: Fork, style: Style) -> tuple[str, str]:
    """The answer as extracted (as written, where nothing could be), and whether it was right."""
    if fork.extracted is not None:
        return visible(fork.extracted.strip(), limit=24, style=style) or "“”", fork.outcome
    return f"“{visible(fork.answer.strip(), limit=24, style=style)}”", fork.outcome


def handles_of(thought: Thought, colours: Mapping[str, str], style: Style) -> list[Artist]:
    """What the legend says of the colours and marks that the chain has."""
    pieces = [*thought.trunk, *(p for branch in thought.branches for p in branch.pieces)]
    handles: list[Artist] = [Patch(color=colours["sampled"], label="written by the model")]
    if any(piece.kind == "injected" for piece in pieces):
        handles.append(Patch(color=colours["injected"], label="continuation put in"))
    if any(fork.forced for fork in thought.forks):
        handles.append(Patch(color=colours["forced"], label="end put in"))
    if any(piece.ended for piece in pieces):
        handles.append(Line(style.ink, "|").handle("natural end", ls="", ms=7, mew=1.4))
    outcomes = dict.fromkeys(fork.outcome for fork in thought.forks)
    return handles + [_mark(outcome, style) for outcome in outcomes]
