"""A scripted engine: characters are tokens, and a function says which comes next."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from thinkscale.engines.base import Completion, Ids, Request, Usage, split_at_end
from thinkscale.thinking.budget import Forcing

EOS = "$"


def ids(text: str) -> Ids:
    return tuple(map(ord, text))


def text(token_ids: Sequence[int]) -> str:
    return "".join(map(chr, token_ids))


@dataclass
class Scripted:
    """`script` maps the text so far to the text that follows; it is read one token at a time.

    A step ends everything that was submitted, the last first: order must not matter. `logprob` maps
    the text so far and a continuation's ids to what is read of it.
    """

    script: Callable[[str], str]
    logprob: Callable[[str, Ids], float] = lambda so_far, ids: -1.0
    name: str = "scripted"
    exact_tokens: bool = True
    sampled: int = 0
    asked: list[Request] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Request) -> None:
        self.asked.append(request)
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        assert self.waiting, "nothing to do"
        ended = [(ticket, self._complete(request)) for ticket, request in reversed(self.waiting)]
        self.waiting.clear()
        return ended

    def release(self, noise: bytes) -> None:
        self.released.append(noise)

    def usage(self) -> Usage:
        return Usage(sampled=self.sampled)

    def _complete(self, request: Request) -> Completion:
        if request.read:
            read = (self.logprob(text(request.prompt), ids) for ids in request.read)
            return Completion((), (), "length", logprobs=tuple(read))
        drawn: list[int] = []
        while len(drawn) < request.max_new:
            drawn.append(ord(self.script(text(request.prompt) + text(drawn))[0]))
            self.sampled += 1
            if done := split_at_end(drawn, request.stops, frozenset(ids(EOS))):
                return done
        return Completion(tuple(drawn), (), "length")


def forcing(**changes) -> Forcing:
    """`|` ends thinking, `=` prompts for the answer, `W` is Wait."""
    settings = {
        "think_end": (ids("|"),),
        "newline": ids("\n"),
        "answer_prompt": ids("="),
        "continuations": {"Wait": ids("W"), "Hmm": ids("H"), "": ()},
        "ends_in_newline": lambda token_ids: text(token_ids).endswith("\n"),
        "max_answer": 5,
        "max_swaps": 4,
    }
    return Forcing(**{**settings, **changes})


PROMPT = "Q<\n"


def passes(so_far: str, thoughts=("abcd", "ef", "g"), answer="X") -> str:
    """Think `thoughts[n]` after n continuations, end, then answer."""
    thinking = so_far.removeprefix(PROMPT)
    if "|" in thinking:
        spoken = thinking.split("|")[1].removeprefix("=")
        return (answer + EOS)[len(spoken) :]
    count = sum(thinking.count(mark) for mark in "WH")
    current = thinking.replace("H", "W").split("W")[-1]
    return (thoughts[min(count, len(thoughts) - 1)] + "|")[len(current) :]
