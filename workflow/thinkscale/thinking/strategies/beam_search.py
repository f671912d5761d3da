"""Beam search against a process reward model (Snell et al., arXiv 2408.03314, section 5.2)."""

from dataclasses import dataclass

from thinkscale.thinking.strategies.candidate import (
    ROOT,
    Candidate,
    Draws,
    Extent,
    Strategy,
    Task,
    best,
    children,
    fill_widths,
    judged,
    whole,
)
from thinkscale.thinking.strategies.lookahead import ahead


@dataclass(frozen=True)
class BeamSearch:
    """n: beams. beam_width: M, children of each that is kept. num_iterations: steps at most.
    lookahead: greedy steps before a value is read; 0 reads it at once. filter_duplicates: equal
    beams count once."""

    n: int
    beam_width: int = 4
    num_iterations: int = 40
    lookahead: int = 0
    filter_duplicates: bool = False

    def __post_init__(self) -> None:
        fill_widths(self.n, self.beam_width)

    @property
    def extent(self) -> Extent:
        """See `Extent`; looking ahead takes of the room that a beam has left."""
        return Extent(side=self.n, rounds=self.num_iterations)


def beam_search(task: Task, settings: BeamSearch) -> Strategy:
    """Keep the best n / M of n beams by the value of their newest step, grow M children of each.

    A beam that ended is not grown: it stands in the comparison with its score, and where it is
    kept it takes one place, so that short thoughts win by their value and not by being first.
    """
    kept: list[Candidate] = [ROOT]
    each, draws = settings.n, Draws()
    for _ in range(settings.num_iterations):
        ended = [candidate for candidate in kept if candidate.done]
        live = [candidate for candidate in kept if not candidate.done]
        if not live:
            break
        young = yield from children(task, live, each, draws)
        seen = yield from ahead(task, young, settings.lookahead)
        pool = ended + (yield from judged(task, young, seen))
        if settings.filter_duplicates:
            pool = list({(beam.ids, beam.stop): beam for beam in pool}.values())
        kept = best(task, pool, settings.n // settings.beam_width)
        each = settings.beam_width
    return (yield from whole(task, pool))
