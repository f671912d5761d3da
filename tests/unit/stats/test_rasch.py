"""Rasch difficulties: published numbers, conditional likelihood, items at the ends, correlation."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from statsmodels.discrete.conditional_models import ConditionalLogit

from graded_frames import graded_frame, unfit
from thinkscale.stats import rasch, rasch_difficulty

# Section 6 of the Law School Admission Test: 1,000 people, five items, how often each of the 32
# patterns 00000 to 11111 was given (Bock and Lieberman, Psychometrika 35, 1970).
LSAT = [
    *(3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15, 10, 29, 14, 81, 3, 28, 15, 80),
    *(16, 56, 21, 173, 11, 61, 28, 298),
]
PATTERNS = np.array([[int(bit) for bit in f"{number:05b}"] for number in range(32)], float)


def answers(difficulty, ability, seed=0):
    rng = np.random.default_rng(seed)
    p = special.expit(ability[:, None] - difficulty)
    return (rng.random(p.shape) < p).astype(float)


def test_law_school_admission_test_as_published():
    found = rasch.fit(np.repeat(PATTERNS, LSAT, axis=0))
    # Easiness and the standard deviation of ability: Thissen, Psychometrika 47 (1982), table 1.
    assert -found.difficulty == pytest.approx([2.73, 1.00, 0.24, 1.31, 2.10], abs=0.005)
    assert found.ability_sd == pytest.approx(0.755, abs=0.0005)


def test_agrees_with_conditional_likelihood_that_knows_no_abilities():
    right = answers(
        np.array([-1.0, -0.5, 0.0, 0.8, 1.5]), np.random.default_rng(1).normal(size=200)
    )
    person, item = np.indices(right.shape).reshape(2, -1)
    is_item = (item[:, None] == np.arange(1, 5)).astype(float)
    conditional = ConditionalLogit(right.ravel(), is_item, groups=person).fit(disp=False).params
    found = rasch.fit(right).difficulty
    assert found[1:] - found[0] == pytest.approx(-np.asarray(conditional), abs=0.05)


def test_recovers_difficulties_of_many_items():
    difficulty = np.random.default_rng(2).normal(0, 1.5, 300)
    right = answers(difficulty, np.repeat(np.linspace(-1, 1, 20), 8))
    found = rasch.fit(right)
    assert found.ability_sd == pytest.approx(0.61, abs=0.08)
    middle = np.abs(difficulty) < 2  # further out few answers are the other way
    slope = np.polyfit(difficulty[middle], found.difficulty[middle], 1)[0]
    assert slope == pytest.approx(1, abs=0.04)
    # Everyone was asked everything, and totals are sufficient: the order is that of accuracy.
    assert stats.spearmanr(found.difficulty, right.mean(axis=0)).statistic == pytest.approx(-1)


def test_an_item_asked_of_the_able_alone_is_not_easier_for_it():
    ability = np.repeat([-1.0, 1.0], 200)
    right = answers(np.zeros(30), ability)
    right[:200, 0] = np.nan
    found = rasch.fit(right).difficulty
    assert np.nanmean(right[:, 0]) - right[:, 1].mean() > 0.15
    assert found[0] == pytest.approx(found[1:].mean(), abs=0.3)


def test_items_that_all_or_none_answer_rightly_are_bounded_and_counted():
    graded = graded_frame(items=30)
    ends = {"i0": "correct", "i1": "incorrect"}
    graded["outcome"] = graded["item_id"].map(ends).fillna(graded["outcome"])
    table = rasch.tabulate(unfit(graded, ["i2"])).set_index("item_id")
    assert table.loc[["i0", "i1"], "extreme"].tolist() == ["all right", "all wrong"]
    rest = table[table["extreme"].isna()]["estimate"]
    assert table.loc["i0", "estimate"] < rest.min() and rest.max() < table.loc["i1", "estimate"]
    assert table["estimate"].abs().max() < 10
    assert (table["persons"].drop("i2") == 8).all() and table.loc["i2", "persons"] == 4
    row = rasch_difficulty.tabulate(table.reset_index()).iloc[0]
    assert row["all_right"] == table["extreme"].eq("all right").sum() >= 1
    assert (row["n"], row["n_models"], row["persons"]) == (30, 2, 8)


def test_correlation_is_that_of_the_columns_and_follows_clusters():
    graded = graded_frame(items=40)
    table = rasch.tabulate(graded)
    found = rasch_difficulty.tabulate(table).set_index("measure")
    for measure, test in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        expected = test(table["estimate"], table["difficulty"]).statistic
        assert found.loc[measure, "estimate"] == pytest.approx(expected)
        assert found.loc[measure, "lower"] < expected < found.loc[measure, "upper"]
    copied = pd.concat([table.assign(item_id=table["item_id"] + f"-{k}") for k in range(5)])
    again = rasch_difficulty.tabulate(copied).set_index("measure")
    width, wide = ((t["upper"] - t["lower"]).loc["spearman"] for t in (found, again))
    assert wide == pytest.approx(width)


def test_too_few_answers_say_so():
    one = graded_frame(models=["a"], samples=3)
    table = rasch.tabulate(one)
    assert table["estimate"].isna().all()
    assert "3 persons, at least 4 are needed" in table["method"].iloc[0]
    found = rasch_difficulty.tabulate(table)
    assert found["estimate"].isna().all()
    assert "not estimated: 3 persons" in found["method"].iloc[0]
    alike = rasch.tabulate(graded_frame().assign(outcome="correct"))
    assert alike["method"].str.contains("answered alike by all").all()
    assert rasch_difficulty.tabulate(alike)["all_right"].tolist() == [12, 12]
