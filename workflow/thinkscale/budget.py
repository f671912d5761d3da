"""Budget forcing (s1, arXiv 2501.19393, section 3.1) over token ids: think, force, fork, answer.

`respond` is a generator: it yields what it wants sampled and is sent what was. It knows nothing
of models, tensors or batches, so it can be read, and tested, token by token.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace

from thinkscale.chain import Chain, Prefix, Segment, cut, satisfied
from thinkscale.conditions import Condition
from thinkscale.engines.base import Completion, Ids, Request

Asking = Generator[list[Request], list[Completion], "Row"]


@dataclass(frozen=True)
class Forcing:
    """What budget forcing puts in and listens for, as token ids.

    think_end: markers that end thinking; the first is the one put in.
    ends_in_newline: whether the text of these ids ends in a newline.
    max_answer: tokens an answer may have. max_swaps: natural ends a minimum budget may pass.
    """

    think_end: tuple[Ids, ...]
    newline: Ids
    answer_prompt: Ids
    continuations: Mapping[str, Ids]
    ends_in_newline: Callable[[Ids], bool]
    max_answer: int
    max_swaps: int

    def room(self, context: int, prompt: Ids) -> int:
        """Thinking tokens that fit beside the prompt, a forced end and the longest answer."""
        forced = len(self.newline) + len(self.think_end[0]) + len(self.answer_prompt)
        return context - len(prompt) - forced - self.max_answer


@dataclass(frozen=True)
class Answer:
    """One condition's response: what it saw, what was forced, what it said.

    forced_end: newline, marker and answer prompt we put in; empty where the model ended itself.
    new_tokens: sampled for this condition beyond what earlier conditions of the row had sampled.
    alone_tokens: what the condition would have sampled without the others.
    """

    prefix: Prefix
    forced_end: Ids
    completion: Completion
    new_tokens: int
    alone_tokens: int


@dataclass(frozen=True)
class Row:
    """All of one item's sample: its chains (one per continuation) and an answer per condition.

    seconds: engine time of everything sampled for it.
    """

    prompt: Ids
    chains: tuple[Chain, ...]
    answers: Mapping[str, Answer]
    seconds: float


def respond(
    prompt: Ids, noise: bytes, conditions: Mapping[str, Condition], forcing: Forcing, context: int
) -> Asking:
    """Think about one prompt once and answer under every condition.

    Yields lists of requests, expects their completions in the same order, returns the `Row`.
    `prompt` already opens thinking; `conditions` hold the natural one, since thinking runs to its
    natural end whatever the budgets (`sweep` sees to it). The caller has seen that `forcing.room`
    is not negative.
    """
    room = forcing.room(context, prompt)
    [completion] = yield [Request(prompt, room, forcing.think_end, noise, position=0)]
    seconds = completion.seconds
    thought = Chain(None, (_sampled(completion),))
    wanted = dict.fromkeys(condition.continuation for condition in conditions.values())
    branches = {name: replace(thought, continuation=name) for name in wanted}

    while unsatisfied := _unsatisfied(branches, conditions, forcing):
        for name in unsatisfied:
            injected = forcing.continuations[name][: room - len(branches[name].ids)]
            branches[name] = _append(branches[name], Segment("injected", injected))
        completions = yield [_go_on(prompt, branches[n], noise, forcing, room) for n in unsatisfied]
        for name, completion in zip(unsatisfied, completions, strict=True):
            branches[name] = _append(branches[name], _sampled(completion))
            seconds += completion.seconds

    forks = {
        name: _fork(prompt, cut(branches[c.continuation], c, forcing.max_swaps), forcing)
        for name, c in conditions.items()
    }
    asked = {
        (fork.before, fork.position): Request(
            fork.before, forcing.max_answer, (), noise, fork.position
        )
        for fork in forks.values()
    }
    said = dict(zip(asked, (yield list(asked.values())), strict=True))
    chains = tuple(
        chain for chain in branches.values() if len(branches) == 1 or chain.continuation is not None
    )
    seconds += sum(completion.seconds for completion in said.values())
    return Row(prompt, chains, _account(forks, said), seconds)


@dataclass(frozen=True)
class _Fork:
    """Where an answer begins: every id before it, and the index of its first random number."""

    prefix: Prefix
    before: Ids
    forced_end: Ids
    position: int


def _unsatisfied(
    branches: Mapping[str | None, Chain], conditions: Mapping[str, Condition], forcing: Forcing
) -> list[str]:
    """Branches that some condition needs to go on."""
    wanting = (
        c.continuation
        for c in conditions.values()
        if not satisfied(branches[c.continuation], c, forcing.max_swaps)
    )
    return list(dict.fromkeys(wanting))


def _go_on(prompt: Ids, chain: Chain, noise: bytes, forcing: Forcing, room: int) -> Request:
    # Dropped ends have used up random numbers: the same number twice, in the same place, would
    # draw the same end again.
    dropped = sum(len(segment.end_ids) for segment in chain.segments)
    ids = chain.ids
    return Request(prompt + ids, room - len(ids), forcing.think_end, noise, len(ids) + dropped)


def _fork(prompt: Ids, prefix: Prefix, forcing: Forcing) -> _Fork:
    """Close the prefix: by the marker the model itself wrote, or by what we put in."""
    sampled_end = prefix.end.end_ids if prefix.end else ()
    if prefix.stop != "natural":
        newline = () if forcing.ends_in_newline(prompt + prefix.ids) else forcing.newline
        kept, forced_end = (), newline + forcing.think_end[0] + forcing.answer_prompt
    elif prefix.end.by_eos:
        kept, forced_end = (), forcing.think_end[0]
    else:
        kept, forced_end = sampled_end, ()
    position = prefix.length + prefix.dropped + len(sampled_end) + len(forced_end)
    return _Fork(prefix, prompt + prefix.ids + kept + forced_end, forced_end, position)


def _account(
    forks: Mapping[str, _Fork], said: Mapping[tuple[Ids, int], Completion]
) -> dict[str, Answer]:
    """Charge every sampled token once, to the first condition that needs it."""
    charged: dict = {}
    answers = {}
    for name, fork in forks.items():
        asked = (fork.before, fork.position)
        completion = said[asked]
        used = {**fork.prefix.sampled_by_piece(), asked: completion.sampled}
        new = sum(max(0, count - charged.get(piece, 0)) for piece, count in used.items())
        charged |= {piece: max(count, charged.get(piece, 0)) for piece, count in used.items()}
        answers[name] = Answer(fork.prefix, fork.forced_end, completion, new, sum(used.values()))
    return answers


def _sampled(completion: Completion) -> Segment:
    return Segment("sampled", completion.ids, completion.end_ids, completion.stop == "eos")


def _append(chain: Chain, segment: Segment) -> Chain:
    return replace(chain, segments=(*chain.segments, segment))
