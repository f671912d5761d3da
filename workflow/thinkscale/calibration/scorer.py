"""A scorer of stated quality: whether a line of thought is right so far, seen through noise.

It knows the problem, so no model is needed, and its quality is a parameter: the evidence of right
and of wrong lines is normal with unit variance, its means `d_prime` apart (Green and Swets, Signal
Detection Theory and Psychophysics, 1966, chapter 3). The area under its ROC curve is
Phi(d_prime / sqrt(2)).
"""

import hashlib
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from thinkscale.calibration.bank import Problem
from thinkscale.calibration.traces import MARKS
from thinkscale.engines.base import Scores, Scoring, Usage

_LINE = re.compile(rf"[{re.escape(MARKS)}]([0-9])(?: [+-][1-9])? =([0-9])|So ([0-9])")


def right_so_far(problem: Problem, thought: str) -> bool:
    """Whether the last value that a thought has reached is the right one; so is one without any."""
    *_, last = [None, *_LINE.finditer(thought)]
    if last is None:
        return True
    index, value, verdict = last.groups()
    if verdict is not None:
        return int(verdict) == problem.result
    return int(index) <= len(problem.steps) and int(value) == problem.values[int(index)]


def score(
    problem: Problem,
    token_ids: Sequence[int],
    decode: Callable[[Sequence[int]], str],
    *,
    d_prime: float,
    seed: int,
) -> float:
    """The probability (0..1) that a thought, given as its token ids, is right so far.

    It is calibrated where one thought in two is right. The noise is a function of seed, problem and
    tokens alone: the same thought has the same score, whoever asks for it and when.
    """
    content = f"{seed}\x1f{problem.canonical}\x1f{','.join(map(str, token_ids))}"
    digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64
    right = right_so_far(problem, decode(token_ids))
    evidence = d_prime * (right - 0.5) + NormalDist().inv_cdf(uniform)
    return float(1 / (1 + np.exp(-d_prime * evidence)))


@dataclass
class StatedQuality:
    """The scorer as an engine (see `Engine`) that takes `Scoring`s. It samples nothing.

    problems: by the noise of every row that may be scored.
    """

    problems: Mapping[bytes, Problem]
    decode: Callable[[Sequence[int]], str]
    d_prime: float
    seed: int
    name: str = "calibration"
    exact_tokens: bool = True
    _said: list[tuple[Hashable, Scores]] = field(default_factory=list)

    def anew(self) -> "StatedQuality":
        """The same scorer, of which nothing is waited for."""
        return replace(self, _said=[])

    def submit(self, ticket: Hashable, request: Scoring) -> None:
        """See `Engine.submit`."""
        problem, ids = self.problems[request.noise], request.ids
        values = tuple(
            score(
                *(problem, ids[request.begin : end], self.decode),
                d_prime=self.d_prime,
                seed=self.seed,
            )
            for end in request.ends
        )
        self._said.append((ticket, Scores(values)))

    def step(self) -> list[tuple[Hashable, Scores]]:
        """See `Engine.step`: all that was submitted."""
        said, self._said = self._said, []
        return said

    def release(self, noise: bytes) -> None:
        """See `Engine.release`: nothing is kept of a row."""

    def usage(self) -> Usage:
        """See `Engine.usage`: it runs no model."""
        return Usage()
