"""Files that are no item bank: one error each, before any model loads, naming what is where."""

import json
import time
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.config import parse_study
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.preflight import check_bank

COLUMNS = {"stem": "q", "options": "o", "key": "k", "difficulty": "d", "item_id": "id"}
CSV = {"stem": "q", "option_columns": ["a", "b", "c"], "key": "k", "difficulty": "d"}
HEAD = "q,a,b,c,k,d\n"
RECORDS = [
    {"id": "x1", "q": "One?", "o": {"A": "yes", "B": "no"}, "k": "A", "d": 0.5},
    {"id": "x2", "q": "Two?", "o": {"A": "red", "B": "blue"}, "k": "B", "d": 1.25},
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")


def check(source, columns=COLUMNS, **items):
    """What Snakemake does with a study before it builds anything."""
    values = {
        "study": "s",
        "items": {"source": str(source), "columns": columns, **items},
        "models": [{"name": "m", "path": "model"}],
    }
    check_bank(parse_study(values, "study.yaml"), Path("results/s/items.parquet"))


def message(source, columns=COLUMNS, **items):
    with pytest.raises(ThinkscaleError) as error:
        check(source, columns, **items)
    said = str(error.value)
    assert "\n" not in said
    assert len(said) < 600
    return said


def jsonl(*records, name="bank.jsonl"):
    Path(name).write_text("".join(json.dumps(r) + "\n" for r in records))
    return name


def file(text, name="bank.csv", **how):
    Path(name).write_text(text, newline="", **how)
    return name


def changed(**cells):
    """The two records, with cells of the second changed."""
    return [RECORDS[0], RECORDS[1] | cells]


def test_a_good_bank_passes():
    check(jsonl(*RECORDS))
    check(file(HEAD + "s,x,y,z,A,1\nt,x,y,,b,\n"), CSV)


# Cells


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"id": "x1"}, ["rows 1 and 2", "column id", "'x1'", "occur once"]),
        ({"id": ""}, ["row 2", "column id", "empty"]),
        ({"k": "F"}, ["row 2", "column k", "'F'", "A, B"]),
        ({"k": None}, ["row 2", "column k", "A, B"]),
        ({"k": {"B": 1}}, ["row 2", "column k", "expected text"]),
        ({"k": []}, ["row 2", "column k", "A, B"]),
        ({"k": ["A", "Z"]}, ["row 2", "column k", "not among", "A, B"]),
        ({"k": ["A", ["B"]]}, ["row 2", "column k", "not among", "A, B"]),
        ({"k": "A, A"}, ["row 2", "column k", "'A, A'", "not among", "A, B"]),
        ({"k": "A, Z"}, ["row 2", "column k", "'A, Z'", "not among", "A, B"]),
        ({"d": "hard"}, ["row 2", "column d", "'hard'", "number"]),
        ({"d": float("inf")}, ["row 2", "column d", "inf", "finite"]),
        ({"d": 10**400}, ["row 2", "column d", "finite"]),
        ({"d": "Infinity"}, ["row 2", "column d", "Infinity"]),
        ({"d": "1,234"}, ["row 2", "column d", "1,234", "`items.decimal`"]),
        ({"d": "1_0"}, ["row 2", "column d", "1_0"]),
        ({"d": True}, ["row 2", "column d", "True"]),
        ({"d": [1]}, ["row 2", "column d", "[1]"]),
        ({"q": " "}, ["row 2", "column q", "empty"]),
        ({"q": None}, ["row 2", "column q", "empty"]),
        ({"q": ["a"]}, ["row 2", "column q", "expected text"]),
        ({"q": "a \ud800"}, ["row 2", "column q", "ud800", "surrogate"]),
        ({"o": "{'A': 'red', 'B': 'blue'}"}, ["row 2", "column o", "Python", "JSON"]),
        ({"o": "red; blue"}, ["row 2", "column o", "expected options as JSON"]),
        ({"o": ["red"]}, ["row 2", "column o", "2"]),
        ({"o": 5}, ["row 2", "column o", "expected"]),
        ({"o": None}, ["row 2", "column o", "expected"]),
        ({"o": ["red", None]}, ["row 2", "column o", "expected"]),
        ({"o": ["red", ["blue"]]}, ["row 2", "column o", "expected"]),
        ({"o": ["x"] * 27}, ["row 2", "column o", "expected"]),
        ({"o": [{"label": "A", "text": "x"}] * 2}, ["row 2", "column o", "'A'", "more than once"]),
        ({"o": {"label": "A", "text": "x"}}, ["row 2", "column o", "expected"]),
        ({"o": {"": "x", "A": "y"}}, ["row 2", "column o", "expected"]),
        ({"o": {"label": ["A"], "text": ["x", "y"]}}, ["row 2", "column o", "expected"]),
        ({"o": ["red", "x" * 20_000_000]}, ["row 2", "column o", "20,000,003"]),
    ],
)
def test_bad_cells(cells, words):
    path = jsonl(*changed(**cells))
    said = message(path)
    assert all(word in said for word in [path, *words]), said


