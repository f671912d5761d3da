"""The sweep over thinking."""

from typing import Literal

from pydantic.types import StrictBool

from thinkscale.config.section import NonNegative, Positive, Section, setting


class Combination(Section):
    """A maximum budget together with waits or with a minimum budget."""

    max_think: Positive = setting(
        ...,
        "Maximum budget: it bounds thinking as a whole, the text put in included.",
        "thinking tokens",
    )
    min_think: Positive | None = setting(
        None, "Minimum budget, at most the maximum.", "thinking tokens"
    )
    waits: Positive | None = setting(
        None, "Number of natural ends that are dropped, as far as the maximum allows.", "times"
    )


class Conditions(Section):
    """The sweep. The natural condition is always there; unset keys add none."""

    max_think: list[NonNegative] | None = setting(
        None,
        "Maximum budgets: thinking is cut there and the answer asked for. 0 is no thinking.",
        "thinking tokens",
        min_length=1,
    )
    no_think: StrictBool = setting(
        False,
        "Also the condition `no_think`: thinking is switched off in the prompt, as the model's "
        "family does it (`inference.thinking.off`), and the answer asked for at once.",
    )
    truncate: list[Positive] | None = setting(
        None,
        "Token limits: thinking is cut there and nothing asked, so that there is no answer but "
        "what a model without markers has written by then. Where thinking ends before, this is "
        "the natural response. Costs nothing.",
        "thinking tokens",
        min_length=1,
    )
    min_think: list[Positive] | None = setting(
        None,
        "Minimum budgets: natural ends before are dropped and a continuation put in.",
        "thinking tokens",
        min_length=1,
    )
    waits: list[Positive] | None = setting(
        None,
        "Numbers of natural ends that are dropped, a continuation put in at each.",
        "times",
        min_length=1,
    )
    combine: list[Combination] = setting(
        [],
        "Combinations, as in `[{waits: 2, max_think: 64}]`: where the maximum is spent, thinking "
        "ends, whatever minimum or number of waits is not reached.",
    )
    continuations: list[str] = setting(
        ["Wait"],
        "Strings put in at a natural end to think on: words, sentences, or the empty string, "
        "which tables call `(nothing)`.",
        min_length=1,
    )
    continuation_choice: Literal["each", "drawn"] = setting(
        "each",
        "`each` makes every condition once for each string; `drawn` makes it once, and draws a "
        "string from the list at every natural end, by the study's seed, item and sample.",
    )
    max_swaps: Positive = setting(
        16, "Natural ends a minimum budget may pass before it gives up.", "times"
    )
