"""The one look of all figures: sizes, colours, fonts, and how a figure becomes a file.

Figures are built inside `apply(style)`. No figure touches pyplot, so nothing is global and nothing
has to be closed. `save` writes the same bytes for the same figure.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import is_color_like
from matplotlib.figure import Figure

from thinkscale.errors import ThinkscaleError

# Okabe and Ito, "Color Universal Design" (2008), ordered so that the first four differ in
# lightness as well as hue. The yellow is left out: it vanishes on white.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def _check(right: bool, name: str, value: Any, expected: str) -> None:
    if not right:
        raise ThinkscaleError(f"figure style: {name} is {value!r}; expected {expected}.")


@dataclass(frozen=True)
class Style:
    """Sizes in inches, type in points, colours as anything matplotlib understands.

    Raises ThinkscaleError, naming the field, for a value that cannot be drawn with.
    """

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
    palette: tuple[str, ...] = OKABE_ITO
    """One colour per model, in the order of the models; repeats when there are more."""
    markers: tuple[str, ...] = ("o", "s", "^", "D", "v", "P", "X")
    """One marker per model, so that colour is never the only cue."""
    ink: str = "#222222"
    muted: str = "#666666"
    faint: str = "#E2E2E2"

    def __post_init__(self) -> None:
        for name in ("palette", "markers"):  # YAML and JSON bring lists
            value = getattr(self, name)
            listed = isinstance(value, Sequence) and not isinstance(value, str)
            _check(listed and len(value) > 0, name, value, "a list with at least one entry")
            object.__setattr__(self, name, tuple(value))
        for name in ("width", "wide", "height", "dpi", "font_size", "line_width", "marker_size"):
            value = getattr(self, name)
            numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
            _check(numeric and value > 0, name, value, "a number above 0")
        colours = {name: getattr(self, name) for name in ("ink", "muted", "faint")}
        colours |= {f"palette[{i}]": colour for i, colour in enumerate(self.palette)}
        for name, value in colours.items():
            _check(is_color_like(value), name, value, "a colour such as '#0072B2'")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any] | None) -> Self:
        """The style a config section describes; keys left out keep their defaults."""
        values = dict(values or {})
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise ThinkscaleError(
                    f"figure style: unknown key {key!r}; known keys are {', '.join(known)}."
                )
        return cls(**values)

    @property
    def small(self) -> float:
        """Type size of notes, counts and details, in points."""
        return 0.85 * self.font_size


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

    def among(self, frame: pd.DataFrame) -> list[str]:
        """The models, in their order, that the frame has rows of."""
        return [model for model in self.models if (frame["model"] == model).any()]

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each model, by its place in `models`."""
        palette = self.style.palette
        return {model: palette[i % len(palette)] for i, model in enumerate(self.models)}

    @property
    def marks(self) -> dict[str, str]:
        """The marker of each model, by its place in `models`."""
        markers = self.style.markers
        return {model: markers[i % len(markers)] for i, model in enumerate(self.models)}


PLAIN = Look()


@contextmanager
def apply(style: Style) -> Iterator[None]:
    """Build figures in this style inside the block; matplotlib's settings return afterwards."""
    settings = {
        "font.family": style.font,
        "font.size": style.font_size,
        "text.color": style.ink,
        # Names, tokens and continuations are untrusted: "$" must stay a dollar sign.
        "text.parse_math": False,
        "text.usetex": False,
        "figure.dpi": style.dpi,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "axes.edgecolor": style.muted,
        "axes.labelcolor": style.ink,
        "axes.labelsize": style.font_size,
        "axes.titlesize": style.font_size,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": style.faint,
        "grid.linewidth": 0.6,
        "lines.linewidth": style.line_width,
        "lines.markersize": style.marker_size,
        "legend.frameon": False,
        "legend.fontsize": style.small,
        "legend.handlelength": 1.6,
        "legend.borderaxespad": 0.0,
        "legend.columnspacing": 1.4,
    }
    for tick in ("xtick", "ytick"):
        settings |= {f"{tick}.labelsize": style.small, f"{tick}.labelcolor": style.ink}
        settings |= {f"{tick}.color": style.muted}
        settings |= {f"{tick}.major.width": 0.6, f"{tick}.major.size": 3.0}
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
