"""The registry of graders: name -> Grader."""

from thinkscale.grading.article import judge_article
from thinkscale.grading.choice import ChoiceSettings, judge_choice
from thinkscale.grading.exact import check_exact, judge_exact
from thinkscale.grading.grader import Grader
from thinkscale.grading.judge import JudgeSettings, judge_by_verdict
from thinkscale.grading.mathematics import MathSettings, check_math, judge_math
from thinkscale.grading.numeric import NumericSettings, check_numeric, judge_numeric
from thinkscale.grading.readout import ReadoutSettings, judge_readout
from thinkscale.grading.structure import StructureSettings, judge_structure

GRADERS: dict[str, Grader] = {
    "choice": Grader(judge_choice, ChoiceSettings, needs=("options", "key")),
    # The rule looks for a letter, and the prompt we inject has letters of its own.
    "article": Grader(judge_article, reads_prompt=False, needs=("options", "key")),
    "exact": Grader(judge_exact, needs=("answer_text",), check=check_exact),
    "numeric": Grader(judge_numeric, NumericSettings, needs=("answer_text",), check=check_numeric),
    "math": Grader(judge_math, MathSettings, needs=("answer_text",), check=check_math),
    "readout": Grader(
        judge_readout,
        ReadoutSettings,
        reads_prompt=False,
        needs=("options", "key"),
        reads="readouts",
    ),
    "structure": Grader(judge_structure, StructureSettings, reads_prompt=False, reads_whole=True),
    "judge": Grader(judge_by_verdict, JudgeSettings, reads_prompt=False, reads="verdicts"),
}
