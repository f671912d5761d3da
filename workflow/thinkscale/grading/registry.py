"""The registry of graders: name -> Grader."""

from thinkscale.grading.article import judge_article
from thinkscale.grading.choice import ChoiceSettings, judge_choice
from thinkscale.grading.exact import check_exact, judge_exact
from thinkscale.grading.grader import Facts, Grader, Judged
from thinkscale.grading.judge import JudgeSettings, judge_by_verdict
from thinkscale.grading.mathematics import MathSettings, check_math, equal_math, judge_math
from thinkscale.grading.multiple_response import judge_multiple_response
from thinkscale.grading.numeric import NumericSettings, check_numeric, judge_numeric
from thinkscale.grading.readout import ReadoutSettings, judge_readout
from thinkscale.grading.structure import StructureSettings, judge_structure


def _judge_options(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    several = settings.keys == "all"
    return (judge_multiple_response if several else judge_choice)(text, facts, settings)


def _equal_numbers(first: str, second: str, settings: NumericSettings) -> bool:
    return judge_numeric(second, Facts("", (), None, first), settings)[1] == "correct"


GRADERS: dict[str, Grader] = {
    "choice": Grader(_judge_options, ChoiceSettings, needs=("options", "key")),
    # The rule looks for a letter, and the prompt we inject has letters of its own.
    "article": Grader(judge_article, reads_prompt=False, needs=("options", "key")),
    "exact": Grader(judge_exact, needs=("answer_text",), check=check_exact),
    "numeric": Grader(
        judge_numeric,
        NumericSettings,
        needs=("answer_text",),
        check=check_numeric,
        same=_equal_numbers,
    ),
    "math": Grader(
        judge_math, MathSettings, needs=("answer_text",), check=check_math, same=equal_math
    ),
    "readout": Grader(
        judge_readout,
        ReadoutSettings,
        reads_prompt=False,
        needs=("options", "key"),
        any_key=True,
        reads="readouts",
    ),
    "structure": Grader(judge_structure, StructureSettings, reads_prompt=False, reads_whole=True),
    "judge": Grader(judge_by_verdict, JudgeSettings, reads_prompt=False, reads="verdicts"),
}
