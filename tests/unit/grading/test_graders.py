"""Graders of free response, the registry, and grading a study from file to file."""

import os
import signal
import threading
import time
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.config.grading import Grading
from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import GRADERS, Facts, grade, grade_study, verifier
from thinkscale.grading.answer import answer_field
from thinkscale.grading.mathematics import MathSettings, read
from thinkscale.grading.numeric import NumericSettings, quantities
from thinkscale.jobs.preflight import check_graders


def judged(grader, reference, text, settings=None):
    """(outcome, label) of one answer."""
    extraction, outcome = GRADERS[grader].judge(text, Facts("i", (), None, reference), settings)
    return outcome, extraction.label


# The answer field


@pytest.mark.parametrize(
    ("text", "field", "how"),
    [
        ("<answer>7</answer> Answer: 8 \\boxed{9}", "7", "tag"),
        ("<answer>The answer is \\boxed{7}.</answer>", "7", "tag"),
        ("Answer: 8\n\\boxed{9}", "8", "statement"),
        ("The final answer is 8. I am sure.", "8", "statement"),
        ("**Final Answer**\n\n$\\boxed{9}$", "9", "statement"),
        ("The answer is\n\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}", "statement"),
        ("Answer: 1\nNo.\nAnswer: 2", "2", "statement"),
        ("The answer is 3.14 m.", "3.14 m", "statement"),
        ('{"answer": "x + 1"}', "x + 1", "statement"),
        ("Die Antwort lautet 8.", "8", "statement"),
        ("so \\boxed{\\frac{1}{2}}", "\\frac{1}{2}", "boxed"),
        ("\\boxed{7} and \\boxed{8}", "7, 8", "boxed"),
        ("\\boxed{7} or \\boxed{8}", "7 or 8", "boxed"),
        ("\\boxed{a^{b^{c_{d}}}", "a^{b^{c_{d}}}", "boxed"),
        ("The answer is 8. Sorry, I meant 9.", "I meant 9", "last line"),
        ("We add.\n\n6 + 1 = 7.", "6 + 1 = 7", "last line"),
        ("<think>Answer: 1</think>7", "7", "last line"),
    ],
)
def test_answer_field(text, field, how):
    found = answer_field(text)
    assert (found.label, found.how) == (field, how)


@pytest.mark.parametrize(
    ("text", "may_go_on"),
    [
        ("<final_answer>7</final_answer>", False),
        ("<result>7", True),
        ("\\boxed{7} and \\boxed{8}", False),
        ("\\boxed{7} and \\boxed{8", True),
        ('{"answer": "7"', False),
        ('{"answer": "", "note": 7}', True),  # an empty value answers nothing
    ],
)
def test_a_field_that_the_text_ends_in_may_go_on(text, may_go_on):
    assert answer_field(text).open is may_go_on


@pytest.mark.parametrize("text", ["", " \n", "<think>Answer: 1", "$$"])
def test_no_answer_field(text):
    assert answer_field(text) is None


# exact


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        ("The Eiffel Tower", "eiffel  tower.", "correct"),
        ("Eiffel Tower", "Answer: **the Eiffel Tower**", "correct"),
        ("H2O", "\\boxed{\\mathrm{H_2O}}", "correct"),
        ("café", "Answer: CAFE\u0301", "correct"),
        ("β-blocker", "beta blocker", "correct"),
        ("To Kill a Mockingbird", "Answer: To Kill a Mockingbird", "correct"),
        ("3.5", "Answer: 35", "incorrect"),
        ("Paris", "Answer: London", "incorrect"),
        ("No, as none was offered", "Answer: No, as none was offered", "correct"),
        ("Paris", "The answer is Paris. Hmm, that can't be right.", "ungradable"),
        ("Paris", "", "ungradable"),
        ("Paris", "Sorry, I can not help you with any of the capitals in the world.", "ungradable"),
        ("!", "Answer: ?!", "ungradable"),
    ],
)  # fmt: skip
def test_exact(reference, text, outcome):
    assert judged("exact", reference, text)[0] == outcome


def test_equal_answers_vote_together():
    assert judged("exact", "x", "Answer: The Tower")[1] == judged("exact", "x", "tower.")[1]
    assert judged("numeric", "1", "Answer: 1,000.0")[1] == judged("numeric", "1", "10^3")[1]


