"""The most that forcing and searches can make a model draw, from what is asked of it alone."""

from collections.abc import Iterable, Mapping, Sequence

from thinkscale.data.conditions import DRAWN
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import Condition
from thinkscale.thinking.strategies.candidate import Extent
from thinkscale.thinking.strategies.sampling import passes


def most_sampled(room: int, conditions: Mapping[str, Condition], forcing: Forcing) -> int:
    """Tokens that one row (an item's sample) can draw at most, over all conditions together.

    room: thinking tokens that fit beside the prompt (`Forcing.room`). The dearest row either fills
    its room at once, or ends its thinking as early as that leaves budgets below it to cut and has
    every branch think on: each further natural end comes at once (its tokens are drawn and
    dropped) and the last thought fills what is left. Every answer takes its limit. No row draws
    more; one can draw as much unless its room is too small for all conditions to differ. Where a
    continuation is drawn, it is taken to be the shortest. Truncation draws nothing of its own.
    """
    ends = {1, *map(len, forcing.think_end)}  # the end of the turn is one token
    branches: dict[str, list[Condition]] = {}
    for condition in conditions.values():
        if condition.continues:
            branches.setdefault(condition.continuation, []).append(condition)
    continued = [condition for branch in branches.values() for condition in branch]
    budgets = {c.max_think for c in conditions.values() if c.max_think is not None}

    def answers(length: int, own: Sequence[Condition]) -> int:
        """Limits of the natural answer, of one for each budget below, and of one for each `own`."""
        return forcing.max_answer * (1 + sum(b < length for b in budgets) + len(own))

    def end_within(left: int) -> int:
        return max((n for n in ends if n <= left), default=0)

    def thought_on(name: str, length: int, passed: int) -> int:
        """Drawn in a branch from its natural end number `passed` on, at `length` tokens."""
        wanting = [c for c in branches[name] if _goes_on(c, length, passed, forcing.max_swaps)]
        reach = max((min(room, c.max_think or room) for c in wanting), default=0)
        begun = length + _shortest(forcing, name)
        if begun >= reach:
            return 0
        left = min(room, reach + forcing.lookahead) - begun
        end = end_within(left)
        return max(left, end + thought_on(name, begun, passed + 1) if end else 0)

    totals = [room + answers(room, ())]
    for length in {0, *(budget + 1 for budget in budgets)}:
        if end := end_within(room - length):
            thoughts = sum(thought_on(name, length, 1) for name in branches)
            own = [c for c in continued if _parts_from_natural(c, length)]
            totals.append(length + end + thoughts + answers(length, own))
    unthinking = sum(condition.no_think for condition in conditions.values())
    return max(totals) + forcing.max_answer * unthinking


def most_searched(
    room: int,
    extents: Iterable[Extent],
    conditions: Mapping[str, Condition],
    samples: int,
    forcing: Forcing,
) -> int:
    """Tokens that searches about one item can draw at most, beyond what is drawn for its rows.

    conditions, samples: of the study, whose rows are recalled as they are. Searches share other
    rows, too; what trees draw is taken to be each one's own. Every step takes a token at least, so
    that in round t there is t less of the room.
    """
    extents = list(extents)
    total = 0
    for sample in range(max((e.rows for e in extents), default=0)):
        wanted = passes(forcing, max(e.passes for e in extents if sample < e.rows))
        if sample >= samples or not {*wanted.values()} <= {*conditions.values()}:
            total += most_sampled(room, wanted, forcing)
    for extent in extents:
        thought = sum(range(room - min(extent.rounds, room) + 1, room + 1))
        total += extent.side * (thought + forcing.max_answer)
    return total


def _parts_from_natural(condition: Condition, length: int) -> bool:
    """Whether it has an answer of its own behind a first natural end at `length` tokens."""
    below = condition.max_think is not None and condition.max_think < length
    reached = condition.min_think is not None and condition.min_think <= length
    return not below and not reached


def _goes_on(condition: Condition, length: int, passed: int, max_swaps: int) -> bool:
    """Whether thinking that has ended `passed` times, now at `length` tokens, goes on for it."""
    if condition.max_think is not None and length >= condition.max_think:
        return False
    if condition.waits is not None:
        return passed <= condition.waits
    return length < condition.min_think and passed <= max_swaps


def _shortest(forcing: Forcing, name: str) -> int:
    if name == DRAWN:
        return min(map(len, forcing.drawn))
    return len(forcing.continuations[name])
