"""The tables: columns, numbers by hand, laws, and what they do with poor data."""

import gc
import subprocess
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graded_frames import graded_frame, unfit
from thinkscale.data import contracts
from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import (
    accuracy,
    allocation,
    consensus,
    ledger,
    mcnemar,
    model_comparison,
    outcome_difficulty,
    registration,
    registration_contrasts,
    reliability,
    token_change,
)
from thinkscale.stats.core.resampling import holm

# statsmodels collects garbage whenever it corrects p values; what is imported need not be walked.
gc.freeze()

FEW = {"n_boot": 100, "n_permutations": 100, "seed": 3}


OF_DIFFICULTY = "criterion == 'difficulty'"


def tables(graded, pairs=(("a", "b"),)):
    permuted = {key: FEW[key] for key in ("n_permutations", "seed")}
    return {
        "accuracy": accuracy.tabulate(graded),
        "registration": registration.tabulate(graded, **FEW),
        "outcome_difficulty": outcome_difficulty.tabulate(graded, **FEW),
        "mcnemar": mcnemar.tabulate(graded, **permuted),
        "token_change": token_change.tabulate(graded, **permuted),
        "model_comparison": model_comparison.tabulate(graded, pairs, **FEW),
        "consensus": consensus.tabulate(graded, [1, 2, 4]),
        "allocation": allocation.tabulate(graded),
        "reliability": reliability.tabulate(graded),
        "registration_contrasts": registration_contrasts.tabulate(graded),
    }


def test_columns_are_exactly_the_contract():
    for name, table in tables(graded_frame()).items():
        assert list(table.columns) == import_module(f"thinkscale.stats.{name}").COLUMNS, name
        assert table["method"].str.len().gt(10).all(), name


def test_truncation_and_no_thinking_are_conditions_of_their_own():
    graded = graded_frame()
    cut, natural = (graded[graded["condition"] == name] for name in ("max=8", "natural"))
    short = {"max_think": pd.NA, "outcome": "ungradable", "extracted": None}
    more = pd.concat([
        graded,
        cut.assign(condition="truncate=8", truncate=8, **short),
        natural.assign(condition="no_think", no_think=True, think_tokens=0),
    ])  # fmt: skip
    found = tables(more)
    names = ["natural", "no_think", "max=8", "max=16", "truncate=8", "min=40", "waits=1"]
    for name, without in (("accuracy", []), ("mcnemar", ["natural"])):
        rows = found[name][found[name]["model"] == "a"]
        assert rows["condition"].tolist() == [name for name in names if name not in without]
    rows = found["accuracy"].set_index(["model", "condition"]).loc["a"]
    assert rows.loc["truncate=8", ["estimate", "ungradable"]].tolist() == [0, 1]
    assert rows["truncate"].dropna().to_dict() == {"truncate=8": 8}
    assert rows["max_think"].dropna().to_dict() == {"max=8": 8, "max=16": 16}
    assert rows["no_think"].tolist() == [name == "no_think" for name in names]
    natural = tables(graded)
    for name in found.keys() - {"accuracy", "mcnemar"}:
        pd.testing.assert_frame_equal(found[name], natural[name])


def test_order_of_rows_changes_nothing_and_seed_fixes_all():
    graded = graded_frame()
    expected = tables(graded)
    for name, table in tables(graded.sample(frac=1, random_state=1)).items():
        pd.testing.assert_frame_equal(table, expected[name], obj=name)


def test_another_model_changes_no_row_of_the_first():
    two, one = tables(graded_frame()), graded_frame()
    one = one[one["model"] == "a"]
    for analysis in (registration, outcome_difficulty):
        pd.testing.assert_frame_equal(
            analysis.tabulate(one, **FEW),
            two[analysis.__name__.rpartition(".")[2]].query("model == 'a'").reset_index(drop=True),
        )


def test_accuracy_by_hand():
    graded = graded_frame(models=["a"], items=2, samples=2).query("condition == 'natural'")
    graded = graded.assign(outcome=["correct", "ungradable", "correct", "incorrect"])
    graded = graded.assign(think_tokens=[1, 2, 3, 6], censored=[True, False, False, False])
    row = accuracy.tabulate(graded).iloc[0]
    assert (row["n_items"], row["n_responses"], row["estimate"]) == (2, 4, 0.5)
    assert (row["ungradable"], row["censored"], row["tokens_mean"]) == (0.25, 0.25, 3)


