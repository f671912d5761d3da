"""Sentences on what answers no question say what their tables say, of all models at once."""

import pandas as pd

from thinkscale.report import details

ALPHA = 0.05
ROW = {
    **{"model": "m", "strategy": "beam", "approach": "beam_search", "level": 0, "n": 8},
    **{"estimate": 0.8, "lower": 0.7, "upper": 0.9, "n_items": 50, "sampled": 300, "scored": 90},
    **{"any_correct": 0.95, "gap": 0.15, "gap_lower": 0.08, "gap_upper": 0.22, "method": "mean"},
    **{"length_class": None, "scorer_reads": "tokens", "unmet": 0.0, "think_tokens": 30.0},
}


def test_the_gap_to_what_candidates_hold():
    [said] = details.strategies(pd.DataFrame([ROW]), ALPHA)
    assert "15.0 points [8.0 to 22.0] below what a perfect choice" in said
    none = {**ROW, "gap": None, "gap_lower": None, "gap_upper": None}
    [said] = details.strategies(pd.DataFrame([none]).astype({"gap": float}), ALPHA)
    assert "perfect choice" not in said and "80.0% [70.0 to 90.0]" in said
    votes = ROW | {"approach": "majority", "strategy": "majority", "estimate": 0.5}
    table = pd.DataFrame([ROW, votes]).assign(sampled=float("nan"), scored=float("nan"))
    [said] = details.strategies(table, ALPHA)
    assert "missing" not in said and "a majority of 8 had 50.0% [70.0 to 90.0]) (n" in said
    [said] = details.strategies(pd.DataFrame([votes | {"scored": 0}]), ALPHA)
    assert "for 300 sampled tokens an item, 15.0 points" in said and "scorer" not in said


def test_sizes_are_called_as_the_study_calls_them_and_control_is_said():
    table = pd.DataFrame(
        [
            ROW | {"approach": "majority", "strategy": "majority", "n": 4, "estimate": 0.5},
            ROW | {"approach": "token_conditional", "think_tokens": 7.2, "unmet": 0.25},
            ROW | {"approach": "token_conditional", "n": 1600, "think_tokens": 1200.0},
            ROW
            | {"approach": "class_conditional", "strategy": "class", "length_class": "long"}
            | {"estimate": 0.9, "unmet": 0.1},
        ]
    )
    best, tokens, classes = details.strategies(table, ALPHA)
    assert best.startswith("The most accurate of 3 strategies: `m` (`class` at `long`, ")
    assert "a majority of 4 had 50.0%" in best
    assert tokens.endswith("8: 7 tokens, 75.0%; 1,600: 1,200 tokens, 100.0%.")
    assert classes.endswith("`long`: 30 tokens, 90.0%.")


def test_scorers_within_items_early_and_as_probabilities():
    row = {"model": "m", "scorer": "prm", "n_items": 40, "n_candidates": 320, "method": "x"}
    numbers = [
        ("last", None, "auc_within", 0.8, 0.7, 0.9, None),
        ("last", None, "calibration_error", 0.2, 0.1, 0.3, 0.05),
        ("prod", None, "calibration_error", 0.5, 0.4, 0.6, 0.05),
        (None, 0.2, "calibration_error", 0.6, 0.5, 0.7, 0.05),
        (None, 0.2, "auc_within", 0.55, 0.45, 0.65, None),
        (None, 1.0, "auc_within", 0.8, 0.7, 0.9, None),
    ]
    names = ["agg_strategy", "fraction", "measure", "estimate", "lower", "upper", "null_mean"]
    table = pd.DataFrame([row | dict(zip(names, n, strict=True)) for n in numbers])
    [said] = details.scorers(table, ALPHA)
    begun = "after 20% of their steps 55.0% [45.0 to 65.0]"
    assert f"`m` 80.0% [70.0 to 90.0], {begun} (n = 40" in said
    assert "calibration error as a probability: `m` 0.20 [0.10 to 0.30], noise alone 0.05." in said
    table.loc[table["measure"] == "calibration_error", "estimate"] = None
    [said] = details.scorers(table, ALPHA)
    assert "calibration error" not in said
    table.loc[table["measure"] == "auc_within", "estimate"] = 0.8  # thoughts of one step
    [said] = details.scorers(table, ALPHA)
    assert "steps" not in said and "`m` 80.0% [70.0 to 90.0] (n = 40 items)" in said


def test_votes_of_the_most_samples_beside_guessing():
    row = {"model": "m", "measure": "cons", "n_items": 60, "guess": 0.25}
    row |= {"estimate": 0.9, "lower": 0.85, "upper": 0.95}
    [said] = details.consensus(pd.DataFrame([row | {"k": 4}, row | {"k": 8}]), ALPHA)
    assert said.startswith("A plurality of 8 samples was correct: `m` 90.0% [85.0 to 95.0]")
    assert said.endswith("(n = 60 items), where guessing has 25.0%.")


