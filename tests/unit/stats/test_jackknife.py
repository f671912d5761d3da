"""Leaving out clusters: textbook intervals where there are some, and what cannot be had."""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from thinkscale.stats.core.correlations import linear_correlation, rank_correlation
from thinkscale.stats.core.jackknife import jackknife, jackknifed_correlation

VALUES = np.array([2.0, 3.0, 5.0, 8.0, 7.0])


def mean(times, values=VALUES):
    return times @ values / times.sum(axis=-1)


def test_of_a_mean_it_is_the_t_interval_and_test():
    found = jackknife(list("abcde"), mean)
    test = stats.ttest_1samp(VALUES, 0)
    assert (found.lower, found.upper) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.p == pytest.approx(test.pvalue) and "jackknife t over 5 items" in found.method


def test_whole_clusters_are_left_out():
    """Of three clusters: SE^2 = 2/3 * sum of squared deviations of the means without each."""
    found = jackknife(list("aabbc"), mean, confidence=0.9)
    without = np.array([20 / 3, 4.0, 4.5])
    error = np.sqrt(2 / 3 * np.sum((without - without.mean()) ** 2))
    assert found.upper - found.estimate == pytest.approx(stats.t.ppf(0.95, 2) * error)
    assert "90% interval jackknife t over 3 clusters" in found.method


def test_interval_and_p_say_the_same():
    rng = np.random.default_rng(0)
    for _ in range(40):
        values = rng.normal(0.5, 1, 8)
        found = jackknife(range(8), partial(mean, values=values))
        assert (found.p < 0.05) == (found.lower > 0 or found.upper < 0)


@pytest.mark.parametrize(
    ("clusters", "statistic", "said"),
    [
        ("aabbb", mean, "no interval: from 2 clusters"),
        ("abcde", lambda times: np.ones(len(times)), "no interval: no variation over items"),
        ("abcde", lambda times: np.full(len(times), np.nan), "not estimated: undefined"),
        ("abcde", lambda times: np.log(times[:, 0]), "no interval: undefined without some items"),
    ],
)
def test_what_cannot_be_had_says_why(clusters, statistic, said, recwarn):
    found = jackknife(list(clusters), statistic)
    assert np.isnan([found.lower, found.upper, found.p]).all() and said in found.method
    assert np.isnan(found.estimate) == said.startswith("not estimated")
    assert not recwarn.list


def test_of_many_normal_pairs_it_is_fisher_s_interval():
    rng = np.random.default_rng(3)
    x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 1500).T
    found = jackknifed_correlation(range(1500), linear_correlation(x, y))
    test = stats.pearsonr(x, y)
    ends = tuple(test.confidence_interval(0.95))
    assert (found.lower, found.upper) == pytest.approx(ends, abs=0.006)
    assert found.estimate == pytest.approx(test.statistic) and "of Fisher's z" in found.method


def test_few_items_that_go_together_closely_have_an_interval_within_one():
    x = np.arange(10.0)
    y = np.array([0, 1, 3, 2, 4, 5, 7, 6, 8, 9.0])
    found = jackknifed_correlation(range(10), rank_correlation(x, y))
    assert 0 < found.lower < found.estimate < found.upper < 1
    assert (found.upper - found.estimate) < (found.estimate - found.lower)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0.0, 1, 2, 3, 4], "no interval: of a perfect correlation"),
        ([4.0, 4, 4, 4, 4], "not estimated: undefined"),
        ([0.0, 1, 2, 3, 0], "no interval: undefined without some items"),
    ],
)
def test_correlations_without_an_interval_say_why(y, said):
    found = jackknifed_correlation(list("abcde"), rank_correlation(np.arange(5.0), np.array(y)))
    assert np.isnan([found.lower, found.p]).all() and said in found.method


def test_many_items_are_left_out_in_groups():
    values = np.random.default_rng(1).exponential(size=20_000)
    found = jackknife(range(20_000), partial(mean, values=values))
    width = 2 * 1.96 * values.std(ddof=1) / np.sqrt(20_000)
    assert found.upper - found.lower == pytest.approx(width, rel=0.06)
    assert "over 2000 groups of items" in found.method
