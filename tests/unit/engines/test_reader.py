"""Scorers that read, on an engine whose probabilities are known."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import exp, isnan, log, sqrt

import pytest

from scripted import ids
from thinkscale.engines.base import Completion, Request, Scores, Scoring, Usage
from thinkscale.engines.drive import drive
from thinkscale.engines.reader import Reader, Reflection, as_given, likelihood, verdict
from thinkscale.engines.several import Several
from thinkscale.engines.shared import share
from thinkscale.thinking.strategies.candidate import in_steps

CHANCE = {"a": 0.5, "b": 0.125, ";": 0.5}


@dataclass
class Policy:
    """Characters are tokens, each with its probability whatever it stands behind."""

    name: str = "policy"
    exact_tokens: bool = True
    asked: list[Request] = field(default_factory=list)
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)

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
        return Usage(passes=len(self.asked))

    def _complete(self, request: Request) -> Completion:
        if request.greedy:
            thought = ids("hm|")[: request.max_new]
            return Completion(thought[:2], thought[2:], "marker" if len(thought) == 3 else "length")
        chances = [sum(log(CHANCE.get(chr(t), 1)) for t in words) for words in request.read]
        return Completion(request.prompt[:1], (), "length", 0.0, tuple(chances))


def cut(thought):
    return in_steps(thought, (ids(";"),))


def scoring(thought: str, *ends: int) -> Scoring:
    return Scoring("s", ids("Q?" + thought), 2, tuple(end + 2 for end in ends), b"row")


def answered(engine, asked: list[Scoring]) -> list[Scores]:
    for ticket, each in enumerate(asked):
        engine.submit(ticket, each)
    done = {}
    while len(done) < len(asked):
        done |= dict(engine.step())
    return [done[n] for n in range(len(asked))]


def test_likelihood_is_the_geometric_mean_of_the_newest_step():
    policy = Policy()
    whole, newest, none = answered(
        Reader(policy, likelihood(cut)),
        [scoring("aa;b;ab", 3, 5, 7), scoring("aa;b;", 5), scoring("", 0)],
    )
    assert whole.values == pytest.approx((0.5, sqrt(0.125 * 0.5), sqrt(0.5 * 0.125)))
    assert newest.values == whole.values[1:2] and isnan(none.values[0])
    # Prompt and all but a step's last token; what the second one asks is known.
    assert (whole.read, newest.read, none.read) == (2 + 7 - 1, 0, 0)
    assert (whole.own, newest.own, none.own) == (None, None, ())
    assert {(r.prompt, r.read) for r in policy.asked} == {
        (ids("Q?"), (ids("aa;"),)),
        (ids("Q?aa;"), (ids("b;"),)),
        (ids("Q?aa;b;"), (ids("ab"),)),
    }
    assert all(r.max_new == 0 and r.noise == b"row" for r in policy.asked)


def test_a_scorer_with_tokens_of_its_own_says_what_it_read():
    doubled = lambda s: [tuple(t for t in s.ids[:e] for _ in "12") for e in s.ends]  # noqa: E731
    engine = Reader(Policy(), verdict(doubled, context=8), exact_tokens=False)
    [scores] = answered(engine, [scoring("a;b", 2, 3)])
    assert scores.own == (ids("QQ??aa;;"),) and scores.read == 8 and engine.unread == 1
    assert scores.values[0] == 1.0 and isnan(scores.values[1])


def ratio(words, logprobs):
    return exp(logprobs[0]) / sum(map(exp, logprobs))


def test_several_words_are_read_and_what_they_begin_with_is_run_once():
    words = (ids("ab"), ids("aa"), ids(";"))
    ask = verdict(as_given, context=9, words=lambda scoring: words)
    engine = Reader(Policy(), ask, value=ratio)
    [scores] = answered(engine, [scoring("aaaab;x", 1, 6, 7)])
    assert scores.values[:2] == pytest.approx([0.0625 / (0.0625 + 0.25 + 0.5)] * 2)
    # A word of two tokens needs room for one of them behind what stands before it: 8, then 9 of 9.
    assert isnan(scores.values[2]) and engine.unread == 1
    # Behind each beginning one token of the words is run, which is the next one of the thought.
    assert scores.own == (ids("Q?a" + "a"), ids("Q?aaaab;" + "a")) and scores.read == 9


def test_a_judge_may_think_before_it_is_read_and_pays_for_it():
    policy, words = Policy(), (ids("a"), ids("b"))
    closing = lambda thought: ids("!" * (len(thought) % 2 + 1))  # noqa: E731
    for most, thought in ((5, "hm!!"), (1, "h!")):
        engine = Reader(
            policy,
            verdict(as_given, 20, lambda scoring: words),
            exact_tokens=False,
            value=ratio,
            reflection=Reflection(most, (ids("|"),), closing),
        )
        whole, again = answered(engine, [scoring("x", 1), scoring("x", 1)])
        assert whole.values == again.values == pytest.approx([0.8])
        assert whole.own == again.own == (ids("Q?x" + thought),)
        assert (whole.read, again.read) == (3 + len(thought), 0)
        asked = policy.asked[-2:]
        assert asked[0].prompt == ids("Q?x") and asked[0].stops == (ids("|"),)
        assert (asked[0].max_new, asked[1].prompt) == (most, whole.own[0])


def test_an_engine_is_shared_and_everyone_gets_what_it_asked_for():
    policy = Policy()
    thinker, judge = share(policy, 2)
    reader = Reader(judge, likelihood(cut))
    thinker.submit("t", Request(ids("x"), 1, (), b"row", 0))
    reader.submit("t", scoring("a;", 2))
    assert [ticket for ticket, _ in thinker.step()] == ["t"]
    assert not policy.waiting  # one step was a step of both
    [(ticket, scores)] = reader.step()
    assert (ticket, scores.values) == ("t", pytest.approx((0.5,)))
    reader.release(b"row")
    assert policy.released == [b"row"] and reader.usage() == thinker.usage()


def test_the_policy_waits_for_judgements():
    """Whoever waits for one would stand empty in the policy's pass."""
    policy = Policy()
    both = Several(policy, {"s": Reader(Policy(), likelihood(cut))})
    both.submit("other", Request(ids("Q?"), 1, (), b"other", 0))
    both.submit("judged", scoring("a;", 2))
    [(first, _)] = both.step()
    assert first == "judged" and policy.waiting
    [(second, _)] = both.step()
    assert second == "other"


def test_at_its_end_every_row_that_a_generator_asked_by_is_released():
    policy = Policy()

    def asking():
        yield [Request(ids("x"), 1, (), noise, 0) for noise in (b"1", b"2")]
        yield [Request(ids("y"), 1, (), b"3", 0)]
        yield [Request(ids("z"), 1, (), b"1", 1)]
        return "done"

    assert list(drive([("key", asking())], policy, 1)) == [("key", "done")]
    assert policy.released == [b"1", b"2", b"3"]
