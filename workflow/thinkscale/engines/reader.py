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
    """A scoring that is being read: what it asks, its values so far, and how many are missing."""

    probes: list[Probe]
    values: list[float]
    read: int
    missing: int


@dataclass
class _Row:
    """What is known of a row. values: by probe; of those that are being read, who waits for each.

    kept: beginnings that were run.
    """

    values: dict[Probe, float] = field(default_factory=dict)
    waiting: dict[Probe, list[tuple[Hashable, int]]] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)


@dataclass
class Reader:
    """The engine (see `Engine`) that takes `Scoring`s. It samples nothing.

    engine: what reads; it keeps a row's beginnings, so that a step is read once, and what was read
    has one value however often it is asked for. exact_tokens: whether it reads the tokens it is
    given, and not its own of their text. unread: ends so far that had no value because there was
    nothing to read or it did not fit.
    """

    engine: Engine
    ask: Ask
    exact_tokens: bool = True
    unread: int = 0
    _open: dict[Hashable, _Open] = field(default_factory=dict)
    _rows: dict[bytes, _Row] = field(default_factory=dict)
    _ended: list[tuple[Hashable, Scores]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.engine.name

    def submit(self, ticket: Hashable, request: Scoring) -> None:
        """See `Engine.submit`."""
        probes, row = list(self.ask(request)), self._rows.setdefault(request.noise, _Row())
        scoring = _Open(probes, [nan] * len(probes), 0, 0)
        self._open[ticket] = scoring
        for n, probe in enumerate(probes):
            if probe is None:
                self.unread += 1
            elif probe in row.values:
                scoring.values[n] = row.values[probe]
            else:
                scoring.missing += 1
                if probe in row.waiting:
                    row.waiting[probe].append((ticket, n))
                else:
                    row.waiting[probe] = [(ticket, n)]
                    scoring.read += self._read(probe, request.noise)
        if not scoring.missing:
            self._close(ticket)

    def step(self) -> list[tuple[Hashable, Scores]]:
        """See `Engine.step`."""
        if not self._ended:
            for (noise, probe), completion in self.engine.step():
                row = self._rows[noise]
                row.values[probe] = _probability(completion, len(probe[0]))
                for ticket, n in row.waiting.pop(probe):
                    scoring = self._open[ticket]
                    scoring.values[n] = row.values[probe]
                    scoring.missing -= 1
                    if not scoring.missing:
                        self._close(ticket)
        ended, self._ended = self._ended, []
        return ended

    def release(self, noise: bytes) -> None:
        """See `Engine.release`."""
        self._rows.pop(noise, None)
        self.engine.release(noise)

    def usage(self) -> Usage:
        """See `Engine.usage`."""
        return self.engine.usage()

    def _read(self, probe: Probe, noise: bytes) -> int:
        """Have the engine read; returns how many tokens that takes to run."""
        words, before = probe
        self.engine.submit((noise, probe), Request(before, 0, (), noise, 0, read=(words,)))
        return _keep(self._rows[noise].kept, before + words[:-1])

    def _close(self, ticket: Hashable) -> None:
        done, own = self._open.pop(ticket), None
        if not (self.exact_tokens and all(done.probes)):
            own = tuple(before + words[:-1] for words, before in filter(None, done.probes))
        self._ended.append((ticket, Scores(tuple(done.values), done.read, own=own)))


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
