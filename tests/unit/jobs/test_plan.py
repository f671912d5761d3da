"""What a plan promises: never less than can come, what is known counted, nothing changed."""

from collections import deque
from dataclasses import dataclass, field, replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import PROMPT, Scripted, forcing, ids, passes
from thinkscale.data.conditions import NOTHING
from thinkscale.engines.base import Completion, Usage
from thinkscale.engines.drive import drive
from thinkscale.engines.journal import Journaled
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.plan import Work, calibrate, plan, plan_unknown, survey, table, text
from thinkscale.thinking.bound import most_sampled
from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import sweep


def short(**changes):
    """Answers of two tokens; one of the continuations is empty."""
    texts = {"Wait": ids("W"), "Hmm": ids("H"), NOTHING: ()}
    return forcing(**{"max_answer": 2, "continuations": texts, **changes})


def drawn(conditions, room, choices, **changes) -> tuple[int, list[int]]:
    """Tokens one row draws if its thoughts follow `choices`, 0 thereafter; and how many it made.

    Answers go to their limit.
    """
    settings = short(**changes)
    context = room + settings.max_answer + len(PROMPT) + 1 + 1 + len(settings.think_end[0])
    left, made = deque(choices), []

    def script(so_far: str) -> str:
        if "=" in so_far or answering[0]:
            return "x"
        made.append(left.popleft() if left else 0)
        return "a|$"[made[-1]]

    answering = [False]
    engine = Scripted(script)
    off = ids(PROMPT + "|")
    row = respond(ids(PROMPT), b"row", conditions, settings, context, unthinking=off)
    asked = next(row)
    assert asked[0].max_new == room
    while True:
        said = []
        for index, request in enumerate(asked):
            answering[0] = request.stops == ()
            engine.submit(index, request)
            said += [completion for _, completion in engine.step()]
        try:
            asked = row.send(said)
        except StopIteration:
            return engine.sampled, made


def dearest(conditions, room, tokens=2, **changes) -> int:
    """The most any row can draw, by trying all."""
    most, waiting = 0, [()]
    while waiting:
        choices = waiting.pop()
        sampled, made = drawn(conditions, room, choices, **changes)
        most = max(most, sampled)
        for place in range(len(choices), len(made)):
            waiting += [(*made[:place], other) for other in range(1, tokens)]
    return most


DOUBLE = {"think_end": (ids("||"),)}


@pytest.mark.parametrize(
    ("conditions", "room", "changes"),
    [
        (sweep(), 4, {}),
        (sweep(max_think=[0, 2, 3, 4, 9]), 4, {}),
        (sweep(waits=[1, 3]), 5, {}),
        (sweep(waits=[3]), 5, DOUBLE),
        (sweep(waits=[3], continuations=[""]), 5, {}),
        (sweep(min_think=[2, 4]), 5, {"max_swaps": 2}),
        (sweep(max_think=[0, 2], waits=[1, 2]), 7, {}),
        (sweep(max_think=[1], min_think=[5], waits=[1]), 7, {}),
        (sweep(waits=[2], continuations=["Wait", "Hmm"]), 4, {}),
        (sweep(max_think=[1, 3], waits=[1], continuations=["Wait", "Hmm"]), 4, {}),
        (sweep(waits=[2], combine=[{"waits": 1, "max_think": 3}]), 5, {}),
        (sweep(combine=[{"waits": 2, "max_think": 3}, {"min_think": 2, "max_think": 4}]), 5, {}),
        (sweep(max_think=[0, 1], waits=[1]), 0, {}),
        (sweep(max_think=[0, 1], waits=[1]), 1, {}),
        (sweep(max_think=[1, 3], truncate=[1, 2], no_think=True), 4, {}),
        (sweep(waits=[1], no_think=True), 5, {"whole_turn": True}),
    ],
)
def test_the_bound_is_what_the_dearest_row_draws(conditions, room, changes):
    bound = most_sampled(room, conditions, short(**changes))
    tokens = 3 if "whole_turn" in changes else 2  # whether ends of the turn are tried, too
    assert bound == dearest(conditions, room, tokens, **changes)


def test_a_drawn_continuation_is_bounded_by_the_shortest():
    conditions = sweep(waits=[2], continuation_choice="drawn")
    settings = {"drawn": (ids("WWW"), ids("W"))}
    bound = most_sampled(6, conditions, short(**settings))
    assert bound == most_sampled(6, sweep(waits=[2]), short())
    assert bound >= dearest(conditions, 6, **settings)


