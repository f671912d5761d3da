"""Scorers that read: a value is made of how likely a model finds some words behind a beginning.

Of a likelihood these are the words of the newest step. Of a reward model it is the word "right",
where its two labels are taken for words (`engines.transformers.verdict`). A judge is read at its
verdicts, which it may think about first, and a readout at the labels of an item's options.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, nan

from thinkscale.engines.base import Engine, Ids, Request, Scores, Scoring, Usage

# What is read, and what it is read behind; None where there is nothing to read.
Probe = tuple[tuple[Ids, ...], Ids] | None
Ask = Callable[[Scoring], Iterable[Probe]]
# What is read and its log-probabilities, in nats, to a value.
Value = Callable[[tuple[Ids, ...], tuple[float, ...]], float]

RIGHT: Ids = (1,)  # the word of a model whose words are wrong (0) and right (1)


def likelihood(steps: Callable[[Ids], Sequence[Ids]]) -> Ask:
    """Ask for the words of the newest step. steps: cuts a thought."""

    def ask(scoring: Scoring) -> Iterable[Probe]:
        for end in scoring.ends:
            *_, newest = ((), *steps(scoring.ids[scoring.begin : end]))
            yield ((newest,), scoring.ids[: end - len(newest)]) if newest else None

    return ask


def verdict(
    beginnings: Callable[[Scoring], Iterable[Ids]],
    context: int,
    words: Callable[[Scoring], tuple[Ids, ...]] = lambda scoring: (RIGHT,),
) -> Ask:
    """Ask for words behind what was thought so far, as whether it is right.

    beginnings: what the model is to read for each of a scoring's ends. context: tokens that it can
    read; where a beginning has more there is no value. words: what is read behind each.
    """

    def ask(scoring: Scoring) -> Iterable[Probe]:
        read = words(scoring)
        longest = max(map(len, read)) - 1
        for ids in beginnings(scoring):
            yield (read, ids) if len(ids) + longest <= context else None

    return ask


def as_given(scoring: Scoring) -> Iterable[Ids]:
    """The beginnings for a model with the tokens of the one that thinks."""
    return (scoring.ids[:end] for end in scoring.ends)


def geometric_mean(words: tuple[Ids, ...], logprobs: tuple[float, ...]) -> float:
    """Of the token probabilities of what is read; NaN where the model says no number."""
    [ids], [logprob] = words, logprobs
    return exp(logprob / len(ids)) if isfinite(logprob) else nan


@dataclass(frozen=True)
class Reflection:
    """Thinking before a verdict, its likeliest tokens: a judge's own.

    most: tokens at most. ends: sequences that end it. closing: what is put in behind it, given all
    ids before; then its words are read.
    """

    most: int
    ends: tuple[Ids, ...]
    closing: Callable[[Ids], Ids]


@dataclass
class _Open:
    """A scoring that is being read.

    values: so far. own: what was run for each. read: tokens run for it alone. missing: how many
    values are.
    """

    request: Scoring
    values: list[float]
    own: list[Ids | None]
    read: int
    missing: int


@dataclass
class _Row:
    """What is known of a row. known: by probe, its value and what was run for it; of those that are
    being read, who waits for each.

    kept: beginnings that were run.
    """

    known: dict[Probe, tuple[float, Ids]] = field(default_factory=dict)
    waiting: dict[Probe, list[tuple[Hashable, int]]] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)


@dataclass
class Reader:
    """The engine (see `Engine`) that takes `Scoring`s. It samples nothing but what a judge thinks.

    engine: what reads; it keeps a row's beginnings, so that a step is read once, and what was read
    has one value however often it is asked for. value: made of what was read. exact_tokens: whether
    it reads the tokens it is given, and not its own of their text. reflection: what it does before
    it is read, if anything. unread: ends so far that had no value because there was nothing to read
    or it did not fit.
    """

    engine: Engine
    ask: Ask
    exact_tokens: bool = True
    value: Value = geometric_mean
    reflection: Reflection | None = None
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
        none = len(probes)
        scoring = _Open(request, [nan] * none, [None] * none, 0, 0)
        self._open[ticket] = scoring
        for n, probe in enumerate(probes):
            if probe is None:
                self.unread += 1
            elif probe in row.known:
                scoring.values[n], scoring.own[n] = row.known[probe]
            else:
                scoring.missing += 1
                if probe in row.waiting:
                    row.waiting[probe].append((ticket, n))
                else:
                    row.waiting[probe] = [(ticket, n)]
                    self._begin(probe, request.noise)
        if not scoring.missing:
            self._close(ticket)

    def step(self) -> list[tuple[Hashable, Scores]]:
        """See `Engine.step`."""
        if not self._ended:
            for (noise, probe, before), completion in self.engine.step():
                if before is None:
                    thought = probe[1] + completion.ids
                    self._read(probe, thought + self.reflection.closing(thought), noise)
                    continue
                row = self._rows[noise]
                row.known[probe] = self.value(probe[0], completion.logprobs), _run(probe[0], before)
                for ticket, n in row.waiting.pop(probe):
                    scoring = self._open[ticket]
                    scoring.values[n], scoring.own[n] = row.known[probe]
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

    def _begin(self, probe: Probe, noise: bytes) -> None:
        first = self.reflection
        if first is None:
            self._read(probe, probe[1], noise)
            return
        request = Request(probe[1], first.most, first.ends, noise, 0, greedy=True)
        self.engine.submit((noise, probe, None), request)

    def _read(self, probe: Probe, before: Ids, noise: bytes) -> None:
        """Have the engine read behind `before`, at the cost of whoever asked first."""
        row, words = self._rows[noise], probe[0]
        asking, _ = row.waiting[probe][0]
        self._open[asking].read += _keep(row.kept, _run(words, before))
        self.engine.submit((noise, probe, before), Request(before, 0, (), noise, 0, read=words))

    def _close(self, ticket: Hashable) -> None:
        done = self._open.pop(ticket)
        ids, own = done.request.ids, tuple(ids for ids in done.own if ids is not None)
        as_given = self.exact_tokens and len(own) == len(done.own)
        if as_given and all(ids[: len(read)] == read for read in own):
            own = None
        self._ended.append((ticket, Scores(tuple(done.values), done.read, own=own)))


def _run(words: tuple[Ids, ...], before: Ids) -> Ids:
    """The tokens that are run to read some words: all before, and all but the last of each word.

    What words begin alike is run once.
    """
    inner = dict.fromkeys(word[:end] for word in words for end in range(1, len(word)))
    return before + tuple(ids[-1] for ids in inner)


def _keep(kept: set[int], ids: Ids) -> int:
    """Add the beginnings of `ids` to those a row has; returns how many tokens that takes to run.

    The last is always run: what is said behind it is kept of no token.
    """
    beginning, before = 0, len(kept)
    for token in ids:
        beginning = hash((beginning, token))
        kept.add(beginning)
    return max(len(kept) - before, 1)