def test_conditions_come_in_order():
    order = ["natural", "max=8", "max=16", "min=40", "waits=1"]
    assert accuracy.tabulate(graded_frame())["condition"].tolist() == order * 2
    assert mcnemar.tabulate(graded_frame(), **{k: FEW[k] for k in ("seed",)})["max_think"][0] == 8


def test_flips_by_hand_with_a_pair_missing():
    graded = graded_frame(models=["a"], items=4, samples=1)
    graded = graded[graded["condition"].isin(["natural", "max=8"])].assign(
        outcome=[
            *["correct", "incorrect", "incorrect", "correct"],
            *["incorrect", "correct", "correct", "correct"],
        ]
    )
    row = mcnemar.tabulate(graded).iloc[0]
    counts = ["both_correct", "wrong_to_right", "right_to_wrong", "both_wrong", "n_pairs"]
    assert row[counts].tolist() == [1, 2, 1, 0, 4]
    assert row["estimate"] == 0.25 and row["p"] == 1 and row["p_clustered"] == 1
    assert mcnemar.tabulate(graded.iloc[1:]).iloc[0]["n_pairs"] == 3


def test_dependent_pairs_do_not_count_as_evidence():
    # Ten copies of every sample make the exact McNemar p tiny, and leave the clustered p alone.
    graded = graded_frame(models=["a"], items=8, samples=1)
    graded = graded[graded["condition"].isin(["natural", "waits=1"])].assign(
        outcome=["incorrect"] * 6 + ["correct"] * 2 + ["correct"] * 6 + ["incorrect"] * 2
    )
    copies = pd.concat([graded.assign(sample=i) for i in range(10)])
    one, ten = (mcnemar.tabulate(frame, n_permutations=256).iloc[0] for frame in (graded, copies))
    assert one["p"] == ten["p_clustered"] == one["p_clustered"] == pytest.approx(2 * 37 / 256)
    assert np.isnan(ten["p"]) and "McNemar" not in ten["method"]
    assert (ten["lower"], ten["upper"]) == pytest.approx((one["lower"], one["upper"]))


def test_given_clusters_widen_intervals():
    graded = graded_frame(items=30)
    clustered = graded.assign(cluster_id=graded["difficulty"].gt(0).map({True: "x", False: "y"}))
    alone, together = (accuracy.tabulate(frame).iloc[0] for frame in (graded, clustered))
    assert together["upper"] - together["lower"] > 2 * (alone["upper"] - alone["lower"])
    assert "2 clusters" in together["method"]


def test_holm_is_within_the_model():
    found = mcnemar.tabulate(graded_frame(), n_permutations=200)
    for _, rows in found.groupby("model"):
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p_clustered"]))


def test_token_change_is_per_item():
    graded = graded_frame(models=["a"], items=8, samples=2)
    found = token_change.tabulate(graded).set_index("condition")
    natural = graded.query("condition == 'natural'").groupby("item_id")["think_tokens"].mean()
    assert found.loc["waits=1", "estimate"] == pytest.approx(natural.mean())
    assert (found.loc["waits=1", "lower"] > 0) and (found.loc["waits=1", "n_pairs"] == 16)
    assert found.loc["max=8", "upper"] < 0


def test_items_without_difficulty_are_left_out_and_counted():
    graded = graded_frame()
    graded.loc[graded["item_id"].isin(["i0", "i1"]), "difficulty"] = np.nan
    found = registration.tabulate(graded, **FEW).set_index("criterion")
    assert (found.loc["response_time", "n"] == 12).all()
    found = found.loc["difficulty"]
    assert (found["n"] == 10).all() and found["method"].str.contains("2 items without").all()
    none = registration.tabulate(graded.assign(difficulty=None), **FEW).query(OF_DIFFICULTY)
    assert none["estimate"].isna().all() and (none["n"] == 0).all()
    assert (outcome_difficulty.tabulate(graded, **FEW)["n_items"] == 10).all()


def test_outcome_difficulty_by_hand():
    graded = graded_frame(models=["a"], items=4, samples=1).query("condition == 'natural'")
    graded = graded.assign(
        difficulty=[1.0, 2, 3, 6], outcome=["correct", "correct", "incorrect", "ungradable"]
    )
    found = outcome_difficulty.tabulate(graded, **FEW).set_index("measure")["estimate"]
    assert found["mean_difficulty_correct"] == 1.5 and found["mean_difficulty_incorrect"] == 4.5
    assert found["difference"] == 3
    assert found["spearman_item_accuracy"] == pytest.approx(-2 / np.sqrt(5))


