"""Looking ahead: greedy steps behind candidates, so that a value is read further on.

Snell et al., arXiv 2408.03314, section 5.2 (lookahead search): a rollout at temperature 0.
"""

from collections.abc import Generator, Sequence

from thinkscale.engines.base import Ids
from thinkscale.thinking.strategies.candidate import (
    Asked,
    Candidate,
    Said,
    Task,
    grown,
    step_request,
)


def ahead(
    task: Task, candidates: Sequence[Candidate], steps: int
) -> Generator[Asked, Said, dict[int, Ids]]:
    """By place, what each candidate goes on to think greedily in so many steps.

    What is thought ahead is no part of the candidate. One that ended has nothing ahead of it.
    """
    furthest = dict(enumerate(candidates))
    for _ in range(steps):
        live = {n: candidate for n, candidate in furthest.items() if not candidate.done}
        if not live:
            break
        said = yield [step_request(task, candidate, 0, greedy=True) for candidate in live.values()]
        for (n, candidate), completion in zip(live.items(), said, strict=True):
            furthest[n] = grown(task, candidate, completion, 0)
    return {n: furthest[n].ids[len(c.ids) :] for n, c in enumerate(candidates)}
