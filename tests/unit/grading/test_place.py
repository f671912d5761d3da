"""Where an answer stands by what the study says: markers of thinking, and a pattern of its own."""

import time

import pandas as pd
import pytest

from thinkscale.config.presets.families import PRESETS
from thinkscale.data import contracts
from thinkscale.data.patterns import with_one_group
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import grade, grade_study
from thinkscale.grading.answer import delimiters, without_thinking

OPTIONS = [{"label": label, "text": text} for label, text in (("A", "iron"), ("B", "zinc"))]
CHOICE = pd.DataFrame({"item_id": ["choice"], "options": [OPTIONS], "key": ["B"]})
FREE = pd.DataFrame({"item_id": ["free"], "options": [[]], "key": [None], "answer_text": ["42"]})


def responses(*rows, **columns):
    """(item, answer text) each, natural and whole unless `columns` say otherwise."""
    frame = pd.DataFrame(rows, columns=["item_id", "answer_text"]).assign(
        model="m", sample=range(len(rows)), condition="natural", stop="natural",
        answer_stop="eos", answer_from="answer", error=None,
    )  # fmt: skip
    return frame.assign(**columns)


# Markers


BRACKETS = ("[THINK]", "[/THINK]", "[END]")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("B", "B"),
        ("[THINK]A? No.[/THINK] B", " B"),
        ("so A[/THINK] B", " B"),
        ("A[/THINK] no[END]B", "B"),
        ("B [THINK]or A?[END] it is", "B  it is"),
        ("B [THINK]or is it A", "B "),  # never closed: it thinks on
        ("[THINK] A", ""),
        ("<think>A", "<think>A"),  # another family's, which graders set aside themselves
    ],
)
def test_thinking_in_an_answer_is_set_aside(text, left):
    assert without_thinking(text, BRACKETS) == left
    assert without_thinking(text, ()) == text


def test_markers_that_are_words_may_be_answers():
    instruct = PRESETS["instruct"]
    assert delimiters([instruct.start, *instruct.end]) == ("",)
    assert delimiters(["<|im_start|>think", "<|im_start|>answer"])[1:] == ("<|im_start|>answer",)
    assert delimiters(["<think>\n", "</think>", "\nAnswer:"]) == ("<think>", "</think>")
    assert delimiters(["Let me see.", "[/THINK]"]) == ("", "[/THINK]")
    assert without_thinking("Let me see. A[/THINK]B", ("", "[/THINK]")) == "B"
    assert without_thinking("Answer: A", delimiters([instruct.start, *instruct.end])) == "Answer: A"


def test_a_start_without_an_end_that_can_be_known_runs_to_the_end():
    assert without_thinking("B [THINK] Answer: A", delimiters(["[THINK]", "Answer:"])) == "B "


# Pattern


def outcomes(pattern, *rows, grader="choice", **columns):
    items = FREE if rows[0][0] == "free" else CHOICE
    return grade(responses(*rows, **columns), items, grader, pattern=pattern)


def test_the_pattern_says_where_the_answer_is():
    rows = [
        ("choice", "Answer: A. Verdict -> (B)"),
        ("choice", "Verdict -> A\nVerdict -> zinc"),  # the last match counts
        ("choice", "Verdict -> B\nVerdict ->  "),  # the last that holds something
        ("choice", "Verdict -> A or B"),
        ("choice", "Answer: B"),
        ("choice", ""),
    ]
    found = outcomes(r"(?i)verdict -> ?(.*)", *rows)
    assert found["outcome"].tolist() == ["correct"] * 3 + ["ungradable"] * 3
    assert found["detail"][0] == "pattern: a lone letter"
    assert "matches `grading.pattern`" in found["detail"][4]


@pytest.mark.parametrize("grader", ["exact", "numeric", "math"])
def test_free_responses_are_read_by_the_pattern(grader):
    rows = [("free", "The answer is 7. => 42 <="), ("free", "Answer: 42\n=> 7 <=")]
    found = outcomes(r"=> (\S+) <=", *rows, grader=grader)
    assert found["outcome"].tolist() == ["correct", "incorrect"]
    assert found["extracted"].tolist() == ["42", "7"]
    assert found["detail"].tolist() == ["pattern: '42'", "pattern: '7'"]


def test_what_was_cut_in_the_match_may_have_gone_on():
    rows = [("free", "=> 42"), ("free", "=> 42\n\nSo")]
    found = outcomes(r"=> (.+)", *rows, grader="numeric", answer_stop="limit")
    assert found["outcome"].tolist() == ["ungradable", "correct"]


def test_the_pattern_sees_the_injected_prompt_and_no_thinking():
    forced = responses(("free", " 42"), ("free", " <think>Result: 7</think>42"), stop="budget")
    found = grade(forced, FREE, "numeric", pattern=r"Result:(.*)", answer_prompt="\nResult:")
    assert found["outcome"].tolist() == ["correct", "correct"]


def test_graders_that_look_for_no_answer_go_without():
    found = outcomes("=> (.)", ("choice", "it is B"), grader="article")
    assert found["outcome"].tolist() == ["correct"]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"x(", "missing )"),
        (r"(a)\1", "invalid escape sequence"),
        (r"(?<=x)(a)", "invalid perl operator"),
        (r"x", "it has 0"),
        (r"(a)(b)", "it has 2"),
    ],
)
def test_a_pattern_that_cannot_be_used(pattern, why):
    with pytest.raises(ThinkscaleError) as raised:
        with_one_group(pattern)
    said = str(raised.value)
    assert said.startswith("a pattern in the syntax of RE2") and "one group" in said and why in said


def test_no_pattern_takes_long():
    began = time.perf_counter()
    for pattern in (r"(?:a+)+(b)", r"(a|aa)+$", r"(?:a*)*(c)", r"((?:a?){50}a{50})b"):
        outcomes(pattern, ("choice", "a" * 20_000 + "!"))
    assert time.perf_counter() - began < 5


# A study's files


def test_a_study_hands_its_markers_and_its_pattern_to_every_grader(tmp_path):
    rows = [
        ("free", "[MULL]=> 7[/MULL] => 42"),
        ("free", "so => 7[/MULL] => 42"),
        ("free", "=> 42"),
    ]
    none = dict.fromkeys(("max_think", "min_think", "waits", "continuation", "truncate", "error"))
    ledger = dict.fromkeys(contracts.LEDGER, 1)
    frame = responses(
        *rows, **none, **ledger, model=["a", "a", "b"], no_think=False, censored=False,
        think_text="", seconds=0.1, engine="e", exact_tokens=True,
    )  # fmt: skip
    contracts.write(frame, tmp_path / "responses.parquet", "responses")
    grading = {"graders": ["exact", "numeric"], "pattern": r"^ ?=> (\d+)"}
    markers = {"a": ["[MULL]\n", "[/MULL]"], "b": ["Let's think.", "Answer:"]}
    found = []
    for how in ({"markers": markers}, {"markers": markers, "processes": 2, "batch": 1}, {}):
        grade_study(
            tmp_path / "responses.parquet", FREE, tmp_path / "grades.parquet", grading,
            dict.fromkeys("ab", "Answer: "), **how,
        )  # fmt: skip
        found.append(contracts.read(tmp_path / "grades.parquet", "grades"))
    assert found[0]["outcome"].tolist() == ["correct"] * 6
    pd.testing.assert_frame_equal(found[0], found[1])
    assert found[2]["outcome"].tolist() == ["ungradable", "ungradable", "correct"] * 2
