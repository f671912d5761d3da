"""Correlations of thinking length with difficulty."""

import time
from itertools import permutations

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats as ss

from graded_frames import graded_frame
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import registration
from thinkscale.stats.core.correlations import rank_correlation
from thinkscale.stats.core.resampling import Draws
from thinkscale.stats.registration import (
    MEASURES,
    correlate,
    detectable_correlation,
    kendall_correlation,
)

FEW = Draws(n_boot=200, n_permutations=200, seed=1)


def bank(n=60, seed=0):
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=n).round(1)  # rounded, so that there are ties
    stem = (50 + 10 * difficulty + rng.normal(0, 10, n)).round()
    tokens = (30 + 4 * difficulty + 0.2 * stem + rng.normal(0, 5, n)).round()
    return (
        tokens,
        difficulty,
        pd.DataFrame({"stem_chars": stem, "n_options": rng.integers(4, 6, n)}),
    )


@pytest.mark.parametrize(("n", "expected"), [(100, 0.277), (466, 0.129)])
def test_detectable_correlation_at_80_percent_power(n, expected):
    assert round(detectable_correlation(n), 3) == expected


def test_detectable_correlation_agrees_with_pingouin():
    # pingouin also corrects z for bias, of order r / n.
    assert detectable_correlation(80) == pytest.approx(
        pingouin.power_corr(n=80, power=0.8), abs=0.005
    )
    assert np.isnan(detectable_correlation(3))


def test_estimates_are_the_libraries():
    tokens, difficulty, covariates = bank()
    found = {m: correlate(m, tokens, difficulty, covariates, draws=FEW).estimate for m in MEASURES}
    partial = pingouin.partial_corr(
        covariates.assign(x=tokens, y=difficulty), "x", "y", list(covariates), method="spearman"
    )
    assert found["spearman"] == pytest.approx(ss.spearmanr(tokens, difficulty).statistic)
    assert found["pearson_log"] == pytest.approx(ss.pearsonr(np.log(tokens), difficulty).statistic)
    assert found["kendall"] == pytest.approx(ss.kendalltau(tokens, difficulty).statistic)
    assert found["partial_spearman"] == pytest.approx(partial["r"].iloc[0])


def test_statistics_of_resamples_are_the_libraries():
    tokens, difficulty, covariates = bank(25)
    index = np.random.default_rng(4).integers(0, 25, (6, 25))
    times = np.stack([np.bincount(row, minlength=25) for row in index]).astype(float)
    held = covariates.to_numpy(float).T
    rho = rank_correlation(tokens, difficulty)(times)
    tau = kendall_correlation(tokens, difficulty)(times)
    partial = rank_correlation(tokens, difficulty, *held)(times)
    for row, one, two, three in zip(index, rho, tau, partial, strict=True):
        x, y = tokens[row], difficulty[row]
        frame = pd.DataFrame({"x": x, "y": y, "a": held[0][row], "b": held[1][row]})
        expected = pingouin.partial_corr(frame, "x", "y", ["a", "b"], method="spearman")
        assert one == pytest.approx(ss.spearmanr(x, y).statistic)
        assert two == pytest.approx(ss.kendalltau(x, y).statistic)
        assert three == pytest.approx(expected["r"].iloc[0])


@pytest.mark.parametrize("measure", MEASURES)
def test_p_agrees_with_the_parametric_one(measure):
    tokens, difficulty, covariates = bank(80, seed=3)
    tokens = tokens + np.random.default_rng(9).normal(0, 14, 80).round()
    tokens -= tokens.min() - 1
    expected = {
        "spearman": lambda: ss.spearmanr(tokens, difficulty).pvalue,
        "pearson_log": lambda: ss.pearsonr(np.log(tokens), difficulty).pvalue,
        "kendall": lambda: ss.kendalltau(tokens, difficulty).pvalue,
        "partial_spearman": lambda: pingouin.partial_corr(
            covariates.assign(x=tokens, y=difficulty), "x", "y", list(covariates), method="spearman"
        )["p_val"].iloc[0],
    }[measure]()
    found = correlate(
        measure, tokens, difficulty, covariates, draws=Draws(n_boot=20, n_permutations=4000, seed=1)
    )
    assert found.p == pytest.approx(expected, abs=0.02)
    assert found.lower < found.estimate < found.upper


