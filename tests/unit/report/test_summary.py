"""The summary says what the tables say, and no more."""

import io

import numpy as np
import pandas as pd
import pytest

from thinkscale.report import summary

REGISTRATION = {
    "model": "m",
    "criterion": "difficulty",
    "measure": "spearman",
    "n": 60,
    "estimate": 0.41,
    "lower": 0.2,
    "upper": 0.6,
    "p": 0.004,
    "p_method": "permutation (2000 draws)",
    "censored": 0.125,
    "detectable": 0.354,
    "method": "Spearman; BCa",
}
ACCURACY = {
    "model": "m",
    "condition": "natural",
    "n_items": 60,
    "n_responses": 1240,
    "errors": 0,
    "estimate": 0.7,
    "lower": 0.65,
    "upper": 0.75,
    "ungradable": 0.031,
    "censored": 0.25,
    "tokens_mean": 30.5,
    "tokens_lower": 29.5,
    "tokens_upper": 31.5,
    "method": "mean",
}
MCNEMAR = {
    "model": "m",
    "condition": "waits=1",
    "n_items": 60,
    "n_pairs": 240,
    "wrong_to_right": 30,
    "right_to_wrong": 6,
    "estimate": 0.1,
    "lower": 0.04,
    "upper": 0.16,
    "p": 0.0002,
    "p_clustered": 0.01,
    "p_holm": 0.03,
    "method": "paired",
}
CHANGE = {
    "model": "m",
    "condition": "max=16",
    "n_items": 60,
    "n_pairs": 240,
    "estimate": -12.0,
    "lower": -14.0,
    "upper": -10.0,
    "changed": 0.8,
    "changed_lower": 0.7,
    "changed_upper": 0.9,
    "one_way": 0,
    "p": 0.0001,
    "p_holm": 0.0002,
    "method": "change of item means",
}
COMPARISON = {
    "model_a": "base",
    "model_b": "sft",
    "measure": "accuracy",
    "n": 60,
    "value_a": 0.5,
    "value_b": 0.62,
    "estimate": 0.12,
    "lower": 0.05,
    "upper": 0.19,
    "p": 0.002,
    "p_holm": 0.006,
    "method": "paired",
}
OUTCOME = {
    "model": "m",
    "measure": "difference",
    "n_items": 60,
    "n_responses": 240,
    "estimate": 0.5,
    "lower": 0.2,
    "upper": 0.8,
    "p": 0.002,
    "method": "difference",
}
LEDGER = {
    "model": "m",
    "condition": "natural",
    "n_responses": 10,
    "errors": 0,
    "new_tokens": 4000,
    "alone_tokens": 4000,
    "shared_tokens": 0,
    "flops_new": 2.4e9,
    "seconds": 7.5,
    "chains": 10,
    "peak_memory_mib": 812.4,
}
DIVERGENCE = {
    "tokenizer": "t",
    "corpus": "c",
    "measure": "js",
    "unit": "bits",
    "documents_corpus": 1000,
    "documents_items": 60,
    "tokens_corpus": 50000,
    "tokens_items": 2000,
    "estimate": 0.0155,
    "corrected": 0.0141,
    "spread": 0.0004,
    "window_tokens": 25,
    "windows_corpus": 950,
    "windows_items": 54,
    "short_corpus": 50,
    "short_items": 6,
    "window_estimate": 0.0312,
    "null_mean": 0.0268,
    "null_upper": 0.0285,
    "p": 0.001,
    "smoothing": "additive 0.5 over the 80 tokens seen",
    "method": "plug-in",
}


def line(name, row, *, holding="", **changes):
    text = summary({name: pd.DataFrame([{**row, **changes}])}, "demo")
    return next(one for one in text.splitlines() if one.startswith("- ") and holding in one)


def sign(center):
    return {"estimate": center, "lower": center - 0.1, "upper": center + 0.1}


def test_registration_sentence_has_its_numbers():
    text = line("registration", REGISTRATION)
    for part in ("0.41 [0.20 to 0.60]", "n = 60", "p = 0.004", "permutation", "12.5%", "0.354"):
        assert part in text
    assert "Spearman's rho" in text


@pytest.mark.parametrize(
    ("name", "row", "up", "down", "level"),
    [
        ("registration", REGISTRATION, "longer thinking", "shorter thinking", "no clear relation"),
        ("outcome_difficulty", OUTCOME, "harder items", "easier items", "no clearly different"),
        ("mcnemar", MCNEMAR, "more accurate", "less accurate", "not clearly different"),
        ("token_change", CHANGE, "thought longer", "thought shorter", "no clearly different"),
        ("model_comparison", COMPARISON, "more accurate", "less accurate", "did not clearly"),
    ],
)
def test_direction_follows_sign_and_interval(name, row, up, down, level):
    words = {1: up, -1: down, 0: level}
    cases = {1: sign(0.3), -1: sign(-0.3), 0: sign(0.05)}
    if "p_holm" in row:  # of one of several tests the corrected p decides, not the interval
        cases = {1: sign(0.3), -1: sign(-0.3), 0: {**sign(0.3), "p_holm": 0.06}}
    for direction, numbers in cases.items():
        text = line(name, row, **numbers)
        for other, word in words.items():
            assert (word in text) == (other == direction), text
    bare = line(name, row, estimate=0.3, lower=np.nan, upper=np.nan)
    assert level in bare and "without an interval" in bare and "[no interval]" in bare


