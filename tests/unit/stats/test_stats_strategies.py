"""Strategies compared: by hand, and that choosing on one half promises nothing on the other."""

import numpy as np
import pandas as pd
import pytest

from graded_frames import PARAMETERS, graded_frame, searches_frame
from thinkscale.data import contracts
from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError
from thinkscale.report.details import strategies as sentences
from thinkscale.stats import compute_matched, compute_optimal, strategies
from thinkscale.stats.core import searches as core


def graded(items=40, **changes):
    frame = graded_frame(models=("a",), items=items)
    return frame.assign(alone_tokens=10, prompt_tokens=0, **changes)


def rising(strategy, n, items, rng):
    """Accuracy by size: every strategy gains a tenth with each doubling, the scorer's one more."""
    value = 0.3 + 0.1 * np.log2(n) + (0.1 if strategy == "beam" else 0.0)
    return np.full(items, value)


def test_accuracy_and_costs_by_hand():
    found = strategies.tabulate(searches_frame(graded(), rising), graded())
    assert list(found.columns) == strategies.COLUMNS
    beam = found[(found["strategy"] == "beam") & (found["n"] == 4) & (found["level"] == 0)]
    [row] = beam.itertuples()
    assert row.estimate == pytest.approx(0.6)
    assert (row.n_items, row.sampled, row.scored, row.scored_uncached) == (40, 40, 40, 80)
    # Two FLOPs a parameter and token, the scorer's parameters being half as many.
    assert row.compute == pytest.approx(2 * PARAMETERS * 40 + 2 * (PARAMETERS // 2) * 40)
    levels = found[(found["strategy"] == "beam") & (found["n"] == 4)].set_index("level")["n_items"]
    assert levels.to_dict() == {0: 40, 1: 8, 2: 8, 3: 8, 4: 8, 5: 8}


def test_a_prompt_is_paid_for_once():
    made = searches_frame(graded(), rising).assign(prompt_tokens=7)
    found = strategies.tabulate(made, graded()).set_index(["strategy", "n", "level"])
    assert found.loc[("majority", 4, 0), "compute"] == pytest.approx(2 * PARAMETERS * (7 + 40))


def test_whose_tokens_a_scorer_reads_is_said(tmp_path):
    made = searches_frame(graded(), rising)
    own = made["strategy"].map({"majority": None, "best": True, "beam": False})
    contracts.write(made.assign(scorer_exact_tokens=own), tmp_path / "s.parquet", "searches")
    found = strategies.tabulate(contracts.read(tmp_path / "s.parquet", "searches"), graded())
    write_table(found, tmp_path / "t.csv")
    found = read_table(tmp_path / "t.csv")
    said = found.groupby("strategy")["scorer_reads"].agg(lambda each: each.iloc[0])
    assert said.dropna().to_dict() == {"beam": "text", "best": "tokens"}
    # The best is a beam, whose scorer is given text.
    [sentence] = sentences(found, 0.05)
    assert "of its own that a scorer read" in sentence
    [sentence] = sentences(found[found["strategy"] == "best"], 0.05)
    assert "that a scorer read" in sentence and "of its own" not in sentence


def test_conditions_of_budget_forcing_stand_beside():
    frame = graded()
    found = strategies.tabulate(searches_frame(frame, rising), frame)
    forced = found[(found["approach"] == core.FORCING) & (found["level"] == 0)]
    assert set(forced["condition"]) == set(frame["condition"])
    natural = forced[forced["condition"] == "natural"].iloc[0]
    own = frame[frame["condition"] == "natural"]
    per_item = own.assign(right=own["outcome"] == "correct").groupby("item_id")["right"].mean()
    assert natural["estimate"] == pytest.approx(per_item.mean())
    assert natural["compute"] == pytest.approx(2 * PARAMETERS * 10)


def test_items_that_are_left_out_are_counted():
    frame = graded()
    out = frame["item_id"] == "i0"
    frame["excluded"] = out
    made = searches_frame(graded(), rising)
    found = strategies.tabulate(made.assign(excluded=made["item_id"] == "i0"), frame)
    assert set(found.loc[found["level"] == 0, "n_items"]) == {39}
    assert set(found["n_excluded"]) == {1}


def test_fifths_keep_equal_difficulties_together_and_no_difficulty_is_no_fifth():
    fifths = core.levels(pd.Series([1.0, 1.0, 1.0, 2.0, np.nan]))
    assert fifths[:3].nunique() == 1 and fifths[3] == 5 and fifths[4] == 0
    assert core.levels(pd.Series(range(10))).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def lucky(items=200, samples=8):
    """A graded frame in which every sample is right by the toss of a coin, whatever the item."""
    frame = graded_frame(models=("a",), items=items, samples=samples)
    right = np.random.default_rng(9).random(len(frame)) < 0.5
    return frame.assign(
        outcome=np.where(right, "correct", "incorrect"), alone_tokens=10, prompt_tokens=0
    )


def test_levels_by_accuracy_rest_on_samples_that_nothing_else_is_measured_on():
    """Where all is luck no level is harder than another; by the same samples one would be."""
    frame = lucky()
    made = searches_frame(frame, rising)
    found = strategies.tabulate(made, frame, held_out=4)
    own = found[(found["condition"] == "natural") & (found["level"] > 0)]
    assert set(own["level_by"]) == {"accuracy"} and len(own) >= 3
    assert ((own["lower"] < 0.5) & (own["upper"] > 0.5)).all()
    # What is shown is of the samples before, and levels are of those from there on.
    changed = frame.copy()
    held = changed["sample"] >= 4
    changed.loc[~held, "outcome"] = "incorrect"
    again = strategies.tabulate(made, changed, held_out=4)
    sizes = ["condition", "strategy", "n", "level", "n_items"]
    pd.testing.assert_frame_equal(again[sizes], found[sizes])
    assert (again.loc[again["condition"] == "natural", "estimate"] == 0).all()


def test_levels_by_accuracy_are_each_models_own_the_easiest_first():
    frame = graded_frame(models=("a", "b"), items=10, samples=2)
    place = frame["item_id"].str[1:].astype(int)
    easy = np.where(frame["model"] == "a", place < 5, place >= 5)
    frame["outcome"] = np.where(easy, "correct", "incorrect")
    frame = frame.assign(alone_tokens=10, prompt_tokens=0)
    made = pd.concat([searches_frame(frame, rising, model=model) for model in ("a", "b")])
    prepared = core.prepare(made, frame, held_out=1)
    of_items = prepared.groupby(["model", "item_id"])["level"].agg(["min", "max"])
    assert (of_items["min"] == of_items["max"]).all()
    levels = of_items["min"]
    assert levels["a", "i0"] < levels["a", "i9"] and levels["b", "i0"] > levels["b", "i9"]
    with pytest.raises(ThinkscaleError, match="a has no natural sample beyond those"):
        core.prepare(made, frame, held_out=2)


def test_the_gap_to_a_right_candidate_is_paired():
    frame = graded()
    made = searches_frame(frame, rising)
    # Half of the items hold a right candidate, and there is none to be had in the others.
    made["any_correct"] = np.where(made["item_id"].str[1:].astype(int) < 20, 1.0, 0.0)
    made["correct"] = 0.7 * made["any_correct"]
    found = strategies.tabulate(made, frame)
    row = found[(found["strategy"] == "beam") & (found["n"] == 4) & (found["level"] == 0)].iloc[0]
    assert row["any_correct"] == 0.5 and row["gap"] == pytest.approx(0.5 - 0.35)
    # By halves the gaps are 0 and .3, with a standard error of .024; unpaired it would be .098.
    half = 2.0227 * 0.15 / np.sqrt(39)
    bounds = row["gap_lower"], row["gap_upper"]
    assert bounds == pytest.approx((0.15 - half, 0.15 + half), abs=0.01)
    one = found[found["n"] <= 1]
    assert len(one) and one["gap"].isna().all()


def test_between_sizes_accuracy_is_interpolated_in_log_compute():
    """Majority at 3 samples' cost lies log2(3) doublings from one."""
    found = compute_matched.tabulate(
        searches_frame(graded(), rising), graded(), multiples=(1, 3, 8, 16)
    )
    vote = found[(found["strategy"] == "majority") & (found["axis"] == "sampled")]
    assert vote.set_index("multiple")["estimate"].to_dict() == pytest.approx(
        {1: 0.3, 3: 0.3 + 0.1 * np.log2(3), 8: 0.6}
    )  # none at 16, which no size reaches
    beam = found[(found["strategy"] == "beam") & (found["multiple"] == 3)].set_index("axis")
    assert beam.loc["sampled", "gain"] == pytest.approx(0.1)
    # In FLOPs a beam costs 1.5 times as much a candidate: at three samples' cost it has two.
    assert beam.loc["compute", "gain"] == pytest.approx(0.1 + 0.1 * np.log2(2 / 3))


def test_what_cost_nobody_knows_is_compared_nowhere():
    """Of one of two models the log does not say how many tokens its answers had."""
    frame = graded_frame(models=("a", "b"), items=40).assign(alone_tokens=10, prompt_tokens=0)
    unknown = frame["model"] == "b"
    frame["alone_tokens"] = frame["alone_tokens"].astype("Int64").mask(unknown)
    made = pd.concat([searches_frame(frame, rising, model=model) for model in ("a", "b")])
    made["sampled"] = made["sampled"].astype("Int64").mask(made["model"] == "b")
    for analysis in (compute_matched, compute_optimal):
        found = analysis.tabulate(made, frame)
        assert set(found["model"]) == {"a"}


def test_gains_are_paired():
    """Items differ much, strategies by the same on every item: the gain does not."""

    def correct(strategy, n, items, rng):
        base = np.random.default_rng(1).random(items) * 0.5
        return base + 0.05 * (strategy == "best")

    found = compute_matched.tabulate(searches_frame(graded(), correct), graded())
    own = found[(found["strategy"] == "best") & (found["axis"] == "sampled")]
    row = own[own["multiple"] == 2].iloc[0]
    assert row["gain"] == pytest.approx(0.05)
    assert row["upper"] - row["lower"] > 0.05


def test_what_was_best_on_one_half_is_measured_on_the_other():
    """Where strategies differ by chance alone, choosing the best of them gains nothing: over many
    studies the mean gain is 0, while the best on the same items would seem to gain."""
    gains, seeming = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)

        def correct(strategy, n, items, _, rng=rng):
            return (rng.random(items) < 0.5).astype(float)

        frame = searches_frame(graded(30), correct).assign(scorer_parameters=0)
        found = compute_optimal.tabulate(frame, graded(30), multiples=(4,), seed=seed)
        whole = found[found["level"] == 0].iloc[0]
        gains.append(whole["gain"])
        four = frame[frame["n"] == 4].pivot(index="item_id", columns="strategy", values="correct")
        seeming.append(four.mean().max() - four["majority"].mean())
    error = np.std(gains) / np.sqrt(len(gains))
    assert abs(np.mean(gains)) < 3 * error
    assert np.mean(seeming) > 3 * error


def test_a_strategy_that_is_better_for_hard_items_is_chosen_for_them():
    frame = graded(100)
    hard = core.levels(frame.groupby("item_id", sort=False)["difficulty"].first()) >= 4

    def correct(strategy, n, items, rng):
        return (
            np.where(hard.to_numpy(), 0.9 if strategy == "beam" else 0.2, 0.6)
            + 0.05 * (strategy == "majority") * ~hard.to_numpy()
        )

    made = searches_frame(frame, correct).assign(scorer_parameters=0)
    found = compute_optimal.tabulate(made, frame, multiples=(2,)).set_index("level")
    assert found["chosen"].to_dict() == {
        **{0: "beam, majority", 1: "majority", 2: "majority", 3: "majority"},
        **{4: "beam", 5: "beam"},
    }
    assert found.loc[5, "gain"] == pytest.approx(0.7)
