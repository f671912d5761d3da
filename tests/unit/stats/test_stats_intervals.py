"""Clustered and bootstrap intervals, permutation tests, Holm."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as ss

from thinkscale.stats.consensus import pass_at_k
from thinkscale.stats.core.intervals import AMOUNTS, clustered_mean, clustered_share
from thinkscale.stats.core.resampling import Draws, bootstrap, holm, sign_flip


def test_one_value_a_cluster_is_the_t_interval_of_a_mean():
    values = np.array([3.0, 5.0, 8.0, 9.0, 1.0])
    found = clustered_mean(values, np.arange(5), confidence=0.9)
    expected = ss.t.interval(0.9, 4, loc=values.mean(), scale=ss.sem(values))
    assert (found.lower, found.upper) == pytest.approx(expected)


def test_cluster_robust_error_is_that_of_statsmodels():
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 9, 30)
    clusters = np.repeat(np.arange(30), sizes)
    values = rng.normal(size=30)[clusters] + rng.normal(size=len(clusters))
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    found = clustered_mean(values, clusters)
    t = ss.t.ppf(0.975, sizes.sum() ** 2 / (sizes**2).sum() - 1)  # on Kish's effective clusters
    assert (found.upper - found.lower) / 2 == pytest.approx(t * fit.bse[0])
    assert (found.upper + found.lower) / 2 == pytest.approx(fit.params[0])


def test_amounts_have_the_interval_of_halls_transform():
    # Hall (1992), the third of his transforms: both ends solve a cubic in the studentised mean.
    values = np.random.default_rng(2).lognormal(4, 1, 25)
    found = clustered_mean(values, np.arange(25), bounds=AMOUNTS)
    deviations = values - values.mean()
    skewness = 25 / (24 * 23) * np.sum((deviations / values.std(ddof=1)) ** 3)
    g = skewness / 5
    for end, t in ((found.lower, ss.t.ppf(0.975, 24)), (found.upper, ss.t.ppf(0.025, 24))):
        one = (values.mean() - end) / ss.sem(values)
        assert one + g * one**2 / 3 + g**2 * one**3 / 27 + g / 6 == pytest.approx(t)
    assert found.upper - found.estimate > 1.5 * (found.estimate - found.lower)


def test_amounts_that_are_not_skewed_have_the_t_interval():
    values = np.array([1.0, 2.0, 4.0, 6.0, 7.0])
    expected = clustered_mean(values, np.arange(5))
    found = clustered_mean(values, np.arange(5), bounds=AMOUNTS)
    assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=30), st.floats(1e-3, 1e3))
def test_amounts_stay_above_zero_and_their_unit_is_free(values, unit):
    values, clusters = np.array(values), np.arange(len(values)) // 2
    found = clustered_mean(values, clusters, bounds=AMOUNTS)
    other = clustered_mean(values * unit, clusters, bounds=AMOUNTS)
    if clusters[-1]:
        assert 0 <= found.lower <= found.estimate <= found.upper
    assert (other.lower, other.upper) == pytest.approx(
        (found.lower * unit, found.upper * unit), rel=1e-6, nan_ok=True
    )


@pytest.mark.parametrize("cut", [0.0, 2.0])
def test_the_interval_of_amounts_holds_the_mean_of_a_skewed_law(cut):
    # Log-normal amounts, and what of them is beyond a maximum, which for most is nothing.
    rng = np.random.default_rng(3)
    law = ss.lognorm(0.8)
    mean = law.expect(lambda x: x - cut, lb=cut)
    inside = {None: 0, AMOUNTS: 0}
    for _ in range(600):
        values = np.maximum(law.rvs(40, random_state=rng) - cut, 0)
        for bounds in inside:
            found = clustered_mean(values, np.arange(40), bounds=bounds)
            inside[bounds] += found.lower <= mean <= found.upper
    assert inside[AMOUNTS] >= 0.92 * 600 > inside[None]


@pytest.mark.parametrize(
    ("right", "n", "lower", "upper"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_one_answer_an_item_is_wilsons_interval(right, n, lower, upper):
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
    found = clustered_share(np.arange(n) < right, np.arange(n), 0.95)
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)
    assert f"Wilson o{'n' if right == 0 else 'ver'} {n} clusters" in found.method


def test_several_answers_an_item_by_hand():
    # Items with 2, 2, 1 and 0 of 2 right: p = .625; the variance of their means is .6875 / 4, and
    # p (1 - p) = .234375. n = 1 + 3 (.234375 + .0125) / (.171875 + .0125), for three degrees of
    # freedom: Wilson's formula with 3.18245 (Student's t) in place of 1.95996.
    values, clusters = [1, 1, 1, 1, 1, 0, 0, 0], np.repeat(np.arange(4), 2)
    p, n, t = 0.625, 1 + 3 * 0.246875 / 0.184375, 3.182446
    middle = (p + t * t / (2 * n)) / (1 + t * t / n)
    half = t / (1 + t * t / n) * np.sqrt(p * (1 - p) / n + t * t / (4 * n * n))
    found = clustered_share(values, clusters, 0.95)
    assert (found.lower, found.upper) == pytest.approx((middle - half, middle + half), abs=1e-6)


COUNTS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=2, max_size=30)


def answers(counts):
    """Values of 0 and 1 with their clusters, given (right, of how many) of each cluster."""
    sizes = [max(of, right) for right, of in counts]
    values = [np.arange(size) < right for size, (right, _) in zip(sizes, counts, strict=True)]
    return np.concatenate(values).astype(float), np.repeat(np.arange(len(sizes)), sizes)


@settings(deadline=None)  # a shared machine may stall
@given(COUNTS, st.integers(2, 5))
def test_copies_within_clusters_add_no_information(counts, copies):
    values, clusters = answers(counts)
    for bounds in (None, (0, 1), (-1, 1)):
        once = clustered_mean(values, clusters, bounds=bounds)
        more = clustered_mean(np.tile(values, copies), np.tile(clusters, copies), bounds=bounds)
        assert (more.lower, more.upper) == pytest.approx((once.lower, once.upper))


@settings(deadline=None)
@given(COUNTS)
def test_wrong_is_the_mirror_of_right_and_the_scale_is_free(counts):
    values, clusters = answers(counts)
    right, wrong = (
        clustered_share(values, clusters, 0.9),
        clustered_share(1 - values, clusters, 0.9),
    )
    assert (1 - wrong.upper, 1 - wrong.lower) == pytest.approx((right.lower, right.upper))
    wide = clustered_mean(10 * values - 5, clusters, confidence=0.9, bounds=(-5, 5))
    assert (wide.lower, wide.upper) == pytest.approx((10 * right.lower - 5, 10 * right.upper - 5))


@pytest.mark.parametrize(
    ("value", "lower", "upper"), [(1.0, 0.7224672, 1.0), (0.0, 0.0, 0.2775328)]
)
def test_all_alike_is_wilson_on_the_clusters(value, lower, upper):
    # 10 of 10: Wilson's lower bound is n / (n + z^2) = 10 / 13.8415.
    found = clustered_mean(np.full(40, value), np.repeat(np.arange(10), 4), bounds=(0, 1))
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=1e-6)
    assert "Wilson on 10 clusters" in found.method


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


@pytest.mark.parametrize(("n", "p"), [(20, 0.5), (20, 0.9), (20, 0.98), (50, 0.9), (200, 0.9)])
def test_coverage_of_one_answer_an_item_is_exact(n, p):
    counts = np.arange(n + 1)
    found = [clustered_share(counts[:-1] < right, counts[:-1], 0.95) for right in counts]
    covers = [one.lower <= p <= one.upper for one in found]
    assert 0.93 <= ss.binom.pmf(counts, n, p)[covers].sum() <= 0.971


@pytest.mark.parametrize(
    ("items", "accuracy", "icc", "k"),
    [(50, 0.5, 0.5, 1), (50, 0.9, 0.5, 1), (50, 0.98, 0.5, 1), (50, 0.9, 0.5, 4)],
)
def test_coverage_of_accuracy_and_of_pass_at_k(items, accuracy, icc, k):
    # Eight samples of items whose accuracies have a beta law. The symmetric t covers .98 in 75 % of
    # studies, and pass@4 at .9 in 81 %.
    rng, total, n = np.random.default_rng(2), 1 / icc - 1, 8
    a, b = accuracy * total, (1 - accuracy) * total
    truth = 1 - ss.betabinom.pmf(0, k, a, b)
    value = np.array([pass_at_k(n, right, k) for right in range(n + 1)])
    drawn = value[rng.binomial(n, rng.beta(a, b, (500, items)))]
    found = [clustered_share(study, np.arange(items), 0.95) for study in drawn]
    covered = np.mean([one.lower <= truth <= one.upper for one in found])
    assert 0.92 <= covered <= 0.985


def test_bootstrap_of_a_mean_is_near_the_t_interval_and_fixed_by_its_generator():
    x = np.random.default_rng(0).normal(size=200)

    def run():
        return bootstrap(200, lambda i: x[i].mean(axis=-1), Draws(n_boot=2000, seed=3))

    expected = ss.t.interval(0.95, 199, loc=x.mean(), scale=ss.sem(x))
    assert (run().lower, run().upper) == pytest.approx(expected, abs=0.015)
    assert run() == run()


def test_bootstrap_of_many_leaves_none_out():
    x = np.random.default_rng(2).exponential(size=2_500)
    mean = lambda i: x[i].mean(axis=-1)  # noqa: E731
    found = bootstrap(2_500, mean, Draws(n_boot=1000, seed=3))
    assert "percentile bootstrap of items (1000 resamples)" in found.method and np.isnan(found.p)
    assert found.upper - found.lower == pytest.approx(2 * 1.96 * x.std() / 50, rel=0.1)


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


def test_signs_that_are_drawn_give_what_counting_does():
    """Numbers in the same proportions as whole ones have the same p; of none of 8 is left out."""
    whole = np.r_[np.arange(-9.0, 0), np.arange(1, 15)]
    counted, how = sign_flip(whole, Draws(n_permutations=10))
    assert how == "exact"
    drawn, how = sign_flip(np.pi * whole, Draws(n_permutations=40_000))
    assert drawn == pytest.approx(counted, abs=4 * np.sqrt(counted / 40_000)) and "draws" in how
    tried, how = sign_flip(np.pi * whole[:12], Draws(n_permutations=2**12))
    assert tried == pytest.approx(sign_flip(whole[:12], Draws())[0]) and how == "exact permutation"


def test_sign_flip_of_no_difference():
    assert sign_flip(np.zeros(4), Draws(n_permutations=10))[0] == 1
    assert np.isnan(sign_flip([], Draws(n_permutations=10))[0])


def test_holm_by_hand_with_a_missing_p():
    found = holm([0.01, np.nan, 0.04, 0.03])
    assert found[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06]) and np.isnan(found[1])
    assert np.isnan(holm([np.nan])).all()
