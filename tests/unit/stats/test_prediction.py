"""Difficulty predicted out of sample: by hand, without leaks, and against what is known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graded_frames import graded_frame, with_readouts
from thinkscale.stats import predicted_difficulty, prediction

FEW = {"n_boot": 200, "seed": 3}


def natural_frame(items=40, **changes):
    """Natural responses of two models, whose thinking follows difficulty."""
    graded = graded_frame(items=items, samples=2, **changes)
    return graded[graded["condition"] == "natural"].reset_index(drop=True)


def bank(difficulty, words):
    """Items by the contract whose stems hold `words`, one text an item."""
    frame = pd.DataFrame({"item_id": difficulty.index, "stem": words})
    options = [[{"label": "A", "text": "yes"}, {"label": "B", "text": "no"}]] * len(frame)
    empty = dict.fromkeys(["answer_text", "response_time", "cluster_id"])
    facts = {"difficulty": difficulty.to_numpy(), "difficulty_raw": 0.0, "meta": json.dumps({})}
    return frame.assign(options=options, key="A", **facts, **empty)


def test_the_dummy_is_the_mean_of_the_other_folds():
    graded = natural_frame()
    table = predicted_difficulty.tabulate(graded, repeats=1)
    own = table[table["features"] == "dummy"]
    # Each fold's items share one prediction, and it is the mean of all others.
    for value, fold in own.groupby("predicted"):
        others = own.loc[~own["item_id"].isin(fold["item_id"]), "difficulty"]
        assert len(fold) == 8 and value == pytest.approx(others.mean())
    error = own["predicted"] - own["difficulty"]
    rows = prediction.tabulate(table, **FEW).set_index(["features", "measure"])
    assert rows.loc[("dummy", "rmse"), "estimate"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert rows.loc[("dummy", "mae"), "estimate"] == pytest.approx(error.abs().mean())


def test_the_dummys_error_is_the_spread_of_difficulty():
    # As the shared task of BEA 2024 has it: its dummy's RMSE is the standard deviation of the items
    # tested, about another set's mean. With n items and five folds that is, on average,
    # sd * sqrt(1 + 1 / (0.8 n)).
    graded = natural_frame(items=100, models=["a"])
    graded["difficulty"] *= 0.31 / graded.groupby("item_id")["difficulty"].first().std()
    table = predicted_difficulty.tabulate(graded, repeats=2)
    squares = table.loc[table["features"] == "dummy", "squared_error"]
    assert np.sqrt(squares.mean()) == pytest.approx(0.31 * np.sqrt(1 + 1 / 80), abs=0.002)


def test_thinking_tells_what_length_does_not():
    found = prediction.tabulate(predicted_difficulty.tabulate(natural_frame(), repeats=2), **FEW)
    rows = found.set_index(["features", "learner", "measure", "against"]).sort_index()
    gain = rows.loc[("length and thinking", "ridge", "rmse", "length")]
    assert gain["upper"] < 0
    rho = found[found["against"].isna() & (found["measure"] == "spearman")]
    rho = rho.set_index(["features", "learner"])["estimate"]
    assert rho["length and thinking", "ridge"] > 0.7 > 0.4 > abs(rho["length", "ridge"])
    length = found[(found["features"] == "length") & (found["against"] == "dummy")]
    assert (length["estimate"].abs() < 0.1).all()  # nothing is to be had from length here
    assert not found["features"].isin(["length and text", "length and readout"]).any()
    assert not ((found["measure"] == "spearman") & (found["against"] == "dummy")).any()


def test_numbers_are_those_of_the_table_of_predictions():
    table = predicted_difficulty.tabulate(natural_frame(), repeats=1)
    sets = table.groupby(["features", "learner"])
    found = prediction.tabulate(table, **FEW)
    whole = found[found["against"].isna()].set_index(["features", "learner", "measure"])["estimate"]
    for key, own in sets:
        assert whole[(*key, "rmse")] == pytest.approx(np.sqrt(own["squared_error"].mean()))
        if key[0] != "dummy":
            rho = stats.spearmanr(own["predicted"], own["difficulty"]).statistic
            assert whole[(*key, "spearman")] == pytest.approx(rho)
    for row in found[found["against"].notna()].itertuples():
        base = "mean" if row.against == "dummy" else row.learner
        less = whole[row.features, row.learner, row.measure] - whole[row.against, base, row.measure]
        assert row.estimate == pytest.approx(less, abs=1e-12)


def test_a_cluster_is_predicted_from_others_alone():
    # Three copies of 30 items, difficulty and length at random: who has seen a copy knows the item.
    graded = natural_frame(items=30)
    graded["difficulty"] = graded["item_id"].map(
        dict(zip(graded["item_id"].unique(), np.random.default_rng(5).normal(size=30), strict=True))
    )
    copies = [graded.assign(item_id=graded["item_id"] + f"-{k}") for k in range(3)]
    apart = pd.concat(copies, ignore_index=True)
    together = apart.assign(cluster_id=apart["item_id"].str.split("-").str[0])
    errors = []
    for frame in (apart, together):
        table = predicted_difficulty.tabulate(frame, repeats=1)
        own = table[(table["features"] == "all") & (table["learner"] == "boosting")]
        errors.append(own["squared_error"].mean() / own["difficulty"].var())
    assert errors[0] < 0.7 and errors[1] > 0.9


def test_words_of_the_stem_and_readouts_are_features_where_they_are_given():
    graded = with_readouts(natural_frame())
    graded["difficulty"] = graded["item_id"].str[1:].astype(int) % 2 + 0.01 * graded["difficulty"]
    difficulty = graded.groupby("item_id")["difficulty"].first()
    words = np.where(difficulty > 0.5, "renal failure follows", "simple cold passes")
    items = bank(difficulty, words)
    table = predicted_difficulty.tabulate(graded, items, repeats=1)
    errors = table[table["learner"] != "boosting"].groupby("features")["squared_error"].mean()
    assert errors["length and text"] < 0.05 < 0.2 < errors["length"]
    assert {"length and readout", "all"} <= set(errors.index)
    alone = predicted_difficulty.tabulate(graded, bank(difficulty, difficulty.index), repeats=1)
    assert np.isfinite(alone["predicted"]).all()  # no two stems share a word


def test_items_without_difficulty_are_counted_and_few_are_not_enough():
    graded = natural_frame()
    graded.loc[graded["item_id"].isin(["i0", "i1"]), "difficulty"] = np.nan
    table = predicted_difficulty.tabulate(graded, repeats=1)
    assert (table["n"] == 38).all() and (table["without_difficulty"] == 2).all()
    assert not table["item_id"].isin(["i0", "i1"]).any()
    few = predicted_difficulty.tabulate(natural_frame(items=19))
    assert len(few) == 19 and few["predicted"].isna().all()
    [row] = prediction.tabulate(few, **FEW).to_dict("records")
    assert "19 items with a difficulty, at least 20 are needed" in row["method"]
    assert np.isnan(row["estimate"])
    clustered = natural_frame().assign(cluster_id="one")
    table = predicted_difficulty.tabulate(clustered)
    assert "1 clusters of items, at least 10" in table["method"].iloc[0]
    none = predicted_difficulty.tabulate(natural_frame(difficulty=np.nan))
    assert none.empty and list(none.columns) == predicted_difficulty.COLUMNS
    [row] = prediction.tabulate(none, **FEW).to_dict("records")
    assert row["method"] == "not estimated: no items with a difficulty"


def test_an_item_that_no_model_could_be_asked_is_predicted_all_the_same():
    graded = natural_frame()
    graded.loc[graded["item_id"] == "i3", "error"] = "the prompt has 5000 tokens"
    table = predicted_difficulty.tabulate(graded, repeats=1)
    assert np.isfinite(table["predicted"]).all() and (table["n"] == 40).all()


def test_intervals_of_errors_cover():
    # Errors of items that are given: the interval of RMSE holds the root of their expectation.
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        scale = np.repeat(rng.gamma(4, 0.25, 20), 3)  # clusters of three items alike
        errors = scale * rng.normal(size=60)
        own = pd.DataFrame({"squared_error": errors**2})
        values = prediction._influence("rmse", own)
        clusters = np.repeat(np.arange(20), 3)
        found = prediction.clustered_mean(values, clusters)
        held.append(found.lower <= np.sqrt(1.25) <= found.upper)
    assert 0.89 <= np.mean(held) <= 0.97