# numeric


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("72", 72), ("$72", 72), ("#### 1,234", 1234), ("1{,}234.5", 1234.5), 
        ("1 234 567", 1234567),
        ("1.234,5", 1234.5), ("12,5", 12.5), ("0,125", 0.125), (".5", 0.5), ("-3", -3),
        ("\u22123", -3),
        ("x=-3", -3), ("5 - 3 = 2", 2), ("3/4", 0.75), ("-3/4", -0.75), ("1 3/4", 1.75),
        ("\\frac{3}{4}", 0.75), ("-\\dfrac{3}{4}", -0.75), ("2\\frac12", 2.5), ("½", 0.5),
        ("1.2e3", 1200), ("1.2E-3", 0.0012), ("1.2 \\times 10^{3}", 1200), ("1.2 × 10⁻³", 0.0012),
        ("6.02\\cdot10^{23}", 6.02e23), ("10^{-4}", 1e-4), ("2^10", 1024), ("50%", 50),
        ("50\\%", 50),
        ("9.8 m/s^2", 9.8), ("9.8 m/s2", 9.8), ("9.8 m s⁻²", 9.8), ("5 kg of CO2", 5),
        ("3 million", 3e6), ("$\\$12.50$", 12.5), ("12 of 50", 12), ("25\\text{ cm}^2", 25),
        ("\\text{about } 7\\,\\mathrm{km}", 7), ("7 then 1e999", 7),
    ],
)  # fmt: skip
def test_a_number_in_a_last_line(text, value):
    (number,) = quantities(text, argues=True)
    assert float(number.value) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["", "none", "CO2", "x_1", "\u221e"])
def test_no_number(text):
    assert quantities(text) == quantities(text, argues=True) == ()


@pytest.mark.parametrize("text", ["5-3", "10:30", "3 or 4", "3, 4", "3 km to 4 km"])
def test_several_numbers(text):
    assert len(quantities(text)) == len(quantities(text, argues=True)) == 2


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        ("72", "She sold 48 + 24 = **72** clips.", "correct"),
        ("72", "Answer: 71", "incorrect"),
        ("72", "I cannot say.", "ungradable"),
        ("72", "The result is 72.\nI hope that this helps!", "correct"),
        ("0.5", "Answer: 50%", "correct"),
        ("50", "Answer: 50%", "correct"),
        ("50%", "Answer: 0.5", "correct"),
        ("50%", "Answer: 5", "incorrect"),
        ("#### 72", "\\boxed{72}", "correct"),
    ],
)
def test_numeric(reference, text, outcome):
    assert judged("numeric", reference, text)[0] == outcome


def test_tolerances():
    loose = NumericSettings(relative_tolerance=0.01, absolute_tolerance=0.0)
    assert judged("numeric", "1/3", "0.333")[0] == "incorrect"
    assert judged("numeric", "1/3", "0.333", loose)[0] == "correct"
    assert judged("numeric", "100", "101", loose)[0] == "correct"  # the bound is within
    assert judged("numeric", "100", "101.1", loose)[0] == "incorrect"
    assert judged("numeric", "0", "0.5", NumericSettings(0.0, 0.5))[0] == "correct"


@given(st.integers(-(10**12), 10**12), st.sampled_from(["{}", "{:,}", "${}$", "\\boxed{{{}}}"]))
@settings(max_examples=200, deadline=None)
def test_a_number_is_read_as_written(value, form):
    text = "Answer: " + form.format(value)
    assert judged("numeric", str(value), text)[0] == "correct"
    assert judged("numeric", str(value + 10**7), text)[0] == "incorrect"


_PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["1", ",", ".", "/", "^", "e", "-", " ", "10", "%", "\\frac{1}{", "}", "Answer: "]
    ),
)


@given(st.lists(_PIECES, max_size=12).map("".join), st.integers(1, 900))
@settings(max_examples=300, deadline=None)
def test_any_text_has_an_outcome(text, times):
    for grader in ("exact", "numeric"):
        for given_text in (text, text * times):
            outcome, label = judged(grader, "7", given_text)
            assert outcome in ("correct", "incorrect", "ungradable")
            assert (label is None) == (outcome == "ungradable")


