"""A generated bank of multiple-choice items whose difficulty follows a stated law.

An item is a chain of k additions and subtractions modulo 10 with five options. The space of
problems is split once and for all by a hash (`belongs_to_bank`): one part is for banks, the other
for training data, so that no model of the calibration study has met an item of any bank.

Between the steps stand 0 to 8 notes, lines that need no step, their number independent of k: so a
stem's length says little of the thinking that the item takes.

Some subtractions that borrow are misconceived: the smaller digit is taken from the larger, 3 - 7
gives 4 (the buggy subtraction of Brown and Burton, Cognitive Science 2 (1978), 155-192). A model
that believes this is wrong in the same way in most samples, so that no vote mends it.

Difficulty of an item with k steps, the slip probabilities s_1 ... s_k of its steps (`SlipLaw`), and
m = 1 where it holds a pair of `MISCONCEIVED`, else 0:

    x = 0.45 (k - 4.5) + 3 (mean(s) - 0.12) + 0.5 m + e,   e ~ N(0, 1)
    p = 1 / (1 + exp(x))                  share of people who answer correctly (difficulty_raw)
    difficulty = 0.02 + 1.36 (1 - p)      a p-value, reversed and scaled linearly

Response time is exp(3 + 0.1 k + 0.8 difficulty + 0.2 e') seconds, e' ~ N(0, 1).
"""

import hashlib
import json
import math
import random
from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd

from thinkscale.errors import ThinkscaleError

LABELS = "ABCDE"
MAX_STEPS = 8
BANK_SHARE = 0.5
MOST_NOTES = 8
NOTE_MARK = "#~"
NOTE_WORDS = (
    *("river", "lamp", "stone", "cloud", "paper", "green"),
    *("window", "silver", "garden", "morning", "copper", "music"),
)

# (value, operand) of subtractions that borrow, of 45. No pair differs by 5: there the wrong digit
# would be the right one.
MISCONCEIVED = ((3, 7), (0, 4), (2, 8), (5, 6), (1, 3), (6, 9))
MORE_MISCONCEIVED = (
    *MISCONCEIVED,
    *((4, 8), (7, 9), (0, 2), (2, 5), (1, 8), (3, 9), (0, 7), (4, 5)),
)
MISCONCEPTION_WEIGHT = 0.5  # of people's difficulty, in logits


@dataclass(frozen=True)
class Problem:
    """A start digit and the steps ("+" or "-", operand 1-9) that follow, modulo 10.

    notes: (number of steps before it, text); they are no part of what makes problems distinct.
    """

    start: int
    steps: tuple[tuple[str, int], ...]
    notes: tuple[tuple[int, str], ...] = field(default=(), compare=False)

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
        lines = ["Start", f"#0 ={self.start}"]
        for i in range(len(self.steps) + 1):
            lines += ["".join((f"#{i}", *map(str, self.steps[i - 1])))] if i else []
            lines += [f"{NOTE_MARK}{text}" for before, text in self.notes if before == i]
        return "\n".join(lines)

    def misled(self, pairs: Collection[tuple[int, int]]) -> int:
        """The result of whoever takes the smaller digit from the larger wherever `pairs` say."""
        value = self.start
        for sign, operand in self.steps:
            value = believed_step(value, sign, operand, pairs)
        return value


@dataclass(frozen=True)
class SlipLaw:
    """How often a step comes out wrong.

    `easy` is the probability on a step without carry or borrow, `carry` on one with; `minus` is
    added for subtractions. `misconceived` subtractions come out as their misconception has it in
    a share `belief` of cases. A later pass over the same problem multiplies by its `by_pass` entry.
    """

    easy: float = 0.06
    carry: float = 0.15
    minus: float = 0.04
    by_pass: tuple[float, ...] = (1.0, 0.4, 0.2, 0.15, 0.15, 0.15)
    misconceived: tuple[tuple[int, int], ...] = MISCONCEIVED
    belief: float = 0.8

    def probability(self, value: int, sign: str, operand: int, passage: int = 0) -> float:
        base = self.carry if has_carry(value, sign, operand) else self.easy
        return (base + (self.minus if sign == "-" else 0.0)) * self.by_pass[passage]


def apply_step(value: int, sign: str, operand: int) -> int:
    return (value + operand if sign == "+" else value - operand) % 10


def believed_step(value: int, sign: str, operand: int, pairs: Collection[tuple[int, int]]) -> int:
    """A step with the smaller digit taken from the larger where (value, operand) is in `pairs`."""
    if sign == "-" and (value, operand) in pairs:
        return operand - value
    return apply_step(value, sign, operand)


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
        problem = Problem(rng.randrange(10), steps, draw_notes(rng, k))
        # The start alone (k = 0, a look-up drill) is no item and is open to training.
        if k == 0 or belongs_to_bank(problem) == for_bank:
            return problem


