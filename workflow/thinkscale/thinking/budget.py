"""Budget forcing (s1, arXiv 2501.19393, section 3.1) over token ids: think, force, fork, answer.

`respond` is a generator: it yields what it wants sampled and is sent what was. It knows nothing
of models, tensors or batches, so it can be read, and tested, token by token.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Literal

from thinkscale.data.conditions import DRAWN
from thinkscale.engines.base import Completion, Ids, Request
from thinkscale.thinking.chain import UNTHOUGHT, Chain, Prefix, Segment, cut, satisfied
from thinkscale.thinking.conditions import Condition

AnswerFrom = Literal["answer", "turn", "none"]
Asking = Generator[list[Request], list[Completion], "Row"]


@dataclass(frozen=True)
class Forcing:
    """What budget forcing puts in and listens for, as token ids.

    think_end: markers that end thinking; the first is the one put in.
    ends_in_newline: whether the text of these ids ends in a newline.
    max_answer: tokens an answer may have. max_swaps: natural ends a minimum budget may pass.
    drawn: what the continuation `DRAWN` draws from. whole_turn: whether a turn that the model ends
    is its whole response, in which the answer stands; else the answer is asked for behind it.
    """

    think_end: tuple[Ids, ...]
    newline: Ids
    answer_prompt: Ids
    continuations: Mapping[str, Ids]
    ends_in_newline: Callable[[Ids], bool]
    max_answer: int
    max_swaps: int
    drawn: tuple[Ids, ...] = ()
    whole_turn: bool = False

    def continuation(self, name: str, noise: bytes, put_in: int) -> Ids:
        """What is put in at a natural end, after `put_in` others in this row (key `noise`).

        A draw depends on the row and on how many came before alone, so that every condition, and
        every batch, order or shard, sees the same.
        """
        if name != DRAWN:
            return self.continuations[name]
        digest = blake2b(put_in.to_bytes(8, "little"), key=noise, digest_size=8, person=b"continue")
        return self.drawn[int.from_bytes(digest.digest(), "little") * len(self.drawn) >> 64]

    def forced_end(self, ids: Ids) -> Ids:
        """What is put in where thinking is cut behind `ids`."""
        newline = () if self.ends_in_newline(ids) else self.newline
        return newline + self.think_end[0] + self.answer_prompt

    @property
    def lookahead(self) -> int:
        """Tokens it may take, beyond a marker's first, to know that it is one."""
        return max(map(len, self.think_end)) - 1

    def room(self, context: int, prompt: Ids) -> int:
        """Thinking tokens that fit beside the prompt, a forced end and the longest answer."""
        forced = len(self.newline) + len(self.think_end[0]) + len(self.answer_prompt)
        return context - len(prompt) - forced - self.max_answer

    def fits(self, context: int, *prompts: Ids) -> bool:
        """Whether an item can be asked under every condition, by all its prompts."""
        return all(self.room(context, prompt) >= 0 for prompt in prompts)