def test_a_key_beyond_five_options():
    options = {label: f"text {label}" for label in "ABCDE"}
    said = message(jsonl(*changed(o=options, k="F")))
    assert "row 2, column k" in said
    assert "'F'" in said
    assert "A, B, C, D, E" in said


@pytest.mark.parametrize("number", ["inf", "-Infinity", "1e999", "hard", "#DIV/0!", "%"])
def test_numbers_that_are_none_in_csv(number):
    said = message(file(HEAD + f"s,x,y,z,A,1\ns2,x,y,z,A,{number}\n"), CSV)
    assert f"bank.csv, row 3, column d is '{number}'; expected a finite number" in said


def test_numbers_that_are_none_in_parquet():
    rows = [r | {"o": json.dumps(r["o"])} for r in changed(d=float("inf"))]
    table = pd.DataFrame(rows).astype({"d": object})  # else pandas writes NaN as null
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: table[name].tolist() for name in table}
    pq.write_table(pa.table(columns), "bank.parquet")
    assert "bank.parquet, row 2, column d is inf" in message("bank.parquet")


def test_response_times_below_zero():
    said = message(jsonl(*changed(s=-1)), COLUMNS | {"response_time": "s"})
    assert "row 2, column s is -1.0; expected seconds >= 0" in said


@pytest.mark.parametrize(
    "name", ["bank.csv", "bank.tsv", "bank.jsonl", "bank.json", "bank.parquet"]
)
def test_a_cell_of_20_megabytes(name):
    huge = "x" * 20_000_000
    rows = [{"q": "One?", "a": "1"}, {"q": huge, "a": "2"}]
    frame = pd.DataFrame(rows)
    if name == "bank.parquet":
        frame.to_parquet(name)
    elif name in ("bank.csv", "bank.tsv"):
        frame.to_csv(name, index=False, sep="," if name == "bank.csv" else "\t")
    else:
        Path(name).write_text(json.dumps(rows) if name == "bank.json" else "")
        if name == "bank.jsonl":
            jsonl(*rows)
    begun = time.perf_counter()
    said = message(name, {"stem": "q", "answer_text": "a", "difficulty": None})
    assert time.perf_counter() - begun < 5
    row = 3 if name in ("bank.csv", "bank.tsv") else 2
    assert f"{name}, row {row}, column q: a cell of 20,000,000 characters" in said


def test_patterns_that_do_not_fit():
    columns = {"stem": "q", "answer_text": "a", "difficulty": None, "answer_pattern": "#### (.+)"}
    said = message(jsonl({"q": "Q", "a": "#### 1"}, {"q": "Q", "a": "five"}), columns)
    assert "row 2, column a is 'five'; expected text with '#### (.+)'" in said
    said = message(jsonl({"problem": "p", "solution": "so 5"}), {}, preset="math")
    assert "row 1, column solution is 'so 5'; expected a solution with \\boxed" in said
    record = {"problem": "p", "answer": "5", "level": "easy"}
    said = message(jsonl(record), {}, preset="math")
    assert "row 1, column level is 'easy'; expected text like" in said


def test_a_part_of_a_stem_that_is_empty():
    columns = {"stem_template": "{title} {abstract}", "answer_text": "a", "difficulty": None}
    said = message(jsonl({"title": "t", "abstract": "", "a": 1}), columns)
    assert "row 1, column abstract is empty" in said


# Files


def test_a_file_that_is_not_there():
    assert "`items.source`: there is no file none.csv" in message("none.csv")


def test_formats_that_are_none():
    assert ".docx is not a format of tables" in message(file("x", "bank.docx"))
    assert ".gz is not a format of tables" in message(file("x", "bank.parquet.gz"))
    assert "not readable as a workbook" in message(file("x", "bank.xlsx"))
    assert "no suffix" in message(file("x", "bank"))
    assert "not readable as parquet" in message(file("x", "bank.parquet"))


@pytest.mark.parametrize("name", ["b.csv", "b.jsonl", "b.json"])
def test_empty_files(name):
    assert f"{name}: the item bank is empty" in message(file("", name))


def test_a_header_and_nothing_else():
    assert "the item bank is empty" in message(file(HEAD), CSV)