def test_exact_permutation_of_few_items():
    # Four items in order: of 24 orders only this one reaches rho = 1, and p is two-sided.
    found = correlate(
        "spearman", np.arange(4.0), np.arange(4.0), draws=Draws(n_boot=20, n_permutations=24)
    )
    assert found.p == pytest.approx(2 / 24) and found.p_method == "exact permutation"


def test_orders_of_kendall_and_of_residuals_are_those_of_the_definition():
    tokens, difficulty, covariates = bank(6)
    orders = list(permutations(range(6)))
    draws = Draws(n_boot=0, n_permutations=len(orders))
    found = correlate("kendall", tokens, difficulty, draws=draws)
    taus = [abs(ss.kendalltau(tokens, difficulty[list(order)]).statistic) for order in orders]
    assert found.p == pytest.approx(np.mean(np.array(taus) >= taus[0] - 1e-12))
    held = covariates[["stem_chars"]]
    found = correlate("partial_spearman", tokens, difficulty, held, draws=draws)
    x, y, z = map(ss.rankdata, (tokens, difficulty, held["stem_chars"]))
    design = np.column_stack([np.ones(6), z])
    rest = np.eye(6) - design @ np.linalg.pinv(design)
    rhos = [abs(np.corrcoef(rest @ x, rest @ (rest @ y)[list(order)])[0, 1]) for order in orders]
    assert found.p == pytest.approx(np.mean(np.array(rhos) >= rhos[0] - 1e-12))


def test_length_alone_leaves_no_partial_correlation():
    rng = np.random.default_rng(2)
    stem = rng.normal(size=400)
    tokens, difficulty = stem + rng.normal(0, 0.5, 400), stem + rng.normal(0, 0.5, 400)
    covariates = pd.DataFrame({"stem_chars": stem, "n_options": 5})
    raw = correlate("spearman", tokens + 9, difficulty, covariates, draws=FEW)
    partial = correlate("partial_spearman", tokens + 9, difficulty, covariates, draws=FEW)
    assert raw.lower > 0.7 and partial.lower < 0 < partial.upper and partial.p > 0.05
    assert "n_options left out: constant" in partial.method


def test_interval_covers_a_known_correlation():
    rho = 0.5
    spearman = 6 / np.pi * np.arcsin(rho / 2)  # of a bivariate normal
    rng = np.random.default_rng(7)
    covered = 0
    for seed in range(150):
        x, y = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], 80).T
        found = correlate(
            "spearman", x + 9, y, draws=Draws(0.9, n_boot=300, n_permutations=0, seed=seed)
        )
        covered += found.lower <= spearman <= found.upper
    assert 0.82 <= covered / 150 <= 0.97


@pytest.mark.parametrize(
    ("tokens", "difficulty", "reason"),
    [
        ([5.0, 6], [1.0, 2], "2 items"),
        ([5.0] * 6, [1.0, 2, 3, 4, 5, 6], "tokens do not vary"),
        ([1.0, 2, 3, 4, 5, 6], [0.5] * 6, "difficulty does not vary"),
    ],
)
@pytest.mark.parametrize("measure", MEASURES)
def test_what_cannot_be_estimated_says_why(measure, tokens, difficulty, reason, recwarn):
    covariates = pd.DataFrame({"stem_chars": range(len(tokens))})
    found = correlate(measure, tokens, difficulty, covariates, draws=FEW)
    assert np.isnan([found.estimate, found.lower, found.p]).all() and reason in found.method
    assert not recwarn.list


def test_tokens_of_zero_and_covariates_that_explain_all():
    zero = correlate("pearson_log", [0.0, 1, 2, 5], [1.0, 2, 3, 3.5], draws=FEW)
    assert "log(tokens + 1)" in zero.method and zero.estimate > 0.9
    x = np.arange(12.0)
    all_ = correlate("partial_spearman", x, x[::-1], pd.DataFrame({"stem_chars": x}), draws=FEW)
    assert np.isnan(all_.estimate) and "explain" in all_.method


