"""Outcomes from the readout, beside the answers that were read as text."""

import numpy as np
import pandas as pd
import pytest

from thinkscale.config.grading import ReadoutGrader
from thinkscale.data.readouts import by_response
from thinkscale.errors import ThinkscaleError
from thinkscale.grading import grade
from thinkscale.grading.readout import ReadoutSettings

OPTIONS = [{"label": label, "text": label.lower()} for label in "ABC"]
ITEMS = pd.DataFrame({"item_id": ["q"], "options": [OPTIONS], "key": ["B"], "answer_text": [None]})


def graded(
    masses, *, key="B", answer="A", answer_stop="eos", error=None, readouts=True, **settings
):
    """The one grade of a response whose labels have these probabilities."""
    keys = {"model": "m", "item_id": "q", "sample": 0, "condition": "natural"}
    how = {"stop": "natural", "answer_stop": answer_stop, "answer_from": "answer", "error": error}
    response = pd.DataFrame([{**keys, "answer_text": answer, **how}])
    items = ITEMS.assign(key=key)
    read = pd.DataFrame(
        [
            {**keys, "label": label, "logprob": np.log(p), "mass": sum(masses)}
            for label, p in zip("ABC", masses, strict=True)
        ]
    )
    beside = {"readouts": by_response(read, items)} if readouts else {}
    [row] = grade(response, items, "readout", settings, beside=beside).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("masses", "key", "extracted", "outcome"),
    [
        ((0.2, 0.6, 0.1), "B", "B", "correct"),
        ((0.6, 0.2, 0.1), "B", "A", "incorrect"),
        ((0.2, 0.1, 0.6), "B,C", "C", "correct"),  # any of several keys
    ],
)
def test_the_most_likely_label_is_the_answer_whatever_was_written(masses, key, extracted, outcome):
    row = graded(masses, key=key)
    assert (row["extracted"], row["outcome"]) == (extracted, outcome)
    assert row["detail"] == "probability 0.667 among labels, 0.9 on labels"


@pytest.mark.parametrize(
    ("masses", "settings", "said"),
    [
        ((0.4, 0.4, 0.1), {}, "the likeliest labels are as likely: probability 0.444 among labels"),
        ((0.01, 0.05, 0.02), {}, "labels are too unlikely (below 0.1): probability 0.625 among"),
        ((0.2, 0.6, 0.1), {"min_mass": 0.95}, "labels are too unlikely (below 0.95)"),
    ],
)
def test_what_says_too_little_is_ungradable_and_says_why(masses, settings, said):
    row = graded(masses, **settings)
    assert pd.isna(row["extracted"]) and row["outcome"] == "ungradable"
    assert row["detail"].startswith(said)


def test_where_the_answer_was_cut_is_nothing_to_what_was_read_before_it():
    for masses in ((0.2, 0.6, 0.1), (0.01, 0.05, 0.02)):
        assert graded(masses, answer_stop="limit") == graded(masses)


def test_a_small_mass_counts_where_that_is_asked_for():
    assert graded((0.01, 0.05, 0.02), min_mass=0.0)["outcome"] == "correct"


def test_responses_behind_which_nothing_was_read():
    row = graded((0.2, 0.6, 0.1), readouts=False)
    assert row["outcome"] == "ungradable" and "`inference.readout`" in row["detail"]
    row = graded((0.2, 0.6, 0.1), error="the prompt does not fit")
    assert (row["outcome"], row["detail"]) == ("ungradable", "the prompt does not fit")


def test_items_without_options_are_refused():
    with pytest.raises(ThinkscaleError, match="'readout' needs items with options and key"):
        grade(pd.DataFrame(), ITEMS.assign(options=[[]]), "readout")


def test_the_defaults_of_the_configuration_are_the_grader_s():
    assert ReadoutGrader().model_dump() == vars(ReadoutSettings())
