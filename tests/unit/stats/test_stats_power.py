"""Power: against published numbers, pingouin, and simulated studies."""

import numpy as np
import pingouin
import pytest
from scipy import stats

from graded_frames import graded_frame
from thinkscale.stats import power

SIZES = {"power_items": (12, 48), "power_samples": (1, 4)}


def test_correlations_as_published():
    """r = .3 at 80 % takes 84.07 (the example of pingouin and of R's pwr)."""
    assert power.items_for_correlation(-0.3, 0.8, 0.95) == pytest.approx(84.07, abs=0.01)
    assert power.detectable_correlation(84.07364, 0.8, 0.95) == pytest.approx(0.3, abs=1e-4)
    assert np.isnan(power.items_for_correlation(0.0, 0.8, 0.95))


@pytest.mark.parametrize("effect", [0.05, 0.2, 0.5, 1.2])
def test_items_for_a_difference_are_those_of_the_noncentral_t(effect):
    exact = pingouin.power_ttest(d=effect, power=0.8, contrast="paired")
    assert power.items_for_difference(effect, 0.8, 0.95) == pytest.approx(exact, abs=0.25)
    assert power.detectable_difference(round(exact), 0.8, 0.95) == pytest.approx(effect, rel=0.04)


def test_components_as_published():
    """Shrout and Fleiss (1979): of six targets and four judges ICC(1, 1) is .17."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    moments = power.moments(np.ravel(ratings).astype(float), np.repeat(np.arange(6), 4))
    between, within = power.components(moments.sum().to_numpy())
    assert within == pytest.approx(6.264, abs=1e-3)
    assert between / (between + within) == pytest.approx(0.17, abs=0.005)
    one = power.moments(np.array([1.0, 2, 4, 9]), np.arange(4))
    between, within = power.components(one.sum().to_numpy())
    assert between == pytest.approx(np.var([1, 2, 4, 9], ddof=1)) and np.isnan(within)


def test_components_of_items_with_unequal_samples_are_unbiased():
    rng, sizes = np.random.default_rng(0), np.tile([1, 2, 5, 8], 25)
    items, found = np.repeat(np.arange(100), sizes), []
    for _ in range(300):
        values = rng.normal(0, 0.5, 100)[items] + rng.normal(0, 1.0, len(items))
        found.append(power.components(power.moments(values, items).sum().to_numpy()))
    assert np.mean(found, axis=0) == pytest.approx([0.25, 1.0], abs=0.02)


def test_what_is_said_to_be_detected_is_detected():
    """Studies drawn again from a study's own variances find the effect in 80 of 100."""
    found = power.tabulate(graded_frame(models=["a"], items=40), **SIZES)
    row = found.query("condition == 'max=16' and n_items == 48 and samples == 4").iloc[0]
    rng, shape = np.random.default_rng(4), (4000, 48)
    items = rng.normal(row["estimate"], np.sqrt(row["between"]), shape)
    means = items + rng.normal(0, np.sqrt(row["within"] / 4), shape)
    detected = np.mean(stats.ttest_1samp(means, 0, axis=1).pvalue < 0.05)
    assert detected == pytest.approx(0.8, abs=0.02)
    assert row["lower"] < row["estimate"] < row["upper"]


def test_more_items_and_more_samples_find_smaller_effects():
    found = power.tabulate(graded_frame(models=["a"], items=40), **SIZES)
    own = found.query("condition == 'max=16' and not this_study")
    grid = own.pivot(index="n_items", columns="samples", values="estimate")
    assert (grid.loc[48] < grid.loc[12] / 2).all() and (grid[4] < grid[1]).all()
    # Four samples halve the noise within items, and nothing of what items differ in.
    assert (grid[4] >= grid[1] / 2 * (1 - 1e-9)).all()
    study = found.query("condition == 'waits=1' and this_study").iloc[0]
    assert (study["n_items"], study["samples"]) == (40, 4)
    rho = found.query("measure == 'spearman_difficulty'").set_index(["n_items", "samples"])
    assert rho.loc[(12, 1), "observed"] < rho.loc[(12, 4), "observed"]
    assert rho.loc[(12, 1), "needed"] > rho.loc[(12, 4), "needed"]


def test_one_sample_says_nothing_of_more():
    found = power.tabulate(graded_frame(models=["a"], samples=1), **SIZES)
    own = found.query("condition == 'max=8' and n_items == 48").set_index("samples")
    assert own.loc[1, "estimate"] > 0 and np.isnan(own.loc[4, "estimate"])
    assert own.loc[4, "method"] == "not estimated: one sample an item"


def test_without_difficulties_a_correlation_has_no_power_and_a_reason():
    found = power.tabulate(graded_frame(models=["a"], difficulty=None), **SIZES)
    [row] = found.query("measure == 'spearman_difficulty'").itertuples()
    assert row.method == "not estimated: 0 items with a difficulty, or all alike"
    assert np.isnan(row.estimate) and found.query("measure == 'accuracy'")["estimate"].notna().any()
