"""Contracts: what is written is what is read, and nothing else gets through."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError


def grades(**columns):
    frame = {
        "model": ["m", "m"],
        "item_id": ["1", "2"],
        "sample": [0, 0],
        "condition": "natural",
        "grader": "choice",
        "extracted": ["A", None],
        "outcome": ["correct", "ungradable"],
        "detail": "x",
    }
    return pd.DataFrame(frame | columns)


def responses():
    schema = contracts.SCHEMAS["responses"]
    values = {contracts.TEXT: "t", contracts.INT: 1, contracts.FLOAT: 0.5, contracts.BOOL: False}
    row = {field.name: values[field.type] for field in schema}
    row |= {"stop": "natural", "answer_stop": "eos", "condition": "natural"}
    row |= {"max_think": None, "min_think": None, "waits": None, "continuation": None}
    row |= {"truncate": None, "answer_from": "answer", "error": None}
    forced = row | {"condition": "max=16", "max_think": 16, "stop": "budget", "censored": True}
    return pd.DataFrame([row, forced])


def message(call, *arguments):
    with pytest.raises(ThinkscaleError) as error:
        call(*arguments)
    return str(error.value)


def test_grades_come_back(tmp_path):
    path = tmp_path / "new" / "grades.parquet"
    contracts.write(grades()[::-1].iloc[:, ::-1], path, "grades")
    back = contracts.read(path, "grades")
    assert list(back.columns) == contracts.SCHEMAS["grades"].names
    assert back["item_id"].tolist() == ["2", "1"]
    assert back["extracted"].isna().tolist() == [True, False]
    assert [p.name for p in path.parent.iterdir()] == ["grades.parquet"]


def test_where_an_answer_is_from_has_three_words(tmp_path):
    frame = responses().assign(answer_from=["turn", "model"])
    expected = "column answer_from, row 1 is 'model'; expected one of answer, turn, none"
    assert expected in message(contracts.write, frame, tmp_path / "r.parquet", "responses")


def test_responses_keep_whole_numbers(tmp_path):
    contracts.write(responses(), tmp_path / "r.parquet", "responses")
    back = contracts.read(tmp_path / "r.parquet", "responses")
    assert back["max_think"].dtype == "Int64"
    assert back["max_think"].tolist() == [pd.NA, 16]
    assert back["think_tokens"].dtype == "int64"
    assert back["censored"].dtype == bool
    contracts.write(back, tmp_path / "again.parquet", "responses")
    some = contracts.read(tmp_path / "again.parquet", "responses", ["stop", "model"])
    assert list(some.columns) == ["stop", "model"]


def test_an_error_stands_where_nothing_was_asked_and_nowhere_else(tmp_path):
    path = tmp_path / "r.parquet"
    why = "the prompt has 5000 tokens"
    good = responses().assign(answer_stop=["eos", "none"], error=[None, why])
    contracts.write(good, path, "responses")
    back = contracts.read(path, "responses")
    assert list(back.columns)[-1] == "error"
    assert back["error"].isna().tolist() == [True, False] and back["error"][1] == why
    said = message(contracts.write, good.assign(error=None), path, "responses")
    assert "row 1" in said and "'none'" in said and "no error" in said
    said = message(contracts.write, good.assign(error=why), path, "responses")
    assert "row 0" in said and "'eos'" in said and why in said
    said = message(contracts.write, good.drop(columns="error"), path, "responses")
    assert "missing: error" in said


def test_nested_columns_are_plain_lists(tmp_path):
    segments = [{"kind": "sampled", "token_ids": [1, 2]}, {"kind": "injected", "token_ids": []}]
    chains = pd.DataFrame(
        {
            "model": "m",
            "item_id": ["a", "b"],
            "sample": 0,
            "continuation": ["Wait", None],
            "segments": [segments, []],
            "natural_end": True,
        }
    )
    contracts.write(chains, tmp_path / "c.parquet", "chains")
    back = contracts.read(tmp_path / "c.parquet", "chains")
    assert back["segments"].tolist() == [segments, []]
    assert back["prompt_token_ids"].tolist() == [None, None]  # optional
    arrays = chains.assign(
        segments=[[{"kind": "sampled", "token_ids": np.array([7], dtype="int32")}], []]
    )
    contracts.write(arrays, tmp_path / "c.parquet", "chains")
    found = contracts.read(tmp_path / "c.parquet", "chains")["segments"][0]
    assert found == [{"kind": "sampled", "token_ids": [7]}]
    for bad in ({"kind": "sampled"}, {"kind": "sampled", "token_ids": [1], "x": 1}):
        said = message(
            contracts.write, chains.assign(segments=[[], [bad]]), tmp_path / "x", "chains"
        )
        assert "segments, row 1" in said
    twice = pd.concat([chains, chains])
    assert "rows 0 and 2" in message(contracts.write, twice, tmp_path / "x", "chains")
    # Two missing continuations are one key, too.
    assert "rows 0 and 1" in message(
        contracts.write, pd.concat([chains[1:], chains[1:]]), tmp_path / "x", "chains"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sample": [0, 0.5]}, ["sample, row 1", "0.5", "whole number"]),
        ({"sample": ["0", "1"]}, ["sample, row 0", "'0'"]),
        ({"item_id": [1, 2]}, ["item_id, row 0", "text"]),
        ({"model": ["m", None]}, ["model, row 1", "no value"]),
        ({"outcome": ["correct", "right"]}, ["outcome, row 1", "'right'", "ungradable"]),
        ({"item_id": ["1", "1"]}, ["rows 0 and 1", "item_id=1"]),
        ({"extra": 1}, ["unknown: extra"]),
    ],
)
def test_breaches_are_named(tmp_path, change, words):
    path = tmp_path / "grades.parquet"
    said = message(contracts.write, grades(**change), path, "grades")
    assert all(word in said for word in [*words, str(path)]), said
    assert not list(tmp_path.iterdir())


def test_missing_column_and_unknown_contract(tmp_path):
    said = message(contracts.write, grades().drop(columns="detail"), tmp_path / "g", "grades")
    assert "missing: detail" in said
    assert "'grade'" in message(contracts.write, grades(), tmp_path / "g", "grade")


def test_infinite_number(tmp_path):
    bad = responses().assign(seconds=[1.0, float("inf")])
    assert "seconds, row 1" in message(contracts.write, bad, tmp_path / "r", "responses")


def test_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "g.parquet"
    contracts.write(grades(), path, "grades")
    before = path.read_bytes()
    message(contracts.write, grades(outcome="no"), path, "grades")
    assert path.read_bytes() == before


def test_reading_checks_too(tmp_path):
    path = tmp_path / "g.parquet"
    assert "no such file" in message(contracts.read, path, "grades")
    path.write_text("not parquet")
    assert "parquet" in message(contracts.read, path, "grades")
    grades().drop(columns="detail").to_parquet(path)
    assert "missing: detail" in message(contracts.read, path, "grades")
    table = pa.Table.from_pandas(grades(sample=[0.0, 1.0]), preserve_index=False)
    pq.write_table(table, path)
    assert "sample is double, expected int64" in message(contracts.read, path, "grades")
    pq.write_table(pa.Table.from_pandas(grades(outcome="no"), preserve_index=False), path)
    assert "'no'" in message(contracts.read, path, "grades")


def test_empty_frame(tmp_path):
    contracts.write(grades()[:0], tmp_path / "g.parquet", "grades")
    back = contracts.read(tmp_path / "g.parquet", "grades")
    assert len(back) == 0
    assert back["sample"].dtype == "int64"


def test_files_are_put_together_in_their_order_a_few_rows_at_a_time(tmp_path):
    rows = {"model": "m", "sample": 0, "continuation": None, "segments": [[]], "natural_end": True}
    told = pd.DataFrame(rows | {"item_id": ["b"], "prompt_token_ids": [[1, 2]]})
    untold = pd.DataFrame(rows | {"item_id": ["a"]})
    contracts.write(told, tmp_path / "0.parquet", "chains")
    contracts.write(told[:0], tmp_path / "empty.parquet", "chains")
    contracts.write(untold, tmp_path / "1.parquet", "chains")
    shards = [tmp_path / f"{name}.parquet" for name in ("1", "empty", "0")]
    contracts.gather(shards, tmp_path / "all.parquet", "chains", rows=1)
    both = pd.concat([contracts.read(shard, "chains") for shard in shards], ignore_index=True)
    pd.testing.assert_frame_equal(contracts.read(tmp_path / "all.parquet", "chains"), both)


def test_a_key_in_two_files_is_named(tmp_path):
    contracts.write(grades(), tmp_path / "0.parquet", "grades")
    with pytest.raises(ThinkscaleError, match=r"rows 0 and \d of grades have the same key"):
        contracts.gather([tmp_path / "0.parquet"] * 2, tmp_path / "all.parquet", "grades", rows=1)
    assert not (tmp_path / "all.parquet").exists()
