"""Flips, token change and two models compared, by hand and by published numbers."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as ss
from statsmodels.stats.contingency_tables import mcnemar as reference

from graded_frames import graded_frame
from thinkscale.stats import mcnemar, token_change
from thinkscale.stats.core.resampling import Draws, sign_flip
from thinkscale.stats.mcnemar import mcnemar_exact
from thinkscale.stats.model_comparison import compare


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


def test_signs_of_flips_are_exact_mcnemar_and_of_shares_are_counted():
    # 12 gained and 3 lost: far fewer draws than would tell that p from .035.
    p, how = sign_flip([1.0] * 12 + [-1.0] * 3, Draws(n_permutations=10))
    assert p == pytest.approx(ss.binomtest(3, 15).pvalue) and how == "exact"
    # Shares of 8 and of 3 samples, against every pattern of signs.
    shares = np.array([3 / 8, 1 / 8, -2 / 8, 1 / 3, -2 / 3, 5 / 8, 7 / 8, 1.0])
    signs = np.array(list(product((-1, 1), repeat=8)))
    extreme = np.abs(signs @ np.abs(shares)) >= abs(shares.sum()) - 1e-9
    assert sign_flip(shares, Draws(n_permutations=10))[0] == pytest.approx(extreme.mean())


def test_exact_p_goes_below_what_draws_can_give():
    p, _ = sign_flip(np.ones(100), Draws(n_permutations=10))
    assert p == pytest.approx(2.0**-99)


def test_the_least_p_of_draws_is_named_and_falls_with_the_family():
    x = np.random.default_rng(0).normal(3, 1, 60) * np.pi
    draws = Draws(n_permutations=99)
    p, how = sign_flip(x, draws)
    assert p == 0.01 and how == "permutation (99 draws, none as far out)"
    many, _ = sign_flip(x, draws.of_family(20))
    assert 20 * many < 0.0102
    assert "none as far out" not in sign_flip(x - x.mean(), draws)[1]


def waited(changes, condition, clusters=None, **limits):
    """A graded frame of one model whose tokens differ by `changes` (items, samples) from 50."""
    items, samples = np.shape(changes)
    graded = graded_frame(models=("a",), items=items, samples=samples)
    natural = graded.query("condition == 'natural'").assign(think_tokens=50, cluster_id=clusters)
    other = natural.assign(condition=condition, think_tokens=50 + np.ravel(changes), **limits)
    return pd.concat([natural, other])


def test_thinking_that_can_only_lengthen_has_a_mean_and_a_share_and_no_test():
    changes = np.zeros((10, 2), int)
    changes[0], changes[1, 0] = [30, 10], 4
    row = token_change.tabulate(waited(changes, "waits=1", waits=1)).iloc[0]
    assert (row["estimate"], row["changed"], row["one_way"]) == (2.2, 0.2, 1)
    # Two of ten items changed: a symmetric interval would reach below no change at all.
    half = ss.t.ppf(0.975, 9) * ss.sem(changes.mean(axis=1)) / 2.2
    assert row["lower"] == pytest.approx(2.2 * np.exp(-half)) and half > 1
    assert row["upper"] > 2.2 * (1 + half)  # nor does it reach up to what others may have changed
    ends = row[["lower", "upper"]].to_numpy(float)
    assert 0 < row["changed_lower"] < 0.2
    assert np.isnan(row["p"]) and np.isnan(row["p_holm"])
    assert "can only lengthen" in row["method"]
    row = token_change.tabulate(waited(-changes, "max=9", max_think=9)).iloc[0]
    assert row[["lower", "upper"]].tolist() == (-ends[::-1]).tolist()
    assert (row["estimate"], row["one_way"]) == (-2.2, -1) and np.isnan(row["p"])


@pytest.mark.parametrize(
    ("limits", "sign"), [({"waits": 1, "max_think": 60}, 1), ({"waits": 1}, -1)]
)
def test_thinking_that_can_change_either_way_is_tested_by_whole_clusters(limits, sign):
    # With waits alone a shorter chain shows that chains are not natural's own.
    changes = sign * np.array([[5, 5], [3, 3], [2, 2], [9, 7], [1, 3], [-1, -1]])
    one = token_change.tabulate(waited(changes, "c", **limits)).iloc[0]
    assert one["one_way"] == 0 and one["p"] == pytest.approx(2 * 2 / 64)
    clusters = np.repeat(list("xxyyzz"), 2)
    two = token_change.tabulate(waited(changes, "c", clusters=clusters, **limits)).iloc[0]
    assert two["p"] == pytest.approx(2 / 8) and two["upper"] - two["lower"] > 0


def test_exact_mcnemar_is_only_given_where_pairs_are_independent():
    graded = graded_frame(models=("a",), samples=1)
    apart = mcnemar.tabulate(graded)
    assert apart["p"].to_numpy() == pytest.approx(apart["p_clustered"].to_numpy())
    assert apart["method"].str.contains("exact McNemar").all()
    number = graded["item_id"].str.removeprefix("i").astype(int)
    for several in (
        graded_frame(models=("a",)),
        graded.assign(cluster_id=(number // 2).astype(str)),
    ):
        found = mcnemar.tabulate(several)
        assert found["p"].isna().all() and found["p_clustered"].notna().all()
        assert not found["method"].str.contains("McNemar").any()


def correlated(n, kind, seed, rhos=(0.5, 0.5)):
    """Items of two models: `tokens` and `tokens_b` of latent correlations with difficulty."""
    rng = np.random.default_rng(seed)
    difficulty, shared = rng.normal(size=(2, n))
    columns = {}
    for name, rho in zip(("tokens", "tokens_b"), rhos, strict=True):
        noise = np.sqrt(0.8) * shared + np.sqrt(0.2) * rng.normal(size=n)
        noise = noise * np.exp(0.6 * difficulty) if kind == "spread" else noise
        z = rho * difficulty + np.sqrt(1 - rho**2) * noise
        columns[name] = np.minimum(np.round(np.exp(2 + z / 2)), 7) if kind == "tied" else np.exp(z)
    frame = pd.DataFrame(columns).assign(difficulty=difficulty, cluster=range(n), fits=True)
    return frame[["tokens", "difficulty", "cluster", "fits"]].assign(accuracy=1.0), pd.DataFrame(
        {"tokens": frame["tokens_b"], "accuracy": 1.0, "fits": True}
    )


@pytest.mark.parametrize("kind", ["tied", "spread"])
def test_the_difference_of_two_rhos_holds_its_level_and_agrees_with_its_interval(kind):
    draws, below = Draws(n_boot=200), 0
    for seed in range(150):
        found = compare("spearman_difficulty", *correlated(50, kind, seed), draws.named(str(seed)))
        excluded = not found["lower"] <= 0 <= found["upper"]
        # The quantiles of 200 values are interpolated between two of them.
        assert (found["p"] < 0.05) == excluded or 0.03 < found["p"] < 0.07
        below += excluded
    assert below / 150 < 0.11  # Williams' test has .12 to .14 of such studies


def test_a_large_difference_of_two_rhos_has_a_p_below_what_resamples_can_give():
    a, b = correlated(200, "heavy", 1, (0.1, 0.9))
    found = compare("spearman_difficulty", a, b, Draws(n_boot=100))
    assert found["lower"] > 0 and found["p"] < 1e-6 and "t(199)" in found["method"]
