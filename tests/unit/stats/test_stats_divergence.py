"""Divergence of corpus and items, against scipy and by law."""

import re
import time
from collections import Counter
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, hypergeom

from thinkscale.data.tokens import Groups, as_documents
from thinkscale.errors import ThinkscaleError
from thinkscale.stats import divergence, divergence_tokens
from thinkscale.stats.core.distributions import Smoothing

FEW = {"n_permutations": 20}
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
    options = {"vocabulary_size": 7, "n_permutations": 0}
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
    assert tokens["js_contribution"].is_monotonic_decreasing
    table = divergence.tabulate(corpus, items, vocabulary_size=7, n_permutations=0)
    for measure in ("js", "kl_corpus_items", "kl_items_corpus"):
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


def written(rng, law, number, mean, spread, concentration=30):
    """Documents each of a law of its own, drawn about `law`, and of log-normal length."""
    lengths = 1 + (mean * rng.lognormal(0, spread, number)).astype(int)
    laws = rng.dirichlet(concentration * law, number)
    return [rng.choice(len(law), n, p=own) for n, own in zip(lengths, laws, strict=True)]


ZIPF = 1 / np.arange(2, 62)
ZIPF /= ZIPF.sum()


def sides(seed, shift=0, concentration=30):
    """A corpus of long documents of very different length, and fewer and shorter items."""
    rng = np.random.default_rng(seed)
    corpus = written(rng, ZIPF, 50, 150, 0.8, concentration)
    return corpus, written(rng, np.roll(ZIPF, shift), 25, 20, 0.5, concentration)


@cache
def modules():
    """The library's modules as documents of its commonest words."""
    folder = Path(__file__).parents[3] / "workflow/thinkscale"
    texts = [re.findall(r"\w+", path.read_text()) for path in sorted(folder.rglob("*.py"))]
    common = Counter(word for text in texts for word in text).most_common(60)
    number = {word: i for i, (word, _) in enumerate(common)}
    return as_documents([[number[word] for word in text if word in number] for text in texts])