def test_comparison_is_paired_over_common_items_and_changes_sign():
    graded = graded_frame()
    graded = graded[~((graded["model"] == "b") & (graded["item_id"] == "i0"))]
    there = model_comparison.tabulate(graded, [("a", "b")], **FEW).set_index("measure")
    back = model_comparison.tabulate(graded, [("b", "a")], **FEW).set_index("measure")
    assert (there["n"] == 11).all()
    assert there["estimate"].to_numpy() == pytest.approx(-back["estimate"].to_numpy())
    assert (there["value_b"] - there["value_a"]).to_numpy() == pytest.approx(there["estimate"])
    with pytest.raises(ThinkscaleError, match="no responses of model c; found a, b"):
        model_comparison.tabulate(graded, [("a", "c")])


def test_comparison_of_a_model_with_itself_finds_nothing():
    found = model_comparison.tabulate(graded_frame(), [("a", "a")], **FEW).set_index("measure")
    assert (found["estimate"] == 0).all()
    assert np.isnan(found.loc["spearman_difficulty", "p"])
    assert found.loc["accuracy", "p"] == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_one_sample_by_consensus_is_accuracy(seed):
    graded = graded_frame(seed=seed)
    votes = consensus.tabulate(graded, [1, 2]).set_index(["model", "measure", "k"])
    natural = accuracy.tabulate(graded).query("condition == 'natural'").set_index("model")
    for model in ("a", "b"):
        row = votes.loc[(model, "pass", 1)]
        for bound in ("estimate", "lower", "upper"):
            assert row[bound] == pytest.approx(natural.loc[model, bound])
        # Where all answered a vote of two is that number once more (by chance it may be so where
        # not all did); a vote of one always is.
        answered = (graded["model"] == model) & (graded["condition"] == "natural")
        all_answered = graded.loc[answered, "extracted"].notna().all()
        assert (model, "cons", 1) not in votes.index
        assert not (all_answered and (model, "cons", 2) in votes.index)


def test_consensus_without_enough_samples_is_missing():
    graded = graded_frame()
    graded = graded[~((graded["item_id"] == "i3") & (graded["sample"] > 1))]
    found = consensus.tabulate(graded, [4, 9]).set_index(["model", "measure", "k"])
    assert found.loc[("a", "pass", 4), "n_items"] == 11
    assert "1 items with fewer than 4" in found.loc[("a", "pass", 4), "method"]
    assert np.isnan(found.loc[("a", "cons", 9), "estimate"])
    with pytest.raises(ThinkscaleError, match="k: found 0"):
        consensus.tabulate(graded, [0])


def test_a_grader_that_extracts_nothing_votes_by_outcome():
    graded = graded_frame().query("outcome != 'ungradable'").assign(extracted=None)
    found = consensus.tabulate(graded, [2]).set_index(["model", "measure"])["estimate"]
    one = consensus.tabulate(graded, [1]).set_index(["model", "measure"])["estimate"]
    assert found["a", "cons"] == pytest.approx(one["a", "pass"], abs=0.03)


def counted(graded):
    """`graded` with what else the ledger sums."""
    names = {*ledger.SUMS} - {"think_tokens", "censored", "alone_tokens"}
    return graded.assign(**dict.fromkeys(names, 2), alone_tokens=5, seconds=0.5)


def usage(*rows):
    names = ("model", "parameters", "chains", "peak_memory_bytes")
    return [dict(zip(names, row, strict=True)) for row in rows]


USAGE = usage(("a", 10, 40, 3 * 2**20), ("a", 10, 8, 5 * 2**20), ("b", 20, 48, None))


def test_ledger_sums():
    found = ledger.tabulate(counted(graded_frame()), USAGE)
    assert list(found.columns) == ledger.COLUMNS
    cut = graded_frame().query("condition=='max=8' and model=='a'")["censored"].sum()
    row = found.query("condition == 'max=8' and model == 'a'").iloc[0]
    assert (row["n_responses"], row["errors"], row["censored"]) == (48, 0, cut)
    assert (row["new_tokens"], row["alone_tokens"], row["shared_tokens"]) == (96, 240, 144)
    assert row["seconds"] == 24
    assert found["chains"].eq(48).all()
    peaks = found.groupby("model")["peak_memory_mib"]
    assert (peaks.first()["a"], peaks.count()["b"]) == (5, 0)  # nothing was sampled for b
    # 48 responses of 2 tokens of prompt each, 2 new ones and 5 alone; 10 parameters. The prompt is
    # read for the natural condition.
    assert (row["flops_new"], row["flops_alone"]) == (20 * 96, 20 * (96 + 240))
    row = found.query("condition == 'natural' and model == 'b'").iloc[0]
    assert (row["flops_new"], row["scored_new"]) == (40 * (96 + 96), 0)
    with pytest.raises(ThinkscaleError, match="usage of model b: no number of chains"):
        ledger.tabulate(counted(graded_frame()), USAGE[:2])