@pytest.mark.parametrize("grader", ["choice", "exact", "numeric"])
@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "\n",
        "a ",
        "A or B ",
        "Answer: ",
        "\\boxed{",
        '"',
        "1",
        "1,",
        "{",
        "so A ",
        "\\frac{1}{",
        "\\frac 1",
        "so 1 ",
        ". wait ",
        "\\begin{cases} &",
        "\\{(&",
    ],
)
def test_no_text_takes_long(grader, piece):
    """Repetition is what models that do not stop write; time may grow with the length only."""
    facts = Facts("i", (("A", "Metformin"), ("B", "Insulin")), "B", "7")
    began = time.process_time()
    GRADERS[grader].judge(piece * (8000 // len(piece)), facts, None)
    if grader == "numeric":  # of mathematics the reading; what it takes to parse is bounded
        read(piece * (8000 // len(piece)))
    assert time.process_time() - began < 1


# math


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        ("\\frac{1}{2}", "\\boxed{0.5}", "correct"),
        ("\\frac{1}{2}", "The answer is $\\frac{2}{4}$.", "correct"),
        ("\\frac{1}{2}", "\\boxed{\\frac{1}{3}}", "incorrect"),
        ("x^2+2x+1", "Answer: (x+1)^2", "correct"),
        ("(1,2)", "\\boxed{(2,1)}", "incorrect"),
        ("\\text{east}", "Answer: East", "correct"),
        ("\\text{east}", "Answer: west", "incorrect"),
        ("7", "Answer: 7 apples", "correct"),
        ("7", "no idea", "ungradable"),
        ("7", "", "ungradable"),
        ("7", "Answer: \\frac{1}{", "ungradable"),
        ("7", "I would have to know much more about all this before I said it.", "ungradable"),
        ("5", "Answer: $x = 5$", "correct"),
        ("1 < x < 2", "Answer: $(1, 2)$", "correct"),
        ("(1, 2)", "Answer: $1 < x < 2$", "correct"),
    ],
)  # fmt: skip
def test_math(reference, text, outcome):
    assert judged("math", reference, text)[0] == outcome


def test_a_timeout_is_ungradable_and_says_so():
    text = "\\boxed{9^{9^{9^9}}}"
    extraction, outcome = GRADERS["math"].judge(
        text, Facts("i", (), None, "7"), MathSettings(timeout=1)
    )
    assert outcome == "ungradable"
    assert "1 s" in extraction.detail or "memory" in extraction.detail
    assert judged("math", "7", "7")[0] == "correct"  # the next answer is judged again


def test_a_process_that_hangs_is_ended():
    """Arithmetic on huge numbers is one step, which no signal interrupts; nor a stopped process."""
    judged("math", "7", "7")
    child = verifier._running[os.getpid()]
    child.send_signal(signal.SIGSTOP)
    assert "took more than 1 s" in verifier.ask("7", "7", 1)
    assert child.poll() is not None
    assert verifier.ask("7", "7", 5) == "right"


def test_a_process_that_dies_is_replaced():
    judged("math", "7", "7")
    verifier._running[os.getpid()].kill()
    verifier._running[os.getpid()].wait()
    assert "memory" in verifier.ask("7", "7", 5)
    assert judged("math", "7", "7")[0] == "correct"


def test_math_works_off_the_main_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(judged("math", "7", "7")[0]))
    thread.start()
    thread.join()
    assert found == ["correct"]


def test_a_package_that_does_not_start_is_an_error(monkeypatch):
    verifier.stop()
    monkeypatch.setattr(verifier.sys, "executable", "/bin/false")
    with pytest.raises(ThinkscaleError, match="math-verify does not start"):
        judged("math", "7", "7")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x^2", "x^{2}"), ("$x$", "x"), ("\\sin x", "\\sin x"), ("5 apples", "5"),
        ("sqrt(2)", "\\sqrt{2}"), ("3\\text{ cm}^2", "3"), ("so the sum is 3 + 4", "3 + 4"),
        ("abc + 1", "abc + 1"), ("east", ""), ("2 cups and 3 spoons", ""), ("not 7", ""),
    ],
)  # fmt: skip
def test_a_text_is_read_whole_or_as_words(text, latex):
    assert read(text).math == latex


# Frames


def bank(*answers):
    return pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(len(answers))],
            "options": [[] for _ in answers],
            "key": None,
            "answer_text": list(answers),
        }
    )


def responses(*rows):
    """(item_id, answer text, stop, answer_stop) each."""
    return pd.DataFrame(rows, columns=["item_id", "answer_text", "stop", "answer_stop"]).assign(
        model="m",
        sample=range(len(rows)),
        condition="natural",
        answer_from="answer",
        error=None,
    )


