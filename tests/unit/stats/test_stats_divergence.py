"""Divergence of corpus and items, against scipy and by law."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from thinkscale.data.tokens import Groups, as_documents
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import divergence, divergence_tokens
from thinkscale.stats.core.distributions import Smoothing

FEW = {"n_boot": 20, "n_permutations": 20}
CORPUS = [[0, 0, 1], [1, 2, 2, 2], [3]]
ITEMS = [[0, 1], [2, 4]]


def values(frame, unit="nats"):
    return frame[frame["unit"] == unit].set_index("measure")["estimate"]


def smoothed(documents, seen, alpha):
    counts = np.bincount(np.concatenate(documents), minlength=seen) + alpha
    return counts / counts.sum()


@pytest.mark.parametrize(("support", "size"), [("observed", 5), ("vocabulary", 9)])
def test_divergences_are_those_of_scipy(support, size):
    found = divergence.tabulate(
        CORPUS, ITEMS, vocabulary_size=9, smoothing=Smoothing(alpha=0.3, support=support), **FEW
    )
    p, q = smoothed(CORPUS, size, 0.3), smoothed(ITEMS, size, 0.3)
    for unit, base in (("nats", np.e), ("bits", 2)):
        of = values(found, unit)
        assert of["kl_corpus_items"] == pytest.approx(entropy(p, q, base=base))
        assert of["kl_items_corpus"] == pytest.approx(entropy(q, p, base=base))
        assert of["js"] == pytest.approx(jensenshannon(p, q, base=base) ** 2)
        assert of["js_distance"] == pytest.approx(jensenshannon(p, q, base=base))
    assert (found["tokens_corpus"] == 8).all() and (found["documents_items"] == 2).all()


def test_floor_of_the_first_study():
    found = divergence.tabulate(
        CORPUS, ITEMS, vocabulary_size=9, smoothing=Smoothing(kind="floor"), **FEW
    )
    p, q = np.array([2, 2, 3, 1, 0]) / 8, np.array([1, 1, 1, 0, 1]) / 4
    p, q = np.where(p, p, 1e-10), np.where(q, q, 1e-10)  # entropy renormalises
    assert values(found)["kl_corpus_items"] == pytest.approx(entropy(p, q))
    assert "1e-10" in found["smoothing"].iloc[0]


def test_several_ways_to_smooth_are_rows_each():
    ways = [Smoothing(), Smoothing(kind="floor"), Smoothing(alpha=0.1, support="vocabulary")]
    together = divergence.tabulate(CORPUS, ITEMS, vocabulary_size=9, smoothing=ways, **FEW)
    assert len(together) == 24 and together["smoothing"].nunique() == 3
    for place, way in enumerate(ways):
        alone = divergence.tabulate(CORPUS, ITEMS, vocabulary_size=9, smoothing=way, **FEW)
        part = together.iloc[8 * place : 8 * place + 8].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, part)
    made = Smoothing.of(kind="floor", value=1e-8, support="observed")
    assert made.floor == 1e-8 and Smoothing.of("additive", 0.1, "vocabulary") == ways[2]


documents = st.lists(st.lists(st.integers(0, 6), max_size=6), min_size=1, max_size=5).filter(any)


@settings(deadline=None, max_examples=40)  # a shared machine may stall
@given(documents, documents)
def test_js_is_symmetric_bounded_and_zero_on_itself(corpus, items):
    options = {"vocabulary_size": 7, "n_boot": 0, "n_permutations": 0}
    here = values(divergence.tabulate(corpus, items, **options))
    there = values(divergence.tabulate(items, corpus, **options))
    assert here["js"] == pytest.approx(there["js"], abs=1e-12)
    assert here["kl_corpus_items"] == pytest.approx(there["kl_items_corpus"], abs=1e-12)
    assert 0 <= here["js"] <= np.log(2)
    assert values(divergence.tabulate(corpus, corpus[::-1], **options))["js"] == pytest.approx(0)


@settings(deadline=None, max_examples=40)  # a shared machine may stall
@given(documents, documents)
def test_contributions_sum_to_js(corpus, items):
    tokens = divergence_tokens.tabulate(corpus, items, vocabulary_size=7, decode=str)
    js = values(
        divergence.tabulate(corpus, items, vocabulary_size=7, n_boot=0, n_permutations=0), "bits"
    )["js"]
    assert tokens["js_contribution"].sum() == pytest.approx(js, abs=1e-12)
    assert tokens["js_contribution"].is_monotonic_decreasing
    table = divergence.tabulate(corpus, items, vocabulary_size=7, n_boot=0, n_permutations=0)
    for measure in ("kl_corpus_items", "kl_items_corpus"):
        added = tokens[f"{measure}_contribution"].sum()
        assert added == pytest.approx(values(table, "bits")[measure], abs=1e-12)


def test_token_rows_by_hand():
    found = divergence_tokens.tabulate(
        [[1, 1, 2, 2]], [[1, 3]], vocabulary_size=4, decode="<ab>".__getitem__
    ).set_index("token_id")
    assert found.loc[1, ["count_corpus", "count_items"]].tolist() == [2, 1]
    assert found.loc[1, "frequency_corpus"] == found.loc[1, "frequency_items"] == 0.5
    assert found.loc[1, "token"] == "a" and found.loc[2, "token"] == "b"
    assert list(found.reset_index().columns.sort_values()) == sorted(divergence_tokens.COLUMNS)
    # Shares 2/4 and 1/2, 2/4 and 0, 0 and 1/2, smoothed by 0.5: (2.5, 2.5, 0.5) / 5.5 and
    # (1.5, 0.5, 1.5) / 3.5.
    assert found["more_frequent_in"].to_dict() == {1: "neither", 2: "corpus", 3: "items"}
    p, q = 2.5 / 5.5, 0.5 / 3.5
    assert found.loc[2, "kl_corpus_items_contribution"] == pytest.approx(p * np.log2(p / q))
    assert found.loc[2, "kl_items_corpus_contribution"] == pytest.approx(-q * np.log2(p / q))


def sides(seed, shift=0, long=90):
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 151)
    weights /= weights.sum()
    corpus = [rng.choice(150, rng.integers(30, long), p=weights) for _ in range(100)]
    law = np.roll(weights, shift)
    return corpus, [rng.choice(150, rng.integers(10, 30), p=law) for _ in range(40)]


def test_null_holds_where_documents_of_one_law_differ_in_length():
    # Swapping whole documents rejects here: its item side gets more tokens than the items have.
    options = {"vocabulary_size": 150, "n_boot": 0, "n_permutations": 99}
    p = [divergence.tabulate(*sides(s), **options, seed=s)["p"][4] for s in range(40)]
    assert 0.3 < np.mean(p) < 0.7 and np.mean(np.array(p) <= 0.1) < 0.25


def test_null_is_left_by_another_law():
    found = divergence.tabulate(
        *sides(0, shift=3), vocabulary_size=150, n_boot=200, n_permutations=199, seed=0
    )
    assert (found["p"] == 1 / 200).all() and (found["estimate"] > found["null_upper"]).all()
    assert (found["lower"] > found["null_mean"]).all() and (
        found["upper"] > found["estimate"]
    ).all()


def dealt(documents, vocabulary_size, longest, seed, groups=100, share=0.25):
    """The same documents as the groups and pieces of a corpus too large to hold."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((groups, vocabulary_size), np.int64)
    for document, group in zip(documents, rng.integers(groups, size=len(documents)), strict=True):
        np.add.at(counts[group], np.asarray(document), 1)
    pieces = as_documents(documents).pieces(longest)
    kept = pieces.pick(rng.random(len(pieces)) < share)
    return Groups(counts, len(documents), kept, longest, share)