def spent_frame():
    """Two items and one that does not fit; two searches, the first with two scorers."""
    rows = []
    for item, prompt, error in (("i0", 7, None), ("i1", 9, None), ("i2", 99, "too long")):
        for search, n, sampled, new, scorers in (
            ("samples", 4, 40, 0, {"small": (20, 20, 60), "large": (30, 30, 90)}),
            ("beam", 2, 16, 11, {"small": (15, 5, 33)}),
        ):
            key = {"model": "a", "item_id": item, "search": search, "n": n, "error": error}
            sizes = {"prompt_tokens": prompt, "parameters": 10, "rounds": 1}
            drawn = {"sampled": sampled, "sampled_new": new}
            for scorer, read in {None: (0, 0, 0), **scorers}.items():
                told = dict(zip(("scored", "scored_new", "scored_uncached"), read, strict=True))
                size = {None: 0, "small": 3, "large": 100}[scorer]
                row = {**key, **sizes, **drawn, **told, "scorer": scorer}
                rows.append({**row, "scorer_parameters": size})
                if error:
                    rows[-1] |= dict.fromkeys((*drawn, *told), 0)
    return pd.DataFrame(rows)


def test_ledger_has_the_searches_and_what_their_scorers_read():
    found = ledger.tabulate(counted(graded_frame()), USAGE, spent_frame())
    assert found["condition"].isna().sum() == 2
    samples, beam = (found.query(f"search == '{name}'").iloc[0] for name in ("samples", "beam"))
    assert (samples["model"], samples["n"], beam["n"]) == ("a", 4, 2)
    # Each of two items: 40 tokens, all of them the sweep's, and two scorers.
    assert (samples["n_responses"], samples["errors"]) == (3, 1)
    assert (samples["alone_tokens"], samples["new_tokens"]) == (80, 0)
    assert (samples["scored_alone"], samples["scored_new"]) == (100, 100)
    assert samples["scored_uncached"] == 300
    assert samples["flops_new"] == 2 * (3 * 40 + 100 * 60)
    assert samples["flops_alone"] == 2 * (10 * (16 + 80) + 3 * 40 + 100 * 60)
    # The beam is the first to sample something new: it pays for the prompts.
    assert (beam["alone_tokens"], beam["new_tokens"], beam["shared_tokens"]) == (32, 22, 10)
    assert (beam["scored_alone"], beam["scored_new"], beam["scored_uncached"]) == (30, 10, 66)
    assert beam["flops_new"] == 2 * (10 * (16 + 22) + 3 * 10)
    assert beam["flops_alone"] == 2 * (10 * (16 + 32) + 3 * 30)
    assert pd.isna(beam["think_tokens"]) and pd.isna(beam["seconds"])
    rest = ledger.tabulate(counted(graded_frame()), USAGE)
    sweep = found[found["condition"].notna()].drop(columns="search")
    pd.testing.assert_frame_equal(sweep, rest.drop(columns="search"))


def test_ledger_of_a_log_leaves_open_what_it_does_not_say(tmp_path):
    """Neither the size of the model nor what it sampled, as read from a file of many models."""
    numbers = ["prompt_tokens", "sampled", "scored", "parameters", "scorer_parameters"]
    unknown = spent_frame().astype(dict.fromkeys(numbers, "Int64")).assign(model="b")
    unknown[numbers] = unknown[numbers].mask(unknown["error"].isna())
    both = pd.concat([spent_frame(), unknown])
    found = ledger.tabulate(counted(graded_frame()), USAGE, both)
    own = found[(found["model"] == "b") & found["condition"].isna()]
    assert len(own) == 2 and own[["alone_tokens", "flops_new"]].isna().to_numpy().all()
    write_table(found, tmp_path / "ledger.csv")
    known = ledger.tabulate(counted(graded_frame()), USAGE, spent_frame())
    back = read_table(tmp_path / "ledger.csv").query("model == 'a'")
    assert back["flops_new"].tolist() == known.query("model == 'a'")["flops_new"].tolist()