@given(
    st.integers(0, 12),
    st.lists(st.integers(0, 9), max_size=3, unique=True),
    st.lists(st.integers(1, 9), max_size=2, unique=True),
    st.lists(st.integers(1, 3), max_size=2, unique=True),
    st.sampled_from([["Wait"], ["Wait", "Hmm"], [""]]),
    st.sampled_from([[], [{"waits": 2, "max_think": 4}], [{"min_think": 3, "max_think": 6}]]),
    st.lists(st.integers(0, 2), max_size=40),
    st.sampled_from([{}, DOUBLE, {"whole_turn": True}]),
    st.booleans(),
)
def test_no_row_draws_more_than_the_bound(
    room, max_think, min_think, waits, texts, combine, choices, more, no_think
):
    more_conditions = {"truncate": max_think, "no_think": no_think}
    conditions = sweep(max_think, min_think, waits, texts, combine, **more_conditions)
    sampled, _ = drawn(conditions, room, choices, **more)
    assert sampled <= most_sampled(room, conditions, short(**more))


@dataclass
class Paced(Scripted):
    """Draws everything at once, and says it took a second for every ten tokens."""

    def usage(self) -> Usage:
        return Usage(sampled=self.sampled, seconds=self.sampled / 10)


SWEEP = sweep(max_think=[2], waits=[1])
PROMPTS = {f"q{n}": ids(PROMPT) for n in range(4)}
ROW = 5 + 3 + 2 * 3  # abcd| and ef| thought, X $ answered for natural, max=2 and waits=1


def work(conditions=SWEEP, prompts=PROMPTS, context=100, samples=2, **changes) -> Work:
    return Work(prompts, conditions, forcing(**changes), context, samples, seed=1)


@pytest.fixture
def journal(tmp_path):
    def open_journal(engine=None, identity="m", **options):
        return Journaled(
            lambda: engine or Paced(passes), tmp_path, "0", {"m": identity}, name="p",
            exact_tokens=True, **options,
        )  # fmt: skip

    return open_journal


def finish(job: Work, journaled, rows=None):
    return dict(drive(job.ask(rows or job.most()), journaled, 8))


def test_a_fresh_study_is_counted_and_bounded(journal):
    line = plan("m", work(), journal(), rows=0, in_flight=0, seconds=0)
    bound = most_sampled(100 - 3 - 3 - 5, SWEEP, forcing())
    assert (line["chains"], line["responses"], line["rows"]) == (8, 24, 8)
    assert (line["rows_known"], line["sampled_known"]) == (0, 0)
    assert line["sampled_at_most"] == line["left_at_most"] == 8 * bound
    assert line["left_expected"] is line["hours_at_most"] is None


def test_branches_are_chains():
    branching = sweep(waits=[1, 2], continuations=["Wait", "Hmm"])
    assert plan("m", work(branching), None, rows=0, in_flight=0, seconds=0)["chains"] == 16


def test_a_finished_study_costs_nothing_and_opens_nothing(journal):
    finish(work(), journal())

    def open_engine():
        raise AssertionError("opened")

    known = journal()
    known._open_engine = open_engine
    line = plan("m", work(), known, rows=4, in_flight=8, seconds=9)
    assert (line["rows_known"], line["sampled_known"]) == (8, 8 * ROW)
    assert (line["left_at_most"], line["left_expected"]) == (0, 0)
    assert (line["hours_at_most"], line["hours_expected"]) == (0, 0)


def test_what_the_journal_has_says_what_to_expect(journal):
    job = work()
    finish(job, journal(), [("q0", 0), ("q0", 1), ("q1", 0)])
    line = plan("m", job, journal(), rows=0, in_flight=0, seconds=0)
    assert (line["rows_known"], line["sampled_known"]) == (3, 3 * ROW)
    assert line["left_expected"] == 5 * ROW
    assert line["expected_from"] == "3 known rows"
    assert line["left_at_most"] == line["sampled_at_most"] * 5 / 8


def test_a_row_known_in_part_is_not_counted_twice(journal):
    finish(work(), journal())
    more = work(sweep(max_think=[2, 3], waits=[1]))
    line = plan("m", more, journal(), rows=0, in_flight=0, seconds=0)
    assert (line["rows_known"], line["sampled_known"]) == (0, 8 * ROW)
    assert line["left_at_most"] == line["sampled_at_most"] - 8 * ROW
    measured = plan("m", more, journal(), rows=2, in_flight=8, seconds=9)
    assert measured["rows_known"] == 2
    assert measured["left_expected"] == 6 * 2  # X $ behind abc, for each row that is left
    assert measured["expected_from"] == "calibration, 2 of 2 rows ended"