def test_share_ungradable_and_censored_are_said():
    text = line("accuracy", ACCURACY)
    assert "70.0% [65.0 to 75.0] on 60 items and 1,240 responses" in text
    assert "3.1% of the responses were ungradable and 25.0% censored" in text


def test_items_that_did_not_fit_are_said():
    assert "not fit" not in line("accuracy", ACCURACY)
    text = line("accuracy", ACCURACY, errors=3, holding="fit")
    assert "`m`: 3 of 60 items did not fit its context" in text
    none = summary({"accuracy": pd.DataFrame([{**ACCURACY, "errors": 60}] * 2)}, "demo")
    assert "60 of 60 items did not fit" in none
    assert len([one for one in none.splitlines() if one.startswith("- ")]) == 1


def test_compute_sums_the_conditions_of_a_model():
    budget = {**LEDGER, "condition": "max=8", "new_tokens": 1000, "alone_tokens": 5000}
    rows = pd.DataFrame([LEDGER, {**budget, "shared_tokens": 4000, "seconds": 2.5}])
    text = summary({"ledger": rows}, "demo")
    for part in (
        "`m`: 5,000 tokens were sampled on 10 chains for 20 responses",
        "sharing chains saved 4,000 more (every condition alone would have taken 1.80 times",
        "took the engine 10.0 s, 500 tokens a second; a job held at most 812 MiB at once",
        "`m`: 4.8 · 10^9 FLOPs in all (2 · parameters · tokens).",
    ):
        assert part in text
    replayed = rows.assign(peak_memory_mib=np.nan, seconds=0.0)
    text = summary({"ledger": replayed}, "demo")
    assert "no model was loaded, since the journal had every answer" in text
    assert "a second" not in text and "nan" not in text
    search = {"model": "m", "n_responses": 9, "errors": 0, "flops_new": 0.6e9}
    search |= {"new_tokens": 300, "alone_tokens": 700, "shared_tokens": 400}
    search |= {"scored_new": 80, "scored_alone": 90, "scored_uncached": 1200}
    searched = pd.concat([rows, pd.DataFrame([search, search])])
    text = summary({"ledger": searched}, "demo")
    assert "`m`: 5,000 tokens were sampled on 10 chains for 20 responses" in text
    for part in (
        "`m`: 2 searches sampled 600 tokens beyond these (1,400 were each alone)",
        "scorers read 160 (180; 2,400 if they kept nothing of it)",
        "the study took 6.0 · 10^9 FLOPs (2 · parameters · tokens), 20.0% for searching",
    ):
        assert part in text
    nothing = rows.assign(new_tokens=0, alone_tokens=0, shared_tokens=0, seconds=0.0)
    assert "times" not in summary({"ledger": nothing}, "demo")


def test_flips_and_corrected_p_are_said():
    text = line("mcnemar", MCNEMAR)
    assert "30 pairs went from wrong to right and 6 from right to wrong, of 240 on 60" in text
    assert "exact McNemar p = 0.010" in text and "Holm-corrected p = 0.030" in text
    several = line("mcnemar", MCNEMAR, p=np.nan)
    assert "(sign-flip of clusters of items p = 0.010" in several and "McNemar" not in several


def test_the_level_of_what_is_claimed_is_that_of_the_study():
    table = {"mcnemar": pd.DataFrame([{**MCNEMAR, "p_holm": 0.07}])}
    assert "not clearly different" in summary(table, "demo")
    assert "more accurate than natural" in summary(table, "demo", confidence=0.9)


def test_thinking_that_can_only_change_one_way_is_not_tested():
    text = line("token_change", CHANGE, one_way=-1, p=np.nan, p_holm=np.nan)
    assert "can only shorten thinking, and did, by \N{MINUS SIGN}12.0 tokens" in text
    assert "it changed for 80.0% [70.0 to 90.0] of them." in text and " p " not in text
    nothing = line("token_change", CHANGE, one_way=1, changed=0.0, estimate=0.0)
    assert "left the thinking of all 60 items as it was" in nothing


def test_the_least_p_that_draws_can_give_is_said_to_be_at_most():
    how = "permutation (99 draws, none as far out)"
    text = line("registration", REGISTRATION, p=0.01, p_method=how)
    assert "p \N{LESS-THAN OR EQUAL TO} 0.010 by" in text
    assert "p = 0.010 by" in line("registration", REGISTRATION, p=0.01)


