"""What the figures share: here what every figure is given, and in modules what it is made with."""

from thinkscale.figures.core.frames import Frame
from thinkscale.figures.core.style import Line, Look, Style

__all__ = ["Frame", "Line", "Look", "Style"]
