"""Strategies step by step: a script says what each draw brings, and another judges it."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripted import EOS, PROMPT, forcing, ids, text
from thinkscale.engines.base import Completion, Request, Scores, Scoring, Usage, split_at_end
from thinkscale.engines.drive import drive
from thinkscale.engines.several import Several
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.strategies.beam_search import BeamSearch
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
from thinkscale.thinking.strategies.search import Search, expand, samples_drawn, searches

CONTEXT = 100
STEP_ENDS = (ids(";"),)
TREES = ("beam_search", "dvts", "particle_filtering", "mcts", "ab_mcts")


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


def task(scorer: str | None = "judge", context: int = CONTEXT, ends=STEP_ENDS) -> Task:
    return Task(ids(PROMPT), context, row, forcing(), ends, scorer)


def run(wanted, script, score=lambda thought: 0.5, *, context=CONTEXT, ends=STEP_ENDS):
    """What the searches found, the engine and the scorer that were asked."""
    engine, judge = Branching(script, {row(n): n for n in range(99)}), Judge(score)
    both = Several(engine, {"judge": judge})
    [(_, done)] = drive([("item", searches(task(None, context, ends), wanted))], both, 1)
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
    # Of a wider search it has read a part already: all that is new is what was not read before.
    both, _, judge = run([search("beam_search", n, beam_width=2) for n in (4, 8)], letters)
    beginnings = {seen[:n] for seen in judge.asked for n in range(1, len(seen) + 1)}
    new = [one.read["judge"].new for one in both]
    assert sum(new) == len(beginnings) + len(PROMPT) and new[1] < both[1].read["judge"].alone


def test_subtrees_keep_their_own_best():
    """Of the first steps one subtree has a and b, the other c and d, which are all better."""
    [done], *_ = run(
        [search("dvts", 4, beam_width=2)], letters, lambda t: "abcdefgh".find(t[-2]) / 10
    )
    assert sorted(thoughts(done)) == ["b;b;b;", "b;b;b;", "d;b;b;", "d;b;b;"]


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


@pytest.mark.parametrize("approach", TREES)
def test_an_endless_path_is_ended_as_by_a_budget(approach):
    [done], *_ = run([search(approach, 4, num_iterations=3)], lambda t, d: "y;")
    assert [found.stop for found in done.found] == ["budget"]
    assert all(found.answer.ids for found in done.found)


def test_a_path_that_fills_the_context_says_so():
    room = task(context=30).room
    [done], *_ = run([search("beam_search", 4)], lambda t, d: "yyyy;", context=30)
    assert {found.stop for found in done.found} == {"context"}
    assert {len(t) for t in thoughts(done)} == {room}
    # A step that fills it to the last token is the last.
    filling = "y" * (room - 1) + ";"
    [done], engine, _ = run([search("beam_search", 4)], lambda t, d: filling, context=30)
    assert {found.stop for found in done.found} == {"context"}
    assert all(request.max_new for request in engine.asked)


@pytest.mark.parametrize("approach", TREES)
def test_where_nothing_can_be_thought_the_question_alone_is_answered(approach):
    """A prompt that leaves room for the answer only: nothing is sampled in thinking."""
    room = task(context=CONTEXT).room
    [done], *_ = run([search(approach, 4)], letters, context=CONTEXT - room)
    assert set(thoughts(done)) == {""} and {found.stop for found in done.found} == {"context"}
    assert done.sampled == 2 * len(done.found)


def test_steps_may_be_empty():
    [done], *_ = run([search("beam_search", 4)], lambda t, d: ";" if t.count(";") < 3 else "|")
    assert set(thoughts(done)) == {";;;"}
    [done], *_ = run([search("beam_search", 4)], lambda t, d: "|")  # no step at all
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


def test_lookahead_stops_where_the_thought_does():
    """Forty steps ahead of three: what is judged is the whole, and it is greedy only once."""
    wanted = [search("beam_search", 2, beam_width=2, lookahead=40)]
    _, engine, judge = run(wanted, letters)
    assert {"a;a;a;", "b;a;a;"} <= set(judge.asked)
    assert max(t.count(";") for t in judge.asked) == 3
    far = {text(r.prompt).removeprefix(PROMPT) for r in engine.asked if r.greedy}
    assert {"a;", "a;a;", "a;a;a;"} <= far and "" not in far


def test_a_step_may_end_in_several_tokens():
    """Only both of them end it, one alone does not; a longer end is not taken for a shorter."""
    said = lambda t, d: "a;b\n\n" if t.count("\n\n") < 2 else "|"  # noqa: E731
    [done], *_ = run([search("beam_search", 4)], said, ends=(ids("\n\n"),))
    assert {tuple(map(text, found.steps)) for found in done.found} == {("a;b\n\n", "a;b\n\n")}
    [done], *_ = run([search("beam_search", 4)], lambda t, d: "ab|", ends=(ids("\n\n"),))
    assert {tuple(map(text, found.steps)) for found in done.found} == {("ab",)}  # one step: all


def test_beams_are_whole_families():
    for n, width in ((6, 4), (2, 4), (1, 2)):
        for approach in ("beam_search", "dvts"):
            with pytest.raises(ThinkscaleError, match=f"found {n}; expected a multiple of `beam_w"):
                search(approach, n, beam_width=width)
    assert BeamSearch(1, beam_width=1).n == 1


@pytest.mark.parametrize("approach", TREES)
def test_the_smallest_searches_find_one_thought(approach):
    given = {"beam_width": 1} if approach in ("beam_search", "dvts") else {}
    [done], *_ = run([search(approach, 1, **given)], letters)
    assert len(done.found) == 1 and thoughts(done)[0].count(";") == 3
    [done], *_ = run([search(approach, 1, num_iterations=1, **given)], letters)
    assert [found.stop for found in done.found] == ["budget"]


def test_without_exploration_what_seems_best_is_gone_by():
    [done], *_ = run(
        [search("mcts", 12, beam_width=2, exploration=0.0)],
        letters,
        lambda t: 0.9 if t.startswith("a;") else 0.1,
    )
    assert sum(t.startswith("a;") for t in thoughts(done)) >= len(done.found) - 1


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

    wanted = search("mcts", 24, beam_width=2)
    [done], *_ = run([wanted], letters, score)
    begun_well = [t for t in thoughts(done) if t.startswith("b;")]
    assert len(begun_well) > len(done.found) / 2
    # On its way it has nothing judged but whole thoughts.
    engine, judge = Branching(letters, {row(0): 0}), Judge(score)
    one = APPROACHES["mcts"].run(task(), wanted.settings)
    [(_, found)] = drive([("item", one)], Several(engine, {"judge": judge}), 1)
    assert found == done.found and {t.count(";") for t in judge.asked} == {3}


def test_particles_are_drawn_in_proportion_to_their_scores():
    shares = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    particles = [Candidate((ids(c),), scores=(s,)) for c, s in shares.items()]
    rng = np.random.default_rng(0)
    drawn = [text(p.ids) for _ in range(2000) for p in resampled(particles, rng)]
    for letter, share in shares.items():
        assert drawn.count(letter) / len(drawn) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("approach", TREES)
def test_a_search_whose_scorer_has_no_value_comes_to_its_end(approach):
    [done], *_ = run([search(approach, 4)], letters, lambda t: math.nan)
    assert done.found and all(t.count(";") == 3 for t in thoughts(done))
    assert all(value != value for values in done.scores["judge"] for value in values)


def test_scores_that_are_no_weights_are_refused():
    for outside in (-0.1, 1.5):
        with pytest.raises(ThinkscaleError, match=f"found the score {outside:g}; expected scores"):
            run([search("particle_filtering", 4)], letters, lambda t, value=outside: value)


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


def test_a_thought_that_was_cut_did_not_end_within_a_budget():
    """The first fills the context before it has as many tokens as it may; the second ends."""
    script = lambda t, draw: "abcd" * 9 if draw == 0 else "ab|"  # noqa: E731
    [done], *_ = run([search("rejection", 50, scorer=None)], script, context=30)
    assert thoughts(done) == ["ab"] and done.found[0].draws == (1,)


def test_one_try_is_a_sample():
    short = search("rejection", 1, max_tries=1, scorer=None)
    [one, sample], *_ = run([short, search("majority", 1, scorer=None)], letters)
    assert one.found == sample.found and sample.sampled_new == 0


def test_more_samples_begin_with_the_fewer():
    wanted = [search("majority", n) for n in (4, 8)]
    [few, many], *_ = run(wanted, letters)
    assert many.found[:4] == few.found and many.sampled_new == many.sampled - few.sampled
    assert len(set(thoughts(many))) == 8  # every row has its own noise


def test_revisions_go_on_as_the_study_does():
    """By its first continuation, or by what it draws, and not by one of their own."""
    script = lambda t, d: "a|" if t[-1:] not in ("W", "H") else "b|"  # noqa: E731
    for own, said in (
        ({"continuations": {"Hmm": ids("H"), "Wait": ids("W")}}, "aHb"),
        ({"continuations": {}, "drawn": (ids("H"),)}, "aHb"),
    ):
        one = replace(task(None), forcing=forcing(**own))
        wanted = [search("revisions", 1, passes=2, scorer=None)]
        engine = Branching(script, {row(n): n for n in range(99)})
        [(_, [done])] = drive([("item", searches(one, wanted))], Several(engine, {}), 1)
        assert thoughts(done) == ["a", said]


def test_a_pass_that_found_no_room_has_no_answer():
    script = lambda t, d: "a|" if "W" not in t else "b" * 99  # noqa: E731
    [done], *_ = run([search("revisions", 1, passes=4)], script, context=30)
    whole, cut = thoughts(done)  # the second pass fills the context: there is no third
    assert whole == "a" and cut.startswith("aWbbb")


def test_revisions_have_an_answer_each_pass():
    def script(thought, draw):
        return "a|" if "W" not in thought else "b|"

    [done], *_ = run([search("revisions", 2, passes=2)], script)
    assert sorted(thoughts(done)) == ["a", "a", "aWb", "aWb"]


def alphabet(thought):
    """Later letters are better."""
    return "abcdefgh".find(thought.rstrip(";")[-1]) / 10


def drawn(searched):
    """Of each node the thought up to it, how often it was drawn, its score, its candidates."""
    nodes, before, found = searched.nodes, {}, {}
    for place, node in enumerate(nodes):
        before[place] = before.get(node.parent, "") + text(node.step)
        found[before[place]] = (node.draws, node.score, node.candidates)
    return found


def test_all_that_beam_search_drew_is_there_and_says_what_came_of_it():
    """Of a; b; c; d; the best two grow a; and b; each, and so do the best two of those."""
    [done], *_ = run([search("beam_search", 4, beam_width=2)], letters, alphabet)
    nodes = drawn(done)
    first = {"a;": 0.0, "b;": 0.1, "c;": 0.2, "d;": 0.3}
    assert {thought: nodes[thought][1] for thought in first} == first
    assert nodes["a;"][2] == nodes["b;"][2] == ()  # given up
    # What ended behind its last step ends there, in two candidates each.
    kept = {thoughts(done)[n] for n in nodes["c;"][2] + nodes["d;"][2]}
    assert kept == {"c;b;b;", "d;b;b;"}
    assert nodes["d;b;b;"] == (1, 0.1, tuple(n for n in range(4) if thoughts(done)[n][0] == "d"))
    assert nodes["d;a;"] == (1, 0.0, ())
    assert sum(draws for draws, *_ in nodes.values()) == 3 * 4


def test_what_is_looked_ahead_at_is_no_node_and_its_score_is_that_of_the_step():
    def script(thought, draw):
        if thought.count(";") == 2:
            return "|"
        return "z;" if draw is None else "ab"[draw] + ";"

    [done], *_ = run(
        [search("beam_search", 2, beam_width=2, lookahead=1)],
        script,
        lambda thought: 0.9 if thought == "a;z;" else 0.2,
    )
    nodes = drawn(done)
    assert set(nodes) == {"a;", "b;", "a;a;", "a;b;"}
    assert (nodes["a;"][1], nodes["b;"][1]) == (0.9, 0.2)


def test_rollouts_are_branches_whose_last_step_is_judged():
    [done], *_ = run([search("mcts", 3, beam_width=2)], letters, alphabet)
    nodes = drawn(done)
    ends = {thought for thought, (_, score, _) in nodes.items() if not math.isnan(score)}
    assert ends == set(thoughts(done)) and len(ends) == 3
    assert all(candidates for *_, candidates in nodes.values())


def test_a_thought_that_ends_behind_a_step_has_no_further_one():
    """Equal steps are one node; what ended without a step of its own ends at the one before."""
    [done], *_ = run(
        [search("dvts", 2, beam_width=2)], lambda thought, draw: "|" if thought else "x;"
    )
    assert [(node.parent, text(node.step), node.draws) for node in done.nodes] == [(None, "x;", 2)]
    assert done.nodes[0].candidates == (0, 1)


def test_samples_are_judged_by_the_scorers_of_all_strategies():
    wanted = [
        {"approach": "beam_search", "name": None, "n": [4, 8], "scorer": "tree"},
        {"approach": "majority", "name": None, "n": [1, 8], "scorer": None},
        {"approach": "best_of_n", "name": None, "n": [2], "scorer": "own"},
        {"approach": "rejection", "name": None, "max_think": [99], "scorer": None},
    ]
    [samples] = [one for one in expand(wanted) if one.name == "samples"]
    assert samples.n == 8 and samples.scorers == ("own", "tree")
    # Tries are samples; what a tree draws is none, nor is a budget a number of them.
    assert samples_drawn(wanted) == 16
    assert samples_drawn([{**wanted[3], "max_tries": 3}, *wanted[:3]]) == 8
    assert samples_drawn(wanted[:1]) == 0


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
    wanted = [search("majority", 3)]
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
@given(st.permutations([*TREES, "majority", "revisions"]), st.integers(1, 3))
def test_what_a_search_finds_does_not_depend_on_the_others(order, n):
    wanted = [search(name, 2 * n, beam_width=2) for name in order]
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


def test_an_answer_depends_on_its_thought_and_not_on_the_thoughts_beside_it():
    """So a larger search finds the answers of a smaller one; equal thoughts answer twice."""

    def asked(*said: str) -> list[Request]:
        return next(whole(task(), [Candidate((ids(t),), ids("|"), stop="natural") for t in said]))

    [alone], [first, second, other] = asked("b;"), asked("b;", "b;", "a;")
    assert alone == first and first.prompt == second.prompt and first != second
    assert asked("a;") == [other]
