"""Thinking as text: a cell for each token, tinted by who wrote it, with forks marked between.

What is long is shown around its forks and seams only, as much of it as fits a number of lines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from thinkscale.figures.core import Style
from thinkscale.figures.core.text import plural, visible
from thinkscale.figures.one_chain.thought import Fork, Piece, Thought, width_of

LINES = 9
"""Lines of text a figure should have at most; forks that lie far apart may need more."""
_REACHES = (10**9, 48, 32, 24, 18, 14, 11, 9, 7, 5, 4, 3)
_MOST_LINES = 24
_WORD = 18  # characters of one token


@dataclass(frozen=True)
class Cell:
    """kind: sampled, injected, end (a natural end), gap (left out) or name (of a branch)."""

    kind: str
    text: str
    width: float
    forks: tuple[Fork, ...] = ()


@dataclass
class Line:
    cells: list[tuple[float, Cell]] = field(default_factory=list)
    labels: list[tuple[float, float, int, str]] = field(default_factory=list)
    """Tick, left edge of the words, level under the cells, words."""

    @property
    def levels(self) -> int:
        return 1 + max((level for *_, level, _ in self.labels), default=-1)


@dataclass(frozen=True)
class Ribbon:
    """Lines of cells in points; `whole` where nothing is left out."""

    lines: tuple[Line, ...]
    width: float
    height: float
    whole: bool
    unseen: int


def set_ribbon(
    thought: Thought, texts: Mapping[str | None, Sequence[str]], width: float, style: Style
) -> Ribbon:
    """Break the thinking into lines of `width` points, leaving out as little as it takes."""
    for reach in _REACHES:
        blocks = _blocks(thought, texts, reach, style)
        lines = [line for block in blocks for line in _break(block, width, style)]
        if len(lines) <= LINES:
            break
    shown = lines[:_MOST_LINES]
    seen = sum(len(line.labels) for line in shown)
    unseen = sum(len(line.labels) for line in lines) - seen
    whole = not any(cell.kind == "gap" for line in lines for _, cell in line.cells)
    height = sum(_high(line, style) for line in shown)
    return Ribbon(tuple(shown), width, height, whole, unseen)


def _high(line: Line, style: Style) -> float:
    return 1.75 * style.small + 1.3 * style.small * line.levels + 3


def _blocks(
    thought: Thought, texts: Mapping[str | None, Sequence[str]], reach: int, style: Style
) -> list[list[Cell]]:
    """Cells that run on: trunk and branch where there is one, else each for itself."""
    parts = [(None, thought.trunk)] + [(b.name, b.pieces) for b in thought.branches]
    several = len(thought.branches) > 1
    blocks: list[list[Cell]] = []
    for name, pieces in parts:
        forks = [fork for fork in thought.forks if fork.branch == name]
        cells = _cells(pieces, texts[name], forks, reach, style)
        if several and name is not None:
            words = f"then “{visible(name, limit=14, style=style)}”:"
            cells = [Cell("name", words, width_of(words, style) + 4), *cells]
        if several or not blocks:
            blocks.append(cells)
        else:
            blocks[-1] += cells
    return blocks


def _cells(
    pieces: Sequence[Piece], texts: Sequence[str], forks: Sequence[Fork], reach: int, style: Style
) -> list[Cell]:
    """One cell a token, or several tokens that make one character; gaps between windows."""
    first = pieces[0].start
    points = {p for piece in pieces for p in (piece.start, piece.stop)} | {f.at for f in forks}
    # More of what an answer saw last than of what came after it.
    wanted = range(first, first + len(texts))
    if reach < len(texts):
        wanted = {t for p in points for t in range(max(first, p - reach), p + reach // 2)}
    found: list[tuple[bool, Cell]] = []
    if first == 0 and pieces[0].kind == "sampled":
        before = tuple(f for f in forks if f.at == 0 and f.forced)
        found.append((True, Cell("start", "", 2.0, before)))
    for piece in pieces:
        pending, here = "", ()
        for token in range(piece.start, piece.stop):
            pending += texts[token - first]
            here += tuple(f for f in forks if f.at == token + 1 and (f.stop != "natural"))
            if not pending and token + 1 < piece.stop:
                continue  # bytes of a character that is not whole yet
            shown = token_text(pending, style) or "\N{REPLACEMENT CHARACTER}"
            cell = Cell(piece.kind, shown, width_of(shown, style) + 3, here)
            found.append((token in wanted, cell))
            pending, here = "", ()
        if piece.ended:
            ending = tuple(f for f in forks if f.at == piece.stop and f.stop == "natural")
            found.append((True, Cell("end", "end", width_of("end", style) + 6, ending)))
    cells: list[Cell] = []
    for kept, run in groupby(found, key=itemgetter(0)):
        row = [cell for _, cell in run]
        gap = f"… {plural(len(row), 'token')} …"
        cells += row if kept else [Cell("gap", gap, width_of(gap, style) + 8)]
    return cells


def token_text(text: str, style: Style, limit: int = _WORD) -> str:
    """A token as a reader sees it: line breaks as arrows, the rest of the unseen as escapes."""
    arrow = visible("\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", style=style)
    arrow = arrow if len(arrow) == 1 else "\\n"
    shown = arrow.join(visible(part, style=style) for part in text.split("\n"))
    return shown if len(shown) <= limit else visible(text, limit=limit, style=style)


def joined_names(fork: Fork, room: float, style: Style) -> str:
    """The conditions that share a fork: as many as fit into `room` points, and how many more."""
    names = [visible(name, limit=32, style=style) for name in fork.names]
    for count in range(len(names), 1, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        shown = ", ".join(names[:count]) + more
        if width_of(shown, style) <= room:
            return shown
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")


def _break(cells: Sequence[Cell], width: float, style: Style) -> list[Line]:
    lines, x = [Line()], 0.0
    for cell in cells:
        if x + cell.width > width and x > 0:
            lines.append(Line())
            x = 0.0
        lines[-1].cells.append((x, cell))
        x += cell.width
        for fork in cell.forks:
            _label(lines[-1], x, fork, width, style)
    return lines


def _label(line: Line, tick: float, fork: Fork, width: float, style: Style) -> None:
    """Put a fork's name under its tick, at the first level where it has room."""
    words = joined_names(fork, 0.3 * width, style)
    long = width_of(words, style)
    start = tick + 1 if tick + 1 + long <= width else max(0.0, tick - long - 5)
    taken = [(left, level, width_of(text, style)) for _, left, level, text in line.labels]
    level = 0
    while any(
        at == level and start < left + wide + 5 and left < start + long + 5
        for left, at, wide in taken
    ):
        level += 1
    line.labels.append((tick, start, level, words))


