"""What completions are rewarded for, and what a step of them says of how training goes.

Names are those of TRL and open-r1. A reward sees all completions of a step and values each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from statistics import fmean

from trl.rewards import get_soft_overlong_punishment

from thinkscale.data.languages import language_shares, script_shares
from thinkscale.engines.base import Completion, Ids


@dataclass(frozen=True)
class Rollout:
    """A completion: the thought up to its end, and the answer behind it.

    ids: all that was sampled, ends included. answer: None where thinking did not end by its marker.
    ended: whether the turn was ended, and not cut. right: what the grader says of the answer. wait:
    how often the thought itself says what budget forcing would put in.
    """

    item_id: str
    ids: Ids
    thought: str
    think_tokens: int
    answer: str | None
    ended: bool
    right: bool = False
    waits: int = 0


Reward = Callable[[Sequence[Rollout]], list[float]]


def accuracy(rollouts: Sequence[Rollout]) -> list[float]:
    """1 for a right answer."""
    return [float(rollout.right) for rollout in rollouts]


def well_formed(markers: Sequence[str]) -> Reward:
    """1 for a thought that ends once, by its marker, and an answer that ends behind it.

    The prompt has opened thinking already, so that a completion which opens it is none of these
    (TRL's `think_format_reward` expects the opening and gives 0 to every one). markers: the strings
    that open and end thinking, any of which in thought or answer is one too many.
    """
    found = [marker.strip() for marker in markers if marker.strip()]

    def reward(rollouts: Sequence[Rollout]) -> list[float]:
        return [
            float(
                rollout.ended
                and bool(rollout.answer and rollout.answer.strip())
                and not any(m in rollout.thought or m in rollout.answer for m in found)
            )
            for rollout in rollouts
        ]

    return reward


def language_consistency(language: str) -> Reward:
    """The share of the thought's words in a language or script (R1, section 2.3.2); 1 without any.

    language: a code of ISO 639 (`en`), or of ISO 15924 (`Latn`).
    """
    shares = script_shares if len(language) == 4 else language_shares

    def reward(rollouts: Sequence[Rollout]) -> list[float]:
        found = [shares(rollout.thought) for rollout in rollouts]
        return [own.get(language, 0.0) if own else 1.0 for own in found]

    return reward


def length(rollouts: Sequence[Rollout]) -> list[float]:
    """Minus the tokens sampled."""
    return [-float(len(rollout.ids)) for rollout in rollouts]


def overlong(most: int, cache: int) -> Reward:
    """DAPO's soft punishment (arXiv 2503.14476, equation 13), from `cache` tokens before `most`."""
    punish = get_soft_overlong_punishment(most, cache)
    return lambda rollouts: punish([rollout.ids for rollout in rollouts])


def rolled(
    item_id: str, thought: Completion, answer: Completion | None, decode: Callable[[Ids], str]
) -> Rollout:
    """A rollout from the completions it was sampled in."""
    last = answer or thought
    return Rollout(
        item_id,
        thought.ids + thought.end_ids + ((answer.ids + answer.end_ids) if answer else ()),
        decode(thought.ids),
        len(thought.ids),
        None if answer is None else decode(answer.ids),
        last.stop == "eos",
    )


def observed(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """What one step's completions show, whatever is rewarded; NaN is the mean of none.

    Thinking is in tokens.
    """
    return {
        "accuracy": _mean([rollout.right for rollout in rollouts]),
        "think_right": _mean([r.think_tokens for r in rollouts if r.right]),
        "think_wrong": _mean([r.think_tokens for r in rollouts if not r.right]),
        "own_waits": _mean([rollout.waits for rollout in rollouts]),
        "clipped": _mean([not rollout.ended for rollout in rollouts]),
    }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else nan


_RUN = 5  # steps in a row after which a fault is told


def faults(history: Sequence[Mapping[str, float | None]]) -> Iterator[tuple[str, str]]:
    """(kind, sentence) of what goes wrong in the latest of a training's logged steps.

    history: rows with `step`, and of each reward `reward_<name>`. Told once it has lasted some
    steps.
    """
    latest = history[-_RUN:]
    if len(latest) < _RUN:
        return

    def always(key: str, value: float) -> bool:
        return all(row.get(key) is not None and row[key] == value for row in latest)

    lasting = f"in each of the last {_RUN} logged steps"
    if always("clipped", 1.0) and always("accuracy", 0.0):
        yield (
            "clipped",
            f"every completion was cut at `max_completion_length` and none was right {lasting}: "
            "nothing is learned; give it more room, or a parent that ends its thoughts",
        )
    elif always("no_variance", 1.0):
        yield (
            "no_variance",
            f"all completions of a prompt had the same reward {lasting}: nothing is learned; "
            "choose items by `pass_rate`, or draw more of each",
        )
    if always("reward_format", 0.0):
        yield (
            "format",
            f"the reward for format was 0 {lasting}: see how thoughts begin and end in the samples",
        )
    first = [row["completion_tokens"] for row in history[:_RUN]]
    now = [row["completion_tokens"] for row in latest]
    rewarded = any(key in latest[-1] for key in ("reward_length", "reward_overlong"))
    if len(history) >= 2 * _RUN and not rewarded and fmean(now) < 0.5 * fmean(first):
        yield (
            "length",
            f"completions have {fmean(now):.0f} tokens, {fmean(first):.0f} at first, and nothing "
            "rewards short ones: see whether thinking is given up in the samples",
        )
