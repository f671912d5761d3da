"""Control by prompt: how long to think is named in the prompt, and nothing else sees to it.

The alternatives to budget forcing of s1 (Muennighoff et al., arXiv 2501.19393, section 3.2): the
length is a number of tokens, a number of steps, or a class. Whether the model keeps to it is its
own affair: what it thought is neither cut nor drawn anew, and is told from what was asked by `met`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import NATURAL
from thinkscale.thinking.prompts import Instruction
from thinkscale.thinking.strategies.candidate import Extent, Strategy, Task
from thinkscale.thinking.strategies.sampling import found, together


@dataclass(frozen=True)
class TokenConditional:
    """max_think: thinking tokens named. samples: drawn with it. instruction: see `Instruction`."""

    max_think: int
    samples: int = 1
    instruction: str = "{message}\n\nThink for {length} tokens at most."

    @property
    def extent(self) -> Extent:
        return Extent(side=self.samples)

    def met(self, tokens: int, steps: int) -> bool:
        return tokens <= self.max_think


@dataclass(frozen=True)
class StepConditional:
    """num_steps: steps of thinking named; the rest as in `TokenConditional`."""

    num_steps: int
    samples: int = 1
    instruction: str = "{message}\n\nThink in {length} steps at most."

    @property
    def extent(self) -> Extent:
        return Extent(side=self.samples)

    def met(self, tokens: int, steps: int) -> bool:
        return steps <= self.num_steps


@dataclass(frozen=True)
class LengthClass:
    """A name for thinking of more than `above` and at most `limit` tokens (None: no bound)."""

    name: str
    above: int | None = None
    limit: int | None = None

    def __str__(self) -> str:
        return self.name

    def holds(self, tokens: int) -> bool:
        """Whether thinking of so many tokens is of this class."""
        longer = self.above is None or tokens > self.above
        return longer and (self.limit is None or tokens <= self.limit)


def classes(limits: Mapping[str, int | None]) -> tuple[LengthClass, ...]:
    """Classes from the shortest to the longest; each begins behind the last limit before it."""
    made, above = [], None
    for name, limit in limits.items():
        made.append(LengthClass(name, above, limit))
        above = above if limit is None else limit
    return tuple(made)


@dataclass(frozen=True)
class ClassConditional:
    """length_classes: the one that is named; the rest as in `TokenConditional`."""

    length_classes: LengthClass
    samples: int = 1
    instruction: str = "{message}\n\nThink for a {length} time."

    @property
    def extent(self) -> Extent:
        return Extent(side=self.samples)

    def met(self, tokens: int, steps: int) -> bool:
        return self.length_classes.holds(tokens)


Named = TokenConditional | StepConditional | ClassConditional


def told(settings: Named) -> Instruction:
    """What is written into the prompt: the settings' instruction with their length."""
    length = getattr(settings, fields(settings)[0].name)
    return Instruction(settings.instruction, str(length))


def prompt_control(task: Task, settings: Named) -> Strategy:
    """Samples behind a prompt that names how long to think; each to its natural end."""
    prompt = task.instructed[told(settings)]
    asking = [
        respond(prompt, task.rows(n), {"natural": NATURAL}, task.forcing, task.context)
        for n in range(settings.samples)
    ]
    rows = yield from together(asking)
    return tuple(found(task, row.answers["natural"], n) for n, row in enumerate(rows))