def test_the_answer_prompt_is_put_before_what_was_said_behind_it_and_nothing_else():
    frame = responses(
        ("i0", " 4", "budget", "eos"),
        ("i0", "There are 4 of them and 3 more, so", "budget", "limit"),
        ("i0", "", "budget", "limit"),
    ).assign(answer_from=["answer", "turn", "none"])
    prompt = "It is not 5. The answer is"
    grades = grade(frame, bank("4"), "numeric", answer_prompt=prompt)
    assert grades["outcome"].tolist() == ["correct", "ungradable", "ungradable"]
    assert grades["extracted"].dropna().tolist() == ["4"]
    assert grades["detail"].str.contains("cut at its token limit").tolist() == [False, True, True]


@pytest.mark.parametrize("grader", ["exact", "numeric", "math"])
def test_an_answer_cut_at_its_end_is_ungradable(grader):
    frame = responses(
        ("i0", "Answer: 4", "budget", "limit"),  # of 42?
        ("i0", "Answer: 4\n\nFor", "natural", "limit"),
        ("i0", "We add 4", "natural", "limit"),
        ("i0", "Answer: 4", "natural", "eos"),
        ("i0", "4", "budget", "eos"),
        ("i0", "\\boxed{4}", "natural", "limit"),
    )
    grades = grade(frame, bank("4"), grader, answer_prompt="\n\nFinal Answer: ")
    assert grades["outcome"].tolist() == ["ungradable", "correct", "ungradable"] + ["correct"] * 3
    assert grades["extracted"].isna().tolist() == [True, False, True, False, False, False]
    assert "answer_stop=limit, stop=budget" in grades["detail"][0]


@pytest.mark.parametrize(
    ("grader", "answer", "words"),
    [
        ("exact", None, ["'exact' needs items with answer_text", "'i1' has no answer_text"]),
        ("exact", "?!", ["'i1'", "'?!'"]),
        ("numeric", "some", ["'i1'", "'some'", "expected a number"]),
        ("math", "\\frac{1}{", ["'i1'", "does not parse"]),
        ("choice", "7", ["'choice' needs items with options and key", "'i0'"]),
    ],
)
def test_items_that_a_grader_cannot_judge(grader, answer, words):
    with pytest.raises(ThinkscaleError) as error:
        grade(responses(), bank("7", answer), grader)
    for word in words:
        assert word in str(error.value)


# The registry and the configuration


def test_a_study_that_asks_for_an_unknown_grader_is_told_which_there_are():
    check_graders(["choice", "math"], "my.yaml")
    with pytest.raises(ThinkscaleError) as raised:
        check_graders(["choice", "chioce"], "my.yaml")
    said = str(raised.value)
    assert "my.yaml: `grading.graders[1]`: found 'chioce'" in said
    assert all(name in said for name in GRADERS) and "did you mean 'choice'?" in said


def test_a_pattern_needs_a_grader_that_looks_for_an_answer():
    check_graders(["structure", "math"], "my.yaml", "=> (.*)")
    with pytest.raises(ThinkscaleError) as raised:
        check_graders(["structure", "article"], "my.yaml", "=> (.*)")
    said = str(raised.value)
    assert "my.yaml: `grading.pattern`: found '=> (.*)' with the graders structure, article" in said
    assert said.endswith("expected one of choice, exact, numeric, math")


def test_every_grader_can_be_configured():
    meant = Grading.model_fields["graders"].description
    assert all(f"`{name}`" in meant for name in GRADERS)
    for name, grader in GRADERS.items():
        if grader.settings is not None and name != "judge":
            section = type(getattr(Grading(), name)).model_fields
            defaults = getattr(Grading(), name).model_dump()
            for field in fields(grader.settings):
                assert field.name in section
                if name in ("choice", "numeric", "math"):
                    assert defaults[field.name] == getattr(grader.settings(), field.name)


# A study's files