def test_what_is_read_is_no_token_to_be_sampled(journal):
    """A study that reads too is bounded and expected as before, and known where it is answered."""
    job = work()
    reading = replace(job, readouts={item: {"A": (ids("A"),)} for item in PROMPTS})
    finish(job, journal(), [("q0", 0), ("q0", 1), ("q1", 0)])
    lines = [plan("m", w, journal(), rows=0, in_flight=0, seconds=0) for w in (job, reading)]
    assert lines[0] == lines[1]
    engine = Paced(passes)
    measured = plan("m", reading, journal(engine), rows=2, in_flight=8, seconds=9)
    assert any(request.read for request in engine.asked)  # time is told with what reading takes
    assert (measured["rows_known"], measured["left_expected"]) == (5, 3 * ROW)


def test_a_calibration_measures_and_its_tokens_are_kept(journal):
    engine, job = Paced(passes), work()
    line = plan("m", job, journal(engine), rows=3, in_flight=8, seconds=10.5)
    assert engine.sampled == line["sampled_known"] == 3 * ROW
    assert line["tokens_per_second"] == pytest.approx(10)
    assert line["left_expected"] == 5 * ROW
    assert line["hours_expected"] == pytest.approx(5 * ROW / 10 / 3600)
    assert line["hours_at_most"] == pytest.approx(line["left_at_most"] / 10 / 3600)
    study = Paced(passes)
    assert finish(job, journal(study)) == finish(job, journal(Paced(passes), "alone"))
    assert study.sampled == 5 * ROW


def test_a_calibration_ends_in_time_and_rows_that_did_not_end_count(journal):
    engine, seen = Paced(passes), []
    found = calibrate(work().ask(work().most()), engine, 3.0, 8, seen.append)
    # The first step draws eight first thoughts, 40 tokens in 4 seconds, and time is up.
    assert (found.began, found.ended, found.sampled, found.seconds) == (8, 0, 40, 4.0)
    assert seen == [4.0]
    line = plan("m", work(), journal(), rows=8, in_flight=8, seconds=3.0)
    assert line["left_expected"] is line["hours_expected"] is None
    assert line["hours_at_most"] > 0
    assert line["sampled_known"] == 40
    assert "0 of 8" in text(table([line]), "s")


@dataclass
class Streaming(Paced):
    """Draws a token a step for everything that was submitted."""

    going: list = field(default_factory=list)

    def step(self):
        for ticket, request in self.waiting:
            completion = Scripted(self.script)._complete(request)
            self.going.append([ticket, completion, completion.sampled])
        self.waiting.clear()
        self.sampled += len(self.going)
        for leaf in self.going:
            leaf[2] -= 1
        ended = [(ticket, completion) for ticket, completion, left in self.going if left == 0]
        self.going = [leaf for leaf in self.going if leaf[2] > 0]
        return ended


def test_rows_that_ended_first_do_not_stand_for_all(journal):
    def script(so_far):
        thought = "ab" if so_far.startswith("S") else "a" * 40
        return passes(PROMPT + so_far[3:], thoughts=(thought,))

    prompts = {"q0": ids("S<\n"), "q1": ids("L<\n"), "q2": ids("L<\n")}
    job = work(sweep(), prompts, samples=1)
    line = plan("m", job, journal(Streaming(script)), rows=3, in_flight=8, seconds=2.0)
    assert line["expected_from"] == "calibration, 1 of 3 rows ended"
    # The short row has 5 tokens; the steps until time is up drew 3, 3, 3, 3, 3, 2, 2 and 2.
    assert line["left_expected"] == 2 * 21


class OneByOne(Paced):
    """Ends one request a step, whoever asked it, so that a calibration leaves some under way."""

    def step(self):
        ticket, request = self.waiting.pop(0)
        return [(ticket, self._complete(request))]


def test_what_a_calibration_left_under_way_disturbs_nobody(journal):
    journaled, fresh = journal(OneByOne(passes)), journal(identity="other")
    cut = plan("m", work(), journaled, rows=8, in_flight=8, seconds=10.5)
    assert 0 < cut["rows_known"] < 8
    # The same rows under other conditions: of the same names, and with other answers.
    more = work(sweep(max_think=[3], waits=[2]))
    assert finish(more, journaled) == finish(more, fresh)
    # What was asked before and ended since was kept.
    again = plan("m", work(), journaled)
    assert again["sampled_known"] > cut["sampled_known"]


