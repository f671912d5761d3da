"""Waits against votes: by hand where they cost the same, between two sizes, and beyond them."""

import numpy as np
import pytest

from graded_frames import graded_frame, unfit
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import consensus, waits_against_votes


def study(tokens: float, wait: str = "correct"):
    """Twelve items, four natural samples of ten tokens and a wait of `tokens`.

    Two natural samples are right and of one mind, the others are wrong in two ways: one sample is
    right at .5, and a vote of four at 1. Each response to a wait is `wait`.
    """
    graded = graded_frame(models=["a"])
    graded = graded[graded["condition"].isin(["natural", "waits=1"])].copy()
    waited = graded["condition"] == "waits=1"
    graded["alone_tokens"], graded["new_tokens"] = np.where(waited, tokens, 10.0), 5.0
    graded.loc[waited, "outcome"] = wait
    natural = graded["sample"].lt(2).map({True: "correct", False: "incorrect"})
    graded["outcome"] = graded["outcome"].where(waited, natural)
    graded["extracted"] = graded["sample"].map({0: "A", 1: "A", 2: "B", 3: "C"})
    return graded


def test_at_the_cost_of_a_size_it_is_the_difference_from_its_votes():
    graded = study(40.0, "incorrect")
    [row] = waits_against_votes.tabulate(graded, ks=(4,)).to_dict("records")
    votes = consensus.tabulate(graded, [4]).query("measure == 'cons'")["estimate"].item()
    assert (row["votes"], row["votes_tokens"], row["tokens"]) == ("4", 40.0, 40.0)
    assert row["votes_accuracy"] == pytest.approx(votes) == 1
    assert (row["accuracy"], row["estimate"]) == (0, -1) and -1 <= row["lower"] < row["upper"] < 0
    assert row["p"] == pytest.approx(2 * 0.5**12) and row["n_items"] == 12


def test_between_two_sizes_votes_are_interpolated_in_the_logarithm_of_cost():
    [row] = waits_against_votes.tabulate(study(20.0), ks=(4,)).to_dict("records")
    assert (row["votes"], row["votes_tokens"]) == ("1 to 4", 20.0)
    assert row["votes_accuracy"] == pytest.approx((0.5 + 1) / 2)  # 20 is halfway of 10 and 40
    assert row["estimate"] == pytest.approx(0.25) and row["lower"] < 0.25 < row["upper"]


def test_beyond_the_largest_vote_that_one_stands_with_its_cost():
    [row] = waits_against_votes.tabulate(study(100.0, "incorrect"), ks=(4,)).to_dict("records")
    assert (row["votes"], row["votes_tokens"], row["tokens"]) == ("4", 40.0, 100.0)
    assert row["estimate"] < 0 and row["p_holm"] < 0.01


def test_what_did_not_fit_is_not_correct_and_has_no_cost():
    [row] = waits_against_votes.tabulate(unfit(study(40.0), ["i0"]), ks=(4,)).to_dict("records")
    assert (row["n_items"], row["errors"], row["tokens"]) == (12, 1, 40.0)
    assert row["accuracy"] == pytest.approx(11 / 12) and "1 items that did not fit" in row["method"]


def test_where_three_cannot_vote_or_nothing_waited_there_is_no_row():
    assert waits_against_votes.tabulate(study(40.0), ks=(1, 2)).empty
    graded = study(40.0)
    assert waits_against_votes.tabulate(graded[graded["condition"] == "natural"]).empty


def test_where_a_log_does_not_say_what_waits_cost_there_is_no_row():
    graded = study(40.0)
    waited = graded["condition"] == "waits=1"
    graded["alone_tokens"] = graded["alone_tokens"].astype("Int64").mask(waited)
    assert waits_against_votes.tabulate(graded, ks=(4,)).empty


def test_costs_that_are_not_there_are_named():
    with pytest.raises(ThinkscaleError, match="no column alone_tokens"):
        waits_against_votes.tabulate(study(40.0).drop(columns="alone_tokens"))