def draw_ribbon(ax: Axes, ribbon: Ribbon, colours: Mapping[str, str], style: Style) -> None:
    """Draw the lines on an axes whose units become points, about."""
    high, looks = 1.55 * style.small, _looks(colours, style)
    middle = {"fontsize": style.small, "ha": "center", "va": "center_baseline", "zorder": 2}
    box = {"boxstyle": "square,pad=0", "facecolor": "white", "edgecolor": "none"}
    how = {"fontsize": style.small, "va": "baseline", "zorder": 5, "bbox": box}
    top = 0.0
    for line in ribbon.lines:
        for x, cell in line.cells:
            colour, strength, ink = looks.get(cell.kind, ("none", 0, style.muted))
            face = to_rgba(colour, strength)
            ax.barh(top, cell.width, -high, left=x, align="edge", color=face, ec="white", lw=0.6)
            ax.text(x + cell.width / 2, top - high / 2, cell.text, color=ink, **middle)
        for tick, start, level, words in line.labels:
            base = top - high - 1.3 * style.small * (level + 0.75)
            ax.plot([tick, tick], [top, base], color=style.ink, lw=0.9, zorder=4)
            # On white, so that the tick of a name further down does not cross it.
            ax.text(start + 1.5, base - 1, words, **how)
        top -= _high(line, style)
    ax.set(xlim=(0, ribbon.width), ylim=(-ribbon.height, 0))
    ax.set_axis_off()


def _looks(colours: Mapping[str, str], style: Style) -> dict[str, tuple]:
    """By kind of a cell its colour, how opaque that is, and the colour of its text."""
    return {
        "sampled": (colours["sampled"], 0.2, style.ink),
        "injected": (colours["injected"], 0.55, style.ink),
        "end": (colours["sampled"], 1, "white"),
    }