def split(seed):
    order = np.random.default_rng(seed).permutation(len(modules()))
    return [modules().pick(part) for part in np.split(order, [2 * len(order) // 3])]


@pytest.mark.parametrize("drawn", [sides, partial(sides, concentration=3), split])
def test_null_holds_where_documents_of_one_law_differ(drawn):
    # Pieces of documents shuffled as if independent are rejected in a half to all of these.
    options = {"vocabulary_size": 60, "n_permutations": 59}
    found = [divergence.tabulate(*drawn(s), **options, seed=s) for s in range(50)]
    for measure in (0, 2, 4):
        p = np.array([table["p"][measure] for table in found])
        assert 0.37 < p.mean() < 0.63 and (p <= 0.1).mean() < 0.23


def test_null_is_left_by_another_law():
    found = divergence.tabulate(*sides(0, shift=3), vocabulary_size=60, n_permutations=199)
    assert (found["p"] <= 0.02).all() and (found["window_estimate"] > found["null_upper"]).all()
    assert (found["null_upper"] > found["null_mean"]).all()


def test_windows_by_hand():
    # A window of three tokens each: of the corpus three of 0 and one of 1, of the items ten of 1.
    # The items of one token have no room.
    corpus, items = [[0] * 5] * 3 + [[1] * 4], [[1] * 3] * 10 + [[2]] * 2
    found = divergence.tabulate(corpus, items, vocabulary_size=3, n_permutations=4000)
    assert divergence.longest_window(items) == 3
    columns = ["window_tokens", "windows_corpus", "windows_items", "short_corpus", "short_items"]
    assert (found[columns] == [3, 4, 10, 0, 2]).all(axis=None)
    # Permuted, the corpus side has k of the three windows of 0: a hypergeometric number.
    js = []
    for k in range(4):
        p, q = np.array([3 * k, 12 - 3 * k]) + 0.5, np.array([9 - 3 * k, 21 + 3 * k]) + 0.5
        js.append(jensenshannon(p, q) ** 2)
    row, chances = found.iloc[4], hypergeom(14, 3, 4).pmf(range(4))
    assert row["window_estimate"] == pytest.approx(js[3]) and js[3] == max(js)
    assert row["null_mean"] == pytest.approx(chances @ js, rel=0.05)
    assert row["p"] == pytest.approx(chances[3], abs=0.006)  # 11 / 1001
    assert chances[3] == pytest.approx(11 / 1001)


def test_windows_have_every_place_of_a_document_as_often():
    # Windows of 60 that stopped at the end would have the middle in each, the ends in one of 41.
    documents = as_documents([np.arange(100)] * 2000)
    found = documents.stretches(60, np.random.default_rng(0)).totals(100)
    assert found.sum() == 2000 * 60 and np.all(np.abs(found - 1200) < 120)  # SD 22


def test_a_side_of_one_window_has_no_null():
    alone = divergence.tabulate([[0, 1]], [[0, 1]] * 30, vocabulary_size=2, n_permutations=9)
    assert alone["p"].isna().all() and "no null from 1 windows" in alone["method"][0]
    assert alone["windows_corpus"][0] == 1 and alone["estimate"].notna().all()


def test_jackknife_by_hand():
    found = divergence.tabulate(CORPUS, ITEMS, vocabulary_size=5, n_permutations=0)

    def js(corpus, items):
        return jensenshannon(smoothed(corpus, 5, 0.5), smoothed(items, 5, 0.5)) ** 2

    def without(documents):
        return [documents[:i] + documents[i + 1 :] for i in range(len(documents))]

    estimate = js(CORPUS, ITEMS)
    left = [[js(part, ITEMS) for part in without(CORPUS)]]
    left += [[js(CORPUS, part) for part in without(ITEMS)]]
    bias = sum((len(one) - 1) * (np.mean(one) - estimate) for one in left)
    variance = sum((len(one) - 1) * np.var(one) for one in left)
    row = found[found["unit"] == "nats"].set_index("measure")
    assert row["corrected"]["js"] == pytest.approx(estimate - bias)
    assert row["spread"]["js"] == pytest.approx(np.sqrt(variance))
    assert row["corrected"]["js_distance"] == pytest.approx(np.sqrt(max(estimate - bias, 0)))


def test_bias_is_corrected_and_spread_is_that_of_other_documents():
    law = ZIPF[:20] / ZIPF[:20].sum()
    other = 0.8 * law + 0.2 * law[::-1]
    truth = {
        "kl_corpus_items": entropy(law, other),
        "kl_items_corpus": entropy(other, law),
        "js": jensenshannon(law, other) ** 2,
    }
    rows = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        both = written(rng, law, 60, 60, 0.6), written(rng, other, 40, 40, 0.4)
        table = divergence.tabulate(*both, vocabulary_size=20, n_permutations=0, seed=seed)
        rows.append(table[table["unit"] == "nats"].set_index("measure"))
    for measure, true in truth.items():
        found = pd.DataFrame([row.loc[measure] for row in rows])
        estimate, corrected, spread = (
            found[column].astype(float) for column in ("estimate", "corrected", "spread")
        )
        error = corrected.std() / np.sqrt(60)
        assert estimate.mean() - true > 4 * error and abs(corrected.mean() - true) < 3 * error
        assert spread.mean() == pytest.approx(estimate.std(), rel=0.4)


def dealt(documents, vocabulary_size, seed, groups=100, share=0.25):
    """The same documents as the groups and stretches of a corpus too large to hold."""
    rng, longest = np.random.default_rng(seed), 30
    counts = np.zeros((groups, vocabulary_size), np.int64)
    for document, group in zip(documents, rng.integers(groups, size=len(documents)), strict=True):
        np.add.at(counts[group], np.asarray(document), 1)
    kept = as_documents(documents).pick(rng.random(len(documents)) < share)
    return Groups(counts, len(documents), kept.stretches(longest, rng), longest, share)


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
    options = {"vocabulary_size": 300, "n_permutations": 300, "seed": 1}
    whole = divergence.tabulate(corpus, items, **options)
    grouped = [
        divergence.tabulate(dealt(corpus, 300, seed), items, **options) for seed in range(12)
    ]
    facts = ["documents_corpus", "tokens_corpus", "tokens_items", "window_tokens", "windows_items"]
    for table in grouped:
        pd.testing.assert_frame_equal(table[["estimate", *facts]], whole[["estimate", *facts]])
        assert "100 and 100 groups" in table["method"][0] and "one in 4" in table["method"][0]
        assert 300 < table["windows_corpus"][0] < 450 and whole["windows_corpus"][0] == 1500
    # A standard deviation from 100 values varies by 7 %; its mean over 12 deals by 2 %.
    ratios = np.array([table["spread"] / whole["spread"] for table in grouped])
    assert np.all(np.abs(ratios - 1) < 0.25) and np.all(np.abs(ratios.mean(axis=0) - 1) < 0.07)
    corrected = np.mean([table["corrected"] for table in grouped], axis=0)
    assert np.all(np.abs(corrected - whole["corrected"]) < 0.5 * whole["spread"])
    # With all of its documents kept, the null is that of documents.
    kept = divergence.tabulate(dealt(corpus, 300, 0, share=1.0), items, **options)
    for column in ("window_estimate", "null_mean", "null_upper"):
        np.testing.assert_allclose(kept[column], whole[column], rtol=0.08)


def test_leaving_out_groups_sees_what_leaving_out_tokens_does_not():
    # Each document repeats one token: the documents' variance is fifty times the tokens'.
    rng = np.random.default_rng(3)
    corpus = [np.full(50, token) for token in rng.integers(4, size=400)]
    items, options = [[0, 1, 2, 3]] * 50, {"vocabulary_size": 4, "n_permutations": 0}
    documents, groups = (
        divergence.tabulate(side, items, **options)["spread"][0]
        for side in (corpus, dealt(corpus, 4, 0))
    )
    assert groups == pytest.approx(documents, rel=0.3)
    tokens = [[token] for token in np.concatenate(corpus)]
    assert documents > 4 * divergence.tabulate(tokens, items, **options)["spread"][0]


def test_null_of_groups_holds_where_both_sides_are_of_one_law():
    p = []
    for s in range(50):
        corpus, items = sides(s)
        grouped = dealt(corpus, 60, s, share=0.5)
        table = divergence.tabulate(grouped, items, vocabulary_size=60, n_permutations=59, seed=s)
        p.append(table["p"][4])
    assert 0.37 < np.mean(p) < 0.63 and np.mean(np.array(p) <= 0.1) < 0.23


def test_same_seed_same_rows():
    options = {"vocabulary_size": 60, **FEW}
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


def test_one_document_has_no_spread():
    found = divergence.tabulate([[1, 2]], [[1], [0]], vocabulary_size=3, **FEW)
    assert found[["corrected", "spread"]].isna().all(axis=None) and found["estimate"].notna().all()
    assert "a side has one document" in found["method"][0]


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
    divergence.tabulate(corpus, items, vocabulary_size=1000, n_permutations=1000)
    assert time.process_time() - start < 8  # 1 s where it was written
