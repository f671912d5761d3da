"""Strategies step by step: a script says what each draw brings, and another judges it."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripted import EOS, PROMPT, forcing, ids, text
from thinkscale.engines.base import Completion, Request, Scores, Scoring, Usage, split_at_end
from thinkscale.engines.drive import drive
from thinkscale.engines.several import Several
from thinkscale.thinking.strategies.beam_search import BeamSearch, beam_search
from thinkscale.thinking.strategies.candidate import (
    ROOT,
    Candidate,
    Task,
    best,
    in_steps,
    position,
    whole,
)
from thinkscale.thinking.strategies.particle_filtering import resampled
from thinkscale.thinking.strategies.registry import APPROACHES
from thinkscale.thinking.strategies.search import Search, searches

CONTEXT = 100
STEP_ENDS = (ids(";"),)


@dataclass
class Branching:
    """Characters are tokens. `script(thought, draw)` is the text that follows, read up to its end;
    draw counts the steps drawn behind that thought, and is None where the model is to be greedy.
    Behind `|` or `=` it answers with the last letter of the thought."""

    script: Callable[[str, int | None], str]
    rows: dict[bytes, int]
    name: str = "branching"
    exact_tokens: bool = True
    asked: list[Request] = field(default_factory=list)
    waiting: list[tuple[Hashable, Request]] = field(default_factory=list)
    sampled: int = 0

    def submit(self, ticket: Hashable, request: Request) -> None:
        self.asked.append(request)
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Completion]]:
        ended = [(ticket, self._complete(r)) for ticket, r in reversed(self.waiting)]
        self.waiting.clear()
        return ended

    def release(self, noise: bytes) -> None:
        pass

    def usage(self) -> Usage:
        return Usage(sampled=self.sampled)

    def _complete(self, request: Request) -> Completion:
        thought = text(request.prompt).removeprefix(PROMPT)
        if "|" in thought:
            said = thought.partition("|")[0].rstrip()[-1:].replace(";", "")
            follows = (said or "?") + EOS
        else:
            follows = self.script(thought, self._draw(request, thought))
        drawn: list[int] = []
        while len(drawn) < request.max_new:
            drawn.append(ord(follows[len(drawn)]))
            self.sampled += 1
            if done := split_at_end(drawn, request.stops, frozenset(ids(EOS))):
                return done
        return Completion(tuple(drawn), (), "length")

    def _draw(self, request: Request, thought: str) -> int | None:
        if request.greedy:
            return None
        counts = (n for n in range(99) if position(ids(thought), n) == request.position)
        found = next(counts, None)
        return self.rows[request.noise] if found is None else found


@dataclass
class Judge:
    score: Callable[[str], float]
    name: str = "judge"
    exact_tokens: bool = True
    asked: list[str] = field(default_factory=list)
    waiting: list[tuple[Hashable, Scoring]] = field(default_factory=list)

    def submit(self, ticket: Hashable, request: Scoring) -> None:
        self.waiting.append((ticket, request))

    def step(self) -> list[tuple[Hashable, Scores]]:
        said, self.waiting = self.waiting, []
        out = []
        for ticket, request in said:
            seen = [text(request.ids[request.begin : end]) for end in request.ends]
            self.asked += seen
            out.append((ticket, Scores(tuple(map(self.score, seen)))))
        return out

    def release(self, noise: bytes) -> None:
        pass

    def usage(self) -> Usage:
        return Usage()


def row(sample: int) -> bytes:
    return sample.to_bytes(16, "big")


def task(scorer: str | None = "judge", context: int = CONTEXT) -> Task:
    return Task(ids(PROMPT), context, row, forcing(), STEP_ENDS, scorer)


def run(wanted, script, score=lambda thought: 0.5, *, context=CONTEXT):
    """What the searches found, the engine and the scorer that were asked."""
    engine, judge = Branching(script, {row(n): n for n in range(99)}), Judge(score)
    both = Several(engine, {"judge": judge})
    [(_, done)] = drive([("item", searches(task(None, context), wanted))], both, 1)
    return done, engine, judge


def search(approach, n, **given):
    made = APPROACHES[approach].of(n, given)
    scorers = () if given.get("scorer", "judge") is None else ("judge",)
    return Search(approach, approach, n, made, scorers)


def thoughts(searched):
    return [text([token for step in found.steps for token in step]) for found in searched.found]


def letters(thought: str, draw: int | None) -> str:
    """Three steps of one letter, which the draw decides; then the end, also of a second pass."""
    depth = thought.rpartition("W")[2].count(";")
    return ("abcdefgh"[draw or 0] + ";") * (3 - depth) + "|"


def test_beam_search_by_hand():
    """Scores follow the alphabet: of four first steps the two best are grown by two each."""
    [done], engine, _ = run(
        [search("beam_search", 4, beam_width=2)], letters, lambda t: "abcdefgh".find(t[-2]) / 10
    )
    assert sorted(thoughts(done)) == ["c;b;b;", "c;b;b;", "d;b;b;", "d;b;b;"]
    steps = [text(r.prompt).removeprefix(PROMPT) for r in engine.asked if ";" in text(r.prompt)]
    assert not [s for s in steps if s.startswith(("a;", "b;"))]  # what was pruned is not grown
    # 3 rounds of 4 steps of 2 tokens, an end for each of 4, and 4 answers of 2.
    assert done.sampled == 3 * 4 * 2 + 4 + 4 * 2 == engine.sampled


def test_a_scorer_reads_no_beginning_twice_and_the_bill_says_what_that_saves():
    [done], _, judge = run([search("beam_search", 4, beam_width=2)], letters)
    read = done.read["judge"]
    beginnings = {seen[:n] for seen in judge.asked for n in range(1, len(seen) + 1)}
    assert read.alone == read.new == len(beginnings) + len(PROMPT)
    assert read.uncached > 3 * read.alone


def test_equal_beams_draw_different_children():
    def script(thought, draw):
        return "x;" if not thought else "abcd"[draw] + "|"

    [done], *_ = run([search("beam_search", 4, beam_width=2)], script)
    assert sorted(thoughts(done)) == ["x;a", "x;b", "x;c", "x;d"]


def test_filtered_duplicates_count_once():
    def script(thought, draw):
        return "x;" if not thought else "abcd"[draw] + "|"

    wanted = [search("beam_search", 4, beam_width=2, filter_duplicates=True)]
    [done], *_ = run(wanted, script)
    assert sorted(thoughts(done)) == ["x;a", "x;b"]


def test_a_beam_that_ended_stands_by_its_score_and_not_by_being_first():
    """One ends at once with a poor score; longer ones that are better push it out."""

    def script(thought, draw):
        if not thought:
            return ["z|", "a;", "b;", "c;"][draw]
        return "|" if thought.count(";") == 2 else "d;"

    score = lambda t: {"z": 0.1}.get(t, 0.5)  # noqa: E731
    [done], *_ = run([search("beam_search", 4, beam_width=2)], script, score)
    assert "z" not in thoughts(done)
    [done], *_ = run([search("beam_search", 4, beam_width=2)], script, lambda t: 1 - score(t))
    assert thoughts(done).count("z") == 1


def test_when_all_beams_end_early_there_are_fewer_candidates_and_no_copies():
    [done], *_ = run(
        [search("beam_search", 4, beam_width=2)], lambda thought, draw: "abcd"[draw] + "|"
    )
    assert sorted(thoughts(done)) == ["a", "b", "c", "d"]
    [done], *_ = run([search("dvts", 4, beam_width=2)], lambda t, d: "abcd"[d] + "|")
    assert sorted(thoughts(done)) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("approach", ["beam_search", "dvts", "particle_filtering"])
def test_what_is_unfinished_is_no_candidate(approach):
    """Half of the draws never end; after five rounds only those that did are chosen among."""

    def script(thought, draw):
        if thought.startswith("e"):
            return "|"
        return ("e;" if draw % 2 else "y;") if not thought else "y;"

    score = lambda t: 0.6 if t[0] == "e" else 0.5  # noqa: E731
    [done], *_ = run([search(approach, 4, num_iterations=5)], script, score)
    assert set(thoughts(done)) == {"e;"}
    assert {found.stop for found in done.found} == {"natural"}


@pytest.mark.parametrize("approach", ["beam_search", "dvts", "particle_filtering", "mcts"])
def test_an_endless_path_is_ended_as_by_a_budget(approach):
    [done], *_ = run([search(approach, 4, num_iterations=3)], lambda t, d: "y;")
    assert [found.stop for found in done.found] == ["budget"]
    assert all(found.answer.ids for found in done.found)


def test_a_path_that_fills_the_context_says_so():
    [done], *_ = run([search("beam_search", 2)], lambda t, d: "yyyy;", context=30)
    assert {found.stop for found in done.found} == {"context"}


def test_steps_may_be_empty():
    [done], *_ = run([search("beam_search", 2)], lambda t, d: ";" if t.count(";") < 3 else "|")
    assert set(thoughts(done)) == {";;;"}
    [done], *_ = run([search("beam_search", 2)], lambda t, d: "|")  # no step at all
    assert set(thoughts(done)) == {""}
    assert all(len(scores) == 1 for scores in done.scores["judge"])


def test_lookahead_is_judged_with_the_step_is_no_part_of_it_and_is_paid_for():
    def script(thought, draw):
        if draw is None:  # greedy
            return "!;"
        return letters(thought, draw)

    wanted = [search("beam_search", 2, beam_width=2, lookahead=2)]
    [done], engine, judge = run(wanted, script)
    assert "a;!;!;" in judge.asked
    assert not [t for t in thoughts(done) if "!" in t]
    plain, *_ = run([search("beam_search", 2, beam_width=2)], script)
    greedy = sum(r.greedy for r in engine.asked)
    assert greedy and done.sampled == plain[0].sampled + 2 * greedy


def test_missing_scores_come_last_and_take_no_place():
    scored = {"a": math.nan, "b": 0.1, "c": 0.9}
    candidates = [Candidate((ids(c),), scores=(s,)) for c, s in scored.items()]
    assert [text(c.ids) for c in best(task(), candidates, 3)] == ["c", "b", "a"]


@given(st.permutations(range(6)))
def test_ties_are_not_broken_by_order(order):
    candidates = [Candidate((ids(c),), scores=(0.5,), draws=(n,)) for n, c in enumerate("abcdef")]
    first = {text(c.ids) for c in best(task(), candidates, 2)}
    assert {text(c.ids) for c in best(task(), [candidates[n] for n in order], 2)} == first


def test_ties_are_not_always_the_first_drawn():
    won = set()
    for n in range(40):
        own = Task(ids(PROMPT), CONTEXT, lambda sample, n=n: row(n), forcing(), STEP_ENDS, "judge")
        candidates = [Candidate((ids(c),), scores=(0.5,)) for c in "abcd"]
        won.add(text(best(own, candidates, 1)[0].ids))
    assert won == set("abcd")


def test_mcts_draws_nothing_at_a_terminal_node_and_does_not_count_it_again():
    """There is one thing to say: all simulations but the first few find only its end."""
    [done], *_ = run([search("mcts", 12, beam_width=1)], lambda t, d: "a|")
    assert thoughts(done) == ["a"]
    assert done.sampled == 2 + 2  # one thought, one answer


def test_mcts_rolls_out_and_backs_up():
    """Where only the end tells right from wrong, values come from whole thoughts."""

    def score(thought):
        return 1.0 if thought.startswith("b;") and thought.count(";") == 3 else 0.0

    [done], _, judge = run([search("mcts", 24, beam_width=2)], letters, score)
    assert all(t.count(";") == 3 for t in judge.asked if t in thoughts(done))
    begun_well = [t for t in thoughts(done) if t.startswith("b;")]
    assert len(begun_well) > len(done.found) / 2


def test_particles_are_drawn_in_proportion_to_their_scores():
    shares = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    particles = [Candidate((ids(c),), scores=(s,)) for c, s in shares.items()]
    rng = np.random.default_rng(0)
    drawn = [text(p.ids) for _ in range(2000) for p in resampled(particles, rng)]
    for letter, share in shares.items():
        assert drawn.count(letter) / len(drawn) == pytest.approx(share, abs=0.01)


def test_particles_without_scores_all_stay():
    particles = [Candidate((ids(c),), scores=(math.nan,)) for c in "ab"]
    assert resampled(particles, np.random.default_rng(0)) == particles


def test_rejection_pays_for_every_try_and_keeps_what_is_unmet():
    """Thoughts of 6, 4 and 2 tokens: a budget of 2 takes three tries, one of 1 is never met."""

    def script(thought, draw):
        return "ab;cd;"[: 6 - 2 * draw] + "|" if draw < 3 else "abcd|"

    [two, one], *_ = run(
        [search("rejection", 2, scorer=None), search("rejection", 1, max_tries=5, scorer=None)],
        script,
    )
    assert thoughts(two) == ["ab"]
    assert two.sampled == (6 + 1 + 2) + (4 + 1 + 2) + (2 + 1 + 2)
    assert thoughts(one) == ["abcd"]  # the last try, longer than asked for, and there
    assert one.sampled > two.sampled and one.sampled_new == one.sampled - two.sampled


def test_revisions_have_an_answer_each_pass():
    def script(thought, draw):
        return "a|" if "W" not in thought else "b|"

    [done], *_ = run([search("revisions", 2, passes=2)], script)
    assert sorted(thoughts(done)) == ["a", "a", "aWb", "aWb"]


def test_sizes_and_strategies_share_what_they_draw():
    sizes = [search("beam_search", n, beam_width=2) for n in (2, 4, 8)]
    done, engine, _ = run([*sizes, search("dvts", 4, beam_width=2)], letters)
    alone = [run([one], letters)[0][0] for one in [*sizes, search("dvts", 4, beam_width=2)]]
    assert [d.sampled for d in done] == [a.sampled for a in alone]
    assert [thoughts(d) for d in done] == [thoughts(a) for a in alone]
    assert sum(d.sampled_new for d in done) == engine.sampled < sum(d.sampled for d in done)
    assert len(engine.asked) == len(set(engine.asked))


def test_what_was_thought_of_an_item_is_new_in_none_of_its_searches():
    """Of three samples two thoughts are there, and the answer to one of them."""
    wanted = [search("samples", 3)]
    [done], engine, _ = run(wanted, letters)
    there = [r for r in engine.asked if r.noise == row(0) or (r.stops and r.noise == row(1))]
    thought = {request: 7 if request.stops else 2 for request in there}
    assert sorted(thought.values()) == [2, 7, 7]
    both = Several(Branching(letters, {row(n): n for n in range(99)}), {"judge": Judge(len)})
    asking = searches(task(None), wanted, thought)
    [(_, [again])] = drive([("item", asking)], both, 1)
    assert again.found == done.found and again.sampled == done.sampled == 3 * (7 + 2)
    assert again.sampled_new == 2 + 7 + 2


@settings(max_examples=30, deadline=None)
@given(
    st.permutations(["beam_search", "dvts", "particle_filtering", "mcts", "samples", "revisions"]),
    st.integers(1, 3),
)
def test_what_a_search_finds_does_not_depend_on_the_others(order, n):
    wanted = [search(name, 2 * n) for name in order]
    done, engine, _ = run(wanted, letters, lambda t: (hash(t) % 97) / 97)
    for searched in done:
        [alone], *_ = run([searched.search], letters, lambda t: (hash(t) % 97) / 97)
        assert alone.found == searched.found
        assert (alone.sampled, alone.read) != (0, {})
        assert alone.sampled == searched.sampled
    assert sum(d.sampled_new for d in done) == engine.sampled


def test_thoughts_are_cut_behind_what_ends_their_steps():
    ends = (ids(";"), ids("\n\n"))
    assert [text(step) for step in in_steps(ids("ab;\n\nc;;d"), ends)] == [
        *("ab;", "\n\n", "c;", ";", "d")
    ]
    assert in_steps((), ends) == ()


def test_a_candidate_that_ended_is_answered_as_budget_forcing_would():
    """Behind its own marker nothing is put in; a turn that ended, or a cut, gets the marker."""
    asked = {}
    for stop, end, by_eos in (
        ("natural", "|", False),
        ("natural", EOS, True),
        ("budget", "", False),
    ):
        one = Candidate((ids("ab;"),), end_ids=ids(end), by_eos=by_eos, stop=stop)
        [request] = next(whole(task(), [one]))
        asked[stop, by_eos] = text(request.prompt).removeprefix(PROMPT)
    assert asked == {
        ("natural", False): "ab;|",
        ("natural", True): "ab;|",
        ("budget", False): "ab;\n|=",
    }
    assert ROOT.score != ROOT.score
    assert beam_search(task(), BeamSearch(2)) is not None
