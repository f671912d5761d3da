"""How answers are judged."""

from typing import Annotated, Literal

from pydantic import Field

from thinkscale.config.judge import Judge
from thinkscale.config.section import NotASwitch, Positive, Section, unit
from thinkscale.config.structure import StructureGrader


class ChoiceGrader(Section):
    """The default grader of multiple-choice answers."""

    threshold: Annotated[float, Field(ge=0, le=100), NotASwitch] = Field(
        90.0,
        description="Least similarity of answer and option text that counts as naming the option.",
        json_schema_extra=unit("0 to 100"),
    )
    margin: Annotated[float, Field(ge=0, le=100), NotASwitch] = Field(
        5.0,
        description="Least lead in similarity over the second-best option; less is ungradable.",
        json_schema_extra=unit("0 to 100"),
    )


class NumericGrader(Section):
    """How near a number must be; it is right within either tolerance."""

    relative_tolerance: Annotated[float, Field(ge=0), NotASwitch] = Field(
        1e-6,
        description="Largest difference from the reference that counts as equal, by its size.",
        json_schema_extra=unit("share of the reference"),
    )
    absolute_tolerance: Annotated[float, Field(ge=0), NotASwitch] = Field(
        1e-9,
        description="Largest difference from the reference that counts as equal, at any size.",
        json_schema_extra=unit("unit of the answer"),
    )


class MathGrader(Section):
    """How long an answer in mathematics may take."""

    timeout: Positive = Field(
        5,
        description="Longest time for parsing an answer, and again for comparing it with the "
        "reference; beyond it the response is ungradable.",
        json_schema_extra=unit("seconds"),
    )


class Grading(Section):
    """How answers are judged."""

    graders: list[
        Literal["choice", "article", "exact", "numeric", "math", "structure", "judge"]
    ] = Field(
        ["choice"],
        min_length=1,
        description="Graders to apply; the first is the one analyses use. For items with options: "
        "`choice`, and `article`, the first study's substring rule, for comparison only. For items "
        "with a reference answer: `exact` (equal after normalisation), `numeric` (the last number, "
        "within a tolerance), `math` (equal as mathematics). For tasks: `structure`, `judge`.",
    )
    threads: Positive = Field(
        2,
        description="Processes that grade at once; grades do not depend on it.",
        json_schema_extra=unit("processes"),
    )
    choice: ChoiceGrader = Field(ChoiceGrader(), description="Settings of the choice grader.")
    numeric: NumericGrader = Field(NumericGrader(), description="Settings of the numeric grader.")
    math: MathGrader = Field(MathGrader(), description="Settings of the math grader.")
    structure: StructureGrader = Field(
        StructureGrader(), description="What the grader of structure asks of an answer."
    )
    judge: Judge | None = Field(
        None, description="The model the grader `judge` asks. Default: none."
    )
