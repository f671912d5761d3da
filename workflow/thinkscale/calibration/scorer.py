"""A scorer of stated quality: whether a line of thought is right so far, seen through noise.

It knows the problem, so no model is needed, and its quality is a parameter: the evidence of right
and of wrong lines is normal with unit variance, its means `d_prime` apart (Green and Swets, Signal
Detection Theory and Psychophysics, 1966, chapter 3). The area under its ROC curve is
Phi(d_prime / sqrt(2)).
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np

from thinkscale.calibration.bank import Problem
from thinkscale.calibration.traces import MARKS

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
