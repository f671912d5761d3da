"""Choosing among candidates: by hand, and laws that every rule keeps."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.consensus import cons_at_k, subsets
from thinkscale.stats.selection import AGGREGATED, choose

ANSWERS = np.array(["A", "A", "B", "C", None], dtype=object)
CORRECT = np.array([False, False, True, False, False])
SCORES = np.array([0.2, 0.3, 0.9, 0.1, 1.0])
ALL = np.ones((1, 5))


@pytest.mark.parametrize(
    ("rule", "answer", "correct"),
    [("majority", "A", 0.0), ("best", "B", 1.0), ("weighted", "B", 1.0)],  # .5 A, .9 B, .1 C
)
def test_rules_by_hand(rule, answer, correct):
    choice = choose(ANSWERS, CORRECT, SCORES, ALL, rule)
    assert (choice.answer, choice.share, choice.correct) == (answer, 1.0, correct)
    assert (choice.any_correct, choice.candidates, choice.unanswered) == (1.0, 5.0, 1.0)


def test_an_answer_that_is_missing_is_not_chosen_however_good_its_score():
    assert choose(ANSWERS, CORRECT, SCORES, ALL, "best").answer == "B"


def test_ties_share():
    scores = np.array([0.5, 0.4, 0.9, 0.9, np.nan])
    best = choose(ANSWERS, CORRECT, scores, ALL, "best")
    assert (best.share, best.correct, best.unscored) == (0.5, 0.5, 1.0)
    weighted = choose(ANSWERS, CORRECT, scores, ALL, "weighted")  # .9 each
    assert (weighted.share, weighted.correct) == (pytest.approx(1 / 3), pytest.approx(1 / 3))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_sums_that_are_equal_but_for_their_rounding_tie(order):
    answers = np.array(["A", "A", "A", "B"], dtype=object)[[*order]]
    scores = np.array([0.1, 0.2, 0.3, 0.6])[[*order]]
    choice = choose(answers, answers == "B", scores, np.ones((1, 4)), "weighted")
    assert (choice.share, choice.correct) == (0.5, 0.5)


def test_nothing_to_choose_is_not_correct():
    none = np.array([None, None], dtype=object)
    for rule in ("majority", "best", "weighted"):
        choice = choose(none, np.zeros(2, bool), np.array([0.5, 0.5]), np.ones((1, 2)), rule)
        assert (choice.answer, choice.share, choice.correct) == (None, 0.0, 0.0)
    unscored = choose(ANSWERS, CORRECT, np.full(5, np.nan), ALL, "best")
    assert (unscored.answer, unscored.unscored) == (None, 5.0)


def test_scores_of_nothing_still_choose_among_the_answers_that_are_there():
    choice = choose(ANSWERS, CORRECT, np.zeros(5), ALL, "weighted")
    assert choice.share == pytest.approx(1 / 3)
    assert choice.correct == pytest.approx(1 / 3)


def test_weights_outside_of_probabilities_are_refused():
    with pytest.raises(ThinkscaleError, match=r"found the score -0.3; expected scores from 0 to 1"):
        choose(ANSWERS, CORRECT, SCORES - 0.5, ALL, "weighted")
    assert choose(ANSWERS, CORRECT, SCORES - 0.5, ALL, "best").answer == "B"


answers = st.lists(st.sampled_from(["A", "B", "C", None]), min_size=2, max_size=6)


@given(answers, st.integers(1, 6), st.data())
def test_laws(labels, k, data):
    """The majority is cons@k; equal weights are a majority; the order of candidates is nothing;
    no choice is correct more often than some candidate is; best of one is the sample itself."""
    n = len(labels)
    k = min(k, n)
    values = np.array(labels, dtype=object)
    correct = values == "A"
    steps = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    scores = np.array(data.draw(st.lists(steps, min_size=n, max_size=n)))
    members = subsets(n, k, n_draws=10_000, rng=np.random.default_rng(0))
    majority = choose(values, correct, scores, members, "majority")
    assert majority.correct == pytest.approx(cons_at_k(values, correct, members))
    equal = choose(values, correct, np.full(n, 0.5), members, "weighted")
    assert equal.correct == pytest.approx(majority.correct)
    order = np.array(data.draw(st.permutations(range(n))))
    for rule in ("majority", "weighted", "best"):
        one = choose(values, correct, scores, members, rule)
        other = choose(values[order], correct[order], scores[order], members[:, order], rule)
        assert one.correct == pytest.approx(other.correct)
        assert one.correct <= one.any_correct + 1e-12
        if k == 1:
            assert one.correct == pytest.approx(correct.mean())


@given(answers)
def test_best_of_n_is_what_counting_subsets_gives(labels):
    values, n = np.array(labels, dtype=object), len(labels)
    correct, scores = values == "A", np.linspace(0.1, 0.9, n)
    members = subsets(n, 2, n_draws=10_000, rng=np.random.default_rng(0))
    expected = []
    for pair in itertools.combinations(range(n), 2):
        answered = [i for i in pair if labels[i] is not None]
        expected.append(bool(answered) and bool(correct[max(answered)]))
    found = choose(values, correct, scores, members, "best").correct
    assert found == pytest.approx(np.mean(expected))


def test_scores_of_steps_become_one():
    steps = np.array([0.5, 0.2, 0.8])
    found = {name: float(rule(steps)) for name, rule in AGGREGATED.items()}
    assert found == pytest.approx({"last": 0.8, "min": 0.2, "prod": 0.08, "mean": 0.5})
