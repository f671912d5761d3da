"""Flips, token change and two models compared, by hand and by published numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as ss
from statsmodels.stats.contingency_tables import mcnemar as reference

from thinkscale.stats.mcnemar import mcnemar_exact
from thinkscale.stats.model_comparison import williams
from thinkscale.stats.token_change import hodges_lehmann, signed_rank_p

# Hamilton depression scale before and after a tranquilliser: Hollander and Wolfe, table 3.1.
BEFORE = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
AFTER = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]


def test_flips_by_hand():
    before = np.array([1, 1, 0, 0, 0, 0, 0, 0], bool)
    after = np.array([1, 0, 1, 1, 1, 1, 1, 0], bool)
    found = mcnemar_exact(before, after)
    assert (found.both_correct, found.wrong_to_right) == (1, 5)
    assert (found.right_to_wrong, found.both_wrong) == (1, 1)
    assert found.p == pytest.approx(14 / 64)  # two-sided binomial of 5 in 6


@settings(deadline=None)  # a shared machine may stall
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_exact_mcnemar_is_that_of_statsmodels(pairs):
    before, after = np.array(pairs).T
    found = mcnemar_exact(before, after)
    table = [
        [found.both_correct, found.right_to_wrong],
        [found.wrong_to_right, found.both_wrong],
    ]
    assert np.sum(table) == len(pairs)
    if found.wrong_to_right + found.right_to_wrong:
        assert found.p == pytest.approx(reference(table, exact=True).pvalue)
    else:
        assert found.p == 1


def test_hodges_lehmann_and_wilcoxon_of_the_depression_data():
    change = np.array(AFTER) - np.array(BEFORE)
    # Published: estimate -0.46, interval (-0.786, -0.010) at 96 %, one-sided p 0.0195.
    found = hodges_lehmann(change)
    assert found.estimate == pytest.approx(-0.46)
    assert (found.lower, found.upper) == pytest.approx((-0.786, -0.010))
    p, how = signed_rank_p(change)
    assert p == pytest.approx(0.0390625) and how == "exact"


@pytest.mark.parametrize("n", [12, 50, 51, 90])
def test_hodges_lehmann_interval_inverts_the_signed_rank_test(n):
    x = np.random.default_rng(n).normal(0.3, 1, n)
    found = hodges_lehmann(x)
    method = "exact" if n <= 50 else "asymptotic"

    def p(centre):
        return ss.wilcoxon(x - centre, method=method).pvalue

    step = 1e-6
    assert p(found.lower + step) > 0.05 - 1e-3 and p(found.upper - step) > 0.05 - 1e-3
    assert p(found.lower - step) <= 0.05 + 1e-3 and p(found.upper + step) <= 0.05 + 1e-3


def test_too_few_items_for_an_interval():
    found = hodges_lehmann([1.0, 2.0, 3.0, 4.0, 5.0])  # 2 / 2^5 = .0625
    assert found.estimate == 3 and np.isnan(found.lower) and "5 items" in found.method
    assert hodges_lehmann(np.arange(6.0)).lower == 0  # 2 / 2^6 = .031: the outermost


def test_no_change_and_no_pairs():
    assert signed_rank_p(np.zeros(5))[0] == 1
    assert np.isnan(signed_rank_p([])[0]) and np.isnan(hodges_lehmann([]).estimate)


def test_williams_of_a_published_example():
    # Steiger's case of two correlations .4 and .5 sharing a variable, .1 between the others,
    # n = 103: psych::r.test gives t = -0.89, p = .37.
    t, p = williams(0.4, 0.5, 0.1, 103)
    assert (round(t, 2), round(p, 2)) == (-0.89, 0.37)


def test_williams_holds_its_level():
    rng = np.random.default_rng(0)
    below = 0
    for _ in range(1000):
        y, a, b = rng.multivariate_normal(
            [0, 0, 0], [[1, 0.5, 0.5], [0.5, 1, 0.7], [0.5, 0.7, 1]], 60
        ).T
        r = np.corrcoef([y, a, b])
        below += williams(r[0, 1], r[0, 2], r[1, 2], 60)[1] < 0.05
    assert 0.03 < below / 1000 < 0.07


@settings(deadline=None)  # a shared machine may stall
@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.floats(0, 0.9))
def test_williams_changes_sign_with_the_models(a, b, between):
    t, p = williams(a, b, between, 50)
    u, q = williams(b, a, between, 50)
    assert t == pytest.approx(-u) and p == pytest.approx(q)


def test_williams_undefined():
    assert np.isnan(williams(0.4, 0.4, 1.0, 50)).all()
    assert np.isnan(williams(0.4, 0.5, 0.1, 3)).all()


@pytest.mark.parametrize("n", [8, 13, 30, 80])
@pytest.mark.parametrize("tied", [False, True])
def test_signed_rank_p_is_near_that_of_scipy(n, tied):
    x = np.random.default_rng(n).normal(0.3, 1, n)
    x = np.round(2 * x) / 2 if tied else x
    p, how = signed_rank_p(x)
    assert p == pytest.approx(ss.wilcoxon(x).pvalue, abs=0.01)
    assert (how == "exact") == (n <= 13 or (n == 30 and not tied))