def test_ledger_leaves_out_what_was_never_asked():
    graded = unfit(counted(graded_frame()), ["i0", "i1"])
    row = ledger.tabulate(graded, USAGE).query("condition == 'natural' and model == 'a'").iloc[0]
    assert (row["n_responses"], row["errors"]) == (48, 2)
    assert (row["prompt_tokens"], row["seconds"], row["censored"]) == (2 * 40, 20, 0)
    none = ledger.tabulate(unfit(graded, graded["item_id"]), USAGE).query("model == 'a'")
    assert (none["errors"] == 12).all() and (none["new_tokens"] == 0).all()


def test_items_that_do_not_fit_are_not_correct_and_have_no_tokens():
    graded = graded_frame()
    part, rest = unfit(graded, ["i0", "i1"]), graded[~graded["item_id"].isin(["i0", "i1"])]
    found, without = accuracy.tabulate(part), accuracy.tabulate(rest)
    assert found["errors"].tolist() == [2] * 5 + [0] * 5
    assert (found["n_items"] == 12).all() and (found["n_responses"] == 48).all()
    found, without = found[:5], without[:5]
    assert found["estimate"].to_numpy() == pytest.approx(without["estimate"] * 10 / 12)
    assert found["ungradable"].to_numpy() == pytest.approx((without["ungradable"] * 10 + 2) / 12)
    tokens = ["tokens_mean", "tokens_lower", "tokens_upper", "censored"]
    pd.testing.assert_frame_equal(found[tokens], without[tokens])
    assert found["method"].str.contains("2 items that did not fit the context count as not").all()
    none = accuracy.tabulate(unfit(graded, graded["item_id"]))[:5]
    assert (none["estimate"] == 0).all() and (none["ungradable"] == 1).all()
    assert none[tokens].isna().all(axis=None) and (none["errors"] == 12).all()


def test_items_that_do_not_fit_are_left_out_and_counted():
    graded = graded_frame()
    part, rest = unfit(graded, ["i0", "i1"]), graded[~graded["item_id"].isin(["i0", "i1"])]
    with_them, without_them = tables(part), tables(rest)
    names = ("registration", "mcnemar", "token_change", "model_comparison")
    for name in (*names, "allocation", "reliability", "registration_contrasts"):
        found, without = with_them[name], without_them[name]
        if name != "model_comparison":  # there, both models lose the item
            found, without = (table.query("model == 'a'") for table in (found, without))
        assert (found["errors"] == 2).all() and (without["errors"] == 0).all(), name
        notes = found["method"]
        assert notes.str.contains("2 items that did not fit the context.* left out").all(), name
        same = [column for column in found if column not in ("errors", "method")]
        pd.testing.assert_frame_equal(found[same], without[same], obj=name)


def test_an_item_is_left_out_once_and_for_one_reason():
    graded = graded_frame()
    graded.loc[graded["item_id"].isin(["i0", "i5"]), "difficulty"] = np.nan
    row = registration.tabulate(unfit(graded, ["i0", "i1"]), **FEW).iloc[0]
    assert (row["n"], row["errors"]) == (9, 1) and "2 items without difficulty" in row["method"]
    assert row["without_criterion"] == 2


def test_items_that_do_not_fit_stay_mistakes_where_tokens_do_not_matter():
    graded = graded_frame(models=["a"])
    part = unfit(graded, ["i0", "i1"])
    wrong = part.assign(error=None)
    for analysis, options in ((outcome_difficulty, FEW), (consensus, {"ks": [1, 4]})):
        found, expected = (analysis.tabulate(frame, **options) for frame in (part, wrong))
        assert (found.pop("errors") == 2).all() and (expected.pop("errors") == 0).all()
        same = [column for column in found if column != "method"]
        pd.testing.assert_frame_equal(found[same], expected[same])


