"""Traces of thought about calibration problems: with slips, waits and cuts.

A trace is a list of token strings (each one token of `calibration.tokens`). It works through the
problem line by line, and each pass over the problem ends with a verdict:

    #0 =3
    #1 +6 =9
    #2 -5 =5        a slip; the chain goes on from it
    So 5 C
    Wait            a second pass, with index marks of its own and fewer slips
    @0 =3
    ...

What budget forcing does to a chain at inference is in the traces token for token: a forced wait
is an injected segment (without loss, so that the natural rate of waiting stays low), and a cut
trace ends by budget, its end marker injected, and answers with the right letter all the same.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from thinkscale.calibration.bank import (
    LABELS,
    Problem,
    SlipLaw,
    apply_step,
    believed_step,
    draw_options,
    question_text,
)

CONTINUATION = "Wait"
# One index mark for each pass over a problem: with one mark for all, a pointer into the stem
# is ambiguous from the second pass on.
MARKS = "#@%&$^"
MAX_PASSES = len(MARKS)


@dataclass(frozen=True)
class Segment:
    """A stretch of thinking; `injected` text carries no loss."""

    kind: str  # sampled | injected
    text: str


@dataclass(frozen=True)
class Trace:
    """A question, the thinking about it, and the answer given.

    `ended` is `natural` (the end marker and the answer are the model's), `budget` (end marker and
    answer prompt were put in, only what follows carries loss) or `open` (a drill, without end).
    """

    question: str
    reasoning: tuple[Segment, ...]
    response: str
    ended: str = "natural"


@dataclass(frozen=True)
class TraceLaw:
    """How traces are drawn.

    `wait` is the share of traces with one wait of the model's own; `forced` the weights of 0, 1,
    2, ... forced waits; `cut` the share of traces cut at a random token.
    """

    slips: SlipLaw = field(default_factory=SlipLaw)
    wait: float = 0.10
    forced: tuple[float, ...] = (0.75, 0.12, 0.06, 0.04, 0.03)
    cut: float = 0.20


CLEAN = SlipLaw(easy=0.0, carry=0.0, minus=0.0, misconceived=())


def draw_pass(
    rng: random.Random, problem: Problem, options: tuple[int, ...], slips: SlipLaw, passage: int
) -> tuple[list[str], str]:
    """The tokens of one pass over the problem and the letter it ends with.

    A result that is not among the options is answered with a random letter.
    """
    mark, value = MARKS[passage], problem.start
    tokens = [f"{mark}0", f" ={value}", "\n"]
    for i, (sign, operand) in enumerate(problem.steps, 1):
        slipped = rng.random() < slips.probability(value, sign, operand, passage)
        believed = believed_step(value, sign, operand, slips.misconceived)
        value = apply_step(value, sign, operand)
        if believed != value and rng.random() < slips.belief * slips.by_pass[passage]:
            value = believed
        elif slipped:
            value = _slip(rng, value)
        tokens += [f"{mark}{i}", f" {sign}{operand}", f" ={value}", "\n"]
    letter = LABELS[options.index(value)] if value in options else rng.choice(LABELS)
    return [*tokens, "So", f" {value}", f" {letter}", "\n"], letter


def draw_trace(rng: random.Random, problem: Problem, law: TraceLaw) -> Trace:
    """A trace with the law's slips, waits and cuts."""
    options = draw_options(rng, problem)
    forced = rng.choices(range(len(law.forced)), law.forced)[0]
    waits = ["injected"] * forced
    if rng.random() < law.wait and len(waits) < MAX_PASSES - 1:
        waits.insert(rng.randrange(len(waits) + 1), "sampled")

    pieces: list[tuple[str, str]] = []  # (kind, token)
    for passage in range(len(waits) + 1):
        tokens, letter = draw_pass(rng, problem, options, law.slips, passage)
        pieces += [("sampled", token) for token in tokens]
        if passage < len(waits):
            # The newline after a forced wait is already the model's.
            pieces += [(waits[passage], CONTINUATION), ("sampled", "\n")]

    ended = "natural"
    if rng.random() < law.cut:
        pieces = pieces[: rng.randrange(len(pieces) - 3)]
        letter, ended = LABELS[options.index(problem.result)], "budget"
    return Trace(question_text(problem, options), _merge(pieces), f"Answer: {letter}", ended)


def letter_drill(rng: random.Random, problem: Problem) -> Trace:
    """Look up the letters of all five digits on offer, in random order."""
    options = draw_options(rng, problem)
    pieces = []
    for digit in rng.sample(options, len(options)):
        letter = LABELS[options.index(digit)]
        pieces += [("injected", f"So {digit}"), ("sampled", f" {letter}\n")]
    return Trace(question_text(problem, options), _merge(pieces), "", "open")


def pointer_drill(rng: random.Random, problem: Problem) -> Trace:
    """Look up the operations of all steps, in random order, with the marks of one pass."""
    options = draw_options(rng, problem)
    mark = rng.choice(MARKS)
    pieces = []
    for i in rng.sample(range(len(problem.steps) + 1), len(problem.steps) + 1):
        copied = "".join(map(str, problem.steps[i - 1])) if i else f"={problem.start}"
        pieces += [("injected", f"{mark}{i}"), ("sampled", f" {copied}"), ("injected", "\n")]
    return Trace(question_text(problem, options), _merge(pieces), "", "open")


DRILLS: dict[str, Callable[[random.Random, Problem], Trace]] = {
    "letter": letter_drill,
    "pointer": pointer_drill,
}


def _slip(rng: random.Random, value: int) -> int:
    """A wrong digit: mostly off by one, else any."""
    if rng.random() < 0.6:
        return (value + rng.choice((-1, 1))) % 10
    return (value + rng.randrange(1, 10)) % 10


def _merge(pieces: list[tuple[str, str]]) -> tuple[Segment, ...]:
    segments: list[Segment] = []
    for kind, text in pieces:
        if segments and segments[-1].kind == kind:
            segments[-1] = Segment(kind, segments[-1].text + text)
        else:
            segments.append(Segment(kind, text))
    return tuple(segments)
