"""Lengths that are lower bounds: lifelines' index, pairs by hand, and what deleting would do."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from graded_frames import graded_frame
from thinkscale.stats import registration
from thinkscale.stats.core.concordance import concordance, known_lengths, known_longer


def responses(tokens, cut, items=None, x=None):
    items = [f"i{i:02d}" for i in range(len(tokens))] if items is None else items
    facts = {"item_id": items, "cluster": items, "think_tokens": tokens}
    return pd.DataFrame(facts | {"censored": np.array(cut, bool), "x": x})


def test_the_index_of_lifelines():
    """concordance_index(tokens, x, event_observed) of lifelines 0.30.3 is 0.79166…"""
    tokens = [12, 30, 30, 45, 8, 60, 60, 22, 60, 17, 30, 51]
    x = [0.1, 0.4, 0.2, 0.9, 0.3, 0.8, 0.6, 0.2, 0.7, 0.4, 0.5, 0.5]
    cut = [0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0]
    index, found = concordance(responses(tokens, cut, x=x), "x")
    assert index == pytest.approx(0.7916666666666666)
    assert found.estimate == pytest.approx(2 * index - 1) and found.lower < found.estimate


def test_pairs_whose_order_is_known_by_hand():
    """Of a: 5 and 9 or more. Of b: 5 or more and 7. Of c: 9."""
    tokens, cut, items = [5, 9, 5, 7, 9], [0, 1, 1, 0, 0], list("aabbc")
    found = known_longer(*known_lengths(responses(tokens, cut, items)))
    np.fill_diagonal(found, 0)  # which are pairs of one item
    # a before b: 9+ over 7; b before a: 5+ and 7 over 5; a before c: 9+; c: 9 over 5, and over 7.
    assert found.tolist() == [[0, 1, 1], [2, 0, 0], [1, 1, 0]]
    shuffled = responses(tokens, cut, items).iloc[[4, 2, 0, 3, 1]]
    again = known_longer(*known_lengths(shuffled))
    np.fill_diagonal(again, 0)
    assert again.tolist() == found.tolist()


def test_in_parts_as_in_one(monkeypatch):
    seen = cut_study(3)[1]
    together = concordance(seen.assign(cluster=seen["item_id"].str[:2]), "x")
    monkeypatch.setattr("thinkscale.stats.core.concordance.AT_ONCE", 100)
    assert concordance(seen.assign(cluster=seen["item_id"].str[:2]), "x") == together


def test_without_ties_and_cuts_it_is_kendalls_tau():
    rng = np.random.default_rng(0)
    tokens, x = rng.permutation(30), rng.normal(size=30)
    found = concordance(responses(tokens, np.zeros(30), x=x), "x")[1]
    assert found.estimate == pytest.approx(stats.kendalltau(tokens, x).statistic)


def cut_study(seed, items=40, samples=4, limit=30):
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.normal(size=items), samples)
    whole = np.round(20 * np.exp(0.5 * x + 0.5 * rng.normal(size=len(x))))
    names = np.repeat([f"i{i:02d}" for i in range(items)], samples)
    cut = whole > limit
    seen = responses(np.minimum(whole, limit), cut, names, x)
    return responses(whole, np.zeros(len(x)), names, x), seen


def test_lower_bounds_tell_what_lengths_left_out_or_taken_as_whole_do_not():
    found = {"whole": [], "bounds": [], "left out": []}
    for seed in range(8):
        whole, seen = cut_study(seed)
        for name, given in (
            ("whole", whole),
            ("bounds", seen),
            ("left out", seen[~seen["censored"]]),
        ):
            found[name].append(concordance(given, "x")[1].estimate)
    mean = {name: np.mean(values) for name, values in found.items()}
    assert abs(mean["bounds"] - mean["whole"]) < 0.05 < mean["whole"] - mean["left out"]


def test_registration_has_it_where_more_than_a_twentieth_was_cut():
    graded = graded_frame(models=["a"], items=20, samples=2)
    few = {"n_boot": 20, "n_permutations": 20}
    assert "somers_d" not in set(registration.tabulate(graded, **few)["measure"])
    natural = graded["condition"] == "natural"
    longest = natural & (graded["think_tokens"] >= 24)
    cut = graded.assign(
        censored=graded["censored"] | longest,
        think_tokens=graded["think_tokens"].where(~longest, 24),
    )
    found = registration.tabulate(cut, **few).query("measure == 'somers_d'").set_index("criterion")
    assert found.index.tolist() == ["difficulty", "response_time"]
    index, expected = concordance(cut[natural].assign(cluster=cut["item_id"]), "difficulty")
    row = found.loc["difficulty"]
    assert row["estimate"] == expected.estimate and f"C = {index:.3f}" in row["method"]
    assert row["censored"] == longest[natural].mean() > 0.05
    assert row["lower"] > 0 and row["p"] == expected.p