def draw_notes(rng: random.Random, k: int) -> tuple[tuple[int, str], ...]:
    """0 to 8 notes of one or two words at random places among k steps."""
    return tuple(
        (
            rng.randrange(k + 1),
            "".join(f" {word}" for word in rng.choices(NOTE_WORDS, k=rng.choice((1, 2)))),
        )
        for _ in range(rng.randrange(MOST_NOTES + 1))
    )


def draw_options(rng: random.Random, problem: Problem) -> tuple[int, ...]:
    """Five distinct digits in random order: the result and what misconceptions and slips lead to.

    Slips: off by one either way, one step with the wrong sign, one step forgotten.
    """
    result = problem.result
    misled = {problem.misled(pairs) for pairs in (MISCONCEIVED, MORE_MISCONCEIVED)} - {result}
    slips = [result + 1, result - 1]
    for sign, operand in problem.steps:
        back = -operand if sign == "+" else operand
        slips += [result + back, result + 2 * back]
    wrong = sorted({slip % 10 for slip in slips} - {result} - misled)
    rng.shuffle(wrong)
    others = [d for d in range(10) if d != result and d not in misled and d not in wrong]
    rng.shuffle(others)
    options = [result, *(sorted(misled) + wrong + others)[: len(LABELS) - 1]]
    rng.shuffle(options)
    return tuple(options)


def problem_of(meta: str) -> Problem:
    """The problem of a bank's item, without its notes, from the column `meta`."""
    text = json.loads(meta)["problem"]
    steps = zip(text[1::2], map(int, text[2::2]), strict=True)
    return Problem(int(text[0]), tuple(steps))


def question_text(problem: Problem, options: tuple[int, ...]) -> str:
    """Stem and options as the models are trained on them."""
    return problem.stem + "\n" + "".join(f" {a}){d}" for a, d in zip(LABELS, options, strict=True))


def generate_bank(n: int, seed: int, *, for_bank: bool = True) -> pd.DataFrame:
    """A bank of n items with distinct problems, as an items frame; the same for the same seed.

    for_bank: whether its problems are those reserved for banks, or those that are for training.

    The step counts 1 to 8 are spread evenly; k = 1 has only some 90 problems in the bank's half,
    and what it cannot supply goes to the longer ones. `response_time` is in seconds. `meta` holds
    k, the numbers of notes and of slip-prone steps (with carry or borrow), the mean slip
    probability, and how many steps are misconceived by the reasoner and by the base.
    """
    if n < 1:
        raise ThinkscaleError(f"The calibration bank needs n of at least 1, found {n}.")
    rng = random.Random(f"calibration-bank-{seed}")
    single = [belongs_to_bank(Problem(s, ((o, d),))) == for_bank for s, o, d in _one_step()]
    available = {1: sum(single)}
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
        problem = draw_problem(rng, k, for_bank)
        while problem in seen:
            problem = draw_problem(rng, k, for_bank)
        seen.add(problem)
        name = "cal" if for_bank else "training"
        rows.append(_item_row(f"{name}-{seed}-{number:04d}", problem, rng))
    return pd.DataFrame(rows)


def _one_step() -> list[tuple[int, str, int]]:
    return [(s, sign, d) for s in range(10) for sign in "+-" for d in range(1, 10)]


def _item_row(item_id: str, problem: Problem, rng: random.Random) -> dict:
    options = draw_options(rng, problem)
    k = len(problem.steps)
    before = list(zip(problem.values, problem.steps, strict=False))
    slip = sum(SlipLaw().probability(v, *step) for v, step in before) / k
    misconceived, more = (
        sum(sign == "-" and (v, operand) in pairs for v, (sign, operand) in before)
        for pairs in (MISCONCEIVED, MORE_MISCONCEIVED)
    )
    x = 0.45 * (k - 4.5) + 3 * (slip - 0.12) + MISCONCEPTION_WEIGHT * (misconceived > 0)
    x += rng.gauss(0, 1)
    p_value = 1 / (1 + math.exp(x))
    difficulty = 0.02 + 1.36 * (1 - p_value)
    seconds = math.exp(3 + 0.1 * k + 0.8 * difficulty + 0.2 * rng.gauss(0, 1))
    meta = {
        "k": k,
        "notes": len(problem.notes),
        "slip_prone": sum(has_carry(v, *step) for v, step in before),
        "slip": round(slip, 4),
        "misconceived": misconceived,
        "misconceived_base": more,
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
