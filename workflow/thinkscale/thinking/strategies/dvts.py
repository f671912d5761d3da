"""Diverse verifier tree search: independent subtrees (search-and-learn, Beeching et al. 2024)."""

from dataclasses import dataclass

from thinkscale.thinking.strategies.candidate import (
    ROOT,
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


@dataclass(frozen=True)
class Dvts:
    """n: beams in all. beam_width: M, of which one is kept in each of the n / M subtrees."""

    n: int
    beam_width: int = 4
    num_iterations: int = 40

    def __post_init__(self) -> None:
        fill_widths(self.n, self.beam_width)

    @property
    def extent(self) -> Extent:
        return Extent(side=self.n, rounds=self.num_iterations)


def dvts(task: Task, settings: Dvts) -> Strategy:
    """Grow n / M subtrees side by side, each keeping the best of its M children at every step.

    What a subtree brings is what it held when the best of it had ended.
    """
    trees, width, draws = settings.n // settings.beam_width, settings.beam_width, Draws()
    kept = [ROOT] * trees
    pools = [[ROOT]] * trees
    for _ in range(settings.num_iterations):
        live = [n for n, candidate in enumerate(kept) if not candidate.done]
        if not live:
            break
        young = yield from children(task, [kept[n] for n in live], width, draws)
        young = yield from judged(task, young)
        for place, n in enumerate(live):
            pools[n] = young[place * width : (place + 1) * width]
            [kept[n]] = best(task, pools[n], 1)
    return (yield from whole(task, [candidate for pool in pools for candidate in pool]))