def middle_sized(seed):
    """A corpus whose documents differ in topic, so that their variance is not that of tokens."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, 301)
    laws = [np.roll(weights, shift) + 0.2 * weights for shift in (0, 0, 7, 40)]
    laws = [law / law.sum() for law in laws]
    corpus = [rng.choice(300, rng.integers(40, 120), p=laws[rng.integers(4)]) for _ in range(1500)]
    return corpus, [rng.choice(300, 30, p=laws[0]) for _ in range(120)]


def test_groups_and_documents_agree_on_a_middle_sized_corpus():
    corpus, items = middle_sized(0)
    longest = divergence.piece_tokens(items)
    options = {"vocabulary_size": 300, "n_boot": 2000, "n_permutations": 1000, "seed": 1}
    whole = divergence.tabulate(corpus, items, **options)
    grouped = [
        divergence.tabulate(dealt(corpus, 300, longest, seed), items, **options)
        for seed in range(12)
    ]
    for table in grouped:
        pd.testing.assert_frame_equal(table[["estimate"]], whole[["estimate"]])
        assert (table[["documents_corpus", "tokens_corpus", "tokens_items"]].iloc[0] == (
            whole[["documents_corpus", "tokens_corpus", "tokens_items"]].iloc[0]
        )).all()  # fmt: skip
        assert "100 random groups" in table["method"][0] and "one in 4" in table["method"][0]

    def widths(table):
        return (table["upper"] - table["lower"]).to_numpy()

    ratios = np.array([widths(table) / widths(whole) for table in grouped])
    # A standard deviation from 100 values varies by 7 %; its mean over 12 deals by 2 %.
    assert np.all(np.abs(ratios - 1) < 0.25) and np.all(np.abs(ratios.mean(axis=0) - 1) < 0.07)
    for column, room in (("null_mean", 0.02), ("null_upper", 0.04)):
        found = np.array([table[column] / whole[column] for table in grouped])
        assert np.all(np.abs(found.mean(axis=0) - 1) < room)


def test_resampling_groups_sees_what_resampling_tokens_does_not():
    # Each document repeats one token: the documents' variance is fifty times the tokens'.
    rng = np.random.default_rng(3)
    corpus = [np.full(50, token) for token in rng.integers(4, size=400)]
    items = [[0, 1, 2, 3]] * 50
    options = {"vocabulary_size": 4, "n_boot": 1000, "n_permutations": 0}
    width = {}
    for name, side in (("documents", corpus), ("groups", dealt(corpus, 4, 4, 0))):
        row = divergence.tabulate(side, items, **options).iloc[0]
        width[name] = row["upper"] - row["estimate"]
    assert width["groups"] == pytest.approx(width["documents"], rel=0.3)


def test_null_of_groups_holds_where_both_sides_are_of_one_law():
    p = []
    for s in range(40):
        corpus, items = sides(s)
        longest = divergence.piece_tokens(items)
        grouped = dealt(corpus, 150, longest, s, share=0.5)
        table = divergence.tabulate(
            grouped, items, vocabulary_size=150, n_boot=0, n_permutations=99, seed=s
        )
        p.append(table["p"][4])
    assert 0.3 < np.mean(p) < 0.7 and np.mean(np.array(p) <= 0.1) < 0.25


def test_same_seed_same_rows():
    options = {"vocabulary_size": 150, **FEW}
    one, two = (divergence.tabulate(*sides(0), **options, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
    assert not one.equals(divergence.tabulate(*sides(0), **options, seed=4))


@pytest.mark.parametrize(
    ("corpus", "items"), [([], [[1]]), ([[1]], []), ([[1]], [[], []]), ([], [])]
)
def test_a_side_without_tokens_says_so(corpus, items, recwarn):
    found = divergence.tabulate(corpus, items, vocabulary_size=3, **FEW)
    assert len(found) == 8 and found["estimate"].isna().all()
    assert found["method"].str.contains("no tokens in the").all() and not recwarn.list
    divergence_tokens.tabulate(corpus, items, vocabulary_size=3, decode=str)
    assert not recwarn.list


def test_one_document_has_no_interval():
    found = divergence.tabulate([[1, 2]], [[1], [0]], vocabulary_size=3, **FEW)
    assert found["lower"].isna().all() and found["estimate"].notna().all()


def test_errors_name_what_was_found():
    with pytest.raises(ThinkscaleError, match="document 1: token id 9; expected 0 to 8"):
        divergence.tabulate([[1]], [[9]], vocabulary_size=9)
    with pytest.raises(ThinkscaleError, match="kind: found 'laplace'"):
        Smoothing(kind="laplace")
    with pytest.raises(ThinkscaleError, match="alpha: found 0"):
        Smoothing(alpha=0)


def test_a_thousand_permutations_take_seconds():
    rng = np.random.default_rng(0)
    corpus = [rng.integers(0, 1000, 60) for _ in range(1000)]
    items = [rng.integers(0, 1000, 30) for _ in range(200)]
    start = time.process_time()
    divergence.tabulate(corpus, items, vocabulary_size=1000, n_boot=1000, n_permutations=1000)
    assert time.process_time() - start < 8  # 1 s where it was written
