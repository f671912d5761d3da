"""The registry of graders: name -> Grader."""

from functools import partial

from thinkscale.grading.article import judge_article
from thinkscale.grading.choice import ChoiceSettings, judge_choice
from thinkscale.grading.exact import check_exact, judge_exact
from thinkscale.grading.grader import Facts, Grader, Judged
from thinkscale.grading.judge import JudgeSettings, judge_by_verdict
from thinkscale.grading.mathematics import MathSettings, check_math, equal_math, judge_math
from thinkscale.grading.multiple_response import judge_multiple_response
from thinkscale.grading.numeric import NumericSettings, check_numeric, judge_numeric
from thinkscale.grading.readout import ReadoutSettings, judge_readout
from thinkscale.grading.recorded import recorded_grader
from thinkscale.grading.structure import StructureSettings, judge_structure


def _judge_options(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    several = settings.keys == "all"
    return (judge_multiple_response if several else judge_choice)(text, facts, settings)


def _equal_numbers(first: str, second: str, settings: NumericSettings) -> bool:
    return judge_numeric(second, Facts("", (), None, first), settings)[1] == "correct"


_choice = partial(Grader, needs=("options", "key"))
_free = partial(Grader, needs=("answer_text",))

GRADERS: dict[str, Grader] = {
    "choice": _choice(_judge_options, ChoiceSettings),
    # The rule looks for a letter, and the prompt we inject has letters of its own.
    "article": _choice(judge_article, reads_prompt=False),
    "exact": _free(judge_exact, check=check_exact),
    "numeric": _free(judge_numeric, NumericSettings, check=check_numeric, same=_equal_numbers),
    "math": _free(judge_math, MathSettings, check=check_math, same=equal_math),
    "readout": _choice(
        judge_readout, ReadoutSettings, reads_prompt=False, any_key=True, reads="readouts"
    ),
    "structure": Grader(judge_structure, StructureSettings, reads_prompt=False, reads_whole=True),
    "judge": Grader(judge_by_verdict, JudgeSettings, reads_prompt=False, reads="verdicts"),
}


def grader_called(name: str) -> Grader | None:
    """The grader of this name: one of `GRADERS`, or a log's own score as `lm_eval:exact_match`."""
    return GRADERS.get(name) or recorded_grader(name)