def test_divergence_is_set_against_its_null():
    above = line("divergence", DIVERGENCE)
    assert "JS = 0.0155 bits, corrected for its bias 0.0141" in above
    assert "additive 0.5" in above and "50,000 and 2,000 tokens" in above
    assert "one window of 25 tokens a document gives 0.0312, above what documents of one" in above
    assert "950 and 54 windows; 50 and 6 documents were too short" in above
    assert "0.0312, within what" in line("divergence", DIVERGENCE, null_upper=0.04)
    assert "not set against a null" in line("divergence", DIVERGENCE, null_upper=np.nan)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("accuracy", ACCURACY),
        ("registration", REGISTRATION),
        ("outcome_difficulty", OUTCOME),
        ("mcnemar", MCNEMAR),
        ("token_change", CHANGE),
        ("model_comparison", COMPARISON),
        ("divergence", DIVERGENCE),
    ],
)
def test_a_missing_estimate_gives_the_reason(name, row):
    empty = {key: np.nan for key in ("estimate", "lower", "upper", "p", "changed")}
    empty = {key: value for key, value in empty.items() if key in row}
    text = line(name, row, **empty, method="not estimated: too few items")
    assert "no estimate (not estimated: too few items)" in text and "nan" not in text


def test_missing_and_empty_tables_are_named():
    text = summary({"mcnemar": pd.DataFrame([MCNEMAR]).iloc[:0]}, "demo")
    assert text.startswith("# demo\n")
    assert "There is no table `registration`: this analysis was not run." in text
    assert "Table `mcnemar` has no rows." in text


def test_other_tables():
    loss = {"model": "sft", "epoch": 0.1, "learning_rate": 1e-3, "tokens": 10}
    tables = {
        "training_loss": pd.DataFrame(
            [{**loss, "step": 1, "loss": 2.5}, {**loss, "step": 300, "loss": 0.25}]
        ),
        "consensus": pd.DataFrame(
            [{"model": "m", "measure": "cons", "k": 8, "n_items": 60, "samples": 8}]
        ).assign(estimate=0.9, lower=0.85, upper=0.95, guess=0.25, method="plurality"),
        "divergence_tokens": pd.DataFrame(
            [
                {
                    "tokenizer": "t",
                    "corpus": "c",
                    "token_id": 1,
                    "token": "`\n|",
                    "js_contribution": 0.01,
                }
            ]
        ).assign(frequency_corpus=0.2, frequency_items=0.1, count_corpus=2, count_items=1),
    }
    text = summary(tables, "demo")
    assert "fell from 2.500 at step 1 to 0.250 at step 300" in text
    assert "cons@8: the plurality of 8 samples was correct for 90.0% [85.0 to 95.0] of 60" in text
    assert "of 60 items, where guessing has 25.0%." in text
    assert "`'\\n|` (0.0100 bits, more frequent in the corpus)" in text


def test_tables_read_back_from_csv_say_the_same():
    tables = {
        "accuracy": pd.DataFrame([ACCURACY, {**ACCURACY, "condition": "max=8", "estimate": 0.3}]),
        "registration": pd.DataFrame([REGISTRATION, {**REGISTRATION, "estimate": np.nan}]),
        "mcnemar": pd.DataFrame([MCNEMAR]).astype({"n_pairs": "Int64"}),
    }
    back = {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in tables.items()}
    assert summary(back, "demo") == summary(tables, "demo")


def test_negative_zero_claims_no_sign():
    text = line("mcnemar", MCNEMAR, estimate=-0.0001, lower=-0.01, upper=0.01)
    assert "by 0.0 points" in text or "by +0.0 points" in text


def test_without_any_difficulty_one_sentence_says_so():
    why = "not estimated: 0 items with a difficulty, at least 3 are needed; uncorrected; {} items "
    bare = {**REGISTRATION, "n": 0, "estimate": np.nan, "method": why.format(9) + "without "
            "difficulty left out"}  # fmt: skip
    tables = {"registration": pd.DataFrame([bare, {**bare, "measure": "kendall"}])}
    assert "- No item has a difficulty: not estimated.\n" in summary(tables, "demo")
    assert "no estimate" not in summary(tables, "demo")
    tables = {"registration": pd.DataFrame([bare, REGISTRATION])}
    assert "No item has a difficulty" not in summary(tables, "demo")


def test_what_was_recorded_elsewhere_is_said_to_be_read():
    rows = pd.DataFrame(
        [{"model": "m", "n_responses": 64, "think_tokens": 2638, "new_tokens": np.nan, "chains": 0}]
    ).assign(alone_tokens=np.nan, shared_tokens=np.nan, seconds=np.nan, peak_memory_mib=np.nan)
    text = summary({"ledger": rows}, "demo")
    assert "64 responses of 2,638 thinking tokens were read from logs" in text
