"""N-grams of items in a corpus: exact, by item, and what a study leaves out by them."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.corpora import ngrams
from thinkscale.corpora.encode import Encoded
from thinkscale.corpora.source import CorpusSource
from thinkscale.data.tokens import as_documents
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.token_comparison import NamedFile, compare_tokens, item_texts, measure_overlap
from thinkscale.stats import divergence, divergence_tokens, overlap, overlap_summary
from thinkscale.stats.core.distributions import Smoothing

token_texts = st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=6)


def found_by_hand(items, corpus, n):
    """For each item, its n-grams in order and which of them occur, by comparing lists."""
    known = {tuple(t[i : i + n]) for t in corpus for i in range(len(t) - n + 1)}
    grams = [[tuple(t[i : i + n]) for t in texts for i in range(len(t) - n + 1)] for texts in items]
    return [(len(own), sum(gram in known for gram in own)) for own in grams]


def searched(items, corpus, n):
    texts = as_documents([text for texts in items for text in texts])
    number = np.array([i for i, texts in enumerate(items) for _ in texts])
    wanted = ngrams.ngrams(Encoded(texts, number, len(items)), n)
    blocks = [as_documents(corpus[:1]), as_documents(corpus[1:])]
    found = wanted.per_item(ngrams.search(wanted, blocks))
    ids = [f"i{i}" for i in range(len(items))]
    return overlap.tabulate(ids, wanted.per_item(), found, n=n), wanted


@settings(deadline=None)  # a shared machine may stall
@given(items=st.lists(token_texts, min_size=1, max_size=4), corpus=token_texts, n=st.integers(1, 5))
def test_shares_are_those_of_comparing_lists(items, corpus, n):
    table, _ = searched(items, corpus, n)
    rows = table.set_index("item_id")
    for i, (number, found) in enumerate(found_by_hand(items, corpus, n)):
        row = rows.loc[f"i{i}"]
        assert (row["ngrams"], row["found"]) == (number, found)
        if number:
            assert row["share"] == found / number and pd.isna(row["detail"])
        else:
            assert np.isnan(row["share"]) and f"no text of {n} tokens" in row["detail"]


def test_hits_are_compared_token_by_token(monkeypatch):
    # A hash that knows only the last token: everything collides, nothing may be found by it.
    monkeypatch.setattr(
        ngrams, "_hashes", lambda ids, n, base: np.asarray(ids)[n - 1 :].astype(np.uint64) << 40
    )
    table, wanted = searched([[[1, 2, 3]], [[4, 5, 6]]], [[9, 2, 3, 4, 5, 6, 1, 9, 3]], 3)
    assert table.set_index("item_id")["found"].to_dict() == {"i1": 1, "i0": 0}
    assert len(wanted.grams) == 2


def test_no_two_grams_share_a_hash(monkeypatch):
    # 0 leaves the last token, 1 the sum: each makes two of these equal.
    monkeypatch.setattr(ngrams, "_bases", lambda: iter([0, 1, 3]))
    table, wanted = searched([[[1, 2], [2, 1], [0, 1]]], [[2, 1]], 2)
    assert wanted.base == 3
    assert len(set(wanted.hashes.tolist())) == 3 and table["found"].tolist() == [1]


def test_ngrams_reach_over_no_text():
    table, _ = searched([[[1, 2], [3, 4]]], [[2, 3], [1, 2, 3, 4]], 2)
    assert table[["ngrams", "found"]].to_numpy().tolist() == [[2, 2]]
    table, _ = searched([[[1, 2, 3]]], [[1, 2], [3, 1], [2, 3]], 3)
    assert table["found"].tolist() == [0]


def test_order_and_summary_by_hand():
    items = [[[1, 2, 3]], [[7, 7, 7, 7]], [[1, 2, 9]], [[5]]]
    table, _ = searched(items, [[1, 2, 3]], 2)
    assert table["item_id"].tolist() == ["i0", "i2", "i1", "i3"]
    assert table["share"].tolist()[:3] == [1.0, 0.5, 0.0]
    summary = overlap_summary.tabulate(table).set_index("measure")
    assert summary["estimate"].to_dict() == {"any": 2 / 3, "half": 2 / 3, "mean": 0.5}
    assert (summary["items"] == 3).all() and (summary["too_short"] == 1).all()
    # Wilson's interval of 2 in 3 (Brown, Cai and DasGupta 2001, eq. 4)
    z, p, n = 1.959964, 2 / 3, 3
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    row = summary.loc["any"]
    assert [row["lower"], row["upper"]] == pytest.approx([middle - half, middle + half], abs=1e-6)
    clustered = overlap_summary.tabulate(table, pd.Series("one", table["item_id"]))
    assert clustered["lower"].isna().all() and clustered["estimate"].notna().all()
    short = overlap_summary.tabulate(table[table["ngrams"] == 0])
    assert short["estimate"].isna().all() and "every item is shorter" in short["method"][0]


# Both comparisons, from files to tables

ITEM = {
    "item_id": "i1",
    "stem": "A painter of murals has had a dry cough for three weeks and now comes to the clinic.",
    "options": [{"label": "A", "text": "Asthma"}, {"label": "B", "text": "A cold"}],
    "cluster_id": None,
}
PROMPT = {"template": None, "option": "{label}. {text}", "separator": "\n", "system": None}


def tokenizer_file(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([ITEM["stem"]], trainer)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return NamedFile("small", path, PROMPT)


def test_tables_from_files(tmp_path):
    path = tmp_path / "corpus.jsonl"
    texts = [{"text": f"Well: {ITEM['stem']} Yes."}, {"text": "Nothing of it."}]
    path.write_text("".join(json.dumps(row) + "\n" for row in texts))
    source = CorpusSource("c", "columns", ("text",), path=path)
    file, other = tokenizer_file(tmp_path), {**ITEM, "item_id": "i2", "stem": "Short."}
    items, summary = measure_overlap(file, [ITEM, other], [source], n=13, items_text="stem")
    assert list(items.columns) == overlap.COLUMNS
    assert list(summary.columns) == overlap_summary.COLUMNS
    first = items.iloc[0]
    assert first["item_id"] == "i1" and first["found"] == first["ngrams"] > 0
    assert first["corpus_columns"] == "text" and items["detail"][1].startswith("too short")
    assert summary["too_short"].tolist() == [1, 1, 1]

    table, tokens = compare_tokens(
        [file],
        [ITEM, other],
        [source],
        items_text="stem_and_options",
        smoothing=[Smoothing(), Smoothing(kind="floor")],
        n_permutations=20,
    )
    assert list(table.columns) == divergence.COLUMNS and len(table) == 16
    assert list(tokens.columns) == divergence_tokens.COLUMNS
    assert (table["items_text"] == "stem_and_options").all()
    assert tokens["count_corpus"].sum() == table["tokens_corpus"][0]
    assert tokens["count_items"].sum() == table["tokens_items"][0]


def test_what_counts_as_an_items_text():
    assert item_texts(ITEM, "stem", PROMPT) == [ITEM["stem"]]
    assert item_texts(ITEM, "stem_and_options", PROMPT) == [ITEM["stem"], "Asthma", "A cold"]
    [asked] = item_texts(ITEM, "prompt", PROMPT)
    assert ITEM["stem"] in asked and "B. A cold" in asked


def test_a_broken_tokenizer_is_named(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ThinkscaleError, match=r"tokenizer t: .*tokenizer\.json is no"):
        measure_overlap(NamedFile("t", path, PROMPT), [ITEM], [], n=13, items_text="stem")
