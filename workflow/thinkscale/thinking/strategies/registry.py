"""The registry of strategies: name -> Approach."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from thinkscale.thinking.prompts import Instruction
from thinkscale.thinking.strategies.beam_search import BeamSearch, beam_search
from thinkscale.thinking.strategies.candidate import Strategy, Task
from thinkscale.thinking.strategies.dvts import Dvts, dvts
from thinkscale.thinking.strategies.mcts import AbMcts, Mcts, ab_mcts, mcts
from thinkscale.thinking.strategies.particle_filtering import ParticleFiltering, particle_filtering
from thinkscale.thinking.strategies.prompt_control import (
    ClassConditional,
    StepConditional,
    TokenConditional,
    classes,
    prompt_control,
    told,
)
from thinkscale.thinking.strategies.sampling import (
    Rejection,
    Revisions,
    Samples,
    rejection,
    revisions,
    samples,
)


@dataclass(frozen=True)
class Approach:
    """How a strategy is run, under a name in `APPROACHES`.

    settings: a frozen dataclass whose first field is the size that the strategy is compared by; the
    others are keys of the configuration. Its `extent` bounds what is asked (`Extent`). Where it
    asks for a length of thinking, its `met` says whether so many tokens and steps are of that
    length. parallel: it chooses among the natural samples. tree: it draws step by step.
    needs_scorer: whether it can do nothing without one. tells: what of its settings is written into
    the prompt.
    """

    run: Callable[[Task, Any], Strategy]
    settings: type
    parallel: bool = False
    tree: bool = False
    needs_scorer: bool = False
    tells: Callable[[Any], Instruction] | None = None

    @property
    def size(self) -> str:
        """The key of the configuration that lists its sizes."""
        return fields(self.settings)[0].name

    def sizes(self, given: Mapping[str, Any]) -> list[tuple[int, Any]]:
        """(n, size) from the values of a study's configuration; classes are counted from 1."""
        listed = given[self.size]
        if isinstance(listed, Mapping):
            return list(enumerate(classes(listed), 1))
        return [(n, n) for n in listed]

    def of(self, size: Any, given: Mapping[str, Any]) -> Any:
        """The settings at a size, from the values of a study's configuration."""
        _, *others = fields(self.settings)
        return self.settings(
            size, **{f.name: given[f.name] for f in others if given.get(f.name) is not None}
        )


APPROACHES: dict[str, Approach] = {
    "majority": Approach(samples, Samples, parallel=True),
    "best_of_n": Approach(samples, Samples, parallel=True, needs_scorer=True),
    "weighted_best_of_n": Approach(samples, Samples, parallel=True, needs_scorer=True),
    "beam_search": Approach(beam_search, BeamSearch, tree=True, needs_scorer=True),
    "dvts": Approach(dvts, Dvts, tree=True, needs_scorer=True),
    "mcts": Approach(mcts, Mcts, tree=True, needs_scorer=True),
    "ab_mcts": Approach(ab_mcts, AbMcts, tree=True, needs_scorer=True),
    "particle_filtering": Approach(
        particle_filtering, ParticleFiltering, tree=True, needs_scorer=True
    ),
    "revisions": Approach(revisions, Revisions),
    "rejection": Approach(rejection, Rejection),
    "token_conditional": Approach(prompt_control, TokenConditional, tells=told),
    "step_conditional": Approach(prompt_control, StepConditional, tells=told),
    "class_conditional": Approach(prompt_control, ClassConditional, tells=told),
}
