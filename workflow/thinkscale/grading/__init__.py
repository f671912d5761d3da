"""Grading: from answer texts to outcomes.

A grader judges one answer text, given what it may know about the item; there is one for each name
in `GRADERS`. `grade` applies one to a frame of responses.
"""

from thinkscale.grading.choice import ChoiceSettings, extract_choice
from thinkscale.grading.frames import grade
from thinkscale.grading.grader import Facts, Grader
from thinkscale.grading.registry import GRADERS
from thinkscale.grading.text import Extraction

__all__ = [
    "GRADERS",
    "ChoiceSettings",
    "Extraction",
    "Facts",
    "Grader",
    "extract_choice",
    "grade",
]
