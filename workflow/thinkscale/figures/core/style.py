"""The one look of all figures: sizes, colours, fonts, and how a figure becomes a file.

Figures are built inside `apply(style)`, on seaborn's theme of ticks for paper, which it scales to
the type size. They are made as `Figure`, never through pyplot, so nothing is global and nothing
has to be closed. `save` writes the same bytes for the same figure.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from seaborn import axes_style, plotting_context

from thinkscale.errors import ThinkscaleError

# Okabe and Ito, "Color Universal Design" (2008), ordered so that the first four differ in
# lightness as well as hue. The yellow is left out: it vanishes on white.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ((), (4, 1.5), (1, 1), (4, 1.5, 1, 1.5))
_PAPER = 9.6  # type size in points of seaborn's context for paper


@dataclass(frozen=True)
class Line:
    """How what has one name is drawn everywhere: colour, marker, and dashes (none: a full line)."""

    colour: str
    marker: str
    dashes: Sequence[float] = ()

    @property
    def linestyle(self) -> tuple[int, Sequence[float] | None]:
        """The dashes as matplotlib takes them."""
        return 0, self.dashes or None

    def handle(self, label: str, **how: object) -> Line2D:
        """Its entry in a legend."""
        drawn = {"color": self.colour, "marker": self.marker, "label": label}
        return Line2D([], [], **drawn | {"linestyle": self.linestyle} | how)


@dataclass(frozen=True)
class Style:
    """Sizes in inches, type in points, colours as anything matplotlib understands."""

    width: float = 3.5
    """Width of a figure with one column of panels: a journal column."""
    wide: float = 7.0
    """Width of a figure with several columns of panels: a journal page."""
    height: float = 2.0
    """Height of one panel's axes, about."""
    dpi: int = 300
    font: str = "DejaVu Sans"  # comes with matplotlib, so a figure looks alike everywhere
    font_size: float = 8.0
    line_width: float = 1.2
    marker_size: float = 4.0
    palette: Sequence[str] = OKABE_ITO
    """One colour per model, in the order of the models; repeats, dashed, when there are more."""
    markers: Sequence[str] = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "d")
    """One marker per model, so that colour is never the only cue."""
    ink: str = "#222222"
    muted: str = "#666666"
    faint: str = "#E2E2E2"

    def __post_init__(self) -> None:
        for name in ("palette", "markers"):  # YAML and JSON bring lists
            object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def small(self) -> float:
        """Type size of notes, counts and details, in points."""
        return 0.85 * self.font_size

    def lines(self, names: Sequence[str], **how: object) -> dict[str, Line]:
        """A colour and marker for each name, and dashes where colours begin anew.

        No two are alike until all pairs of colour and marker are used up.
        """
        colours, marks = self.palette, self.markers
        turn = math.lcm(len(colours), len(marks))  # after which the same pairs would come again
        return {
            name: Line(
                colours[i % len(colours)],
                marks[(i + i // turn) % len(marks)],
                **{"dashes": DASHES[i // len(colours) % len(DASHES)]} | how,
            )
            for i, name in enumerate(names)
        }


DEFAULT = Style()


@dataclass(frozen=True)
class Look:
    """What the figures of one study share: style, models, and the confidence of intervals."""

    style: Style = DEFAULT
    models: Sequence[str] = ()
    """In their fixed order, so that a model has one colour and marker in every figure."""
    confidence: float = 0.95

    def over(self, frame: pd.DataFrame) -> Self:
        """The look with the frame's models behind those listed: nobody is dropped."""
        models = dict.fromkeys((*self.models, *pd.unique(frame["model"])))
        return replace(self, models=tuple(models))

    def among(self, frame: pd.DataFrame) -> dict[str, Line]:
        """The models, in their order, that the frame has rows of, each as it is drawn."""
        found = set(frame["model"])
        return {model: line for model, line in self.lines.items() if model in found}

    @property
    def lines(self) -> dict[str, Line]:
        """Colour and marker of each model, by its place in `models`."""
        return self.style.lines(self.models)


PLAIN = Look()


@contextmanager
def apply(style: Style) -> Iterator[None]:
    """Build figures in this style inside the block; matplotlib's settings return afterwards."""
    settings = axes_style("ticks") | plotting_context("paper", style.font_size / _PAPER)
    settings |= {
        "font.family": style.font,
        "text.color": style.ink,
        # Names, tokens and continuations are untrusted: "$" must stay a dollar sign.
        "text.parse_math": False,
        "text.usetex": False,
        "figure.dpi": style.dpi,
        "axes.edgecolor": style.muted,
        "axes.labelcolor": style.ink,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": style.faint,
        "grid.linewidth": 0.6,
        "lines.linewidth": style.line_width,
        "lines.markersize": style.marker_size,
        "legend.frameon": False,
        "legend.fontsize": style.small,
        "legend.handlelength": 2.2,
        "legend.borderaxespad": 0.0,
        "legend.columnspacing": 1.4,
    }
    for tick in ("xtick", "ytick"):
        settings |= {f"{tick}.labelsize": style.small, f"{tick}.labelcolor": style.ink}
        settings |= {f"{tick}.color": style.muted}
        settings |= {f"{tick}.major.width": 0.6, f"{tick}.major.size": 3.0}
        settings |= {f"{tick}.minor.width": 0.4, f"{tick}.minor.size": 1.5}
    with mpl.rc_context(settings):
        yield


def save(figure: Figure, path: str | Path) -> None:
    """Write the figure as SVG or PNG, by the suffix of `path`; the same figure, the same bytes.

    Text becomes outlines in SVG, so that it looks alike without the font and nothing in a token
    or a model's name can act as markup.
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("svg", "png"):
        raise ThinkscaleError(f"{path}: figures are written as .svg or .png, not {path.suffix!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "svg.hashsalt": "thinkscale",  # otherwise ids in the SVG are random
        "svg.fonttype": "path",
        "savefig.dpi": "figure",
        "text.parse_math": False,
    }
    with mpl.rc_context(settings):
        figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else None)
