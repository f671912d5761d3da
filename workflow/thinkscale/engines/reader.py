"""Scorers that read: a value is how likely a model finds some words behind a beginning.

Of a likelihood these are the words of the newest step. Of a reward model it is the word "right",
where its two labels are taken for words (`engines.transformers.verdict`).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, nan

from thinkscale.engines.base import Completion, Engine, Ids, Request, Scores, Scoring, Usage

# What is read, and what it is read behind; None where there is nothing to read.
Probe = tuple[Ids, Ids] | None
Ask = Callable[[Scoring], Iterable[Probe]]

RIGHT: Ids = (1,)  # the word of a model whose words are wrong (0) and right (1)


def likelihood(steps: Callable[[Ids], Sequence[Ids]]) -> Ask:
    """Ask for the words of the newest step. steps: cuts a thought."""

    def ask(scoring: Scoring) -> Iterable[Probe]:
        for end in scoring.ends:
            *_, newest = ((), *steps(scoring.ids[scoring.begin : end]))
            yield (newest, scoring.ids[: end - len(newest)]) if newest else None

    return ask


def verdict(beginnings: Callable[[Scoring], Iterable[Ids]], context: int) -> Ask:
    """Ask whether what was thought so far is right.

    beginnings: what the model is to read for each of a scoring's ends. context: tokens that it can
    read; where a beginning has more there is no value.
    """

    def ask(scoring: Scoring) -> Iterable[Probe]:
        for ids in beginnings(scoring):
            yield (RIGHT, ids) if len(ids) <= context else None

    return ask


def as_given(scoring: Scoring) -> Iterable[Ids]:
    """The beginnings for a model with the tokens of the one that thinks."""
    return (scoring.ids[:end] for end in scoring.ends)


@dataclass
class _Open:
    """A scoring that is being read: its values so far, and how many are missing."""

    probes: list[Probe]
    values: list[float]
    read: int
    missing: int
    seconds: float = 0.0


@dataclass
class Reader:
    """The engine (see `Engine`) that takes `Scoring`s. It samples nothing.

    engine: what reads; it keeps a row's beginnings, so that a step is read once. exact_tokens:
    whether it reads the tokens it is given, and not its own of their text. unread: ends so far
    that had no value because there was nothing to read or it did not fit.
    """

    engine: Engine
    ask: Ask
    exact_tokens: bool = True
    unread: int = 0
    _open: dict[Hashable, _Open] = field(default_factory=dict)
    _ended: list[tuple[Hashable, Scores]] = field(default_factory=list)
    _kept: dict[bytes, set[int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.engine.name

    def submit(self, ticket: Hashable, request: Scoring) -> None:
        """See `Engine.submit`."""
        probes = list(self.ask(request))
        asked = [(n, probe) for n, probe in enumerate(probes) if probe is not None]
        kept = self._kept.setdefault(request.noise, set())
        read = sum(_keep(kept, before + words[:-1]) for _, (words, before) in asked)
        self.unread += len(probes) - len(asked)
        self._open[ticket] = _Open(probes, [nan] * len(probes), read, len(asked))
        if not asked:
            self._close(ticket)
        for n, (words, before) in asked:
            self.engine.submit((ticket, n), Request(before, 0, (), request.noise, 0, read=(words,)))

    def step(self) -> list[tuple[Hashable, Scores]]:
        """See `Engine.step`."""
        if not self._ended:
            for (ticket, n), completion in self.engine.step():
                scoring = self._open[ticket]
                words, _ = scoring.probes[n]
                scoring.values[n] = _probability(completion, len(words))
                scoring.seconds += completion.seconds
                scoring.missing -= 1
                if not scoring.missing:
                    self._close(ticket)
        ended, self._ended = self._ended, []
        return ended

    def release(self, noise: bytes) -> None:
        """See `Engine.release`."""
        self._kept.pop(noise, None)
        self.engine.release(noise)

    def usage(self) -> Usage:
        """See `Engine.usage`."""
        return self.engine.usage()

    def _close(self, ticket: Hashable) -> None:
        done = self._open.pop(ticket)
        own = () if self.exact_tokens else tuple(before for _, before in filter(None, done.probes))
        self._ended.append((ticket, Scores(tuple(done.values), done.read, done.seconds, own)))


def _probability(completion: Completion, tokens: int) -> float:
    """The geometric mean of the words' token probabilities; NaN where the model says no number."""
    [logprob] = completion.logprobs
    return exp(logprob / tokens) if isfinite(logprob) else nan


def _keep(kept: set[int], ids: Ids) -> int:
    """Add the beginnings of `ids` to those a row has; returns how many tokens that takes to run.

    The last is always run: what is said behind it is kept of no token.
    """
    beginning, before = 0, len(kept)
    for token in ids:
        beginning = hash((beginning, token))
        kept.add(beginning)
    return max(len(kept) - before, 1)
