"""The answers say what the tables say, and no more."""

import io
import pkgutil

import numpy as np
import pandas as pd
import pytest

from thinkscale import figures
from thinkscale.report import summary, words
from thinkscale.report.answers import QUESTIONS, UNSURE
from thinkscale.report.counting import recounted
from thinkscale.report.summary import Words, restructured
from thinkscale.report.words import claim, directions, number, p_value, per_model

REGISTRATION = {
    **{"model": "m", "criterion": "difficulty", "measure": "spearman", "n": 60, "p": 0.004},
    **{"estimate": 0.41, "lower": 0.2, "upper": 0.6, "detectable": 0.354, "censored": 0.1},
}
NATURAL = {
    **{"model": "m", "condition": "natural", "n_items": 60, "n_responses": 1240, "errors": 0},
    **{"max_think": np.nan, "min_think": np.nan, "waits": np.nan, "no_think": False},
    **{"estimate": 0.7, "lower": 0.65, "upper": 0.75, "ungradable": 0.031, "censored": 0.25},
    **{"tokens_mean": 30.5},
}
WAITED = NATURAL | {"condition": "waits=1", "waits": 1, "p_holm": 0.03, "p_clustered": 0.01}
WAITED |= {"estimate": 0.1, "lower": 0.04, "upper": 0.16}
CHANGE = WAITED | {"estimate": 12.5, "lower": 10.0, "upper": 14.0}
COMPARISON = {
    **{"model_a": "base", "model_b": "sft", "measure": "accuracy", "n": 60, "p_holm": 0.006},
    **{"estimate": 0.12, "lower": 0.05, "upper": 0.19, "p": 0.002},
}
LEDGER = {
    **{"model": "m", "condition": "natural", "n_responses": 10, "new_tokens": 4000, "chains": 10},
    **{"alone_tokens": 9000, "flops_new": 2.4e9, "seconds": 7.5},
}


def frames(**tables):
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def answer(which, **tables):
    """What is said to the question whose function has that name; empty where nothing is."""
    [asked] = [question for question in QUESTIONS if question.answer.__name__ == which]
    return words(frames(**tables)).answers.get(asked.asked, "")


def ways(row, center):
    """A row whose estimate is clearly above zero, clearly below, or neither."""
    p = 0.001 if abs(center) > 0.15 else 0.5
    ends = {"estimate": center, "lower": center - 0.1, "upper": center + 0.1}
    return row | ends | {name: p for name in ("p", "p_holm", "p_clustered") if name in row}


def test_difficulty_with_and_without_length():
    partial = REGISTRATION | {"measure": "partial_spearman", "p": 0.3, "estimate": 0.12}
    partial |= {"method": "partial Spearman given stem_chars and k; BCa"}
    text = answer("difficulty", registration=[REGISTRATION, partial])
    assert "longer for harder items (Spearman's ρ: `m` 0.41 [0.20 to 0.60]; n = 60 items)" in text
    assert "with the length of the question and `k` held equal, it was without a clear" in text
    partial |= {"method": "partial Spearman given stem_chars (k left out: constant); BCa"}
    text = answer("difficulty", registration=[REGISTRATION, partial])
    assert "with the length of the question held equal" in text
    assert not answer("response_time", registration=[REGISTRATION])
    timed = REGISTRATION | {"criterion": "response_time", "estimate": -0.4}
    text = answer("response_time", registration=[REGISTRATION, timed])
    assert "shorter for items that people took longer for" in text and "−0.40" in text
    open_ = timed | {"model": "a_b", "p": 0.4}
    text = answer("response_time", registration=[timed, open_])
    assert "took longer for in `m`, of no clear relation to response time in `a_b` (" in text


@pytest.mark.parametrize(
    ("which", "name", "row", "up", "down", "level"),
    [
        ("difficulty", "registration", REGISTRATION, "longer for", "shorter for", "no clear"),
        ("waits", "mcnemar", WAITED, " more acc", "less acc", "no clearly different"),
        ("compared", "model_comparison", COMPARISON, ": more acc", ": less acc", "not clearly"),
        (
            *("within", "allocation"),
            {"model": "m", "measure": "cohen_d", "n_both": 40, "p": 0.1},
            *("were longer", "were shorter", "no clearly different"),
        ),
    ],
)
def test_direction_follows_sign_and_p(which, name, row, up, down, level):
    words_ = {0.3: up, -0.3: down, 0.05: level}
    for center in words_:
        text = answer(which, **{name: [ways(row, center)]})
        for other, word in words_.items():
            assert (word in text) == (other == center), text


