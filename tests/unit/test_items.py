"""Reading, cleaning and drawing from item banks."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.items import Cleaning, Columns, read_bank, subset
from thinkscale.items.cleaning import repair_mojibake, tidy_whitespace
from thinkscale.tables import write_table

COLUMNS = Columns(stem="q", options="o", key="k", difficulty="d", item_id="id")
RECORDS = [
    {"id": "x1", "q": "One?", "o": {"A": "yes", "B": "no"}, "k": "A", "d": 0.5, "year": 2020},
    {"id": "x2", "q": "Two?", "o": {"A": "red", "B": "blue"}, "k": "B", "d": 1.25, "year": 2021},
]


def jsonl(tmp_path, records, name="bank.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def changed(**cells):
    """The two records, with cells of the second changed."""
    return [RECORDS[0], RECORDS[1] | cells]


def message(call, *arguments, **named):
    with pytest.raises(ThinkscaleError) as error:
        call(*arguments, **named)
    return str(error.value)


def csv_file(tmp_path, text, name="bank.csv", **how):
    path = tmp_path / name
    path.write_text(text, newline="", **how)
    return path


CSV = Columns(stem="q", option_columns=("a", "b", "c"), key="k", difficulty="d")


# Formats


def test_formats_agree(tmp_path):
    flat = [r | {"o": json.dumps(r["o"])} for r in RECORDS]
    frame = pd.DataFrame(flat)
    paths = [jsonl(tmp_path, RECORDS), tmp_path / "bank.json", tmp_path / "data.json"]
    paths[1].write_text(json.dumps(RECORDS))
    paths[2].write_text(json.dumps({"data": RECORDS}))
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        frame.to_csv(tmp_path / f"bank{suffix}", sep=separator, index=False)
        paths.append(tmp_path / f"bank{suffix}")
    pd.DataFrame(RECORDS).to_parquet(tmp_path / "bank.parquet")
    paths.append(tmp_path / "bank.parquet")
    first, _ = read_bank(paths[0], COLUMNS)
    assert first["item_id"].tolist() == ["x1", "x2"]
    assert first["options"][1] == [{"label": "A", "text": "red"}, {"label": "B", "text": "blue"}]
    assert first["answer_text"].tolist() == ["yes", "blue"]
    assert first["difficulty"].tolist() == [0.5, 1.25]
    assert json.loads(first["meta"][0]) == {"year": 2020}
    for path in paths[1:]:
        items, report = read_bank(path, COLUMNS)
        pd.testing.assert_frame_equal(items.drop(columns="meta"), first.drop(columns="meta"))
        assert len(report) == 0


def test_items_meet_their_contract(tmp_path):
    items, report = read_bank(jsonl(tmp_path, RECORDS), COLUMNS)
    contracts.write(items, tmp_path / "items.parquet", "items")
    pd.testing.assert_frame_equal(contracts.read(tmp_path / "items.parquet", "items"), items)
    write_table(report, tmp_path / "items_report.csv")


def test_option_columns_and_cells_over_lines(tmp_path):
    path = csv_file(tmp_path, 'q,a,b,c,k,d\n"two\nlines",x,y,,b,1\n\nthree,x,y,z,(C),\n')
    items, report = read_bank(path, CSV)
    assert items["options"].map(len).tolist() == [2, 3]
    assert items["key"].tolist() == ["B", "C"]
    # Header is row 1, the blank row counts, the cell of two lines is one row.
    assert items["item_id"].tolist() == ["bank-2", "bank-4"]
    assert items["difficulty"].isna().tolist() == [False, True]
    assert report[["row", "field", "action"]].values.tolist() == [[4, "difficulty", "missing"]]


def test_without_header_and_with_byte_order_mark(tmp_path):
    columns = Columns(stem="1", option_columns=("2", "3"), key="4")
    items, _ = read_bank(csv_file(tmp_path, "s,x,y,A\n"), columns, header=False)
    assert items["stem"].tolist() == ["s"]
    path = csv_file(tmp_path, "q,a,b,c,k,d\ns,x,y,z,A,1\n", encoding="utf-8-sig")
    assert len(read_bank(path, CSV)[0]) == 1


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["red", "blue"], "AB"),
        ([3, 4.5], "AB"),
        ({"1": "red", "2": "blue"}, "12"),
        ([{"label": "x", "text": "red"}, {"label": "B", "text": "blue"}], "xB"),
        ({"label": ["P", "Q"], "text": ["red", "blue"]}, "PQ"),
        ('{"A": "red", "B": "blue"}', "AB"),
    ],
)
def test_forms_of_options(tmp_path, options, labels):
    path = jsonl(tmp_path, changed(o=options, k=labels[1]))
    items, _ = read_bank(path, COLUMNS)
    assert [o["label"] for o in items["options"][1]] == list(labels)
    assert items["key"][1] == labels[1]


def test_forms_of_key(tmp_path):
    for key in ("B", "b", "(B)", "B.", "blue", "Blue"):
        assert read_bank(jsonl(tmp_path, changed(k=key)), COLUMNS)[0]["key"][1] == "B"
    counted = Columns(stem="q", options="o", key="k", key_counts_from=0)
    records = [r | {"k": 1} for r in RECORDS]
    assert read_bank(jsonl(tmp_path, records), counted)[0]["key"].tolist() == ["B", "B"]
    said = message(read_bank, jsonl(tmp_path, [RECORDS[0] | {"k": 2}]), counted)
    assert "'2'" in said and "0, 1" in said


def test_free_response(tmp_path):
    path = jsonl(tmp_path, [{"problem": "1+1", "answer": 2.0}])
    items, _ = read_bank(path, Columns(stem="problem", answer_text="answer"))
    assert items["options"].tolist() == [[]]
    assert items["key"].isna().all()
    assert items["answer_text"].tolist() == ["2"]
    contracts.write(items, tmp_path / "i.parquet", "items")


def test_difficulty_direction(tmp_path):
    items, _ = read_bank(jsonl(tmp_path, RECORDS), COLUMNS, direction="higher_is_easier")
    assert items["difficulty"].tolist() == [-0.5, -1.25]
    assert items["difficulty_raw"].tolist() == [0.5, 1.25]
    said = message(read_bank, jsonl(tmp_path, RECORDS), COLUMNS, direction="harder")
    assert "higher_is_easier" in said


# Cleaning


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("39.0\u00c2\u00b0C", "39.0\u00b0C"),
        ("don\u00e2\u20ac\u2122t", "don\u2019t"),
        (
            "\u201c37\u00b0C\u201d \ufb01 &lt; caf\u00e9",
            "\u201c37\u00b0C\u201d \ufb01 &lt; caf\u00e9",
        ),
    ],
)
def test_mojibake(before, after):
    assert repair_mojibake(before) == after


def test_whitespace():
    assert tidy_whitespace(" a\u00a0 b \r\n\r\n\r\n\tc\u200b  d ") == "a b\n\n c d"


@given(st.text())
@settings(deadline=None)
def test_whitespace_is_tidy_once_and_for_all(text):
    assert tidy_whitespace(tidy_whitespace(text)) == tidy_whitespace(text)


def test_report_has_before_and_after(tmp_path):
    path = jsonl(tmp_path, changed(q="39\u00c2\u00b0C  ?", o={"A": " red", "B": "blue", "C": " "}))
    items, report = read_bank(path, COLUMNS)
    assert items["stem"][1] == "39\u00b0C ?"
    assert report.astype(object).where(report.notna(), None).values.tolist() == [
        ["x2", 2, "stem", "mojibake", "39\u00c2\u00b0C  ?", "39\u00b0C  ?"],
        ["x2", 2, "stem", "whitespace", "39\u00b0C  ?", "39\u00b0C ?"],
        ["x2", 2, "option A", "whitespace", " red", "red"],
        ["x2", 2, "option C", "whitespace", " ", ""],
        ["x2", 2, "option C", "dropped, empty", " ", None],
    ]
    kept, report = read_bank(path, COLUMNS, cleaning=Cleaning(mojibake=False, whitespace=False))
    assert kept["stem"][1] == "39\u00c2\u00b0C  ?"


def test_duplicates_and_differing_answers_are_reported(tmp_path):
    columns = Columns(stem="q", options="o", key="k", item_id="id", answer_text="t")
    again = RECORDS[0] | {"id": "x9", "q": "one? ", "o": {"A": "no", "B": "Yes"}, "t": "maybe"}
    items, report = read_bank(jsonl(tmp_path, [RECORDS[0] | {"t": "Yes"}, again]), columns)
    assert len(items) == 2
    actions = report["action"].tolist()
    assert "kept, duplicate of item x1" in actions
    assert "kept, differs from option A" in actions


# Errors


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"id": "x1"}, ["rows 1 and 2", "column id", "'x1'"]),
        ({"id": ""}, ["row 2", "column id", "empty"]),
        ({"k": "F"}, ["row 2", "column k", "'F'", "A, B"]),
        ({"k": None}, ["row 2", "column k", "A, B"]),
        ({"d": "hard"}, ["row 2", "column d", "'hard'", "number"]),
        ({"d": float("nan")}, ["row 2", "column d", "nan"]),
        ({"d": float("inf")}, ["row 2", "column d", "inf"]),
        ({"d": "Infinity"}, ["row 2", "column d", "Infinity"]),
        ({"d": "0,5"}, ["row 2", "column d", "0,5"]),
        ({"d": True}, ["row 2", "column d", "True"]),
        ({"q": " "}, ["row 2", "column q", "empty"]),
        ({"q": ["a"]}, ["row 2", "column q", "expected text"]),
        ({"q": "x" * 1_000_001}, ["row 2", "column q", "1,000,001"]),
        ({"o": "{'A': 'red', 'B': 'blue'}"}, ["row 2", "column o", "Python", "JSON"]),
        ({"o": ["red"]}, ["row 2", "column o", "1 options"]),
        ({"o": 5}, ["row 2", "column o", "expected"]),
        ({"o": [["red"], ["blue"]] * 14}, ["row 2", "column o"]),
        ({"o": [{"label": "A", "text": "x"}] * 2}, ["row 2", "column o", "'A'", "more than once"]),
    ],
)
def test_bad_cells(tmp_path, cells, words):
    path = jsonl(tmp_path, changed(**cells))
    said = message(read_bank, path, COLUMNS)
    assert all(word in said for word in [str(path), *words]), said
    assert len(said) < 600


def test_bad_files(tmp_path):
    missing = tmp_path / "none.csv"
    assert f"{missing}: no such" in message(read_bank, missing, COLUMNS)
    assert ".xlsx" in message(read_bank, csv_file(tmp_path, "x", "b.xlsx"), COLUMNS)
    for name in ("b.csv", "b.jsonl", "b.json"):
        assert "empty" in message(read_bank, csv_file(tmp_path, "", name), COLUMNS)
    assert "empty" in message(read_bank, csv_file(tmp_path, "q,o,k,d,id\n"), COLUMNS)
    broken = csv_file(tmp_path, json.dumps(RECORDS[0]) + '\n{"id": \n', "b.jsonl")
    said = message(read_bank, broken, COLUMNS)
    assert f"{broken}, line 2" in said and '{"id":' in said
    listed = csv_file(tmp_path, "[1]\n", "b.jsonl")
    assert "row 1: a list" in message(read_bank, listed, COLUMNS)
    assert "list" in message(read_bank, csv_file(tmp_path, '{"a": 1, "b": 2}', "b.json"), COLUMNS)
    assert "parquet" in message(read_bank, csv_file(tmp_path, "x", "b.parquet"), COLUMNS)


def test_bad_csv(tmp_path):
    head = "q,a,b,c,k,d\n"
    said = message(read_bank, csv_file(tmp_path, head + "s,x,y,z,A,1\ns,x,y\n"), CSV)
    assert "row 3: 3 cells, expected 6" in said
    assert "broken CSV" in message(read_bank, csv_file(tmp_path, head + 's,"x,y,z,A,1\n'), CSV)
    assert "'a'" in message(read_bank, csv_file(tmp_path, "q,a,a\n1,2,3\n"), CSV)
    said = message(read_bank, csv_file(tmp_path, head.replace(",", ";") + "s;x;y;z;A;1\n"), CSV)
    assert "delimiter" in said
    path = tmp_path / "latin.csv"
    path.write_bytes((head + "ok,x,y,z,A,1\n" + "caf\u00e9,x,y,z,A,1\n").encode("latin-1"))
    assert "line 3: not utf-8" in message(read_bank, path, CSV)
    items, _ = read_bank(path, CSV, encoding="latin-1")
    assert items["stem"][1] == "caf\u00e9"
    assert "'utf-99'" in message(read_bank, path, CSV, encoding="utf-99")


def test_missing_column_names_the_nearest(tmp_path):
    columns = Columns(stem="q", options="o", key="k", difficulty="Difficulty")
    records = [{"q": 1, "o": ["a", "b"], "k": "A", "difficuly": 1}]
    said = message(read_bank, jsonl(tmp_path, records), columns)
    assert "'Difficulty' (mapped as difficulty)" in said
    assert "did you mean 'difficuly'" in said


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (Columns(stem="q"), "answer_text"),
        (Columns(stem="q", options="o"), "key"),
        (Columns(stem="q", options="o", option_columns=("a",), key="k"), "not both"),
    ],
)
def test_mappings_that_mean_nothing(tmp_path, columns, word):
    assert word in message(read_bank, jsonl(tmp_path, RECORDS), columns)


# Subsets


def bank(n, difficulty=None):
    return pd.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(n)],
            "difficulty": difficulty if difficulty is not None else [i / n for i in range(n)],
        }
    )


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([None, 2, 5]))
@settings(max_examples=60, deadline=None)
def test_subsets_are_nested(n, seed, quantiles):
    items = bank(60)
    small = subset(items, n, seed, quantiles=quantiles)
    whole = subset(items, None, seed, quantiles=quantiles)
    assert small["item_id"].tolist() == whole["item_id"].tolist()[:n]
    assert set(whole["item_id"]) == set(items["item_id"])


def test_order_depends_on_seed_and_ids_only():
    items = bank(50)
    drawn = subset(items, 20, 3)
    pd.testing.assert_frame_equal(subset(items[::-1], 20, 3), drawn)
    assert subset(items, 20, 4)["item_id"].tolist() != drawn["item_id"].tolist()
    assert drawn["item_id"].tolist() != items["item_id"].tolist()[:20]
    grown = subset(bank(60, [0.0] * 60), None, 3)["item_id"]
    old = subset(items, None, 3)["item_id"].tolist()
    assert [i for i in grown if i in set(old)] == old
    # Fixed for good: a changed order would break every study's subset.
    assert subset(bank(5), None, 1)["item_id"].tolist() == ["i3", "i1", "i2", "i4", "i0"]


def test_stratified_subset_has_each_quantile():
    items = bank(100)
    for n in (4, 20, 60):
        quarter = (subset(items, n, 1, quantiles=4)["difficulty"] * 100).round().astype(int) // 25
        assert quarter.value_counts().tolist() == [n // 4] * 4
    for n in (5, 23, 50):
        share = subset(items, n, 1, quantiles=4)["difficulty"].lt(0.25).mean()
        assert abs(share * n - n / 4) <= 1


def test_items_without_difficulty_are_a_stratum():
    items = bank(40, [None] * 20 + list(range(20)))
    drawn = subset(items, 12, 1, quantiles=2)
    assert drawn["difficulty"].isna().sum() == 6


@pytest.mark.parametrize(
    ("n", "quantiles", "words"),
    [
        (11, None, ["11 items", "has 10", "bank.csv"]),
        (0, None, ["0 items", "at least 1"]),
        (-1, None, ["-1"]),
        (True, None, ["True"]),
        (5, 1, ["1 difficulty quantiles"]),
    ],
)
def test_subset_errors(n, quantiles, words):
    said = message(subset, bank(10), n, 1, quantiles=quantiles, source="bank.csv")
    assert all(word in said for word in words)


def test_nothing_to_stratify_by():
    items = bank(3, [float("nan")] * 3)
    assert "difficulty" in message(subset, items, 2, 1, quantiles=2)
