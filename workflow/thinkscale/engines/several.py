"""A policy and its scorers as one engine: each request goes to the one it is for."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from thinkscale.engines.base import Completion, Engine, Request, Scores, Scoring, Usage


@dataclass
class Several:
    """See `Engine`. policy: what samples. scorers: by the name that a `Scoring` gives."""

    policy: Engine
    scorers: Mapping[str, Engine]
    _left: dict[str | None, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.policy.name

    @property
    def exact_tokens(self) -> bool:
        return self.policy.exact_tokens

    def submit(self, ticket: Hashable, request: Request | Scoring) -> None:
        """See `Engine.submit`."""
        to = request.scorer if isinstance(request, Scoring) else None
        self._left[to] = self._left.get(to, 0) + 1
        self._engine(to).submit(ticket, request)

    def step(self) -> list[tuple[Hashable, Completion | Scores]]:
        """One step of every scorer that has something to do; of the policy where none has.

        Who waits for a judgement would stand empty in a pass of the policy, and could lose its
        place to another: so judgements come first.
        """
        ended = []
        for to in [n for n in self.scorers if self._left.get(n)] or [None]:
            done = self._engine(to).step()
            self._left[to] -= len(done)
            ended += done
        return ended

    def release(self, noise: bytes) -> None:
        """See `Engine.release`."""
        for engine in (self.policy, *self.scorers.values()):
            engine.release(noise)

    def usage(self) -> Usage:
        """What the policy did."""
        return self.policy.usage()

    def _engine(self, name: str | None) -> Engine:
        return self.policy if name is None else self.scorers[name]
