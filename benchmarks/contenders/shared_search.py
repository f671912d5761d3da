"""thinkscale: best-of-N and beam search at all sizes in one job, which samples and reads once."""

from collections.abc import Callable
from typing import Any

from ours_search import searching, strategies


def prepare(work: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    ready = searching(work, work["batch_size"])

    def run() -> dict[str, Any]:
        done = ready.run(strategies(work))
        return {
            "sampled": done.usage.sampled,
            "run": done.usage.fed,
            "read": done.read,
        }

    return run
