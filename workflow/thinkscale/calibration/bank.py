"""A generated bank of multiple-choice items whose difficulty follows a stated law.

An item is a chain of k additions and subtractions modulo 10 with five options. The space of
problems is split once and for all by a hash (`belongs_to_bank`): one part is for banks, the other
for training data, so that no model of the calibration study has met an item of any bank.

Difficulty of an item with k steps and the slip probabilities s_1 ... s_k of its steps (`SlipLaw`):

    x = 0.45 (k - 4.5) + 3 (mean(s) - 0.12) + e,   e ~ N(0, 1)
    p = 1 / (1 + exp(x))                  share of people who answer correctly (difficulty_raw)
    difficulty = 0.02 + 1.36 (1 - p)      a p-value, reversed and scaled linearly

Response time is exp(3 + 0.1 k + 0.8 difficulty + 0.2 e') seconds, e' ~ N(0, 1).
"""

import hashlib
import json
import math
import random
from dataclasses import dataclass

import pandas as pd

from thinkscale.errors import ThinkscaleError

LABELS = "ABCDE"
MAX_STEPS = 8
BANK_SHARE = 0.5


@dataclass(frozen=True)
class Problem:
    """A start digit and the steps ("+" or "-", operand 1-9) that follow, modulo 10."""

    start: int
    steps: tuple[tuple[str, int], ...]

    @property
    def values(self) -> tuple[int, ...]:
        """The start and the value after each step, k + 1 digits."""
        values = [self.start]
        for sign, operand in self.steps:
            values.append(apply_step(values[-1], sign, operand))
        return tuple(values)

    @property
    def result(self) -> int:
        return self.values[-1]

    @property
    def canonical(self) -> str:
        """The problem on one line, e.g. ``3+6-5``."""
        return str(self.start) + "".join(f"{sign}{operand}" for sign, operand in self.steps)

    @property
    def stem(self) -> str:
        lines = [f"#{i}{sign}{operand}" for i, (sign, operand) in enumerate(self.steps, 1)]
        return "\n".join(["Start", f"#0 ={self.start}", *lines])


@dataclass(frozen=True)
class SlipLaw:
    """How often a step comes out wrong.

    `easy` is the probability on a step without carry or borrow, `carry` on one with; `minus` is
    added for subtractions. A later pass over the same problem multiplies by its `by_pass` entry.
    """

    easy: float = 0.06
    carry: float = 0.15
    minus: float = 0.04
    by_pass: tuple[float, ...] = (1.0, 0.4, 0.2, 0.15, 0.15, 0.15)

    def probability(self, value: int, sign: str, operand: int, passage: int = 0) -> float:
        base = self.carry if has_carry(value, sign, operand) else self.easy
        return (base + (self.minus if sign == "-" else 0.0)) * self.by_pass[passage]


def apply_step(value: int, sign: str, operand: int) -> int:
    return (value + operand if sign == "+" else value - operand) % 10


def has_carry(value: int, sign: str, operand: int) -> bool:
    """Whether the step crosses ten (carry) or zero (borrow)."""
    return value + operand > 9 if sign == "+" else value < operand


def belongs_to_bank(problem: Problem) -> bool:
    """Whether the problem is reserved for banks; all others are for training."""
    digest = hashlib.sha256(problem.canonical.encode()).digest()
    return int.from_bytes(digest[:8], "big") < BANK_SHARE * 2**64


def draw_problem(
    rng: random.Random,
    k: int,
    for_bank: bool,
    minus_share: float = 0.5,
    operand_weights: tuple[float, ...] = (1,) * 9,
) -> Problem:
    """One problem of k steps from the bank's half of the space or from the training half."""
    while True:
        steps = tuple(
            (
                "-" if rng.random() < minus_share else "+",
                rng.choices(range(1, 10), operand_weights)[0],
            )
            for _ in range(k)
        )
        problem = Problem(rng.randrange(10), steps)
        # The start alone (k = 0, a look-up drill) is no item and is open to training.
        if k == 0 or belongs_to_bank(problem) == for_bank:
            return problem


