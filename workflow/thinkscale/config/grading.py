"""How answers are judged."""

from typing import Annotated, Literal

from pydantic import Field

from thinkscale.config.section import NotASwitch, Section, unit


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


class Grading(Section):
    """How answers are judged."""

    graders: list[Literal["choice", "article"]] = Field(
        ["choice"],
        min_length=1,
        description="Graders to apply; the first is the one analyses use. `article` is the first "
        "study's substring rule, for comparison only.",
    )
    choice: ChoiceGrader = Field(ChoiceGrader(), description="Settings of the choice grader.")
