"""What is read from probabilities: by hand, against other implementations, and its sentences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from graded_frames import graded_frame, unfit, with_readouts
from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError
from thinkscale.report.summary import summary
from thinkscale.stats import (
    accuracy,
    readout,
    readout_bins,
    readout_calibration,
    readout_difficulty,
)
from thinkscale.stats.core.calibration import calibration_error, equal_mass
from thinkscale.stats.core.resampling import Draws, holm
from thinkscale.stats.registration import correlate

FEW = {"n_boot": 200, "seed": 3}
COLUMNS = ["label", "key", "confidence", "entropy", "brier", "mass"]


def tables(graded):
    return {
        "readout": readout.tabulate(graded),
        "readout_calibration": readout_calibration.tabulate(graded, **FEW),
        "readout_bins": readout_bins.tabulate(graded),
        "readout_difficulty": readout_difficulty.tabulate(graded),
    }


def natural(items=4, samples=1, **changes):
    """Natural responses of one model, with readouts, in the order of items and samples."""
    graded = with_readouts(graded_frame(models=["a"], items=items, samples=samples))
    return graded[graded["condition"] == "natural"].assign(**changes)


def measures(table, by="measure"):
    return table.set_index(by)


@pytest.fixture(scope="module")
def graded():
    return with_readouts(graded_frame(items=40))


@pytest.fixture(scope="module")
def made(graded):
    return tables(graded)


def test_columns_are_the_contract_and_every_number_has_its_method(made):
    modules = (readout, readout_calibration, readout_bins, readout_difficulty)
    for (name, table), module in zip(made.items(), modules, strict=True):
        assert list(table.columns) == module.COLUMNS, name
        assert table["method"].str.contains("95% interval|no variation").all(), name
        inside = (table["lower"] <= table["estimate"]) & (table["estimate"] <= table["upper"])
        assert inside.all(), name


def test_order_of_rows_changes_nothing(graded, made):
    for name, table in tables(graded.sample(frac=1, random_state=1)).items():
        pd.testing.assert_frame_equal(table, made[name], obj=name)


def test_means_by_hand():
    graded = natural(
        readout_label=["A", "B", "A", None],
        readout_key=[0.75, 0.25, 0.5, 0.4],
        readout_confidence=[0.75, 0.5, 0.5, 0.4],
        readout_entropy=[1.0, 2.0, 0.5, 0.5],
        readout_mass=[1.0, 0.5, 0.5, 1.0],
        think_tokens=[10, 20, 30, 40],
        n_options=[4, 4, 4, 2],
        outcome_choice=["correct", "incorrect", "ungradable", "correct"],
    )
    found = measures(readout.tabulate(graded))["estimate"]
    assert found.to_dict() == {
        "key_probability": 0.475,
        "readout_accuracy": 0.5,  # a tie is no answer
        "sampled_accuracy": 0.5,
        "difference": pytest.approx(-0.025),
        "agreement": 0.5,
        "entropy": 1.0,
        "mass": 0.75,
        "think_tokens": 25.0,
    }
    guessing = measures(readout.tabulate(graded))["guessing"]
    assert guessing["key_probability"] == (3 / 4 + 1 / 2) / 4 and guessing["entropy"] == 7 / 4


def test_sampled_answers_are_those_of_the_accuracy_table_and_widths_are_beside_them(graded, made):
    rows, expected = made["readout"], accuracy.tabulate(graded)
    ends = ["estimate", "lower", "upper"]
    sampled = rows[rows["measure"] == "sampled_accuracy"].reset_index()
    pd.testing.assert_frame_equal(sampled[ends], expected[ends])
    for measure in ("key_probability", "readout_accuracy"):
        own = rows[rows["measure"] == measure].reset_index()
        ratio = (own["upper"] - own["lower"]) / (expected["upper"] - expected["lower"])
        assert own["relative_width"].to_numpy() == pytest.approx(ratio.to_numpy())
    assert (rows[rows["measure"] == "key_probability"]["relative_width"] < 1).all()
    others = ~rows["measure"].isin(["key_probability", "readout_accuracy"])
    assert rows.loc[others, "relative_width"].isna().all()


def test_tokens_are_those_of_the_accuracy_table(graded, made):
    found, expected = measures(made["readout"]).loc["think_tokens"], accuracy.tabulate(graded)
    for end, name in (("estimate", "mean"), ("lower", "lower"), ("upper", "upper")):
        assert found[end].tolist() == pytest.approx(expected[f"tokens_{name}"].tolist())


def test_the_readout_is_not_compared_with_itself():
    judged = ["correct", "incorrect", "ungradable", "correct"]
    graded = natural(outcome=judged, outcome_readout=judged, outcome_choice=None)
    first = graded[["outcome_readout", *graded.columns.drop("outcome_readout")]]
    other = measures(readout.tabulate(first.assign(outcome_choice="correct")))
    assert other.loc["readout_accuracy", "estimate"] == 0.5  # as the grader has it
    assert other.loc["sampled_accuracy", "estimate"] == 1
    assert other.loc["sampled_accuracy", "method"].startswith("sampled by grader choice: ")
    alone = measures(readout.tabulate(graded.drop(columns="outcome_choice")))
    assert "sampled_accuracy" not in alone.index and alone["relative_width"].isna().all()
    assert "sampled accuracy" not in summary({"readout": alone.reset_index()}, "demo")


def test_what_the_grader_refuses_is_no_answer_to_calibrate():
    graded = natural(readout_confidence=[0.9, 0.8, 0.7, 0.6], readout_label=["A", "A", None, "A"])
    graded = graded.assign(outcome_readout=["ungradable", "correct", "ungradable", "correct"])
    found = measures(readout_calibration.tabulate(graded, **FEW))
    assert found["n_responses"].to_dict() == {
        "calibration_error": 2, "overconfidence": 2, "brier": 4,
    }  # fmt: skip
    assert found.loc["overconfidence", "estimate"] == pytest.approx(0.7 - 1)
    assert "2 without a most likely label left out" in found.loc["calibration_error", "method"]
    assert readout_bins.tabulate(graded)["n_responses"].sum() == 2
    none = measures(readout_calibration.tabulate(graded.assign(readout_label=None), **FEW))
    assert none.loc["calibration_error", "method"].startswith("not estimated: no responses")
    assert readout_bins.tabulate(graded.assign(readout_label=None)).empty


def test_excluded_unfit_and_unread_responses_are_left_out_and_counted(graded):
    part = unfit(graded, ["i0", "i1"])
    part.loc[part["item_id"] == "i2", "excluded"] = True
    unread = (part["item_id"] == "i3") & (part["condition"] == "max=8") & (part["model"] == "a")
    gone = [name for name in part if name.startswith("readout_")]
    part.loc[unread | part["error"].notna(), gone] = None
    found = readout.tabulate(part)
    mine = found[found["model"] == "a"].set_index(["condition", "measure"])
    assert (mine["errors"] == 2).all() and (found["n_excluded"] == 1).all()
    key = mine.xs("key_probability", level="measure")
    assert key["n_items"].to_dict() == dict.fromkeys(key.index, 37) | {"max=8": 36}
    assert key["unread"].to_dict() == dict.fromkeys(key.index, 0) | {"max=8": 4}
    assert "2 items that did not fit the context left out" in key.loc["natural", "method"]
    assert "4 responses without a readout left out" in key.loc["max=8", "method"]
    left = part[~part["excluded"] & (part["model"] == "a") & (part["condition"] == "max=8")]
    assert key.loc["max=8", "estimate"] == pytest.approx(left["readout_key"].mean())
    for name, table in tables(part).items():
        assert (table.loc[table["model"] == "a", "errors"] == 2).all(), name


def test_models_that_were_not_read_have_no_rows_and_conditions_that_were_not_say_so(graded):
    gone = [name for name in graded if name.startswith("readout_")]
    part = graded.copy()
    part.loc[part["model"] == "b", gone] = None
    part.loc[part["condition"] == "max=8", gone] = None
    for name, table in tables(part).items():
        assert set(table["model"]) == {"a"}, name
        own = table[table["condition"] == "max=8"]
        assert own["estimate"].isna().all() and (own["unread"] == 160).all(), name
        assert len(own) or name == "readout_bins"
    nothing = graded.assign(**dict.fromkeys(gone))
    assert all(table.empty for table in tables(nothing).values())
    with pytest.raises(ThinkscaleError, match="no column readout_label, readout_key"):
        readout.tabulate(graded.drop(columns=gone))


def test_copies_of_an_item_in_one_cluster_tell_no_more_than_the_item(graded):
    own = graded[graded["condition"] == "natural"]
    copies = pd.concat([own, own.assign(item_id=own["item_id"] + " again")])
    together = copies.assign(cluster_id=copies["item_id"].str.removesuffix(" again"))
    ends = ["estimate", "lower", "upper"]
    for analysis, options in ((readout, {}), (readout_calibration, FEW)):
        one, apart, two = (analysis.tabulate(f, **options) for f in (own, copies, together))
        means = one["measure"] != "calibration_error"
        np.testing.assert_allclose(two[ends], one[ends])
        narrower = (apart["upper"] - apart["lower"]) / (one["upper"] - one["lower"])
        assert (narrower[means] < 0.8).all()


# Calibration


def test_calibration_error_by_hand():
    # Bins of two: |0.55 - 0| * 2/4 + |0.85 - 1| * 2/4.
    confidence, right = [0.5, 0.6, 0.8, 0.9], [0, 0, 1, 1]
    found, *_ = calibration_error(confidence, right, list("abcd"), [0, 0, 1, 1], Draws(n_boot=50))
    assert found.estimate == pytest.approx(0.35)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(12, 120), st.sampled_from([1, 2]))
def test_bins_and_error_are_those_of_scikit_learn(seed, n, digits):
    count = min(10, n // 10)
    # There scikit-learn's quantile is a value of the data but for its rounding.
    assume(all((n - 1) * k % count for k in range(1, count)))
    rng = np.random.default_rng(seed)
    confidence = rng.beta(3, 1, n).round(digits)
    right = rng.random(n) < confidence**2
    bins = equal_mass(confidence, n)
    shares, means = calibration_curve(right, confidence, n_bins=count, strategy="quantile")
    grouped = pd.DataFrame({"right": right, "held": confidence}).groupby(bins)
    np.testing.assert_allclose(grouped["right"].mean(), shares)
    np.testing.assert_allclose(grouped["held"].mean(), means)
    expected = (grouped.size() / n * abs(shares - means)).sum()
    found, *_ = calibration_error(confidence, right, np.arange(n), bins, Draws(n_boot=0))
    assert found.estimate == pytest.approx(expected)


def test_bins_hold_as_many_responses_and_there_are_fewer_of_few_items():
    values = np.random.default_rng(0).permutation(np.arange(200) // 2 / 100)
    assert np.bincount(equal_mass(values, 200)).tolist() == [20] * 10
    assert np.bincount(equal_mass(values, 50)).tolist() == [40] * 5
    assert equal_mass(values, 7).max() == 0
    sure = [0.9961, 0.9999, 1.0, 0.72, 0.9982, 0.68]
    assert equal_mass(sure * 10, 60).tolist() == [2, 2, 2, 1, 2, 0] * 10


def test_tables_agree_on_the_calibration_error(made):
    bins = made["readout_bins"]
    gap = abs(bins["confidence_mean"] - bins["estimate"]) * bins["n_responses"]
    keys = ["model", "condition"]
    total = bins.groupby(["model", "condition"])["n_responses"].sum()
    expected = gap.groupby([bins[key] for key in keys]).sum() / total
    table = made["readout_calibration"]
    found = table[table["measure"] == "calibration_error"].set_index(keys)
    pd.testing.assert_series_equal(
        found["estimate"].sort_index(), expected, check_names=False, check_index_type=False
    )
    counted = bins.groupby(keys)["bin"].max()
    assert (found["bins"].sort_index() == counted).all()
    assert (bins["confidence_least"] <= bins["confidence_mean"]).all()


def test_brier_and_its_guess():
    # Of two options the score over both labels is twice that of scikit-learn for one.
    key = np.array([0.9, 0.4, 0.7, 0.2])
    graded = natural(readout_brier=2 * (1 - key) ** 2, n_options=2)
    row = measures(readout_calibration.tabulate(graded, **FEW)).loc["brier"]
    assert row["estimate"] == pytest.approx(2 * brier_score_loss(np.ones(4), key, pos_label=1))
    assert row["guessing"] == 0.5


def test_the_null_is_the_error_of_a_calibrated_model_and_sharpness_leaves_it():
    frame = graded_frame(models=["a"], items=150, samples=2)
    frame = frame[frame["condition"] == "natural"]
    errors = {"calibrated": [], "sharp": []}
    for seed in range(12):
        for name, sharpness in (("calibrated", 1.0), ("sharp", 2.5)):
            graded = with_readouts(frame, seed=seed, sharpness=sharpness)
            table = readout_calibration.tabulate(graded, **FEW)
            errors[name].append(measures(table).loc["calibration_error"])
    calibrated, sharp = (pd.DataFrame(rows) for rows in errors.values())
    assert calibrated["estimate"].mean() == pytest.approx(calibrated["null_mean"].mean(), rel=0.15)
    assert (calibrated["lower"] == 0).sum() >= 10
    assert calibrated["method"].str.contains("from 0: noise").sum() >= 10
    assert (sharp["estimate"] > sharp["null_upper"]).all() and (sharp["lower"] > 0).sum() >= 11


def test_direction_of_the_error():
    frame = graded_frame(models=["a"], items=150)
    for sharpness, sign in ((2.5, 1), (0.4, -1)):
        graded = with_readouts(frame, sharpness=sharpness)
        found = readout_calibration.tabulate(graded, **FEW).query("condition == 'natural'")
        row = measures(found).loc["overconfidence"]
        assert min(sign * row["lower"], sign * row["upper"]) > 0
        said = summary({"readout_calibration": found}, "demo")
        assert ("is overconfident: " in said) == (sign > 0) != ("is underconfident: " in said)


# Entropy and difficulty


def test_spearman_is_that_of_registration(graded):
    part = graded[(graded["condition"] == "natural") & (graded["model"] == "a")]
    row = readout_difficulty.tabulate(part).iloc[0]
    assert (row["n_items"], row["n_responses"]) == (40, 160)
    items = part.groupby("item_id")[["readout_entropy", "difficulty"]].mean()
    draws = Draws(0.95, 200, 200, 3, ("other",))
    other = correlate("spearman", items["readout_entropy"], items["difficulty"], draws=draws)
    assert row["estimate"] == pytest.approx(other.estimate)
    assert row["estimate"] == pytest.approx(items.corr("spearman").iloc[0, 1])
    # A bootstrap there.
    ends = row[["lower", "upper"]].astype(float)
    np.testing.assert_allclose(ends, [other.lower, other.upper], atol=0.1)
    assert (row["p"] < 0.05) == (row["lower"] > 0 or row["upper"] < 0)


def test_holm_over_the_conditions_of_a_model(made):
    for _, rows in made["readout_difficulty"].groupby("model"):
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p"]))


def test_what_cannot_be_correlated_says_why(graded):
    part = graded.copy()
    part.loc[part["item_id"].isin(["i0", "i1"]), "difficulty"] = np.nan
    found = readout_difficulty.tabulate(part)
    assert (found["n_items"] == 38).all() and (found["without_difficulty"] == 2).all()
    assert found["method"].str.contains("2 items without difficulty left out").all()
    for changed, why in (
        ({"difficulty": None}, "0 items with a difficulty, at least 3 are needed"),
        ({"readout_entropy": 1.0}, "entropy does not vary"),
        ({"difficulty": 1.0}, "difficulty does not vary"),
    ):
        table = readout_difficulty.tabulate(graded.assign(**changed))
        assert table["estimate"].isna().all() and table["method"].str.contains(why).all()
        assert "Entropy" not in summary({"readout_difficulty": table}, "demo")


# Sentences


def test_sentences_have_the_numbers_of_the_tables(made, tmp_path):
    for name, table in made.items():
        write_table(table, tmp_path / f"{name}.csv")
    back = {name: read_table(tmp_path / f"{name}.csv") for name in made}
    text = summary(back, "demo")
    assert text == summary(made, "demo")
    own = made["readout"].query("model == 'a' and condition == 'natural'").set_index("measure")
    key, sampled = own.loc["key_probability"], own.loc["sampled_accuracy"]
    assert f"`a` {100 * key['estimate']:.1f}% [" in text
    assert own.loc["difference", "estimate"] == pytest.approx(key["estimate"] - sampled["estimate"])
    assert "points [" in text and "from sampled accuracy)" in text
    ratios = made["readout"].query("measure == 'key_probability'")["relative_width"]
    assert f"{ratios.min():.2f} to {ratios.max():.2f} times as wide" in text
    error = made["readout_calibration"].iloc[0]
    assert f"calibration error {error['estimate']:.3f} [" in text
    assert "the entropy over the options was higher for harder items" in text


def test_nothing_is_said_of_a_study_without_readouts():
    for tables in ({}, {"readout": pd.DataFrame()}):
        text = summary(tables, "demo")
        assert "Readout" not in text and "Calibration" not in text and "Details" not in text