@dataclass(frozen=True)
class Answer:
    """One condition's response: what it saw, what was forced, what it said.

    prompt: the row's, or the one with thinking switched off. forced_end: newline, marker and answer
    prompt we put in; empty where the model ended itself. answer_from: `answer` (asked for behind
    the thinking), `turn` (the thinking itself is the response) or `none` (there is none).
    completion: of what was asked; None where nothing was. new_tokens: sampled for this condition
    beyond what earlier conditions of the row had sampled. alone_tokens: what the condition would
    have sampled without the others. logprobs: of what `respond` was asked to read, in its order;
    empty where thinking was truncated, for that asks nothing.
    """

    prompt: Ids
    prefix: Prefix
    forced_end: Ids
    answer_from: AnswerFrom
    completion: Completion | None
    new_tokens: int
    alone_tokens: int
    logprobs: tuple[float, ...] = ()

    @property
    def ids(self) -> Ids:
        """The text that holds the answer."""
        if self.completion is not None:
            return self.completion.ids
        return self.prefix.ids if self.answer_from == "turn" else ()


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
    prompt: Ids,
    noise: bytes,
    conditions: Mapping[str, Condition],
    forcing: Forcing,
    context: int,
    *,
    unthinking: Ids = (),
    read: tuple[Ids, ...] = (),
) -> Asking:
    """Think about one prompt once and answer under every condition.

    Yields lists of requests, expects their completions in the same order, returns the `Row`.
    `prompt` already opens thinking; `conditions` hold the natural one, since thinking runs to its
    natural end whatever the budgets (`sweep` sees to it). `unthinking` is the prompt with thinking
    switched off, for the condition that has it so. The caller has seen that `forcing.fits`. read:
    continuations whose log-probabilities are read where each answer begins; none is longer than an
    answer may be.
    """
    room = forcing.room(context, prompt)
    [completion] = yield [Request(prompt, room, forcing.think_end, noise, position=0)]
    seconds = completion.seconds
    thought = Chain(None, (_sampled(completion),))
    wanted = dict.fromkeys(condition.continuation for condition in conditions.values())
    branches = {name: replace(thought, continuation=name) for name in wanted}

    while reaches := _reaches(branches, conditions, forcing, room):
        for name, reach in reaches.items():
            chain = branches[name]
            injected = forcing.continuation(name, noise, put_in=len(chain.segments) // 2)
            left = reach - len(chain.ids)
            branches[name] = _append(chain, Segment("injected", injected[:left]))
        # What was put in may have taken all that was left.
        going_on = {n: reach for n, reach in reaches.items() if len(branches[n].ids) < reach}
        asked = [
            _go_on(prompt, branches[name], noise, forcing, min(room, reach + forcing.lookahead))
            for name, reach in going_on.items()
        ]
        completions = (yield asked) if asked else []
        for name, completion in zip(going_on, completions, strict=True):
            branches[name] = _append(branches[name], _sampled(completion))
            seconds += completion.seconds

    forks = {
        name: _unthinking(unthinking)
        if c.no_think
        else fork(prompt, cut(branches[c.continuation], c, forcing.max_swaps), c, forcing)
        for name, c in conditions.items()
    }
    asked = {
        (fork.before, fork.position): Request(
            fork.before, forcing.max_answer, (), noise, fork.position
        )
        for fork in forks.values()
        if fork.answer_from == "answer"
    }
    behind = {n: _read_behind(f, forcing) for n, f in forks.items() if read and not f.truncated}
    asked |= {ids: Request(ids, 0, (), noise, 0, read) for ids in behind.values()}
    completions = (yield list(asked.values())) if asked else []
    said = dict(zip(asked, completions, strict=True))
    chains = tuple(
        chain for chain in branches.values() if len(branches) == 1 or chain.continuation is not None
    )
    seconds += sum(completion.seconds for completion in said.values())
    answers = _account(forks, said, forcing.lookahead)
    for name, ids in behind.items():
        answers[name] = replace(answers[name], logprobs=said[ids].logprobs)
    return Row(prompt, chains, answers, seconds)


@dataclass(frozen=True)
class Fork:
    """Where an answer begins: every id before it, and the index of its first random number."""

    prompt: Ids
    prefix: Prefix
    before: Ids
    forced_end: Ids
    position: int
    answer_from: AnswerFrom

    @property
    def truncated(self) -> bool:
        """Whether it was cut and nothing is asked."""
        return self.prefix.stop != "natural" and self.answer_from != "answer"


def _reaches(
    branches: Mapping[str | None, Chain],
    conditions: Mapping[str, Condition],
    forcing: Forcing,
    room: int,
) -> dict[str, int]:
    """Branches that some condition needs to go on, and how long their chains may become.

    No longer than the largest maximum among those conditions: what lies beyond it, no answer sees
    (but for an end that begins before it, hence the lookahead).
    """
    reaches: dict[str, int] = {}
    for condition in conditions.values():
        name = condition.continuation
        if not satisfied(branches[name], condition, forcing.max_swaps):
            most = room if condition.max_think is None else min(room, condition.max_think)
            reaches[name] = max(reaches.get(name, 0), most)
    return reaches


def _go_on(prompt: Ids, chain: Chain, noise: bytes, forcing: Forcing, reach: int) -> Request:
    # Dropped ends have used up random numbers: the same number twice, in the same place, would
    # draw the same end again.
    dropped = sum(len(segment.end_ids) for segment in chain.segments)
    ids = chain.ids
    return Request(prompt + ids, reach - len(ids), forcing.think_end, noise, len(ids) + dropped)


def fork(prompt: Ids, prefix: Prefix, condition: Condition, forcing: Forcing) -> Fork:
    """Close the prefix, by the marker the model itself wrote or by what we put in, if need be."""
    sampled_end = prefix.end.end_ids if prefix.end else ()
    answer_from, kept, forced_end = "answer", (), ()
    if prefix.stop != "natural" and condition.truncate is not None:
        answer_from = "turn" if forcing.whole_turn else "none"
    elif prefix.stop != "natural":
        forced_end = forcing.forced_end(prompt + prefix.ids)
    elif not prefix.end.by_eos:
        kept = sampled_end
    elif forcing.whole_turn:
        answer_from = "turn"
    else:
        forced_end = forcing.think_end[0]
    before = prompt + prefix.ids + kept + forced_end
    position = prefix.length + prefix.dropped + len(sampled_end) + len(forced_end)
    return Fork(prompt, prefix, before, forced_end, position, answer_from)


def _unthinking(prompt: Ids) -> Fork:
    return Fork(prompt, UNTHOUGHT, prompt, (), 0, "answer")


def _read_behind(fork: Fork, forcing: Forcing) -> Ids:
    """What an answer is read behind: the same words whether thinking was cut or ended."""
    prefix, ids = fork.prefix, fork.prompt + fork.prefix.ids
    if prefix.stop != "natural" or (prefix.end and prefix.end.by_eos):
        return ids + forcing.forced_end(ids)
    return ids + (prefix.end.end_ids if prefix.end else ()) + forcing.answer_prompt


def _account(
    forks: Mapping[str, Fork], said: Mapping[tuple | Ids, Completion], lookahead: int
) -> dict[str, Answer]:
    """Charge every sampled token once, to the first condition that needs it."""
    charged: dict = {}
    answers = {}
    for name, fork in forks.items():
        asked = (fork.before, fork.position)
        completion = said[asked] if fork.answer_from == "answer" else None
        used = fork.prefix.sampled_by_piece(lookahead)
        if completion is not None:
            used[asked] = completion.sampled
        new = sum(max(0, count - charged.get(piece, 0)) for piece, count in used.items())
        charged |= {piece: max(count, charged.get(piece, 0)) for piece, count in used.items()}
        answers[name] = Answer(
            fork.prompt, fork.prefix, fork.forced_end, fork.answer_from, completion,
            new_tokens=new, alone_tokens=sum(used.values()),
        )  # fmt: skip
    return answers


def _sampled(completion: Completion) -> Segment:
    return Segment("sampled", completion.ids, completion.end_ids, completion.stop == "eos")


def _append(chain: Chain, segment: Segment) -> Chain:
    return replace(chain, segments=(*chain.segments, segment))
