"""Multiple choice: which option an answer text names."""

from thinkscale.grading.choice.options import ChoiceSettings
from thinkscale.grading.choice.rules import extract_choice

__all__ = ["ChoiceSettings", "extract_choice"]
