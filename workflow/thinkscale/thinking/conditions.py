"""Conditions: the cells of a sweep over thinking budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from thinkscale.data.conditions import DRAWN, NOTHING, contradiction
from thinkscale.errors import ThinkscaleError


@dataclass(frozen=True)
class Condition:
    """One way of spending thinking; `Condition()` is the natural one.

    max_think: at most this many thinking tokens, injected ones included (B of s1, section 3.1).
    min_think: think on past natural ends until this many thinking tokens are there (M).
    waits: think on past exactly this many natural ends.
    continuation: name of the text put in at a natural end; None where nothing is put in.
    truncate: cut after this many thinking tokens, and ask for no answer where that cuts anything.
    no_think: thinking is switched off in the prompt, as the model's family does it.

    A maximum goes with either of the other two and comes before them: where it is spent, thinking
    ends, whatever minimum or number of waits is not reached yet.
    """

    max_think: int | None = None
    min_think: int | None = None
    waits: int | None = None
    continuation: str | None = None
    truncate: int | None = None
    no_think: bool = False

    @property
    def continues(self) -> bool:
        """Whether thinking goes on past a natural end."""
        return self.min_think is not None or self.waits is not None


NATURAL = Condition()


def continuation_name(text: str) -> str:
    """The name of a continuation: its text, but a word for the empty one.

    An empty cell of a table is a missing value, and a condition must not end in an empty name.
    """
    return text or NOTHING


def continuation_names(
    continuations: Sequence[str], choice: Literal["each", "drawn"] = "each"
) -> tuple[str, ...]:
    """The continuations a sweep branches into: one for each text, or the one that draws."""
    return (DRAWN,) if choice == "drawn" else tuple(map(continuation_name, continuations))


def sweep(
    max_think: Sequence[int] = (),
    min_think: Sequence[int] = (),
    waits: Sequence[int] = (),
    continuations: Sequence[str] = ("Wait",),
    combine: Sequence[Mapping[str, int | None]] = (),
    continuation_choice: Literal["each", "drawn"] = "each",
    truncate: Sequence[int] = (),
    no_think: bool = False,
) -> dict[str, Condition]:
    """Name every condition of a study, natural first.

    The names are the `condition` column of every table: `natural`, `no_think`, `max=16`,
    `truncate=16`, `min=40`, `waits=1`, and of `combine` (a maximum with waits or with a minimum)
    `waits=2;max=64`, `min=40;max=64`; a continuation other than the first is named last, behind a
    semicolon.

    Raises ThinkscaleError for a combination that contradicts itself, and for the same condition
    twice.
    """
    for index, cell in enumerate(combine):
        if fault := contradiction(cell):
            raise ThinkscaleError(f"`conditions.combine[{index}]`: {fault}")
    continued = [
        *(("min_think", {"min_think": budget}) for budget in min_think),
        *(("waits", {"waits": count}) for count in waits),
        *(("combine", {k: v for k, v in cell.items() if v is not None}) for cell in combine),
    ]
    named = {"natural": NATURAL}
    if no_think:
        named["no_think"] = Condition(no_think=True)
    for budget in max_think:
        _add(named, "max_think", Condition(max_think=budget), "")
    for budget in truncate:
        _add(named, "truncate", Condition(truncate=budget), "")
    names = continuation_names(continuations, continuation_choice)
    for name in names:
        suffix = "" if name == names[0] else f";continuation={name}"
        for key, limits in continued:
            _add(named, key, Condition(**limits, continuation=name), suffix)
    return named


def _add(named: dict[str, Condition], key: str, condition: Condition, suffix: str) -> None:
    limits = (
        ("waits", condition.waits),
        ("min", condition.min_think),
        ("max", condition.max_think),
        ("truncate", condition.truncate),
    )
    name = ";".join(f"{word}={limit}" for word, limit in limits if limit is not None) + suffix
    if name in named:
        raise ThinkscaleError(f"`conditions.{key}`: the condition {name} is there twice")
    named[name] = condition
