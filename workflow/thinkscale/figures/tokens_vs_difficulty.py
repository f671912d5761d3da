"""Does thinking length register human difficulty: tokens against difficulty, item by item."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, layout
from thinkscale.figures.core.criterion import tokens_against


@layout.figure
def draw(graded: Frame, registration: Frame = None, *, look: Look) -> Figure:
    """Mean thinking tokens of each item against its difficulty, one panel per model."""
    return tokens_against("difficulty", layout.DIFFICULTY, graded, registration, look)