def test_one_broken_line_among_many():
    lines = [json.dumps(RECORDS[0] | {"id": f"i{n}"}) for n in range(3000)]
    lines[1777] = '{"id": "i1777", "q": "One'
    said = message(file("\n".join(lines), "bank.jsonl"))
    assert """bank.jsonl, line 1778: found '{"id": "i1777", "q": "One', which is no JSON""" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]\n", ["row 1: found 1; expected an object"]),
        ('"x"\n', ["row 1: found 'x'; expected an object"]),
        ("{'q': 1}\n", ["line 1: found \"{'q': 1}\", which is no JSON"]),
        ("[" * 100_000 + "\n", ["line 1: found '[[[", "nested too deeply"]),
        ('{"d": ' + "9" * 5000 + "}\n", ["line 1: found '{", "which is no JSON"]),
    ],
)
def test_lines_that_are_no_objects(text, words):
    said = message(file(text, "bank.jsonl"))
    assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[{]", ["line 1: found '{]'; expected JSON for row 1"]),
        ('{"a": 1, "b": 2}', ["an object without a list of objects", "expected a list of objects"]),
        ("[1]", ["row 1: found 1; expected an object"]),
        ("3", ["line 1: found '3'; expected a list of objects"]),
        ('[{"q": 1},\n{"q": 2}]\n[]', ["line 3: found '[]'; expected the end of the file"]),
    ],
)
def test_json_that_is_no_list_of_objects(text, words):
    said = message(file(text, "bank.json"))
    assert all(word in said for word in words), said


def test_wrong_delimiter():
    said = message(file(HEAD.replace(",", ";") + "s;x;y;z;A;1\n"), CSV)
    assert "no column 'q' (mapped as stem)" in said
    assert "only one column: is the delimiter right?" in said
    # Commas within the text of a row that is cut at semicolons.
    said = message(file("q;a;b;c;k;d\ns, so;x;y;z;A;1\n"), CSV)
    assert "row 2: 2 cells, expected 1; is a quote or the delimiter (',') wrong?" in said


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("s,x,y,z,A,1\ns,x,y\n", "row 3: 3 cells, expected 6"),
        ('s,"x,y,z,A,1\nt,x,y,z,A,1\n', "the row that begins in line 2 has a quote that is not"),
        ('s,"x"y,z,A,A,1\n', "line 2: broken CSV"),
    ],
)
def test_broken_csv(rows, words):
    assert words in message(file(HEAD + rows), CSV)


def test_two_columns_of_one_name():
    assert "more than one column is called 'a'" in message(file("q,a,a\n1,2,3\n"), CSV)


def test_wrong_encodings():
    rows = "ok,x,y,z,A,1\ncafé,x,y,z,A,1\n"
    Path("bank.csv").write_bytes((HEAD + rows).encode("latin-1"))
    said = message("bank.csv", CSV)
    assert "bank.csv, line 3: found bytes that are not utf-8" in said
    assert "name its `items.encoding`" in said
    check("bank.csv", CSV, encoding="latin-1")
    for name in ("utf-99", "hex", "undefined"):
        said = message("bank.csv", CSV, encoding=name)
        assert f"`encoding` is '{name}', which is no encoding of text" in said
    Path("bank.csv").write_bytes((HEAD + rows).encode("utf-16"))
    assert "not utf-8" in message("bank.csv", CSV)
    check("bank.csv", CSV, encoding="utf-16")


# Mappings


def test_a_column_that_is_not_there():
    records = [{"q": 1, "o": ["a", "b"], "k": "A", "difficuly": 1}]
    columns = {"stem": "q", "options": "o", "key": "k", "difficulty": "Difficulty"}
    said = message(jsonl(*records), columns)
    assert "no column 'Difficulty' (mapped as difficulty)" in said
    assert "did you mean 'difficuly'?" in said
    said = message(jsonl(*records), columns | {"difficulty": "xyz"})
    assert "the file has 'q', 'o', 'k', 'difficuly'" in said
    assert "`items.columns.difficulty: null`" in said
    columns["difficulty"] = None
    said = message(jsonl(*records), columns | {"options": None, "option_columns": ["o", "p"]})
    assert "no column 'p' (mapped as option_columns)" in said
    said = message(jsonl(*records), columns, exclude=[{"column": "xyz", "values": ["1"]}])
    assert "no column 'xyz' (mapped as exclude)" in said
    assert "`items.exclude: []`" in said


def test_a_wide_file_is_not_listed_whole():
    said = message(file(",".join(f"c{'x' * 500}{i}" for i in range(5)) + "\n1,2,3,4,5\n"), CSV)
    assert "(mapped as stem)" in said


def test_a_bank_in_another_layout_than_its_preset():
    said = message(jsonl(*RECORDS), {}, preset="bea2024")
    assert "no column 'ItemStem_Text' (mapped as stem)" in said
    said = message(file(HEAD + "s,x,y,z,A,1\n"), {}, preset="gpqa")
    assert "no column 'Question' or 'question' (mapped as stem)" in said


def test_formulas_are_text():
    check(jsonl(*changed(q="=HYPERLINK(1)", o={"A": "+1", "B": "@SUM(1)"})))
