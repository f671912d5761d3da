"""Difficulty: its direction, its scales, and whether response times agree with it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from banks import prepared, raw
from thinkscale.errors import ThinkscaleError
from thinkscale.items.difficulty import SCALES, disagreement, scaled, spearman

ROWS = np.arange(2, 7)


def scale(values, name: str, direction: str = "higher_is_harder") -> list[float]:
    raw_values = np.array(values, float)
    rows = np.arange(2, 2 + len(values))
    return scaled(raw_values, direction, name, rows, "bank.csv").tolist()


def test_scales_by_hand():
    values = [0.5, 0.1, 0.9, 0.5]
    assert scale(values, "raw") == values
    assert scale(values, "min_max") == pytest.approx([0.5, 0, 1, 0.5])
    assert scale(values, "rank") == [2.5, 1, 4, 2.5]
    assert scale(values, "logit") == pytest.approx([0, math.log(1 / 9), math.log(9), 0])
    deviation = math.sqrt(0.08)  # mean .5; squares 0, .16, .16, 0
    assert scale(values, "z") == pytest.approx([0, -0.4 / deviation, 0.4 / deviation, 0])


def test_turned_scales_by_hand():
    """Shares of people who answered correctly: the smallest is the hardest."""
    values, turn = [0.5, 0.1, 0.9, 0.5], "higher_is_easier"
    assert scale(values, "raw", turn) == [-0.5, -0.1, -0.9, -0.5]
    assert scale(values, "min_max", turn) == pytest.approx([0.5, 1, 0, 0.5])
    assert scale(values, "rank", turn) == [2.5, 4, 1, 2.5]
    assert scale(values, "logit", turn) == pytest.approx([0, math.log(9), math.log(1 / 9), 0])


@given(
    st.lists(st.floats(0.01, 0.99), min_size=3, max_size=12).filter(lambda v: len(set(v)) > 2),
    st.sampled_from(SCALES),
    st.sampled_from(["higher_is_harder", "higher_is_easier"]),
)
@settings(deadline=None)
def test_every_scale_keeps_the_order_and_what_is_missing(values, name, direction):
    found = scale([*values, math.nan], name, direction)
    assert math.isnan(found[-1]) and not any(map(math.isnan, found[:-1]))
    sign = -1 if direction == "higher_is_easier" else 1
    order = np.argsort(sign * np.array(values), kind="stable")
    assert (np.diff(np.array(found[:-1])[order]) >= -1e-12).all()
    assert scale([math.nan] * 3, name, direction) == pytest.approx([math.nan] * 3, nan_ok=True)


@pytest.mark.parametrize("wrong", [0.0, 1.0, 1.2, -0.1])
def test_a_logit_needs_shares(wrong):
    with pytest.raises(ThinkscaleError) as error:
        scale([0.2, math.nan, wrong], "logit")
    for words in ["bank.csv, row 4", f"is {wrong:g}", "between 0 and 1", "difficulty_scale"]:
        assert words in str(error.value)


@pytest.mark.parametrize("name", ["min_max", "z"])
def test_a_scale_needs_a_range(name):
    with pytest.raises(ThinkscaleError, match=f"every difficulty is 0.5.*{name}"):
        scale([0.5, 0.5, math.nan], name)
    assert scale([0.5, 0.5], "rank") == [1.5, 1.5]


def test_the_scale_is_the_banks_and_not_the_subsets():
    items = [raw(i, difficulty=float(i)) for i in range(1, 41)]
    for name in SCALES[:3] + SCALES[4:]:
        whole = prepared(items, difficulty_scale=name).items.set_index("item_id")
        part = prepared(items, n=7, difficulty_scale=name).items.set_index("item_id")
        assert (part["difficulty"] == whole["difficulty"][part.index]).all()
        assert (part["difficulty_raw"] == [float(i[1:]) for i in part.index]).all()
        assert (whole["difficulty"].rank() == whole["difficulty_raw"].rank()).all()


def test_what_is_dropped_does_not_stretch_the_scale():
    items = [raw(1, difficulty=1.0), raw(2, difficulty=2.0), raw(3, difficulty=99.0, key="Z")]
    found = prepared(items, difficulty_scale="min_max", cleaning={"unknown_key": "drop"})
    assert sorted(found.items["difficulty"]) == [0, 1]


def test_the_scale_does_not_move_the_subset():
    items = [raw(i, difficulty=i / 50) for i in range(1, 41)]
    drawn = [
        prepared(items, n=9, strata=4, difficulty_scale=name).items["item_id"].tolist()
        for name in SCALES
    ]
    assert all(ids == drawn[0] for ids in drawn)


def test_spearman_against_scipy_and_its_interval_by_hand():
    rng = np.random.default_rng(3)
    a = rng.normal(size=200).round(1)
    b = 0.4 * a + rng.normal(size=200).round(1)
    found = spearman(a, b)
    assert found.estimate == pytest.approx(stats.spearmanr(a, b).statistic)
    assert found.n == 200 and "Bonett" in found.method
    r = found.estimate
    half = 1.959964 * math.sqrt((1 + r * r / 2) / 197)
    assert found.lower == pytest.approx(math.tanh(math.atanh(r) - half), abs=1e-6)
    assert found.upper == pytest.approx(math.tanh(math.atanh(r) + half), abs=1e-6)


def test_spearman_of_what_cannot_be_correlated():
    nan = math.nan
    few = spearman(np.array([1, 2, 3, nan, 5]), np.array([1, 2, nan, 4, nan]))
    assert few.n == 2 and math.isnan(few.estimate) and "2 items have both" in few.method
    flat = spearman(np.ones(9), np.arange(9.0))
    assert math.isnan(flat.estimate) and "does not vary" in flat.method
    assert spearman(np.arange(9.0), -np.arange(9.0)).upper == -1


def times(sign: int, n: int = 60, noise: float = 5.0) -> list:
    rng = np.random.default_rng(1)
    seconds = 100 + sign * np.arange(n) + noise * rng.normal(size=n)
    return [raw(i + 1, difficulty=float(i), response_time=float(s)) for i, s in enumerate(seconds)]


def test_a_difficulty_that_goes_against_time_is_a_warning():
    found = prepared(times(-1), n=10)
    assert found.warning.startswith("Warning: people took less time")
    for words in ["-0.9", "over 60 items of the bank", "higher_is_harder", "higher_is_easier"]:
        assert words in found.warning, found.warning
    row = found.facts.set_index("measure").loc["difficulty_response_time"]
    assert row["n"] == 60 and row["upper"] < 0
    turned = prepared(times(-1), n=10, difficulty_direction="higher_is_easier")
    assert turned.warning is None
    assert turned.facts.set_index("measure").loc["difficulty_response_time", "lower"] > 0


def test_a_weak_disagreement_is_a_note_and_agreement_is_silent():
    weak = prepared(times(-1, n=12, noise=40.0))
    assert weak.warning.startswith("Note: ") and "includes zero" in weak.warning
    assert prepared(times(1)).warning is None
    assert disagreement(spearman(np.ones(5), np.ones(5)), "higher_is_harder") is None
