"""Monte-Carlo tree search with rollouts: select by UCT, expand, roll out, back up.

The tree is treequest's (ask and tell). A node is a candidate, its value the scorer's of the whole
thought that is rolled out from it; that thought is a candidate of the search as well.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

from thinkscale.thinking.strategies.candidate import (
    ROOT,
    Candidate,
    Draws,
    Extent,
    Strategy,
    Task,
    children,
    judged,
    whole,
)


@dataclass(frozen=True)
class Mcts:
    """num_simulations: expansions, each with its rollout. beam_width: children of a node.
    exploration: the weight of the unvisited in UCT (2^.5 by Kocsis and Szepesvári, 2006)."""

    num_simulations: int
    beam_width: int = 2
    exploration: float = sqrt(2)
    num_iterations: int = 40

    @property
    def extent(self) -> Extent:
        """See `Extent`: an expansion and its rollout are one thought, to its end."""
        return Extent(side=self.num_simulations)


@dataclass(frozen=True)
class AbMcts:
    """num_simulations, num_iterations: as in `Mcts`; the algorithm itself sees to the rest."""

    num_simulations: int
    num_iterations: int = 40

    @property
    def extent(self) -> Extent:
        """See `Extent`: an expansion and its rollout are one thought, to its end."""
        return Extent(side=self.num_simulations)


@dataclass(frozen=True)
class _Node:
    """A state of the tree: a thought so far, and the whole one that was rolled out from it."""

    candidate: Candidate
    whole: Candidate = ROOT


def mcts(task: Task, settings: Mcts) -> Strategy:
    """Search through treequest's StandardMCTS."""
    from treequest import StandardMCTS

    algorithm = StandardMCTS(
        samples_per_action=settings.beam_width, exploration_weight=settings.exploration
    )
    return (yield from _search(task, settings, algorithm))


def ab_mcts(task: Task, settings: AbMcts) -> Strategy:
    """Search through treequest's AB-MCTS-A, which decides itself between wider and deeper."""
    from treequest import ABMCTSA

    return (yield from _search(task, settings, ABMCTSA()))


def _search(task: Task, settings: Mcts | AbMcts, algorithm) -> Strategy:
    """Ask where to grow, grow, roll out, and tell the value of it.

    A terminal node that is asked for again tells its value again: nothing is drawn, and it does
    not become another candidate.
    """
    tree, draws, rollouts = algorithm.init_tree(), Draws(), []
    dice = random.Random(task.noise)
    for _ in range(settings.num_simulations):
        tree, trial = _with_dice(dice, algorithm.ask, tree, ["think"])
        parent = trial.parent_state or _Node(ROOT)
        if parent.candidate.done:
            node = parent
        else:
            [young] = yield from children(task, [parent.candidate], 1, draws)
            rolled = young
            for _ in range(settings.num_iterations):
                if rolled.done:
                    break
                [rolled] = yield from children(task, [rolled], 1, draws)
            [rolled] = yield from judged(task, [rolled])
            node = _Node(replace(young, scores=rolled.scores), rolled)
            rollouts.append(rolled)
        value = node.whole.score
        value = 0.0 if value != value else value  # no judgement: nothing gained
        tree = _with_dice(dice, algorithm.tell, tree, trial.trial_id, (node, value))
    return (yield from whole(task, rollouts))


def _with_dice(dice: random.Random, move: Callable, *arguments):
    """Make a move of the library, which draws from the global generators, with an own one."""
    import numpy as np

    held, held_numpy = random.getstate(), np.random.get_state()
    random.seed(dice.random())
    np.random.seed(dice.randrange(2**32))
    try:
        return move(*arguments)
    finally:
        random.setstate(held)
        np.random.set_state(held_numpy)
