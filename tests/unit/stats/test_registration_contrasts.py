"""Two correlations of one sample: published tests, and tables that say what they compare."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graded_frames import graded_frame, unfit
from thinkscale.stats import registration_contrasts
from thinkscale.stats.core import dependent


def test_steiger_as_in_cocor():
    z, p = dependent.steiger(0.3, 0.4, 0.5, 100)
    assert (round(z, 4), round(p, 4)) == (-1.0718, 0.2838)


def test_meng_rosenthal_and_rubin_as_published():
    z, p = dependent.meng(0.63, -0.03, -0.19, 15)
    assert (round(z, 2), round(p, 3)) == (1.68, 0.093)


def test_zou_as_published():
    lower, upper = dependent.zou(0.396, 0.179, 0.088, 66)
    assert (round(lower, 3), round(upper, 3)) == (-0.093, 0.517)


def test_order_turns_signs():
    swapped = dependent.zou(0.179, 0.396, 0.088, 66)
    assert swapped == pytest.approx((-0.51676, 0.0929), abs=1e-5)
    for test in (dependent.steiger, dependent.meng):
        one, other = test(0.5, 0.2, 0.3, 40), test(0.2, 0.5, 0.3, 40)
        assert one[0] == pytest.approx(-other[0]) and one[1] == pytest.approx(other[1])


def test_a_study_compares_criteria_with_length_and_with_each_other():
    graded = graded_frame(models=["a"]).query("condition == 'natural'")
    graded = graded.assign(stem_chars=pd.factorize(graded["item_id"])[0] % 7)
    found = registration_contrasts.tabulate(graded)
    assert found[["shared", "first", "second"]].to_numpy().tolist() == [
        ["difficulty", "tokens", "stem_chars"],
        ["response_time", "tokens", "stem_chars"],
        ["tokens", "difficulty", "response_time"],
    ]
    items = graded.groupby("item_id")[["think_tokens", "difficulty", "stem_chars"]].mean()
    rho = stats.spearmanr(items).statistic
    row = found.iloc[0]
    assert row[["value_first", "value_second", "between"]].tolist() == pytest.approx(
        [rho[0, 1], rho[1, 2], rho[0, 2]]
    )
    assert row["estimate"] == pytest.approx(rho[0, 1] - rho[1, 2])
    expected = dependent.steiger(rho[0, 1], rho[1, 2], rho[0, 2], 12)[1]
    assert row["p_steiger"] == pytest.approx(expected)
    assert row["p_meng"] < 0.05 and row["zou_lower"] < row["estimate"] < row["zou_upper"]


def test_a_bank_without_response_times_is_compared_with_length_only():
    found = registration_contrasts.tabulate(graded_frame().assign(response_time=np.nan))
    assert found["shared"].tolist() == ["difficulty"] * 2


def test_items_copied_within_their_cluster_tell_nothing_more():
    graded = graded_frame(models=["a"])
    graded = graded.assign(stem_chars=pd.factorize(graded["item_id"])[0] % 7)
    copies = [
        graded.assign(item_id=graded["item_id"] + f"-{k}", cluster_id=graded["item_id"])
        for k in range(5)
    ]
    alone, five = (registration_contrasts.tabulate(g) for g in (graded, pd.concat(copies)))
    names = ["estimate", "lower", "upper", "p"]
    pd.testing.assert_frame_equal(alone[names], five[names])
    assert alone["p_steiger"].notna().all() and five["p_steiger"].isna().all()


def test_equal_correlations_are_told_apart_at_their_level():
    """Heavy tails, where the tests for normal variables reject three times too often."""
    rng = np.random.default_rng(4)
    law = np.linalg.cholesky([[1, 0.6, 0.6], [0.6, 1, 0.3], [0.6, 0.3, 1]])
    rejected = {"p": 0, "p_steiger": 0}
    for _ in range(60):
        values = rng.standard_normal((50, 3)) @ law.T / np.sqrt(rng.chisquare(2, 50) / 2)[:, None]
        items = pd.DataFrame(values, columns=["difficulty", "tokens", "stem_chars"])
        items["cluster"] = range(50)
        facts, found = registration_contrasts.contrast(items, "difficulty", "tokens", "stem_chars")
        rejected["p"] += found.p < 0.05
        rejected["p_steiger"] += facts["p_steiger"] < 0.05
    assert rejected["p"] <= 7 < rejected["p_steiger"]


def test_what_does_not_vary_is_not_compared():
    found = registration_contrasts.tabulate(graded_frame(models=["a"]).assign(stem_chars=30))
    assert found["method"].str.contains("stem_chars does not vary").tolist() == [True, True, False]
    few = unfit(graded_frame(models=["a"]), [f"i{i}" for i in range(9)])
    assert registration_contrasts.tabulate(few)["method"].str.contains("3 items, at least 4").all()