def test_conditions_as_good_as_natural_are_counted_over_models():
    row = {"n_items": 60, "margin": 0.05, "estimate": 0.01}
    cells = [("a", "max=8", True), ("b", "max=8", False), ("a", "waits=1", True)]
    names = ["model", "condition", "equivalent"]
    table = pd.DataFrame([row | dict(zip(names, cell, strict=True)) for cell in cells])
    [said] = details.equivalence(table, ALPHA)
    assert "within 5 points: `max=8` in 1 of 2 models, `waits=1` in 1 of 2 models (n" in said
    [said] = details.equivalence(table[table["model"] == "a"], ALPHA)
    assert "5 points: `max=8`, `waits=1` (n = 60 items)" in said
    [said] = details.equivalence(table[table["model"] == "b"], ALPHA)
    assert "no condition" in said


def test_what_has_no_estimate_is_not_spoken_of():
    empty = pd.DataFrame([ROW | {"estimate": None, "measure": "difference", "k": 4, "guess": 0.2}])
    empty = empty.astype({"estimate": float}).assign(condition="natural", relative_width=None)
    for sentences in (details.outcome_difficulty, details.consensus, details.entropy):
        assert not list(sentences(empty, ALPHA))
    assert not list(details.strategies(empty, ALPHA))


def test_tokens_and_items_are_text():
    token = {"tokenizer": "t", "corpus": "c", "token": "`\n|", "js_contribution": 0.01}
    token |= {"frequency_corpus": 0.2, "frequency_items": 0.1}
    [said] = details.divergence_tokens(pd.DataFrame([token]), ALPHA)
    assert r"`'\n|`" in said
    loss = pd.DataFrame({"model": "sft", "step": [1, 300], "loss": [2.5, 0.25]})
    [said] = details.training_loss(loss, ALPHA)
    assert "`sft` 2.500 at first and 0.250 at step 300" in said
    steps = {"model": "zero", "step": [0, 1, 20], "reward": [None, 0.5, 1.2]}
    steps |= {"accuracy": [None, 0.4, 0.8], "completion_tokens": [None, 30.2, 45.1]}
    log = pd.DataFrame(steps | {"held_out_accuracy": [0.41, None, 0.67]})
    [said] = details.training_rewards(log, ALPHA)
    assert "accuracy 0.41 at first and 0.67 at step 20 on held-out items, with 30 and 45" in said
    [said] = details.training_rewards(log.assign(held_out_accuracy=None), ALPHA)
    assert "accuracy 0.40 at first and 0.80 at step 20 of its own completions" in said
    item = {"tokenizer": "t", "corpus": "c", "ngram": 13, "ngrams": 10}
    rows = [item | {"item_id": f"i{n}", "found": n, "share": n / 10} for n in range(3)]
    [said] = details.overlap(pd.DataFrame(rows), ALPHA)
    assert said.startswith("2 items share n-grams with `c`, the greatest part of their own: `i2`")
    assert said.endswith(" `i2` (20.0%), `i1` (10.0%).")
    assert not list(details.overlap(pd.DataFrame(rows[:1]), ALPHA))


def test_prediction_and_rasch_say_what_their_tables_do():
    key = {"features": "all", "learner": "ridge", "measure": "rmse", "n": 90}
    rows = [
        {**key, "against": None, "estimate": 0.3, "lower": 0.25, "upper": 0.35},
        {**key, "against": "dummy", "estimate": -0.1, "lower": -0.15, "upper": -0.05},
        {**key, "against": "length", "estimate": -0.02, "lower": -0.06, "upper": 0.02},
    ]
    [said] = details.prediction(pd.DataFrame(rows), 0.05)
    assert "(RMSE) of 0.300 [0.250 to 0.350] (n = 90 items): " in said
    assert "\N{MINUS SIGN}0.100 [" in said and "against length alone" in said
    none = pd.DataFrame(rows).assign(estimate=float("nan"))
    assert list(details.prediction(none, 0.05)) == []
    rho = {"measure": "spearman", "n": 90, "persons": 24, "estimate": 0.5}
    [said] = details.rasch(pd.DataFrame([{**rho, "lower": 0.3, "upper": 0.7}]), 0.05)
    assert "hard for people, too: " in said and "0.50 [0.30 to 0.70] (Spearman; n = 90" in said
    [said] = details.rasch(pd.DataFrame([{**rho, "lower": -0.1, "upper": 0.7}]), 0.05)
    assert "not clearly harder for people" in said


def test_corpora_that_models_wrote_and_languages_that_they_mixed():
    key = {"corpus": "right", "model": "m", "n_of": 40, "guess": 0.2, "lower": 0.5, "upper": 0.7}
    rows = [
        {**key, "hinted": False, "fate": "kept", "n_traces": 24, "estimate": 0.6},
        {**key, "hinted": False, "fate": "incorrect", "n_traces": 16, "estimate": 0.4},
        {**key, "hinted": True, "fate": "kept", "n_traces": 40, "estimate": 1.0},
    ]
    first, second = details.generated(pd.DataFrame(rows), ALPHA)
    assert first == (
        "Of 40 traces of `m` for `right` 60.0% [50.0 to 70.0] were kept; the others: "
        "incorrect 40.0%."
    )
    assert "told the answer" in second and second.endswith("where guessing has 20.0%.")
    mixed = {"model": "m", "condition": "natural", "kind": "script", "measure": "mixing"}
    mixed |= {"n_items": 9, "estimate": 0.14, "lower": 0.1, "upper": 0.2}
    [said] = details.language_mixing(pd.DataFrame([mixed]), ALPHA)
    assert said.startswith("Words of natural thinking in another script: ") and "14.0%" in said
