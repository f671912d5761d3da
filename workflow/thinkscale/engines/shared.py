"""One engine for several users, each of which gets back what it asked for itself."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from thinkscale.engines.base import Completion, Engine, Request, Usage


@dataclass
class Share:
    """What one user has of an engine (see `Engine`); made by `share`.

    A step of one is a step of all: what ended for others waits until they ask for it.
    """

    engine: Engine
    _ended: list[list[tuple[Hashable, Completion]]]
    _place: int
    name: str = field(init=False)
    exact_tokens: bool = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.exact_tokens = self.engine.name, self.engine.exact_tokens

    def submit(self, ticket: Hashable, request: Request) -> None:
        """See `Engine.submit`."""
        self.engine.submit((self._place, ticket), request)

    def step(self) -> list[tuple[Hashable, Completion]]:
        """See `Engine.step`; the engine rests while there is something that has not been taken."""
        if not self._ended[self._place]:
            for (place, ticket), completion in self.engine.step():
                self._ended[place].append((ticket, completion))
        ended, self._ended[self._place] = self._ended[self._place], []
        return ended

    def release(self, noise: bytes) -> None:
        """See `Engine.release`: the row is forgotten for all."""
        self.engine.release(noise)

    def usage(self) -> Usage:
        """What the engine did for all."""
        return self.engine.usage()


def share(engine: Engine, users: int) -> list[Share]:
    """Let several use one engine."""
    ended = [[] for _ in range(users)]
    return [Share(engine, ended, place) for place in range(users)]
