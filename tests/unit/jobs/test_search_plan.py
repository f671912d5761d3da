"""What a plan says of searches: what they take beyond thinking, known and expected, by hand."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace

import pytest

from scripted import PROMPT, forcing, ids, text
from thinkscale.calibration.bank import Problem
from thinkscale.calibration.scorer import StatedQuality
from thinkscale.engines.base import Completion, Request, Scoring, Usage, noise_key, split_at_end
from thinkscale.engines.drive import drive
from thinkscale.engines.journal import Journaled
from thinkscale.engines.reader import Reader, as_given, verdict
from thinkscale.engines.several import Several
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.plan import Work, plan, recalled, table
from thinkscale.jobs.plan import text as printed
from thinkscale.jobs.scoring import Scorers
from thinkscale.jobs.search_plan import (
    Searching,
    _from_journal,
    plan_searches,
    plan_searches_unknown,
    survey_searches,
)
from thinkscale.jobs.searching import tasks_of
from thinkscale.thinking.bound import most_sampled, most_searched
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.strategies.candidate import Task
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.sampling import passes
from thinkscale.thinking.strategies.search import Search, searches

CONTEXT = 60
ROOM = CONTEXT - len(PROMPT) - 1 - 1 - 1 - 5  # newline, marker and answer prompt; the answer
END = (ids(";"),)
SAMPLE = 2 + 2 + 1 + 2  # "a;" "a;" and the marker, "x$" answered
QUIET = {"rows": 0, "in_flight": 0, "seconds": 0}


@dataclass
class Steps:
    """Thinks two steps of two letters and ends, or what `lengths` says of a row; answers "x".

    What it reads is likely as e^-1. A tenth of a second for each token drawn, and a second for each
    beginning read.
    """

    lengths: dict[bytes, int] = field(default_factory=dict)
    sampled: int = 0
    read: int = 0
    name: str = "steps"
    exact_tokens: bool = True
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Request) -> None:
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        ended = [(ticket, self._complete(request)) for ticket, request in self.waiting]
        self.waiting.clear()
        return ended

    def release(self, noise: bytes) -> None:
        pass

    def usage(self) -> Usage:
        return Usage(sampled=self.sampled, seconds=self.sampled / 10 + self.read)

    def _complete(self, request: Request) -> Completion:
        if request.read:
            self.read += 1
            return Completion((), (), "length", logprobs=(-1.0,) * len(request.read))
        thought = text(request.prompt).removeprefix(PROMPT)
        steps = "a;" * self.lengths.get(request.noise, 2) + "|"
        follows = "x$" if "|" in thought else steps[len(thought.replace("W", "")) :] or "|"
        drawn: list[int] = []
        while len(drawn) < request.max_new:
            drawn.append(ord(follows[len(drawn)]))
            self.sampled += 1
            if done := split_at_end(drawn, request.stops, frozenset(ids("$"))):
                return done
        return Completion(tuple(drawn), (), "length")


def search(approach, n, scorers=("judge",), **given):
    return Search(approach, approach, n, APPROACHES[approach].of(n, given), scorers)


BEAM = search("beam_search", 2, beam_width=2)
# Two rounds of two steps of two letters, two ends, and two answers of two letters.
BEAM_DRAWN = 2 * 2 * 2 + 2 + 2 * 2
# The prompt, "a;" and "a;"; then the same thought is judged with all its steps, and known.
BEAM_READ = len(PROMPT) + 4


def searching(*wanted, items=3, samples=2, conditions=None) -> Searching:
    prompts = {f"q{n}": ids(PROMPT) for n in range(items)}
    work = Work(prompts, conditions or sweep(), forcing(), CONTEXT, samples, seed=1)
    return Searching(work, tasks_of(work, {i: {} for i in work.prompts}, END), wanted)


@pytest.fixture
def opened(tmp_path):
    """A journal of a model and a scorer with one; what runs them counts in their engines."""

    def open_both(policy=None, judge=None):
        engines = policy or Steps(), judge or Steps()
        journals = [
            Journaled(lambda e=e: e, tmp_path / str(n), "0", {"m": n}, name="p", exact_tokens=True)
            for n, e in enumerate(engines)
        ]
        reader = Reader(journals[1], verdict(as_given, CONTEXT))
        return journals[0], Scorers(journals[0], {"judge": reader}, {"judge": 7})

    return open_both


def think(job: Searching, journal, rows=None):
    return list(drive(job.work.ask(rows or job.work.most()), journal, 8))


def finish(job: Searching, journal, scorers, item_ids=None):
    """What `search_items` does: the searches, and which tokens are theirs."""
    asking = (
        (i, searches(job.tasks[i], job.wanted, recalled(job.work.rows_of(i), journal.find)))
        for i in item_ids or job.tasks
    )
    return dict(drive(asking, Several(scorers.policy, scorers.engines), 8))


def test_parallel_strategies_take_nothing_new_of_a_study_that_has_the_samples():
    for wanted, samples, new in [
        ([search("majority", 2)], 2, 0),
        ([search("majority", 3)], 2, 1),
        ([search("majority", 3), search("rejection", 9, max_tries=4)], 2, 2),
    ]:
        job = searching(*wanted, samples=samples)
        one = most_sampled(ROOM, sweep(), forcing())
        assert job.most() == dict.fromkeys(["q0", "q1", "q2"], new * one)


def test_revisions_are_the_studys_own_where_it_waits_as_often():
    revising = search("revisions", 2, passes=3)
    asked = passes(forcing(), 3)
    assert list(searching(revising, conditions=sweep(waits=[1, 2])).most().values()) == [0] * 3
    bound = 2 * most_sampled(ROOM, asked, forcing())
    assert list(searching(revising, conditions=sweep(waits=[1])).most().values()) == [bound] * 3


@pytest.mark.parametrize(
    ("wanted", "side", "rounds"),
    [
        (search("beam_search", 4, beam_width=2, num_iterations=3), 4, 3),
        (search("beam_search", 4, beam_width=4, num_iterations=3, lookahead=2), 4, 3),
        (search("dvts", 4, beam_width=2, num_iterations=3), 4, 3),
        (search("dvts", 4, beam_width=4, num_iterations=500), 4, 500),
        (search("particle_filtering", 3, num_iterations=5), 3, 5),
        (search("mcts", 5), 5, 1),
        (search("ab_mcts", 5), 5, 1),
    ],
)
@pytest.mark.parametrize("room", [1, 2, 7])
def test_no_tree_draws_more_than_its_bound_and_the_bound_is_what_it_says(
    wanted, side, rounds, room
):
    """Steps may be as long as the room, or as short as a token; answers go to their limit."""
    extent = wanted.settings.extent
    assert (extent.rows, extent.side, extent.rounds) == (0, side, rounds)
    thought = sum(room - t for t in range(rounds) if t < room)
    bound = most_searched(room, [extent], sweep(), 2, forcing())
    assert bound == side * (thought + 5)
    context = CONTEXT - ROOM + room
    for script in (lambda n: ";", lambda n: "a", lambda n: "a;"[n % 2], lambda n: ";aa|"[n % 4]):
        engine, count = Steps(), iter(range(10**6))

        def complete(request, engine=engine, script=script, count=count):
            drawn: list[int] = []
            while len(drawn) < request.max_new:
                drawn.append(ord(script(next(count)) if request.stops else "x"))
                engine.sampled += 1
                if done := split_at_end(drawn, request.stops, frozenset()):
                    return done
            return Completion(tuple(drawn), (), "length")

        engine._complete = complete
        judge = Reader(Steps(), verdict(as_given, CONTEXT))
        rows = partial(noise_key, 1, "q0")
        task = Task(ids(PROMPT), context, rows, forcing(), END)
        list(drive([("q0", searches(task, [wanted]))], Several(engine, {"judge": judge}), 1))
        assert engine.sampled <= bound


def test_a_fresh_study_is_bounded_and_nothing_is_run(opened):
    job, (journal, scorers) = searching(BEAM), opened()
    journal._open_engine = None
    scorers.engines["judge"].engine._open_engine = None
    line = plan_searches("m", job, journal, scorers, **QUIET)
    assert (line["part"], line["rows"], line["rows_known"]) == ("search", 3, 0)
    assert (line["chains"], line["responses"], line["sampled_known"]) == (0, 0, 0)
    bound = 2 * (sum(ROOM - t for t in range(40)) + 5)
    assert line["sampled_at_most"] == line["left_at_most"] == 3 * bound
    assert line["left_expected"] is line["hours_expected"] is None
    assert line["note"] == "parameters of scorers: judge 7"


def test_what_the_journals_have_is_known_and_says_what_to_expect(opened):
    job = searching(search("majority", 2), BEAM)
    journal, scorers = opened()
    think(job, journal)
    found = finish(job, journal, scorers, ["q0", "q1"])
    # Samples are the thinking's. The scorer reads the one thought there is: it is the same in all.
    assert [[s.sampled_new for s in done] for done in found.values()] == [[0, BEAM_DRAWN]] * 2
    journal, scorers = opened()
    line = plan_searches("m", job, journal, scorers, **QUIET)
    assert (line["rows_known"], line["sampled_known"]) == (2, 2 * BEAM_DRAWN)
    assert line["left_expected"] == BEAM_DRAWN and line["expected_from"] == "2 known rows"
    assert (line["read_known"], line["read_expected"]) == (2 * BEAM_READ, BEAM_READ)


def test_a_finished_study_costs_nothing_and_opens_nothing(opened):
    job, (journal, scorers) = searching(search("majority", 2), BEAM), opened()
    think(job, journal)
    finish(job, journal, scorers)
    journal, scorers = opened()
    journal._open_engine = scorers.engines["judge"].engine._open_engine = None
    line = plan_searches("m", job, journal, scorers, rows=9, in_flight=9, seconds=9)
    assert (line["rows_known"], line["left_at_most"], line["left_expected"]) == (3, 0, 0)
    assert (line["read_expected"], line["hours_at_most"], line["hours_expected"]) == (0, 0, 0)


def test_a_survey_stops_where_a_journal_does_not_know(opened):
    """Sampled but not judged, and thought about but not searched, is not known."""
    job, (journal, scorers) = searching(BEAM), opened()
    think(job, journal, [("q0", 0), ("q0", 1), ("q1", 0)])
    finish(job, journal, scorers, ["q0"])
    journal, scorers = opened()
    sampled, read = survey_searches(job, job.tasks, journal, scorers.engines)
    assert (sampled.complete, sampled.sampled, read.sampled) == (1, BEAM_DRAWN, BEAM_READ)
    assert sampled.left == {"q1": 0, "q2": 0}
    unread = {"judge": Reader(replace_journal(scorers, "elsewhere"), verdict(as_given, CONTEXT))}
    sampled, read = survey_searches(job, job.tasks, journal, unread)
    assert sampled.left == {"q0": 4, "q1": 0, "q2": 0}  # the first two steps
    assert (sampled.complete, read.left["q0"]) == (0, 0)


def test_a_scorer_without_a_journal_is_asked_anew_after_a_calibration_that_was_cut_off(opened):
    job, (journal, scorers) = searching(BEAM), opened()
    think(job, journal, [("q0", 0), ("q0", 1)])
    finish(job, journal, scorers, ["q0"])
    stated = StatedQuality(defaultdict(lambda: Problem(3, (("+", 6),))), text, 2.0, 1)
    thought = Scoring("judge", ids("a;"), 0, (2,), noise_key(1, "q2", 0))
    stated.submit(("q2", 0), thought)  # and time was up
    sampled, _ = survey_searches(job, job.tasks, journal, {"judge": stated})
    assert (sampled.complete, list(sampled.left)) == (1, ["q1", "q2"])


def replace_journal(scorers, identity):
    kept = scorers.engines["judge"].engine
    directory = kept._writer._directory
    return Journaled(lambda: None, directory, "1", {"m": identity}, name="p", exact_tokens=True)


def test_a_calibration_measures_both_and_its_tokens_are_kept(opened):
    job, policy, judge = searching(search("majority", 2), BEAM), Steps(), Steps()
    journal, scorers = opened(policy, judge)
    think(job, journal)
    drawn = policy.sampled
    line = plan_searches("m", job, journal, scorers, rows=1, in_flight=1, seconds=99)
    assert policy.sampled - drawn == line["sampled_known"] == BEAM_DRAWN
    assert (line["read_known"], line["read_expected"]) == (BEAM_READ, 2 * BEAM_READ)
    assert line["left_expected"] == 2 * BEAM_DRAWN
    assert line["expected_from"] == "calibration, 1 of 1 rows ended"
    assert line["tokens_per_second"] == pytest.approx(10)
    # Two beginnings were read of an item, a second each: its two steps.
    assert judge.read == 2
    assert line["hours_expected"] == pytest.approx(2 * (BEAM_DRAWN / 10 + 2) / 3600)
    each = (BEAM_DRAWN / 10 + 2) / BEAM_DRAWN
    assert line["hours_at_most"] == pytest.approx(line["left_at_most"] * each / 3600)
    policy, judge = Steps(), Steps()
    finish(job, *opened(policy, judge))
    assert (policy.sampled, judge.read) == (2 * BEAM_DRAWN, 2 * 2)  # the study runs only the rest


def test_where_nothing_was_thought_the_thinking_is_no_searchs(opened):
    job, policy = searching(BEAM), Steps()
    journal, scorers = opened(policy)
    line = plan_searches("m", job, journal, scorers, rows=1, in_flight=1, seconds=99)
    assert policy.sampled == BEAM_DRAWN + 2 * SAMPLE
    assert (line["sampled_known"], line["left_expected"]) == (BEAM_DRAWN, 2 * BEAM_DRAWN)
    thought = plan("m", job.work, journal, rows=0, in_flight=0, seconds=0)
    assert (thought["rows_known"], thought["sampled_known"]) == (2, 2 * SAMPLE)


def test_items_of_which_time_was_up_are_said(opened):
    journal, scorers = opened()
    line = plan_searches("m", searching(BEAM), journal, scorers, rows=3, in_flight=3, seconds=0.5)
    assert line["left_expected"] is line["hours_expected"] is None
    frame = table([line])
    said = "m, search: nothing can be expected yet (calibration, 0 of 3 rows ended)"
    assert said in printed(frame, "s")


def test_what_is_not_there_is_said_and_bounded(opened):
    job, (journal, scorers) = searching(BEAM), opened()
    no_scorer = plan_searches("m", job, journal, None, note="prm: not made yet", **QUIET)
    assert (no_scorer["note"], no_scorer["read_known"]) == ("prm: not made yet", None)
    assert no_scorer["left_at_most"] == 3 * next(iter(job.most().values()))
    unknown = plan_searches_unknown("m", 3, "not made yet")
    assert (unknown["rows"], unknown["sampled_at_most"]) == (3, None)

    def refuse():
        raise ThinkscaleError("no GPU here")

    scorers.engines["judge"].engine._open_engine = refuse
    line = plan_searches("m", job, journal, scorers, rows=1, in_flight=1, seconds=9)
    assert line["note"].endswith("not calibrated: no GPU here")
    assert line["left_at_most"] > 0 and line["hours_expected"] is None


def test_the_total_is_of_thinking_and_of_searches(opened):
    job, (journal, scorers) = searching(search("majority", 2), BEAM), opened()
    lines = [
        plan("m", job.work, journal, rows=9, in_flight=9, seconds=99),
        plan_searches("m", job, journal, scorers, rows=1, in_flight=1, seconds=99),
    ]
    frame = table(lines)
    assert frame["part"].tolist() == ["thinking", "search", ""]
    total = frame.iloc[-1]
    assert (total["chains"], total["responses"], total["rows"]) == (6, 6, 6 + 3)
    assert total["sampled_known"] == 6 * SAMPLE + BEAM_DRAWN
    assert total["left_expected"] == 2 * BEAM_DRAWN
    assert total["hours_expected"] == pytest.approx(lines[1]["hours_expected"])
    assert "to be read" in printed(frame, "s") and "to be read" not in printed(
        table(lines[:1]), "s"
    )


def test_what_is_recalled_has_the_value_that_its_reader_makes(tmp_path):
    """A readout or a judge makes another value of what was read than a likelihood does."""
    judge = Reader(Steps(), verdict(as_given, CONTEXT), value=max, reflection=object())
    recalled = _from_journal(judge, SimpleNamespace(find=lambda request: None))
    assert (recalled.ask, recalled.value, recalled.reflection) == (
        judge.ask,
        judge.value,
        judge.reflection,
    )


def test_items_in_flight_are_those_whose_requests_fill_a_batch():
    """What is asked side by side counts, and not the number that a strategy is compared by."""
    assert searching(search("rejection", 900, max_tries=4), BEAM).side == 4
    assert searching(search("majority", 8)).side == 8
