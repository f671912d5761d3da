"""How answers are judged."""

from typing import Literal

from pydantic import field_validator

from thinkscale.config.judge import Judge
from thinkscale.config.section import GraderName, Number, Positive, Section, Text, setting
from thinkscale.config.structure import StructureGrader
from thinkscale.data.patterns import with_one_group
from thinkscale.errors import ThinkscaleError


class ChoiceGrader(Section):
    """The default grader of multiple-choice answers."""

    threshold: Number = setting(
        90.0,
        "Least similarity of answer and option text that counts as naming the option.",
        "0 to 100",
        ge=0,
        le=100,
    )
    margin: Number = setting(
        5.0,
        "Least lead in similarity over the second-best option; less is ungradable.",
        "0 to 100",
        ge=0,
        le=100,
    )
    keys: Literal["any", "all"] | None = setting(
        None,
        "What several keys of an item mean (`A,C` in the bank). `any`: an answer that names one of "
        "them is right. `all`: answers name sets of options, and only exactly this set is right. "
        "Default: such an item is an error.",
    )


class NumericGrader(Section):
    """How near a number must be; it is right within either tolerance."""

    relative_tolerance: Number = setting(
        1e-6,
        "Largest difference from the reference that counts as equal, by its size.",
        "share of the reference",
        ge=0,
    )
    absolute_tolerance: Number = setting(
        0.0,
        "Largest difference from the reference that counts as equal, at any size. Above 0, tiny "
        "references such as 6.63e-34 are not told from 0.",
        "unit of the answer",
        ge=0,
    )


class MathGrader(Section):
    """How answers in mathematics are compared, and how long that may take."""

    timeout: Positive = setting(
        5,
        "Longest time for parsing an answer and comparing it with the reference; beyond it the "
        "response is ungradable.",
        "seconds",
    )
    sets: Literal["strict", "loose"] = setting(
        "strict",
        "How several answers are compared with those of the reference: all of them must be there, "
        "and no other. `strict`: in the order of the reference where that is a point or a tuple, "
        "`(1, 2)`; a list or a set has none. `loose`: never in an order.",
    )


class ReadoutGrader(Section):
    """How much of the probability must be on labels for the likeliest of them to be an answer."""

    min_mass: Number = setting(
        0.1,
        "Least probability, before any sampling, that the answer begins with one of the item's "
        "labels; with less the response is ungradable.",
        "probability",
        ge=0,
        le=1,
    )


class Grading(Section):
    """How answers are judged."""

    graders: list[GraderName] = setting(
        ["choice"],
        "Graders to apply; the first is the one analyses use. For items with options: `choice`, "
        "`readout` (the label read as the most likely where the answer begins; see "
        "`inference.readout`), and `article`, the first study's substring rule, for comparison "
        "only. For items with a reference answer: `exact` (equal after normalisation), `numeric` "
        "(the quantity stated, within a tolerance), `math` (equal as mathematics). For tasks: "
        "`structure`, `judge`. Of responses from logs also the log's own scores, by source and "
        "name: `lm_eval:exact_match`, `inspect:choice`, `table:correct`.",
        min_length=1,
    )
    pattern: Text | None = setting(
        None,
        "Where an answer stands in the text behind thinking, for graders that look for it "
        "(`choice`, `exact`, `numeric`, `math`): a regular expression in the syntax of RE2, which "
        "no text can make slow, with one group, as in `(?i)result:\\s*(.+)`. The last match "
        "counts; an answer without one is ungradable. Default: the graders' own rules.",
    )
    threads: Positive = setting(
        2, "Processes that grade at once; grades do not depend on it.", "processes"
    )
    choice: ChoiceGrader = setting(ChoiceGrader(), "Settings of the choice grader.")
    numeric: NumericGrader = setting(NumericGrader(), "Settings of the numeric grader.")
    math: MathGrader = setting(MathGrader(), "Settings of the math grader.")
    readout: ReadoutGrader = setting(ReadoutGrader(), "Settings of the readout grader.")
    structure: StructureGrader = setting(
        StructureGrader(), "What the grader of structure asks of an answer."
    )
    judge: Judge | None = setting(None, "The model the grader `judge` asks. Default: none.")

    @field_validator("pattern")
    @classmethod
    def _can_be_searched_for(cls, value: str | None) -> str | None:
        try:
            return value if value is None else with_one_group(value).pattern
        except ThinkscaleError as error:
            raise ValueError(str(error)) from error
