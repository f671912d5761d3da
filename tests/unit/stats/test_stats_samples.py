"""cons@k and pass@k."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.stats.consensus import cons_at_k, guesses, pass_at_k, subsets

RNG = np.random.default_rng(0)


def cons(answers, key, k):
    answers = np.array(list(answers), dtype=object)
    answers[answers == "?"] = None
    return cons_at_k(answers, answers == key, subsets(len(answers), k, n_draws=5000, rng=RNG))


def test_pass_by_hand():
    assert pass_at_k(5, 2, 2) == pytest.approx(1 - 3 / 10)
    assert pass_at_k(5, 0, 3) == 0 and pass_at_k(5, 3, 3) == 1
    assert np.isnan(pass_at_k(3, 2, 4))


@settings(deadline=None)  # a shared machine may stall
@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_pass_rises_with_k_and_starts_at_accuracy(case):
    n, c = case
    values = [pass_at_k(n, c, k) for k in range(1, n + 1)]
    assert values[0] == pytest.approx(c / n)
    assert all(b >= a - 1e-12 for a, b in itertools.pairwise(values))
    assert values[-1] == pytest.approx(float(c > 0))


def test_ties_are_averaged_and_the_first_k_are_not_special():
    assert cons("AB", "A", 2) == 0.5
    assert cons("AABBC", "A", 5) == 0.5
    # Pairs of A A B: AA, AB, AB.
    assert cons("AAB", "A", 2) == cons("BAA", "A", 2) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert cons("AAB", "A", 3) == 1


def test_ungradable_do_not_vote():
    assert cons("A??", "A", 3) == 1
    assert cons("???", "A", 3) == 0
    assert cons("A?", "A", 1) == 0.5


def test_agreed_wrong_beats_pass():
    assert cons("BBBA", "A", 4) == 0 and pass_at_k(4, 1, 4) == 1


@settings(deadline=None)  # a shared machine may stall
@given(st.text(alphabet="ABC?", min_size=1, max_size=7), st.data())
def test_cons_laws(answers, data):
    k = data.draw(st.integers(1, len(answers)))
    value = cons(answers, "A", k)
    c = answers.count("A")
    assert cons(answers, "A", 1) == pytest.approx(c / len(answers))
    assert 0 <= value <= pass_at_k(len(answers), c, k) + 1e-12
    assert value == pytest.approx(cons(sorted(answers), "A", k))


def test_drawn_subsets_are_near_all_of_them():
    answers = np.array(list("AAAAAABBBBCC"), dtype=object)
    every = subsets(12, 5, n_draws=792, rng=RNG)
    drawn = subsets(12, 5, n_draws=500, rng=np.random.default_rng(1))
    assert len(every) == 792 and len(drawn) == 500
    assert (drawn.sum(axis=1) == 5).all()
    exact = cons_at_k(answers, answers == "A", every)
    assert cons_at_k(answers, answers == "A", drawn) == pytest.approx(exact, abs=0.06)


def test_guessing_by_hand_and_by_draws():
    assert guesses([4, 4], 2) == pytest.approx({"cons": 1 / 4, "pass": 7 / 16})
    assert guesses([2, 5, None], 1)["pass"] == pytest.approx((1 / 2 + 1 / 5 + 0) / 3)
    assert all(np.isnan(value) for value in guesses([None, None], 3).values())
    rng, both = np.random.default_rng(0), {"cons": [], "pass": []}
    for _ in range(3000):
        answers = rng.integers(0, 3, 4)
        both["cons"].append(cons_at_k(answers, answers == 0, np.ones((1, 4))))
        both["pass"].append((answers == 0).any())
    for measure, values in both.items():
        assert np.mean(values) == pytest.approx(guesses([3], 4)[measure], abs=0.03)
