"""Particle filtering (Puri et al., arXiv 2502.01618): partial chains are resampled by their scores.

Scores are the likelihoods of a state-space model whose observations are the scorer's: a particle is
kept in proportion to its newest score and not because it is the best, so that one wrong judgement
ends no line of thought for good.
"""

from dataclasses import dataclass

import numpy as np

from thinkscale.errors import ThinkscaleError
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
class ParticleFiltering:
    """n: particles. num_iterations: steps at most."""

    n: int
    num_iterations: int = 40

    @property
    def extent(self) -> Extent:
        return Extent(side=self.n, rounds=self.num_iterations)


def particle_filtering(task: Task, settings: ParticleFiltering) -> Strategy:
    """Grow every particle by a step, weigh, resample; until all have ended."""
    particles, draws = [ROOT] * settings.n, Draws()
    random = np.random.Generator(np.random.Philox(key=int.from_bytes(task.noise, "little")))
    for _ in range(settings.num_iterations):
        live = [n for n, particle in enumerate(particles) if not particle.done]
        if not live:
            break
        young = yield from children(task, [particles[n] for n in live], 1, draws)
        young = yield from judged(task, young)
        for n, particle in zip(live, young, strict=True):
            particles[n] = particle
        if not all(particle.done for particle in particles):
            particles = resampled(particles, random)
    return (yield from whole(task, particles))


def resampled(particles: list[Candidate], random: np.random.Generator) -> list[Candidate]:
    """As many particles, each drawn in proportion to its score; systematic, from one uniform.

    A particle without a score has no weight; where no particle has any, all stay. Raises
    ThinkscaleError for a score outside 0..1, which is no weight.
    """
    weights = np.nan_to_num([particle.score for particle in particles])
    if (outside := weights[(weights < 0) | (weights > 1)]).size:
        raise ThinkscaleError(
            f"particle_filtering: found the score {outside[0]:g}; expected scores from 0 to 1"
        )
    uniform = random.random()
    if not weights.sum() > 0:
        return particles
    at = (uniform + np.arange(len(particles))) / len(particles)
    chosen = np.searchsorted(np.cumsum(weights) / weights.sum(), at, side="right")
    return [particles[n] for n in np.minimum(chosen, len(particles) - 1)]
