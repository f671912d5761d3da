"""Reliability of lengths: published coefficients, and correlations that noise has weakened."""

import numpy as np
import pandas as pd
import pingouin
import pytest

from graded_frames import graded_frame
from thinkscale.stats import reliability

# Six targets by four judges: Shrout and Fleiss, Psychological Bulletin 86 (1979), table 2.
RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9],
                    [6, 2, 4, 7]])  # fmt: skip


def items_of(values, clusters=None, **columns):
    """What `intraclass` takes of values by item, shape (n, k), or of a list for each item."""
    values = [np.asarray(own, float) for own in values]
    facts = {"mean": [v.mean() for v in values], "size": [len(v) for v in values]}
    facts["var"] = [v.var(ddof=1) if len(v) > 1 else np.nan for v in values]
    return pd.DataFrame(facts | {"cluster": clusters or range(len(values))} | columns)


def coefficients(values):
    return {name: found.estimate for name, found in reliability.intraclass(items_of(values))}


def test_the_coefficients_of_shrout_and_fleiss():
    found = coefficients(RATINGS)
    assert (round(found["icc_single"], 2), round(found["icc_mean"], 2)) == (0.17, 0.44)
    long = pd.DataFrame(RATINGS).melt(ignore_index=False).reset_index()
    expected = pingouin.intraclass_corr(long, "index", "variable", "value")["ICC"]
    assert expected.round(2).tolist() == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    assert list(found.values()) == pytest.approx(expected.iloc[[0, 3]].tolist())


def test_items_of_different_numbers_of_samples():
    """By hand: around 14 / 3, squares of 100 / 3 between items, on 2, and of 4 within, on 3."""
    items = items_of([[1, 3], [4, 5, 6], [9]])
    facts = items[reliability.PER_ITEM].to_numpy(float)
    ratio = reliability.variance_ratio(facts, items["cluster"])
    assert ratio(np.ones(3)) == pytest.approx((100 / 3 / 2) / (4 / 3))
    assert reliability.typical_size(items["size"]) == pytest.approx((6 - 14 / 6) / 2)


def test_lengths_of_a_study_on_the_log_scale():
    graded = graded_frame(models=["a"]).query("condition == 'natural'")
    found = reliability.tabulate(graded).set_index(["measure", "criterion"])
    values = np.log(graded.pivot(index="item_id", columns="sample", values="think_tokens"))
    expected = coefficients(values.to_numpy())
    for name, value in expected.items():
        assert found.loc[(name, np.nan), "estimate"] == pytest.approx(value)
    assert (found["n"] == 12).all() and (found["samples"] == 4).all()
    difficulty = graded.groupby("item_id")["difficulty"].first()
    row = found.loc[("disattenuated", "difficulty")]
    assert row["raw"] == pytest.approx(np.corrcoef(values.mean(axis=1), difficulty)[0, 1])
    assert row["estimate"] == pytest.approx(row["raw"] / np.sqrt(expected["icc_mean"]))
    assert ("disattenuated", "response_time") in found.index


def test_items_without_a_criterion_are_left_out_of_it_and_counted():
    graded = graded_frame(models=["a"])
    graded.loc[graded["item_id"].isin(["i0", "i1"]), "response_time"] = np.nan
    found = reliability.tabulate(graded)
    assert found["n"].tolist() == [12, 12, 12, 10]
    assert found["without_criterion"].tolist() == [0, 0, 0, 2]
    assert "2 items without response time left out" in found["method"].iloc[-1]


def drawn(rng, items, samples, share, r=0.0, draw=None):
    """Items whose true values make up `share` of the variance and go with a criterion at `r`."""
    draw = draw or rng.standard_normal
    criterion = draw((items, 1))
    true = r * criterion + np.sqrt(1 - r**2) * draw((items, 1))
    values = np.sqrt(share) * true + np.sqrt(1 - share) * draw((items, samples))
    return items_of(values, difficulty=criterion[:, 0])


def test_disattenuation_finds_what_noise_hides():
    rng = np.random.default_rng(1)
    found = [
        reliability.disattenuated(drawn(rng, 200, 2, 0.3, r=0.6), "difficulty") for _ in range(20)
    ]
    assert np.mean([raw for raw, _ in found]) < 0.45
    assert np.mean([estimate.estimate for _, estimate in found]) == pytest.approx(0.6, abs=0.05)
    assert np.mean([e.lower <= 0.6 <= e.upper for _, e in found]) >= 0.83


def test_the_interval_of_reliability_holds_for_skewed_lengths():
    """The usual one, from the F distribution, covers 69 to 75 % of such studies."""
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(50):
        items = drawn(rng, 50, 4, 0.7, draw=lambda shape: rng.exponential(size=shape))
        single = dict(reliability.intraclass(items))["icc_single"]
        covered.append(single.lower <= 0.7 <= single.upper)
    assert np.mean(covered) >= 0.84


def test_items_copied_within_their_cluster_tell_nothing_more():
    rng = np.random.default_rng(3)
    items = drawn(rng, 20, 4, 0.5, r=0.5)
    five = pd.concat([items] * 5)
    one, other = (dict(reliability.intraclass(table))["icc_mean"] for table in (items, five))
    assert (other.lower, other.upper) == pytest.approx((one.lower, one.upper), rel=1e-9)
    one, other = (reliability.disattenuated(t, "difficulty")[1] for t in (items, five))
    assert (other.lower, other.upper) == pytest.approx((one.lower, one.upper), rel=1e-9)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1, 2], [3, 4]], "2 items, at least 3 are needed"),
        ([[1], [2], [3], [4]], "one sample an item"),
        ([[1, 1], [2, 2], [3, 3]], "do not vary within items"),
        ([[1, 9], [1, 9], [1, 8], [2, 9]], "tell no items apart"),
    ],
)
def test_what_cannot_be_estimated_says_why(values, said):
    items = items_of(values, difficulty=range(len(values)))
    found = reliability.disattenuated(items, "difficulty")[1]
    assert np.isnan(found.estimate) and said in found.method
