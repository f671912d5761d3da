"""Conditions: the cells of a sweep over thinking budgets."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """One way of spending thinking; `Condition()` is the natural one.

    max_think: at most this many thinking tokens, injected ones included (B of s1, section 3.1).
    min_think: think on past natural ends until this many thinking tokens are there (M).
    waits: think on past exactly this many natural ends.
    continuation: the text put in at a natural end; None where nothing is put in.
    """

    max_think: int | None = None
    min_think: int | None = None
    waits: int | None = None
    continuation: str | None = None

    @property
    def continues(self) -> bool:
        """Whether thinking goes on past a natural end."""
        return self.min_think is not None or self.waits is not None


NATURAL = Condition()


def sweep(
    max_think: Sequence[int] = (),
    min_think: Sequence[int] = (),
    waits: Sequence[int] = (),
    continuations: Sequence[str] = ("Wait",),
) -> dict[str, Condition]:
    """Name every condition of a study, natural first.

    The names are the `condition` column of every table: `natural`, `max=16`, `min=40`, `waits=1`;
    a continuation other than the first is named behind a semicolon.
    """
    named = {"natural": NATURAL}
    named |= {f"max={budget}": Condition(max_think=budget) for budget in max_think}
    for continuation in continuations:
        suffix = "" if continuation == continuations[0] else f";continuation={continuation}"
        for budget in min_think:
            named[f"min={budget}{suffix}"] = Condition(min_think=budget, continuation=continuation)
        for count in waits:
            named[f"waits={count}{suffix}"] = Condition(waits=count, continuation=continuation)
    return named