def test_the_corrected_p_decides_where_there_is_one():
    row = next(pd.DataFrame([WAITED | {"p_holm": 0.06}]).itertuples())
    assert row.lower > 0 and claim(row, "{more|less}", "open", 0.05) == "open"
    row = next(pd.DataFrame([{"estimate": 1.0, "lower": 0.5, "upper": 2.0}]).itertuples())
    assert claim(row, "{more|less}", "open", 0.05) == "more"
    row = next(pd.DataFrame([{"estimate": 1.0, "lower": np.nan, "upper": np.nan}]).itertuples())
    assert claim(row, "{more|less}", "open", 0.05) == "open"


def test_of_many_models_the_ends_are_named_and_all_are_counted():
    rows = [ways(REGISTRATION | {"model": f"m{n}"}, n / 10 - 0.3) for n in range(8)]
    text = answer("difficulty", registration=rows)
    assert "longer for harder items in 3 of 8 models" in text
    assert "shorter for harder items in 2 of 8 models" in text
    assert "no clear relation to difficulty in 3 of 8 models" in text
    assert "lowest `m0` −0.30 [" in text and "highest `m7` 0.40 [" in text and "`m3`" not in text
    few = pd.DataFrame(rows[:3])
    assert per_model(few, lambda row: "x") == "`m0` x; `m1` x; `m2` x"
    assert directions(few[:1], 0.05, "up", "down", "level") == "down"
    assert directions(few[:2], 0.05, "up", "down", "level") == "down in 2 of 2 models"
    assert directions(few, 0.05, "up", "down", "level") == "down in `m0` and `m1`, level in `m2`"


def test_thinking_off_natural_and_where_it_levels_off():
    off = NATURAL | {"condition": "max=0", "max_think": 0, "estimate": 0.2}
    level = {"model": "m", "kind": "max", "share": 0.95, "status": "reached"}
    level |= {"estimate": 31.4, "lower": 28, "upper": np.nan}
    text = answer("budgets", accuracy=[NATURAL, off], plateau=[level])
    assert "`m` 20.0% [65.0 to 75.0] without thinking, 70.0% [65.0 to 75.0] with natural" in text
    assert "95% of that from a budget of 31 tokens [28 to more] on" in text
    assert "n = 60 items and 1,240 responses" in text
    above = level | {"status": "above", "estimate": np.nan, "lower": 48}
    text = answer("budgets", accuracy=[NATURAL], plateau=[above])
    assert "95% of that at none of the budgets [48 to more]" in text
    assert "without thinking" not in text
    below = above | {"status": "below", "lower": 0, "upper": 8}
    text = answer("budgets", accuracy=[NATURAL], plateau=[below])
    assert "at the smallest budget already [0 to 8]" in text


def test_points_and_tokens_of_the_first_wait_and_the_most():
    more = [row | {"condition": "waits=2", "waits": 2} for row in (WAITED, CHANGE)]
    most = [row | {"condition": "waits=4", "waits": 4} for row in (WAITED, CHANGE)]
    both = WAITED | {"condition": "max=8,waits=1", "max_think": 8, "estimate": -0.5}
    tables = zip([WAITED, CHANGE], more, most, strict=True)
    mcnemar, changes = (list(rows) for rows in tables)
    text = answer("waits", mcnemar=[both, *mcnemar], token_change=changes)
    assert "one wait made answers more accurate" in text and "4 waits made" in text
    assert "+10.0 points [4.0 to 16.0] for +12.5 tokens [10.0 to 14.0]" in text
    assert "2 waits" not in text and "50.0" not in text


def test_waits_are_set_against_votes_of_the_same_cost():
    row = {"model": "m", "n_items": 60, "condition": "waits=1", "waits": 1, "max_think": None}
    row |= {"min_think": None, "continuation": "Wait", "tokens": 90.0, "votes": "1 to 4"}
    row |= {"votes_tokens": 90.0, "estimate": 0.1, "lower": 0.04, "upper": 0.16, "p_holm": 0.01}
    most = row | {"condition": "waits=4", "waits": 4, "tokens": 400.0, "votes": "8"}
    most |= {"votes_tokens": 240.0, "estimate": -0.1, "lower": -0.16, "upper": -0.04}
    text = answer("votes", waits_against_votes=[row])
    assert text == (
        "Of equal cost, waits were right more often than votes (`m` +10.0 points [4.0 to 16.0] "
        "with 1 wait for 90 tokens an answer; n = 60 items)."
    )
    text = answer("votes", waits_against_votes=[row, most])
    assert "waits were right less often than votes" in text and "1 wait" not in text
    assert text.startswith("Of equal cost, or of the largest vote where that costs less, waits")
    assert "with 4 waits for 400 tokens an answer, votes of 8 for 240;" in text
    open_ = row | {"p_holm": 0.2}
    assert "not clearly right more or less often" in answer("votes", waits_against_votes=[open_])