def test_combined_conditions_are_conditions_of_their_own():
    graded = graded_frame(models=["a"])
    waits = graded.query("condition == 'waits=1'")
    both = waits.assign(condition="waits=1;max=16", max_think=16, think_tokens=16)
    least = waits.assign(condition="min=4;max=16", waits=pd.NA, min_think=4, max_think=16)
    drawn = waits.assign(condition="waits=1;continuation=(drawn)", continuation="(drawn)")
    frame = pd.concat([graded, both, least, drawn])
    order = ["natural", "max=8", "max=16", "min=40", "min=4;max=16"]
    order += ["waits=1", "waits=1;continuation=(drawn)", "waits=1;max=16"]
    assert accuracy.tabulate(frame)["condition"].tolist() == order
    sums = ledger.tabulate(counted(frame), USAGE)
    assert sums["condition"].tolist() == order
    changes = token_change.tabulate(frame).set_index("condition")
    assert changes.index.tolist() == order[1:]
    alone = token_change.tabulate(graded).set_index("condition")
    assert changes.loc["waits=1", "estimate"] == alone.loc["waits=1", "estimate"]
    assert changes.loc["waits=1;max=16", "estimate"] != alone.loc["max=16", "estimate"]
    row = mcnemar.tabulate(frame, n_permutations=100).set_index("condition").loc["waits=1;max=16"]
    assert (row["waits"], row["max_think"], row["continuation"]) == (1, 16, "Wait")


POOR = {
    "one item": lambda g: g[g["item_id"] == "i0"],
    "two items": lambda g: g[g["item_id"].isin(["i0", "i1"])],
    "four items": lambda g: g[g["item_id"].isin(["i0", "i1", "i2", "i3"])],
    "one sample": lambda g: g[g["sample"] == 0],
    "all correct": lambda g: g.assign(outcome="correct", extracted="A"),
    "none correct": lambda g: g.assign(outcome="incorrect", extracted="B"),
    "all ungradable": lambda g: g.assign(outcome="ungradable", extracted=None),
    "no difficulty": lambda g: g.assign(difficulty=np.nan),
    "one difficulty": lambda g: g.assign(difficulty=0.1),
    "no response time": lambda g: g.assign(response_time=np.nan),
    "tokens alike": lambda g: g.assign(think_tokens=7),
    "one stem length": lambda g: g.assign(stem_chars=30),
    "only natural": lambda g: g[g["condition"] == "natural"],
    "no natural": lambda g: g[g["condition"] != "natural"],
    "one cluster": lambda g: g.assign(cluster_id="c"),
    "one item fits": lambda g: unfit(g, [f"i{i}" for i in range(1, 12)]),
    "none fits one model": lambda g: unfit(g, g["item_id"]),
    "none fits": lambda g: unfit(unfit(g, g["item_id"]), g["item_id"], "b"),
    "nothing": lambda g: g.iloc[:0],
}


@pytest.mark.parametrize("case", POOR)
def test_poor_data_neither_crash_nor_warn(case, recwarn):
    graded = POOR[case](graded_frame())
    pairs = [("a", "b")] if case not in ("nothing", "no natural") else []
    for name, table in tables(graded, pairs).items():
        assert list(table.columns) == import_module(f"thinkscale.stats.{name}").COLUMNS
        missing = table[table["estimate"].isna()]
        said = missing["method"].str.contains("not estimated")
        assert said.all(), missing["method"].tolist()
        bare = table[table["lower"].isna() & table["estimate"].notna()]
        assert bare["method"].str.contains("no .*interval").all(), bare["method"].tolist()
    assert not recwarn.list


def test_errors_name_the_column_the_value_and_the_row():
    graded = graded_frame()
    with pytest.raises(ThinkscaleError, match="no column stem_chars"):
        accuracy.tabulate(graded.drop(columns="stem_chars"))
    with pytest.raises(ThinkscaleError, match="outcome holds maybe; expected correct"):
        accuracy.tabulate(graded.replace({"outcome": {"correct": "maybe"}}))
    with pytest.raises(
        ThinkscaleError, match="item_id i0, sample 0, condition natural occurs twice"
    ):
        accuracy.tabulate(pd.concat([graded, graded.iloc[:1]]))


def test_statistics_and_report_leave_torch_out():
    code = "import sys, thinkscale.stats, thinkscale.report; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0


def test_a_sum_over_what_is_not_known_is_missing():
    frame = graded_frame(models=["a"]).assign(**dict.fromkeys(contracts.LEDGER, 1), seconds=np.nan)
    frame["think_injected"] = pd.array([None] + [1] * (len(frame) - 1), dtype="Int64")
    usage = [{"model": "a", "chains": 0, "peak_memory_bytes": None}]
    table = ledger.tabulate(frame, usage).set_index("condition")
    assert pd.isna(table.loc["natural", "think_injected"])
    assert table.loc["waits=1", "think_injected"] == 48 and pd.isna(table.loc["natural", "seconds"])