def write_study(folder, count):
    """items.parquet and responses.parquet: two models, answers in many forms, some cut."""
    texts = ["Answer: {}", "\\boxed{{{}}}", "I cannot say.", "so {}", "The answer is {}. Or not."]
    items = bank("3", "14", "15").assign(
        stem="s",
        difficulty=None,
        difficulty_raw=None,
        response_time=None,
        cluster_id=None,
        meta="{}",
    )
    contracts.write(items, folder / "items.parquet", "items")
    rows = range(count)
    frame = pd.DataFrame(
        {
            "model": ["a" if n % 2 else "b" for n in rows],
            "item_id": [f"i{n % 3}" for n in rows],
            "sample": list(rows),
            "condition": "natural",
            **dict.fromkeys(("max_think", "min_think", "waits", "continuation", "error")),
            "truncate": None,
            "no_think": False,
            "answer_from": "answer",
            **dict.fromkeys(contracts.LEDGER, 1),
            "stop": ["natural" if n % 4 else "budget" for n in rows],
            "answer_stop": ["eos" if n % 5 else "limit" for n in rows],
            "censored": False,
            "think_text": "Answer: 3",
            "answer_text": [texts[n % 5].format(n % 17) for n in rows],
            "seconds": 0.1,
            "engine": "e",
            "exact_tokens": True,
        }
    )
    contracts.write(frame, folder / "responses.parquet", "responses")
    return items, frame


PROMPTS = {"a": "Final Answer: ", "b": "\nAnswer: "}
GRADING = {"graders": ["numeric", "exact"], "numeric": {"relative_tolerance": 0.1}}


def graded_study(folder, items, name, **how):
    grade_study(folder / "responses.parquet", items, folder / name, GRADING, PROMPTS, **how)
    return contracts.read(folder / name, "grades")


def test_grades_do_not_depend_on_processes_or_batches(tmp_path):
    items, frame = write_study(tmp_path, 300)
    alone = graded_study(tmp_path, items, "alone.parquet")
    for number, how in enumerate([{"processes": 2, "batch": 37}, {"processes": 1, "batch": 7}]):
        other = graded_study(tmp_path, items, f"{number}.parquet", **how)
        pd.testing.assert_frame_equal(other, alone)
    parts = [
        grade(rows, items, name, GRADING.get(name), answer_prompt=PROMPTS[model])
        for name in GRADING["graders"]
        for model, rows in frame.groupby("model")
    ]
    order = ["grader", "sample"]
    pd.testing.assert_frame_equal(
        pd.concat(parts).sort_values(order, ignore_index=True),
        alone.sort_values(order, ignore_index=True),
    )
    assert set(alone["outcome"]) == {"correct", "incorrect", "ungradable"}


def test_math_is_judged_by_several_processes(tmp_path):
    items, _ = write_study(tmp_path, 40)
    grades = []
    for processes in (1, 2):
        path = tmp_path / f"{processes}.parquet"
        grade_study(
            tmp_path / "responses.parquet", items, path, {"graders": ["math"]}, PROMPTS,
            processes=processes, batch=10,
        )  # fmt: skip
        grades.append(contracts.read(path, "grades"))
    pd.testing.assert_frame_equal(*grades)


def test_an_error_leaves_no_grades(tmp_path):
    items, _ = write_study(tmp_path, 60)
    for processes in (1, 2):
        with pytest.raises(ThinkscaleError, match="'i2', which is not among the items"):
            graded_study(tmp_path, items[:2], "no.parquet", processes=processes, batch=20)
        with pytest.raises(ThinkscaleError, match="response by 'b'; expected one by a"):
            grade_study(
                tmp_path / "responses.parquet", items, tmp_path / "no.parquet", GRADING,
                {"a": ""}, processes=processes, batch=20,
            )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "items.parquet",
        "responses.parquet",
    ]


def test_a_log_s_own_score_is_a_grader():
    keys = {"model": "m", "item_id": "a", "sample": 0, "condition": "natural"}
    recorded = pd.DataFrame(
        [{**keys, "extracted": "B", "outcome": "incorrect", "detail": "the log's score: 0"}]
    )
    rows = [{**keys, "sample": sample} for sample in (0, 1)]
    said = {"answer_text": "A", "stop": np.nan, "answer_stop": np.nan, "answer_from": "answer"}
    responses = pd.DataFrame(rows).assign(**said, error=None)
    items = pd.DataFrame([{"item_id": "a", "options": [], "key": None}])
    name = "lm_eval:exact_match"
    found = grade(responses, items, name, beside={name: recorded})
    assert found["outcome"].tolist() == ["incorrect", "ungradable"]
    assert found.loc[0, ["grader", "extracted"]].tolist() == [name, "B"]
    with pytest.raises(ThinkscaleError, match="Unknown grader 'elsewhere:acc'"):
        grade(responses, items, "elsewhere:acc")