def test_of_several_texts_put_in_the_one_told_of_is_named():
    two = [WAITED | {"continuation": "Hm"}, WAITED | {"continuation": "Wait", "estimate": 0.3}]
    text = answer("waits", mcnemar=two)
    assert (
        text.startswith("Against natural thinking with `Hm`, one wait made") and "30.0" not in text
    )
    assert answer("waits", mcnemar=two[:1]).startswith("Against natural thinking, one wait")


def test_figures_beside_answers_are_figures_of_the_study():
    drawn = {module.name for module in pkgutil.iter_modules(figures.__path__)}
    assert {name for asked in QUESTIONS for name in asked.figures} <= drawn
    assert all(asked.figures for asked in QUESTIONS[:4])


def test_what_was_cut_unread_unasked_and_graded_otherwise():
    text = answer("graded", accuracy=[NATURAL])
    assert "cut before its end in 25.0% of responses, and in 3.1% no answer" in text
    assert "fit" not in text
    text = answer("graded", accuracy=[NATURAL | {"errors": 3}])
    assert "did not fit the context, which count as not correct: `m` 3 of 60" in text
    grades = [
        NATURAL | {"measure": "accuracy", "grader": grader, "other": None, "estimate": value}
        for grader, value in (("choice", 0.7), ("readout", 0.69), ("article", 0.8))
    ]
    text = answer("graded", accuracy=[NATURAL], grader_agreement=grades)
    assert "of 3 graders `article` differs most from `choice`" in text and "`m` 80.0%" in text
    blind = grades[2] | {"measure": "ungradable", "estimate": 1.0}
    text = answer("graded", accuracy=[NATURAL], grader_agreement=[*grades, blind])
    assert "of 2 graders `readout` differs most" in text
    same = [grade | {"estimate": 0.7} for grade in grades]
    assert "differs" not in answer("graded", accuracy=[NATURAL], grader_agreement=same)


def test_whose_tokens_were_counted_again_stands_on_the_first_page():
    def model(name, tokenizer):
        read = None if tokenizer == "" else {"tokenizer": tokenizer}
        return {"name": name, "responses": read, "inference": {"engine": "transformers"}}

    hub, path = {"path": None, "hub": "o/n"}, {"path": "t", "hub": None}
    counters = {"a": hub, "own": "", "b": path, "theirs": None, "c": hub}
    told = recounted({"models": [model(*each) for each in counters.items()]})
    assert told == (
        "Token counts of `a` and `c` are not exact, but made again over the texts by the "
        "tokenizer `o/n`; those of `b` by `t`; those of `theirs` are as the logs have them."
    )
    assert recounted({"models": [model("own", ""), model("theirs", None)]}) == ""
    [line] = [
        line
        for line in summary(frames(accuracy=[NATURAL]), "demo", counting=told).splitlines()
        if UNSURE.asked in line
    ]
    assert line.endswith(f"responses a model). {told}")
    assert words({}, counting=told).answers == {UNSURE.asked: told}


def test_what_could_have_been_seen():
    power = {"model": "m", "measure": "accuracy", "this_study": True, "estimate": 0.05}
    icc = {"model": "m", "measure": "icc_single", "n": 60, "lower": 0.6, "upper": 0.8}
    tables = {"power": [power, power | {"this_study": False, "estimate": 0.5}]}
    tables["reliability"] = [icc | {"estimate": 0.7}]
    text = answer("seen", registration=[REGISTRATION], **tables)
    assert text.startswith("With 80% power 60 items show a correlation of 0.35")
    assert "a difference from natural of 5.0 points" in text
    assert "sample's length: `m` 0.70 [0.60 to 0.80] (n = 60 items)" in text


