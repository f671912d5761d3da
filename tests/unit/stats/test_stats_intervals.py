"""Clustered and bootstrap intervals, permutation tests, Holm."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as ss

from thinkscale.stats.core.intervals import clustered_mean
from thinkscale.stats.core.resampling import Draws, bootstrap, holm, sign_flip


def test_one_value_a_cluster_is_the_t_interval_of_a_mean():
    values = np.array([3.0, 5.0, 8.0, 9.0, 1.0])
    found = clustered_mean(values, np.arange(5), confidence=0.9)
    expected = ss.t.interval(0.9, 4, loc=values.mean(), scale=ss.sem(values))
    assert (found.lower, found.upper) == pytest.approx(expected)


def test_cluster_robust_error_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(30), rng.integers(1, 9, 30))
    values = rng.normal(size=30)[clusters] + rng.normal(size=len(clusters))
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    found = clustered_mean(values, clusters)
    assert (found.lower, found.upper) == pytest.approx(tuple(fit.conf_int()[0]))


def test_copies_of_a_sample_add_no_information():
    values, clusters = np.array([0.0, 1, 1, 0, 1, 0, 1, 1]), np.arange(8)
    once = clustered_mean(values, clusters, bounds=(0, 1))
    five = clustered_mean(np.tile(values, 5), np.tile(clusters, 5), bounds=(0, 1))
    assert (five.lower, five.upper) == pytest.approx((once.lower, once.upper))


@pytest.mark.parametrize(
    ("value", "lower", "upper"), [(1.0, 0.7224672, 1.0), (0.0, 0.0, 0.2775328)]
)
def test_all_alike_is_wilson_on_the_clusters(value, lower, upper):
    # 10 of 10: Wilson's lower bound is n / (n + z^2) = 10 / 13.8415.
    found = clustered_mean(np.full(40, value), np.repeat(np.arange(10), 4), bounds=(0, 1))
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-6)
    assert "Wilson on 10 clusters" in found.method


def test_an_interval_that_would_leave_the_bounds_is_wilson_on_effective_n():
    values = np.r_[np.zeros(39), 1.0]
    found = clustered_mean(values, np.arange(40), bounds=(0, 1))
    assert 0 < found.lower < 1 / 40 < found.upper < 0.2
    assert "effective n 39" in found.method  # p (1 - p) / (p (1 - p) / (n - 1))


def test_differences_that_never_vary_get_an_interval_that_shrinks_with_items():
    wide = clustered_mean(np.zeros(20), np.arange(20), bounds=(-1, 1))
    narrow = clustered_mean(np.zeros(200), np.arange(200), bounds=(-1, 1))
    assert wide.lower < narrow.lower < 0 < narrow.upper < wide.upper


def test_unbounded_values_that_never_vary_give_a_point():
    found = clustered_mean(np.full(6, 16.0), np.arange(6))
    assert (found.estimate, found.lower, found.upper) == (16, 16, 16)
    assert "no variation" in found.method


def test_nothing_and_one_cluster_say_why():
    assert "no responses" in clustered_mean([], []).method
    one = clustered_mean([0.0, 1.0], ["a", "a"], bounds=(0, 1))
    assert one.estimate == 0.5 and np.isnan(one.lower) and "one cluster" in one.method


@settings(deadline=None)  # a shared machine may stall
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40),
    st.sampled_from([0.5, 0.9, 0.99]),
)
def test_interval_of_a_proportion_holds_it_and_stays_in_bounds(rows, confidence):
    values, clusters = np.array(rows, dtype=float).T
    found = clustered_mean(values, clusters, confidence=confidence, bounds=(0, 1))
    if not np.isnan(found.lower):
        assert -1e-9 <= found.lower <= found.estimate + 1e-9
        assert found.estimate - 1e-9 <= found.upper <= 1 + 1e-9


def test_clustered_interval_covers():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        p = rng.beta(2, 2, 60)
        values = rng.random((60, 4)) < p[:, None]
        found = clustered_mean(values.ravel(), np.repeat(np.arange(60), 4), bounds=(0, 1))
        covered += found.lower <= 0.5 <= found.upper
    assert 0.92 <= covered / 400 <= 0.98


def test_bootstrap_of_a_mean_is_near_the_t_interval_and_fixed_by_its_generator():
    x = np.random.default_rng(0).normal(size=200)

    def run():
        return bootstrap(200, lambda i: x[i].mean(axis=-1), Draws(n_boot=2000, seed=3))

    expected = ss.t.interval(0.95, 199, loc=x.mean(), scale=ss.sem(x))
    assert (run().lower, run().upper) == pytest.approx(expected, abs=0.015)
    assert run() == run()


def test_bootstrap_without_variation_has_no_interval():
    found = bootstrap(9, lambda i: np.ones(i.shape[:-1]), Draws(n_boot=50))
    assert found.estimate == 1 and np.isnan(found.lower) and "no variation" in found.method


def test_sign_flip_enumerates_few_differences():
    # All of one sign: 1 of 2^3 assignments is as extreme on either side.
    p, how = sign_flip([1.0, 2.0, 3.0, 0.0], Draws(n_permutations=100))
    assert p == pytest.approx(2 / 8) and how == "exact"
    # 3 + 2 - 1 = 4: assignments with a sum of 4 or more are 6 and 4.
    p, _ = sign_flip([-1.0, 2.0, 3.0], Draws(n_permutations=100))
    assert p == pytest.approx(4 / 8)


def test_sign_flip_draws_many_and_keeps_to_the_t_test():
    x = np.random.default_rng(2).normal(0.15, 1, 100)
    p, how = sign_flip(x, Draws(n_permutations=5000))
    assert p == pytest.approx(ss.ttest_1samp(x, 0).pvalue, abs=0.02)
    assert how == "permutation (5000 draws)"


def test_sign_flip_of_no_difference():
    assert sign_flip(np.zeros(4), Draws(n_permutations=10))[0] == 1
    assert np.isnan(sign_flip([], Draws(n_permutations=10))[0])


def test_holm_by_hand_with_a_missing_p():
    found = holm([0.01, np.nan, 0.04, 0.03])
    assert found[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06]) and np.isnan(found[1])
    assert np.isnan(holm([np.nan])).all()
