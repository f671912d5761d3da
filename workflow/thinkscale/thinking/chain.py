"""Chains: the token ids one row thought, and where each condition's prefix of them ends.

A chain is thought once; every condition of a sweep is a prefix of it. Nothing here runs a model.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Literal

from thinkscale.engines.base import Ids
from thinkscale.thinking.conditions import Condition


@dataclass(frozen=True)
class Segment:
    """Tokens between two interventions.

    end_ids: the think-end marker or EOS the model sampled after `ids`; empty where it was cut.
    It is not thinking, and it is dropped when thinking is made to go on.
    """

    kind: Literal["sampled", "injected"]
    ids: Ids
    end_ids: Ids = ()
    by_eos: bool = False


@dataclass(frozen=True)
class Chain:
    """Segments in order, sampled and injected in turn; `continuation` names the text put in.

    The last is an injected one where what was put in took all that was left of the budget.
    """

    continuation: str | None
    segments: tuple[Segment, ...]

    @cached_property
    def ids(self) -> Ids:
        return tuple(token for segment in self.segments for token in segment.ids)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """Thinking tokens at each natural end, ascending."""
        lengths = accumulate(len(segment.ids) for segment in self.segments)
        return tuple(
            n for n, segment in zip(lengths, self.segments, strict=True) if segment.end_ids
        )

    @property
    def natural_end(self) -> bool:
        """Whether the last segment ended by itself."""
        return bool(self.segments[-1].end_ids)


@dataclass(frozen=True)
class Prefix:
    """The part of a chain that one condition's answer sees.

    stop: `natural` (the model ended it), `budget` (its maximum was spent) or `context`.
    end: the segment whose natural end it stops at; None where it was cut or never begun.
    """

    chain: Chain
    length: int
    stop: Literal["natural", "budget", "context"]
    waits_done: int
    end: Segment | None

    @property
    def ids(self) -> Ids:
        return self.chain.ids[: self.length]

    @property
    def censored(self) -> bool:
        """Whether natural thinking was cut before it ended."""
        ends = self.chain.ends
        return self.stop != "natural" and (not ends or self.length < ends[0])

    def count(self, kind: str) -> int:
        """Tokens of the given kind in the prefix."""
        return sum(used for segment, used in self._used() if segment.kind == kind)

    def sampled_by_piece(self, lookahead: int) -> dict[tuple[str | None, int], int]:
        """Tokens drawn from the model for this prefix, natural ends included, by piece of chain.

        Pieces are named so that branches agree on what they share: everything up to the first
        natural end belongs to no continuation. lookahead: tokens drawn beyond a maximum where
        thinking was made to go on (`Forcing.lookahead`).
        """
        pieces = {}
        for index, (segment, used) in enumerate(self._used()):
            if segment.kind == "injected":
                continue
            drawn = len(segment.ids) + len(segment.end_ids)
            if self._cut_inside(index):
                drawn = min(drawn, used + lookahead) if index and used else used
            pieces[self.chain.continuation if index else None, index] = drawn
        return pieces

    @property
    def dropped(self) -> int:
        """Tokens of natural ends that were sampled and then dropped to think on."""
        sampled = [segment for segment in self.chain.segments if segment.kind == "sampled"]
        return sum(len(segment.end_ids) for segment in sampled[: self.waits_done])

    def _used(self) -> list[tuple[Segment, int]]:
        """Each segment the prefix reaches, with how many of its tokens it holds."""
        left, used = self.length, []
        for segment in self.chain.segments[: 2 * self.waits_done + 1]:
            used.append((segment, min(left, len(segment.ids))))
            left -= used[-1][1]
        return used

    def _cut_inside(self, index: int) -> bool:
        return self.end is None and index == 2 * self.waits_done


# What an answer sees where thinking is switched off.
UNTHOUGHT = Prefix(Chain(None, ()), 0, "natural", 0, None)


def satisfied(chain: Chain, condition: Condition, max_swaps: int) -> bool:
    """Whether the chain reaches far enough to cut `condition` from it."""
    if not chain.natural_end:
        return True  # cut by its room: there is no more to come
    if condition.max_think is not None and len(chain.ids) >= condition.max_think:
        return True
    return _end_index(chain, condition, max_swaps) < len(chain.ends)


def cut(chain: Chain, condition: Condition, max_swaps: int) -> Prefix:
    """Cut the prefix that `condition` asks for.

    A maximum that natural thinking does not exceed changes nothing: with exactly B tokens thought
    and the end next, thinking has ended within its budget. Where thinking was made to go on, B
    tokens are cut: what would come next is not sampled for a budget that is spent.
    """
    index = _end_index(chain, condition, max_swaps)
    budget = condition.max_think if condition.truncate is None else condition.truncate
    ends = chain.ends
    most = float("inf") if budget is None else budget if index == 0 else budget - 1
    if index < len(ends) and ends[index] <= most:
        sampled = [segment for segment in chain.segments if segment.kind == "sampled"]
        return Prefix(chain, ends[index], "natural", index, sampled[index])
    if budget is not None and budget <= len(chain.ids):
        return Prefix(chain, budget, "budget", _waits_before(chain, budget, index), None)
    length = len(chain.ids)
    return Prefix(chain, length, "context", _waits_before(chain, length, index), None)


def _end_index(chain: Chain, condition: Condition, max_swaps: int) -> int:
    """Which natural end the condition stops at; may lie beyond those the chain has."""
    if condition.waits is not None:
        return condition.waits
    if condition.min_think is not None:
        long_enough = (i for i, n in enumerate(chain.ends) if n >= condition.min_think)
        return min(next(long_enough, len(chain.ends)), max_swaps)
    return 0


def _waits_before(chain: Chain, length: int, at_most: int) -> int:
    """Natural ends that were passed within the first `length` tokens."""
    return min(sum(end < length for end in chain.ends), at_most)
