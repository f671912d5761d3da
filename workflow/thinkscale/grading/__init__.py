"""Grading: from answer texts to outcomes.

A grader judges one answer text, given what it may know about the item; there is one for each name
in `GRADERS`. `grade` applies one to a frame of responses, `grade_study` all to a study's file.
"""

from thinkscale.grading.choice.options import ChoiceSettings
from thinkscale.grading.choice.rules import extract_choice
from thinkscale.grading.grader import Facts
from thinkscale.grading.registry import GRADERS, grader_called
from thinkscale.grading.study import equality, grade, grade_study, prepare

__all__ = [
    "GRADERS",
    "ChoiceSettings",
    "Facts",
    "equality",
    "extract_choice",
    "grade",
    "grade_study",
    "grader_called",
    "prepare",
]
