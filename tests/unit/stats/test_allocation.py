"""Right and wrong answers within items: published numbers, numbers by hand, and what misleads."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from graded_frames import graded_frame
from thinkscale.stats import allocation

# Reaction times (ms) of 18 people, a row each, over ten days of little sleep: Belenky et al. (2003)
# as in lme4 (Bates, Maechler, Bolker and Walker 2015, section 1.2).
SLEEP = """
249.5600 258.7047 250.8006 321.4398 356.8519 414.6901 382.2038 290.1486 430.5853 466.3535
222.7339 205.2658 202.9778 204.7070 207.7161 215.9618 213.6303 217.7272 224.2957 237.3142
199.0539 194.3322 234.3200 232.8416 229.3074 220.4579 235.4208 255.7511 261.0125 247.5153
321.5426 300.4002 283.8565 285.1330 285.7973 297.5855 280.2396 318.2613 305.3495 354.0487
287.6079 285.0000 301.8206 320.1153 316.2773 293.3187 290.0750 334.8177 293.7469 371.5811
234.8606 242.8118 272.9613 309.7688 317.4629 309.9976 454.1619 346.8311 330.3003 253.8644
283.8424 289.5550 276.7693 299.8097 297.1710 338.1665 332.0265 348.8399 333.3600 362.0428
265.4731 276.2012 243.3647 254.6723 279.0244 284.1912 305.5248 331.5229 335.7469 377.2990
241.6083 273.9472 254.4907 270.8021 251.4519 254.6362 245.4523 235.3110 235.7541 237.2466
312.3666 313.8058 291.6112 346.1222 365.7324 391.8385 404.2601 416.6923 455.8643 458.9167
236.1032 230.3167 238.9256 254.9220 250.7103 269.7744 281.5648 308.1020 336.2806 351.6451
256.2968 243.4543 256.2046 255.5271 268.9165 329.7247 379.4445 362.9184 394.4872 389.0527
250.5265 300.0576 269.8939 280.5891 271.8274 304.6336 287.7466 266.5955 321.5418 347.5655
221.6771 298.1939 326.8785 346.8555 348.7402 352.8287 354.4266 360.4326 375.6406 388.5417
271.9235 268.4369 257.2424 277.6566 314.8222 317.2135 298.1353 348.1229 340.2800 366.5131
225.2640 234.5235 238.9008 240.4730 267.5373 344.1937 281.1481 347.5855 365.1630 372.2288
269.8804 272.4428 277.8989 281.7895 279.1705 284.5120 259.2658 304.6306 350.7807 369.4692
269.4117 273.4740 297.5968 310.6316 287.1726 329.6076 334.4818 343.2199 369.1417 364.1236
"""


def sleepstudy():
    times = np.array(SLEEP.split(), float)
    return times, np.tile(np.arange(10.0), 18), np.repeat(np.arange(18), 10)


def test_the_mixed_model_finds_the_published_slope_of_sleepstudy():
    """Slope 10.467; 1.546 is its standard error with slopes that differ between people.

    A standard error that is robust against clusters allows for such slopes without being told.
    """
    reaction, days, people = sleepstudy()
    found = allocation.mixed_model(reaction, days, people, people, confidence=0.95)
    assert found.estimate == pytest.approx(10.467, abs=5e-4)
    error = (found.upper - found.estimate) / stats.t.ppf(0.975, 17)
    assert error == pytest.approx(1.546, abs=5e-4)
    assert found.p < 1e-5 and "over 18 items" in found.method


def test_the_slope_is_that_of_the_library_where_items_have_different_numbers_of_answers():
    reaction, days, people = (values[11:-5] for values in sleepstudy())
    expected = sm.MixedLM(reaction, sm.add_constant(days), groups=people).fit(reml=False)
    found = allocation.mixed_model(reaction, days, people, people, confidence=0.95)
    assert found.estimate == pytest.approx(expected.params[1], rel=1e-5)


def test_no_variance_between_items_is_said():
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(12), 4)
    y = np.tile([1.0, -1.0, 2.0, -2.0], 12) + 1e-3 * rng.normal(size=48)
    found = allocation.mixed_model(y, rng.integers(0, 2, 48), items, items, confidence=0.95)
    assert "on the boundary" in found.method and np.isfinite(found.lower)


def test_a_fit_that_does_not_converge_is_not_estimated(monkeypatch):
    fit = sm.MixedLM.fit

    def stopped(self, **how):
        result = fit(self, **how)
        result.converged = False
        return result

    monkeypatch.setattr(sm.MixedLM, "fit", stopped)
    found = allocation.tabulate(natural(200)).set_index("measure").loc["mixed"]
    assert np.isnan(found["estimate"]) and "the fit did not converge" in found["method"]


@cache
def bare(items, samples):
    graded = graded_frame(models=["a"], items=items, samples=samples)
    return graded[graded["condition"] == "natural"].reset_index(drop=True)


def natural(items=60, samples=8, effect=0.0, seed=0, **changes):
    """One model whose harder items get longer thoughts and fewer right answers."""
    rng = np.random.default_rng(seed)
    graded = bare(items, samples)
    harder = rng.normal(size=items)[pd.factorize(graded["item_id"])[0]]
    right = rng.random(len(graded)) < 1 / (1 + np.exp(harder))
    logs = 6 + 0.6 * harder + effect * right + 0.3 * rng.normal(size=len(graded))
    outcome = np.where(right, "correct", "incorrect")
    return graded.assign(think_tokens=np.exp(logs).round(), outcome=outcome, **changes)


def test_within_items_by_hand():
    """Two right of three on i0, one of two on i1 and i2; i3 was always right and tells nothing."""
    tokens = {"i0": [8, 8, 2], "i1": [4, 4], "i2": [8, 2], "i3": [2, 16]}
    right = {"i0": [1, 1, 0], "i1": [1, 0], "i2": [1, 0], "i3": [1, 1]}
    whole = graded_frame(models=["a"], items=4, samples=3).query("condition == 'natural'")
    parts = [
        whole[whole["item_id"] == item].iloc[: len(values)].assign(
            think_tokens=values, outcome=["correct" if r else "incorrect" for r in right[item]]
        )
        for item, values in tokens.items()
    ]  # fmt: skip
    parts[0].iloc[0, parts[0].columns.get_loc("think_tokens")] = 32
    found = allocation.tabulate(pd.concat(parts)).set_index("measure")
    assert (found["n_items"] == 4).all() and (found["n_both"] == 3).all()
    assert (found["n_responses"] == 9).all()
    # Differences in powers of two: (5 + 3) / 2 - 1, 0 and 2; weights 2/3, 1/2, 1/2.
    within = np.log(2) * (3 * 2 / 3 + 0 + 2 / 2) / (2 / 3 + 1 / 2 + 1 / 2)
    assert found.loc["within", "estimate"] == pytest.approx(within)
    # All that varies within an item and outcome are 5 and 3 of the right ones of i0.
    assert found.loc["cohen_d", "estimate"] == pytest.approx((3 + 0 + 2) / 3 / np.sqrt(2))


def test_within_is_the_mixed_model_with_the_items_share_of_right_answers_beside():
    graded = natural(effect=0.2)
    found = allocation.tabulate(graded).set_index("measure")["estimate"]
    right = graded["outcome"].eq("correct").astype(float)
    share = right.groupby(graded["item_id"]).transform("mean")
    design = sm.add_constant(np.column_stack([right, share]))
    fit = sm.MixedLM(np.log(graded["think_tokens"]), design, groups=graded["item_id"]).fit()
    assert found["within"] == pytest.approx(fit.params.iloc[1], rel=1e-4)


def test_what_lies_between_items_misleads_only_the_mixed_model():
    """Right answers are on easier, shorter items: nothing else tells their length."""
    found = [allocation.tabulate(natural(80, 2, seed=seed)) for seed in range(12)]
    found = pd.concat(found).set_index("measure")
    assert found.loc["mixed", "estimate"].mean() < -0.05
    assert abs(found.loc["within", "estimate"].mean()) < 0.03


def test_an_effect_within_items_is_found():
    found = allocation.tabulate(natural(effect=0.3)).set_index("measure")
    assert found.loc["within", "lower"] < 0.3 < found.loc["within", "upper"]
    assert (found["p"] < 1e-4).all()
    assert found.loc["cohen_d", "lower"] < 1 < found.loc["cohen_d", "upper"]


def test_items_copied_within_their_cluster_tell_nothing_more():
    graded = natural(30, 4, effect=0.2)
    copies = [
        graded.assign(item_id=graded["item_id"] + f"-{k}", cluster_id=graded["item_id"])
        for k in range(5)
    ]
    alone, five = (allocation.tabulate(g).set_index("measure") for g in (graded, pd.concat(copies)))
    names = ["estimate", "lower", "upper", "p"]
    # The mixed model's variances are found by steps that end where they are good enough.
    for measure, far in (("within", 1e-9), ("cohen_d", 1e-9), ("mixed", 1e-4)):
        one, other = (table.loc[measure, names].astype(float) for table in (alone, five))
        np.testing.assert_allclose(one, other, rtol=far, atol=far)


def test_one_sample_an_item_says_why_it_is_not_estimated():
    found = allocation.tabulate(natural(samples=1))
    assert found["estimate"].isna().all()
    assert found["method"].str.contains("one sample an item, several are needed").all()


@pytest.mark.parametrize("effect", [0.0, 0.3])
def test_intervals_within_items_cover(effect):
    covered = []
    for seed in range(60):
        graded = natural(30, 4, effect, seed=seed)
        tabled = allocation.within_items("within", told(graded), 0.9)
        covered.append(tabled.lower <= effect <= tabled.upper)
    assert 0.8 <= np.mean(covered) <= 0.98


def told(graded):
    """The responses to items answered rightly and not, as `within_items` takes them."""
    right = graded["outcome"].eq("correct").astype(float)
    shares = right.groupby(graded["item_id"]).transform("mean")
    facts = {"right": right, "log": np.log(graded["think_tokens"]), "cluster": graded["item_id"]}
    return graded.assign(**facts)[(shares > 0) & (shares < 1)]