def test_contamination_and_the_null_of_divergence():
    overlap = {"corpus": "c", "measure": "any", "ngram": 13, "items": 187, "too_short": 13}
    overlap |= {"estimate": 0.02, "lower": 0.0, "upper": 0.05}
    js = {"tokenizer": "t", "corpus": "c", "measure": "js", "unit": "bits", "estimate": 0.0155}
    js |= {"p": 0.001, "documents_corpus": 1000, "documents_items": 60}
    js |= {"corrected": 0.0141, "method": "plug-in"}
    text = answer("contamination", overlap_summary=[overlap], divergence=[js])
    assert "2.0% [0.0 to 5.0] of 187 items share at least one 13-gram of tokens with `c`" in text
    assert "with `c` (13 more are shorter than that); " in text
    assert "differ more than documents of one law would (JS = 0.015 bits, " in text
    assert "corrected for its bias 0.014, p = 0.001; 1,000 and 60 documents)" in text
    assert "no more than" in answer("contamination", divergence=[js | {"p": 0.2}])
    assert not answer("contamination", divergence=[js | {"p": np.nan}])


def test_cost_sums_models_and_searches():
    text = answer("cost", ledger=[LEDGER, LEDGER | {"model": "n"}])
    assert "20 responses took 8,000 sampled tokens on 20 chains" in text
    assert "2.25 times as many; 4.8 · 10^9 FLOPs in all" in text and "15 s" in text
    search = {"model": "m", "condition": None, "n_responses": 9, "flops_new": 0.6e9}
    search |= {"new_tokens": 300, "scored_new": 80}
    text = answer("cost", ledger=[LEDGER, search, search])
    assert "searches sampled 600 more, and scorers read 160; 3.6 · 10^9 FLOPs" in text
    read = LEDGER | {"flops_new": np.nan, "think_tokens": 2638, "chains": 0}
    told = "10 responses of 2,638 thinking tokens were read from logs."
    assert answer("cost", ledger=[read]) == told
    text = answer("cost", ledger=[LEDGER, read | {"model": "theirs"}])
    assert text.startswith("10 responses took 4,000 sampled") and text.endswith(f"; {told}")
    theirs = {**search, "model": "theirs", "new_tokens": np.nan, "scored_new": np.nan}
    text = answer("cost", ledger=[LEDGER, read | {"model": "theirs"}, theirs])
    assert "searches" not in text and text.endswith(f"; {told}")


def test_nothing_is_said_of_what_has_no_estimate_or_no_table():
    empty = {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "p": np.nan}
    tables = {
        "registration": [REGISTRATION | empty],
        "mcnemar": [WAITED | empty],
        "model_comparison": [COMPARISON | empty],
    }
    said = words(frames(**tables) | {"power": pd.DataFrame()})
    assert said.answers == {} and said.details == {}
    assert summary({}, "demo").splitlines()[0] == "# demo"


def test_the_summary_is_the_answers_in_the_order_of_the_questions():
    tables = frames(
        registration=[REGISTRATION], accuracy=[NATURAL], ledger=[LEDGER], mcnemar=[WAITED]
    )
    lines = summary(tables, "demo").splitlines()
    asked = [line.split("**")[1] for line in lines if line[:1].isdigit()]
    assert asked == [q.asked for q in QUESTIONS if q.asked in asked] and len(asked) == 6
    assert len(QUESTIONS) <= 12
    left_out = frames(accuracy=[NATURAL | {"n_excluded": 4}])
    assert "4 items are left out, since they occur in a corpus" in summary(left_out, "demo")
    none = dict.fromkeys(("features", "learner", "measure"))
    uncounted = frames(prediction=[{**none, "n_excluded": np.nan}])
    assert "left out" not in summary(uncounted | frames(accuracy=[NATURAL]), "demo")


def test_tables_read_back_from_csv_say_the_same():
    tables = frames(accuracy=[NATURAL, WAITED], registration=[REGISTRATION], mcnemar=[WAITED])
    back = {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in tables.items()}
    assert summary(back, "demo") == summary(tables, "demo")


def test_numbers():
    assert number(-0.0001, 1) == "0.0" and number(-0.2, 1) == "−0.2"
    assert p_value(0.0004) == "p < 0.001" and p_value(0.0312) == "p = 0.031"
    assert p_value(0.02, "permutation, none as far out") == "p ≤ 0.020"


def test_code_has_two_ticks_in_restructured_text():
    said = Words("", {"Is it?": "`a` of 3; `b`", "Why?": "So."}, {})
    assert restructured(said) == "**Is it?**\n``a`` of 3; ``b``\n\n**Why?**\nSo.\n"
