"""Does thinking length follow how long people take: tokens against time, item by item."""

from matplotlib.figure import Figure

from thinkscale.figures.core import Frame, Look, layout
from thinkscale.figures.core.criterion import tokens_against


@layout.figure
def draw(graded: Frame, registration: Frame = None, *, look: Look) -> Figure:
    """Mean thinking tokens of each item against people's response time, one panel per model."""
    return tokens_against("response_time", "response time (s)", graded, registration, look)
