"""A scripted engine: characters are tokens, and a function says which comes next."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from thinkscale.budget import Forcing
from thinkscale.engines.base import Completion, Ids, Request, split_at_end

EOS = "$"


def ids(text: str) -> Ids:
    return tuple(map(ord, text))


def text(token_ids: Sequence[int]) -> str:
    return "".join(map(chr, token_ids))


@dataclass
class Scripted:
    """`script` maps the text so far to the text that follows; it is read one token at a time."""

    script: Callable[[str], str]
    context: int = 1000
    name: str = "scripted"
    exact_tokens: bool = True
    sampled: int = 0
    asked: list[Request] = field(default_factory=list)

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        for index in reversed(range(len(requests))):  # order must not matter
            request = requests[index]
            self.asked.append(request)
            drawn: list[int] = []
            done = None
            while done is None and len(drawn) < request.max_new:
                drawn.append(ord(self.script(text(request.prompt) + text(drawn))[0]))
                self.sampled += 1
                done = split_at_end(drawn, request.stops, frozenset(ids(EOS)))
            yield index, done or Completion(tuple(drawn), (), "length")


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