def test_known_rows_and_those_of_the_calibration_are_taken_together(journal):
    prompts = {"q0": ids("S<\n"), **{f"q{n}": ids("L<\n") for n in range(1, 5)}}

    def script(so_far):
        thought = "ab" if so_far.startswith("S") else "a" * 40
        return passes(PROMPT + so_far[3:], thoughts=(thought,))

    job = work(sweep(), prompts, samples=1)
    finish(job, journal(Streaming(script)), [("q0", 0)])  # 5 tokens
    line = plan("m", job, journal(Streaming(script)), rows=2, in_flight=8, seconds=4.0)
    assert line["expected_from"] == "1 known rows and calibration, 0 of 2 rows ended"
    assert line["left_expected"] == 4 * (5 + 2 * 20)


def test_records_are_counted_by_their_versions_and_others_used_or_not(journal):
    job, rows = work(), [("q0", 0), ("q0", 1)]
    finish(job, journal(versions="torch 2"), rows)
    finish(job, journal(versions="torch 3"), rows[:1])
    finish(job, journal(versions="torch 3"), [("q1", 0)])
    # A row has five records: two thoughts and three answers.
    for others, use, known in [(False, "not used", 2), (True, "used", 3)]:
        journaled = journal(versions="torch 3", others=others)
        line = plan("m", job, journaled, rows=0, in_flight=0, seconds=0)
        hint = "" if others else "; `inference.journal: any` would use others too"
        assert line["note"] == (
            f"the journal held completions: 10 of torch 3 (used), 10 of torch 2 ({use}){hint}"
        )
        assert (line["rows_known"], line["sampled_known"]) == (known, known * ROW)
    assert "10 of torch 2" in text(table([line]), "s")
    finish(job, journal(versions="torch 2"))
    line = plan("m", job, journal(versions="torch 2"), rows=0, in_flight=0, seconds=0)
    assert line["note"].startswith("the journal held completions: 40 of torch 2 (used), 10 of")


def test_items_that_do_not_fit_are_left_out_and_said(journal):
    prompts = {**PROMPTS, "long": ids("Q" * 200 + "<\n")}
    line = plan("m", work(prompts=prompts), journal(), rows=0, in_flight=0, seconds=0)
    assert line["rows"] == 8
    assert line["note"] == "1 item(s) do not fit the context of 100 tokens"


def test_prompts_without_thinking_are_asked_and_must_fit(journal):
    job = replace(work(sweep(no_think=True)), unthinking={q: ids(PROMPT + "|") for q in PROMPTS})
    line = plan("m", job, journal(), rows=8, in_flight=8, seconds=99)
    assert (line["rows_known"], line["sampled_known"]) == (8, 8 * (5 + 2 * 2))
    long = replace(job, unthinking={"q0": ids("Q" * 99)})
    line = plan("m", long, None, rows=0, in_flight=0, seconds=0)
    assert line["rows"] == 6
    assert line["note"] == "not made yet; 1 item(s) do not fit the context of 100 tokens"


def test_a_model_that_cannot_be_loaded_is_planned_without_its_speed(journal):
    def open_engine():
        raise ThinkscaleError("`device` is cuda, but torch sees no GPU here")

    journaled = journal()
    journaled._open_engine = open_engine
    line = plan("m", work(), journaled, rows=2, in_flight=8, seconds=9)
    assert line["note"] == "not calibrated: `device` is cuda, but torch sees no GPU here"
    assert line["left_at_most"] > 0 and line["tokens_per_second"] is None


def test_the_table_sums_what_is_known_and_prints(journal):
    lines = [
        plan("first", work(), journal(), rows=3, in_flight=8, seconds=10.5),
        plan("second", work(), None, rows=3, in_flight=8, seconds=10.5),
        plan_unknown("third", 8, SWEEP),
    ]
    frame = table(lines).set_index("model")
    assert frame.index.tolist() == ["first", "second", "third", "total"]
    assert frame["responses"].tolist() == [24, 24, 24, 72]
    assert pd.isna(frame["left_at_most"]["third"])
    assert frame["left_at_most"]["total"] == sum(line["left_at_most"] for line in lines[:2])
    assert frame["hours_at_most"]["total"] == frame["hours_at_most"]["first"]
    assert pd.isna(frame["hours_at_most"]["second"]) and pd.isna(
        frame["tokens_per_second"]["total"]
    )
    frame = frame.reset_index()
    printed = text(frame, "my-study")
    assert "second: not made yet" in printed and "3 of 8" in printed


def test_a_survey_asks_everything_a_row_asks():
    job = work(samples=1)
    engine = Scripted(passes)

    def find(request) -> Completion:
        engine.submit("only", request)
        [(_, completion)] = engine.step()
        return completion

    known = survey(job.ask(job.most()), find)
    assert (known.complete, known.sampled, known.left) == (4, 4 * ROW, {})
    assert engine.sampled == known.sampled
