"""The registry of graders: name -> Grader."""

from functools import partial

from thinkscale.grading.article import judge_article
from thinkscale.grading.choice.options import ChoiceSettings
from thinkscale.grading.choice.rules import extract_choice
from thinkscale.grading.exact import check_exact, judge_exact
from thinkscale.grading.grader import Facts, Grader, Judged
from thinkscale.grading.judge import JudgeSettings, judge_by_verdict
from thinkscale.grading.mathematics import MathSettings, check_math, equal_math, judge_math
from thinkscale.grading.multiple_response import named_set
from thinkscale.grading.numeric import NumericSettings, check_numeric, judge_numeric
from thinkscale.grading.readout import ReadoutSettings, judge_readout
from thinkscale.grading.recorded import recorded_grader
from thinkscale.grading.structure import StructureSettings, judge_structure


def _judge_choice(text: str, facts: Facts, settings: ChoiceSettings) -> Judged:
    """One option by any of the item's keys, or the set of options by all of them."""
    if settings.keys == "all":
        found = named_set(text, facts.options, settings)
        return found.judged({*(found.label or "").split(",")} == {*facts.keys})
    found = extract_choice(text, facts.options, settings)
    return found.judged(found.label in facts.keys)


def _equal_numbers(first: str, second: str, settings: NumericSettings) -> bool:
    return judge_numeric(second, Facts("", (), None, first), settings)[1] == "correct"


_choice = partial(Grader, needs=("options", "key"))
_free = partial(Grader, needs=("answer_text",))

GRADERS: dict[str, Grader] = {
    "choice": _choice(_judge_choice, ChoiceSettings),
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
