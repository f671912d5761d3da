"""The sweep over thinking."""

from typing import Literal

from pydantic import Field

from thinkscale.config.section import NonNegative, Positive, Section, unit


class Combination(Section):
    """A maximum budget together with waits or with a minimum budget."""

    max_think: Positive = Field(
        ...,
        description="Maximum budget: it bounds thinking as a whole, the text put in included.",
        json_schema_extra=unit("thinking tokens"),
    )
    min_think: Positive | None = Field(
        None,
        description="Minimum budget, at most the maximum.",
        json_schema_extra=unit("thinking tokens"),
    )
    waits: Positive | None = Field(
        None,
        description="Number of natural ends that are dropped, as far as the maximum allows.",
        json_schema_extra=unit("times"),
    )


class Conditions(Section):
    """The sweep. The natural condition is always there; unset keys add none."""

    max_think: list[NonNegative] | None = Field(
        None,
        min_length=1,
        description="Maximum budgets: thinking is cut there and the answer asked for. "
        "0 is no thinking.",
        json_schema_extra=unit("thinking tokens"),
    )
    min_think: list[Positive] | None = Field(
        None,
        min_length=1,
        description="Minimum budgets: natural ends before are dropped and a continuation put in.",
        json_schema_extra=unit("thinking tokens"),
    )
    waits: list[Positive] | None = Field(
        None,
        min_length=1,
        description="Numbers of natural ends that are dropped, a continuation put in at each.",
        json_schema_extra=unit("times"),
    )
    combine: list[Combination] = Field(
        [],
        description="Combinations, as in `[{waits: 2, max_think: 64}]`: where the maximum is "
        "spent, thinking ends, whatever minimum or number of waits is not reached.",
    )
    continuations: list[str] = Field(
        ["Wait"],
        min_length=1,
        description="Strings put in at a natural end to think on: words, sentences, or the empty "
        "string, which tables call `(nothing)`.",
    )
    continuation_choice: Literal["each", "drawn"] = Field(
        "each",
        description="`each` makes every condition once for each string; `drawn` makes it once, and "
        "draws a string from the list at every natural end, by the study's seed, item and sample.",
    )
    max_swaps: Positive = Field(
        16,
        description="Natural ends a minimum budget may pass before it gives up.",
        json_schema_extra=unit("times"),
    )
