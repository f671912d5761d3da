"""How answers are judged."""

from thinkscale.config.judge import Judge
from thinkscale.config.section import Name, Number, Positive, Section, setting
from thinkscale.config.structure import StructureGrader


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


class NumericGrader(Section):
    """How near a number must be; it is right within either tolerance."""

    relative_tolerance: Number = setting(
        1e-6,
        "Largest difference from the reference that counts as equal, by its size.",
        "share of the reference",
        ge=0,
    )
    absolute_tolerance: Number = setting(
        1e-9,
        "Largest difference from the reference that counts as equal, at any size.",
        "unit of the answer",
        ge=0,
    )


class MathGrader(Section):
    """How long an answer in mathematics may take."""

    timeout: Positive = setting(
        5,
        "Longest time for parsing an answer, and again for comparing it with the reference; "
        "beyond it the response is ungradable.",
        "seconds",
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

    graders: list[Name] = setting(
        ["choice"],
        "Graders to apply; the first is the one analyses use. For items with options: `choice`, "
        "`readout` (the label read as the most likely where the answer begins; see "
        "`inference.readout`), and `article`, the first study's substring rule, for comparison "
        "only. For items with a "
        "reference answer: `exact` (equal after normalisation), `numeric` (the last number, "
        "within a tolerance), `math` (equal as mathematics). For tasks: `structure`, `judge`.",
        min_length=1,
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
