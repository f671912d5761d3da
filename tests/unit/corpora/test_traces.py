"""Corpora of traces to fine-tune on: what is read, and what is refused."""

import json

import pandas as pd
import pytest

from thinkscale.calibration.corpus import calibration_corpus, write_corpus
from thinkscale.corpora.source import CorpusSource
from thinkscale.corpora.traces import read_traces
from thinkscale.errors import ThinkscaleError


def read(path, columns=None, n=None):
    return read_traces(CorpusSource(path.stem, "traces", path=path, n=n), columns)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_corpus_files_round_trip(tmp_path, suffix):
    rows = calibration_corpus(20, seed=1)
    path = tmp_path / f"corpus{suffix}"
    if suffix == ".jsonl":
        write_corpus(rows, path)
    else:
        pd.DataFrame(rows).to_parquet(path)
    assert read(path) == rows


def test_columns_are_mapped(tmp_path):
    path = tmp_path / "medical.json"
    record = {"Question": "q", "Complex_CoT": "t", "Response": "r"}
    path.write_text(json.dumps([record]))
    columns = {"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}
    expected = {"question": "q", "reasoning": "t", "response": "r", "ended": "natural"}
    assert read(path, columns) == [expected]
    with pytest.raises(ThinkscaleError, match="lacks the column"):
        read(path)
    with pytest.raises(ThinkscaleError, match="mapping has"):
        read(path, {"answer": "Response"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": None}, "row 2: question must be text"),
        ({"reasoning": 3}, "row 2: reasoning must be text or a list"),
        ({"reasoning": [{"kind": "seen", "text": "x"}]}, "row 2: a segment must have kind"),
        ({"ended": "late"}, "row 2: ended is 'late'"),
    ],
)
def test_bad_rows_are_named(tmp_path, change, message):
    good = {"question": "q", "reasoning": "t", "response": "r", "ended": "natural"}
    path = tmp_path / "corpus.jsonl"
    write_corpus([good, good | change], path)
    with pytest.raises(ThinkscaleError, match=message):
        read(path)


def test_missing_and_unknown_files_are_errors(tmp_path):
    with pytest.raises(ThinkscaleError, match="no such file"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "corpus.txt").write_text("x")
    with pytest.raises(ThinkscaleError, match=r"\.txt is not a format of tables"):
        read(tmp_path / "corpus.txt")


def test_a_corpus_with_fewer_rows_than_asked_for_is_an_error(tmp_path):
    path = tmp_path / "corpus.jsonl"
    write_corpus([{"question": "q", "reasoning": "r", "response": "a"}] * 3, path)
    assert len(read(path, n=2)) == 2
    with pytest.raises(ThinkscaleError, match=r"asked for 4 rows, but it has 3"):
        read(path, n=4)
