"""What making models took, added up along their origins."""

import pandas as pd

from thinkscale.stats import training_cost


def test_costs_are_added_up_along_parents_and_corpora_each_once():
    names = ["base", "teacher", "first", "second"]
    accuracy = pd.DataFrame({
        "model": names, "condition": "natural", "n_items": 9, "estimate": [0.4, 0.6, 0.5, 0.7],
        "lower": 0.3, "upper": 0.8, "method": "mean",
    })  # fmt: skip
    cut = accuracy.assign(condition="max=0")
    ledger = pd.DataFrame({"model": names, "condition": "natural", "n_responses": 2,
                           "flops_alone": 600.0})  # fmt: skip
    sizes = dict(zip(names, [10, 20, 10, 10], strict=True))
    usage = [{"model": model, "parameters": size} for model, size in sizes.items()]
    made = {
        "first": {"parent": "base", "corpus": "taught"},
        "second": {"parent": "first", "corpus": "own"},
    }
    losses = [
        pd.DataFrame({"model": name, "step": [1, 2], "tokens": [50, tokens]})
        for name, tokens in (("first", 100), ("second", 300))
    ]
    job = {"model": "teacher", "parameters": 20, "sampled_tokens": 30, "recalled_tokens": 10}
    own = {"model": "first", "parameters": 10, "sampled_tokens": 70, "recalled_tokens": 0}
    table = training_cost.tabulate(
        pd.concat([accuracy, cut]), ledger, usage, made, losses,
        [[job, job], [own]], ["taught", "own"],
    ).set_index("model")  # fmt: skip
    assert list(table.index) == names
    assert table.loc[["base", "teacher"], "flops_made"].eq(0).all()
    taught = 2 * 20 * 2 * 40
    assert table.loc["first", "flops_training"] == 6 * 10 * 100
    assert table.loc["first", "flops_generating"] == taught
    first = 6 * 10 * 100 + taught
    assert table.loc["first", "flops_made"] == first
    # The second is made of the first as its parent, and again as who wrote its corpus.
    assert table.loc["second", "flops_made"] == first + 6 * 10 * 300 + 2 * 10 * 70
    # What the second learned from, the first wrote, which comes from the same base; the teacher of
    # the first does not.
    assert table["previous"].tolist()[2:] == ["base", "first"]
    assert table["round"].tolist() == [0, 0, 1, 2]
    assert table["flops_response"].eq(300).all() and table["estimate"].tolist()[-1] == 0.7


def test_what_is_not_known_is_missing():
    accuracy = pd.DataFrame([{"model": "m", "condition": "natural", "n_items": 1, "estimate": 1.0,
                              "lower": 0.5, "upper": 1.0, "method": ""}])  # fmt: skip
    ledger = pd.DataFrame([{"model": "m", "condition": "natural", "n_responses": 1,
                            "flops_alone": float("nan")}])  # fmt: skip
    usage = [{"model": "m", "parameters": None}]
    made = {"m": {"parent": "p", "corpus": None}}
    [row] = training_cost.tabulate(accuracy, ledger, usage, made).itertuples()
    assert pd.isna(row.flops_made) and pd.isna(row.flops_response) and row.tokens_generated == 0


def test_what_is_sampled_and_read_costs_a_third_of_what_is_learned():
    names = ["teacher", "zero", "held", "taught"]
    accuracy = pd.DataFrame({"model": names, "condition": "natural", "n_items": 9, "estimate": 0.5,
                             "lower": 0.3, "upper": 0.8, "method": "mean"})  # fmt: skip
    ledger = pd.DataFrame({"model": names, "condition": "natural", "n_responses": 1,
                           "flops_alone": 1.0})  # fmt: skip
    usage = [{"model": name, "parameters": 10 + 10 * (name == "teacher")} for name in names]
    rewarded = {"parent": "teacher", "recipe": "grpo", "grpo": {"beta": 0.0}}
    made = {
        "zero": rewarded,
        "held": {**rewarded, "parent": "zero", "grpo": {"beta": 0.1}},
        "taught": {"parent": "held", "recipe": "gkd", "teacher": "zero", "grpo": {"beta": 0.0}},
    }
    losses = [
        pd.DataFrame({"model": "zero", "tokens": [50, 100], "sampled": [30, 60]}),
        pd.DataFrame({"model": "held", "tokens": [200], "sampled": [90]}),
        pd.DataFrame({"model": "taught", "tokens": [400]}),
    ]
    table = training_cost.tabulate(accuracy, ledger, usage, made, losses).set_index("model")
    zero = 6 * 10 * 100 + 2 * 10 * 60
    held = 6 * 10 * 200 + 2 * 10 * 90 + 2 * 10 * 200  # the parent reads what is learned
    taught = (6 + 2) * 10 * 400 + 2 * 10 * 400  # the teacher, which the parent was made from too
    assert table["flops_made"].tolist() == [0, zero, zero + held, zero + held + taught]
    assert table["tokens_sampled"].tolist() == [0, 60, 90, 400]
    assert table["tokens_read"].tolist() == [0, 0, 200, 400]