def draw_options(rng: random.Random, problem: Problem) -> tuple[int, ...]:
    """Five distinct digits in random order: the result and what typical slips lead to.

    Slips: off by one either way, one step with the wrong sign, one step forgotten.
    """
    result = problem.result
    slips = [result + 1, result - 1]
    for sign, operand in problem.steps:
        back = -operand if sign == "+" else operand
        slips += [result + back, result + 2 * back]
    wrong = sorted({slip % 10 for slip in slips} - {result})
    rng.shuffle(wrong)
    others = [digit for digit in range(10) if digit != result and digit not in wrong]
    rng.shuffle(others)
    options = [result, *(wrong + others)[: len(LABELS) - 1]]
    rng.shuffle(options)
    return tuple(options)


def question_text(problem: Problem, options: tuple[int, ...]) -> str:
    """Stem and options as the models are trained on them."""
    return problem.stem + "\n" + "".join(f" {a}){d}" for a, d in zip(LABELS, options, strict=True))


def generate_bank(n: int, seed: int) -> pd.DataFrame:
    """A bank of n items with distinct problems, as an items frame; the same for the same seed.

    The step counts 1 to 8 are spread evenly; k = 1 has only some 90 problems in the bank's half,
    and what it cannot supply goes to the longer ones. `response_time` is in seconds. `meta` holds
    k, the number of slip-prone steps (with carry or borrow) and the mean slip probability.
    """
    if n < 1:
        raise ThinkscaleError(f"The calibration bank needs n of at least 1, found {n}.")
    rng = random.Random(f"calibration-bank-{seed}")
    available = {1: sum(belongs_to_bank(Problem(s, ((o, d),))) for s, o, d in _one_step())}
    lengths, i = [], 0
    while len(lengths) < n:
        k = i % MAX_STEPS + 1
        i += 1
        if lengths.count(k) < available.get(k, n):
            lengths.append(k)
    rng.shuffle(lengths)

    seen: set[Problem] = set()
    rows = []
    for number, k in enumerate(lengths, 1):
        problem = draw_problem(rng, k, for_bank=True)
        while problem in seen:
            problem = draw_problem(rng, k, for_bank=True)
        seen.add(problem)
        rows.append(_item_row(f"cal-{seed}-{number:04d}", problem, rng))
    return pd.DataFrame(rows)


def _one_step() -> list[tuple[int, str, int]]:
    return [(s, sign, d) for s in range(10) for sign in "+-" for d in range(1, 10)]


def _item_row(item_id: str, problem: Problem, rng: random.Random) -> dict:
    options = draw_options(rng, problem)
    k = len(problem.steps)
    before = list(zip(problem.values, problem.steps, strict=False))
    slip = sum(SlipLaw().probability(v, *step) for v, step in before) / k
    x = 0.45 * (k - 4.5) + 3 * (slip - 0.12) + rng.gauss(0, 1)
    p_value = 1 / (1 + math.exp(x))
    difficulty = 0.02 + 1.36 * (1 - p_value)
    seconds = math.exp(3 + 0.1 * k + 0.8 * difficulty + 0.2 * rng.gauss(0, 1))
    meta = {
        "k": k,
        "slip_prone": sum(has_carry(v, *step) for v, step in before),
        "slip": round(slip, 4),
        "problem": problem.canonical,
    }
    return {
        "item_id": item_id,
        "stem": problem.stem,
        "options": [{"label": a, "text": str(d)} for a, d in zip(LABELS, options, strict=True)],
        "key": LABELS[options.index(problem.result)],
        "answer_text": str(problem.result),
        "difficulty": round(difficulty, 4),
        "difficulty_raw": round(p_value, 4),
        "response_time": round(seconds, 1),
        "cluster_id": None,
        "meta": json.dumps(meta),
    }