def test_466_items_take_seconds():
    tokens, difficulty, covariates = bank(466)
    start = time.process_time()
    for measure in MEASURES:
        correlate(measure, tokens, difficulty, covariates, draws=Draws())
    assert time.process_time() - start < 15  # 3 s where it was written


OPTIONS = {"n_boot": 50, "n_permutations": 50}


def test_response_time_is_a_second_criterion():
    graded = graded_frame()
    found = registration.tabulate(graded, **OPTIONS).set_index(["model", "criterion", "measure"])
    assert len(found) == 2 * 2 * len(MEASURES)
    natural = graded[graded["condition"].eq("natural") & graded["model"].eq("a")]
    items = natural.groupby("item_id")[["think_tokens", "difficulty", "response_time"]].mean()
    for criterion in ("difficulty", "response_time"):
        rho = ss.spearmanr(items["think_tokens"], items[criterion]).statistic
        assert found.loc[("a", criterion, "spearman"), "estimate"] == pytest.approx(rho)


def test_a_bank_without_response_times_has_one_criterion():
    graded = graded_frame().assign(response_time=np.nan)
    assert set(registration.tabulate(graded, **OPTIONS)["criterion"]) == {"difficulty"}


def test_no_response_time_for_some_items():
    graded = graded_frame(models=["a"])
    graded.loc[graded["item_id"].isin(["i0", "i1"]), "response_time"] = np.nan
    found = registration.tabulate(graded, **OPTIONS).set_index("criterion")
    assert set(found.loc["response_time", "n"]) == {10}
    assert set(found.loc["response_time", "without_criterion"]) == {2}
    assert found.loc["response_time", "method"].str.contains("2 items without response time").all()
    still = registration.tabulate(graded.assign(response_time=9.0), **OPTIONS)
    methods = still.query("criterion == 'response_time'")["method"]
    assert methods.str.contains("not estimated: response time does not vary").all()


def test_what_is_held_constant_is_chosen():
    graded = graded_frame(models=["a"], items=30)
    numbers = np.random.default_rng(5).normal(size=30)[pd.factorize(graded["item_id"])[0]]
    graded = graded.assign(meta_words=numbers, meta_tokens=numbers)
    graded.loc[graded["item_id"] == "i3", "meta_words"] = np.nan
    found = registration.tabulate(graded, controls=["words", "stem_chars"], **OPTIONS)
    rows = found.query("criterion == 'difficulty'").set_index("measure")
    assert rows["n"].to_dict() == {**dict.fromkeys(MEASURES, 30), "partial_spearman": 29}
    said = rows.loc["partial_spearman", "method"]
    assert "given words and stem_chars" in said
    assert "1 items without words or stem_chars left out" in said
    natural = graded[graded["condition"] == "natural"]
    natural = natural.assign(stem_chars=natural.groupby("item_id")["stem_chars"].transform("first"))
    items = natural.groupby("item_id").mean(numeric_only=True)
    expected = pingouin.partial_corr(
        items.drop("i3"), "think_tokens", "difficulty", ["meta_words", "stem_chars"],
        method="spearman",
    )  # fmt: skip
    assert rows.loc["partial_spearman", "estimate"] == pytest.approx(expected["r"].iloc[0])
    # A column of the bank is not mistaken for one of the frame that has its name.
    other = registration.tabulate(graded, controls=["tokens"], **OPTIONS)
    assert "given tokens;" in other["method"].iloc[3] and other["estimate"].iloc[3] > 0.3
    with pytest.raises(ThinkscaleError, match="no column meta_steps"):
        registration.tabulate(graded, controls=["steps"], **OPTIONS)


def test_kendall_of_many_items_is_that_of_the_matrix(monkeypatch):
    x, y = np.random.default_rng(4).integers(0, 9, (2, 40)).astype(float)
    times = np.random.default_rng(5).integers(0, 3, (6, 40)).astype(float)
    by_matrix = registration.kendall_correlation(x, y)(times)
    monkeypatch.setattr(registration, "KENDALL_BY_MATRIX_UP_TO", 10)
    np.testing.assert_allclose(registration.kendall_correlation(x, y)(times), by_matrix, rtol=1e-6)
