"""Banks as spreadsheets, data frames and other people's scripts write them."""

import bz2
import gzip
import json
import lzma

import pytest

from banks import workbook
from thinkscale.config import parse_study
from thinkscale.config.items import Items, item_faults
from thinkscale.errors import ThinkscaleError
from thinkscale.items import json_text
from thinkscale.items.bank import prepare_items
from thinkscale.items.numbers import Notation, notation_of, number
from thinkscale.items.sources import Source, columns_of, raw_items
from thinkscale.report.summary import summary

TABLE = {"stem": "q", "option_columns": ["a", "b"], "key": "k", "difficulty": "p"}
LISTS = {"stem": "q", "options": "o", "key": "k", "difficulty": None}
RECORDS = [{"q": "Up?", "o": ["yes", "no"], "k": "A"}, {"q": "Down?", "o": ["no", "yes"], "k": "B"}]


def read(path, columns=TABLE, **keys):
    return list(raw_items(Source(Items(source=str(path), columns=columns, **keys), 1)))


def refused(path, columns=TABLE, **keys):
    with pytest.raises(ThinkscaleError) as error:
        prepare_items(Items(source=str(path), columns=columns, **keys), 1)
    said = str(error.value)
    assert str(path) in said and "\n" not in said
    return said


def reported(path, columns=TABLE, **keys):
    """What the report has, (row, field, action, before, after) with "" for nothing."""
    found = prepare_items(Items(source=str(path), columns=columns, **keys), 1)
    lines = found.report.fillna("").itertuples(index=False, name=None)
    return [line[1:] for line in lines], found


@pytest.fixture
def table(tmp_path):
    def write(*lines, name="bank.csv", end="\r\n"):
        path = tmp_path / name
        path.write_text(end.join(lines) + end, newline="")
        return path

    return write


@pytest.fixture
def written(tmp_path):
    def write(text, name="bank.json"):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    return write


# Numbers


def difficulties(table, *cells, **keys):
    lines = [f's{i};x;y;A;"{cell}"' for i, cell in enumerate(cells)]
    path = table("q;a;b;k;p", *lines)
    return [item.difficulty for item in read(path, delimiter=";", **keys)]


@pytest.mark.parametrize(
    ("cells", "decimal", "numbers"),
    [
        (["0,25", "1,5", "2"], None, [0.25, 1.5, 2.0]),
        (["1,234", "0,5"], None, [1.234, 0.5]),  # a later cell settles the first
        (["1.234", "0,5"], None, [1234.0, 0.5]),
        (["1,234", "0.5"], None, [1234.0, 0.5]),
        (["1.234,5", "1.234"], None, [1234.5, 1234.0]),
        (["1,234,567", "-1,234.5e-1"], None, [1234567.0, -123.45]),
        (["1.234", "2"], None, [1.234, 2.0]),  # no comma: as programs write numbers
        (["1,234"], ",", [1.234]),
        (["1,234"], ".", [1234.0]),
        (["+,5", "1,5E2"], None, [0.5, 150.0]),
        (["85%", "7.5 %", "NA"], None, [0.85, 0.075, None]),
        (["85,5%"], None, [0.855]),
    ],
)
def test_a_column_of_numbers_is_read_in_the_one_way_its_cells_allow(table, cells, decimal, numbers):
    assert difficulties(table, *cells, decimal=decimal) == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("cells", "decimal", "words"),
    [
        (["1,234", "5,678"], None, ["row 2, column p is '1,234'", "one way", "`items.decimal`"]),
        (["0,5", "0.5"], None, ["row 3, column p is '0.5'", "a decimal comma, as row 2 has it"]),
        (["0.5", "3", "0,5"], None, ["row 4, column p is '0,5'", "a decimal point, as row 2"]),
        (["0,5"], ".", ["row 2, column p is '0,5'", "a decimal point, as `items.decimal` says"]),
        (["0.5"], ",", ["row 2, column p is '0.5'", "a decimal comma, as `items.decimal` says"]),
        (["12,34,567"], ",", ["row 2, column p is '12,34,567'", "a finite number"]),
        (["85%", "90"], None, ["row 3, column p is '90'", "with a percent sign"]),
        (["0.9", "85%"], None, ["row 3, column p is '85%'", "without a percent sign"]),
    ],
)
def test_what_could_be_two_numbers_is_an_error(table, cells, decimal, words):
    lines = [f's{i};x;y;A;"{cell}"' for i, cell in enumerate(cells)]
    said = refused(table("q;a;b;k;p", *lines), delimiter=";", decimal=decimal)
    assert all(word in said for word in words), said


def test_seconds_have_no_percent_sign(table):
    path = table("q,a,b,k,p,t", "One?,x,y,A,1,5%")
    said = refused(path, TABLE | {"response_time": "t"})
    assert "row 2, column t is '5%'; expected a number without a percent sign" in said


def test_a_comma_that_comes_late_is_not_guessed_at(table):
    lines = [f"s{i};x;y;A;{i}" for i in range(1200)]
    said = refused(table("q;a;b;k;p", *lines, "s;x;y;A;0,5"), delimiter=";")
    assert "row 1202, column p is '0,5'" in said and "`items.decimal`" in said


@pytest.mark.parametrize(
    "marker", ["", " ", "NA", "n/a", "#N/A", "NaN", "NULL", "None", "-", "–", "."]
)
def test_markers_of_missing_numbers(table, marker):
    assert difficulties(table, marker, "0.5") == [None, 0.5]


def test_missing_numbers_of_json_and_of_a_pattern(written):
    records = [{**RECORDS[0], "d": float("nan")}, {**RECORDS[1], "d": "NA"}]
    columns = LISTS | {"difficulty": "d", "difficulty_pattern": r"Level (\d)"}
    assert [item.difficulty for item in read(written(records), columns)] == [None, None]


def test_numbers_of_programs_are_themselves():
    for cell in (3, 2.5, "2.5", " 1e-3 "):
        assert number("f", 1, "p", cell) == (float(cell), None)
    assert number("f", 1, "p", "5", Notation(",")) == (5.0, None)
    assert notation_of([(1, 0.5), (2, "3"), (3, None)]) == Notation(None, None, False)


def test_what_was_read_in_another_way_is_reported(table):
    path = table("q;a;b;k;p;t", "One?;x;y;A;85%;1,5", "Two?;x;y;A;NA;2")
    columns = TABLE | {"response_time": "t"}
    lines, found = reported(path, columns, delimiter=";")
    assert lines == [
        (2, "difficulty", "number read", "85%", "0.85"),
        (2, "response_time", "number read", "1,5", "1.5"),
        (3, "difficulty", "missing", "NA", ""),
    ]
    assert "in 1 a number was rewritten" in summary({"items": found.facts}, "s")


# Tables


def test_the_first_line_may_name_the_delimiter(table):
    lines = ("q;a;b;k;p", "One?;x;y;A;0,5")
    [item] = read(table("sep=;", *lines))
    assert (item.row, item.stem, item.difficulty) == (3, "One?", 0.5)
    [item] = read(table('"sep=;"', *lines), delimiter=";")
    assert item.stem == "One?"
    said = refused(table("sep=;", *lines), delimiter=",")
    assert "row 1: found 'sep=;', and `delimiter` is ','" in said
    [item] = read(table("sep=\t", *(line.replace(";", "\t") for line in lines)))
    assert item.stem == "One?"


def test_blank_rows_and_columns_hold_nothing(table):
    path = table(
        "q,a,b,k,p,,", "One?,x,y,A,1,,", ",,,,,,", " , ,,,,,", "Two?,x,y,A,2,,see", ",,,,,,"
    )
    one, two = read(path)
    assert (one.row, one.meta, two.row) == (2, "{}", 5)
    assert json.loads(two.meta) == {"7": "see"}  # a column without a name goes by its number


def test_a_workbook_is_a_table(tmp_path):
    head = ["q", "a", "b", "k", "p"]
    sheets = {
        "Exam": [[], head, ["2 + 2?", 4, 5.5, "A", 0.25], [None] * 5, ["Up?", "yes", "no", "B"]],
        "More": [head, ["Down?", "yes", "no", "B", "NA"]],
    }
    path = workbook(tmp_path / "bank.xlsx", sheets)
    first, second = read(path)
    assert (first.row, first.item_id, first.difficulty) == (3, "bank-3", 0.25)
    assert first.options == (("A", "4"), ("B", "5.5"))
    assert (second.row, second.difficulty) == (5, None)
    [item] = read(path, sheet="More")
    assert (item.stem, item.difficulty) == ("Down?", None)
    plain = TABLE | {"stem": "1", "option_columns": ["2", "3"], "key": "4", "difficulty": None}
    assert len(read(path, plain, sheet="More", header=False)) == 2
    assert "there is no sheet 'Exams'; found 'Exam', 'More'" in refused(path, sheet="Exams")
    path.write_bytes(path.read_bytes()[:40])
    assert "not readable as a workbook" in refused(path)


def test_a_sheet_is_one_of_a_workbook():
    for source, faults in (("bank.XLSX", 0), ("bank.csv", 1)):
        found = list(item_faults(Items(source=source, columns=TABLE, sheet="Exam")))
        assert len(found) == faults and all("`items.sheet`: found 'Exam'" in f for f in found)


@pytest.mark.parametrize(("suffix", "module"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
def test_packed_files(tmp_path, suffix, module):
    csv, jsonl = "q;a;b;k;p\nOne?;x;y;A;1\n", "".join(json.dumps(r) + "\n" for r in RECORDS)
    for name, text, columns, keys in (
        ("bank.csv", csv, TABLE, {"delimiter": ";"}),
        ("bank.jsonl", jsonl, LISTS, {}),
        ("bank.json", json.dumps(RECORDS), LISTS, {}),
    ):
        path = tmp_path / f"{name}{suffix}"
        path.write_bytes(module.compress(text.encode()))
        settings = Items(source=str(path), columns=columns, **keys)
        assert not list(item_faults(settings))
        row = 1 if columns is LISTS else 2
        assert next(raw_items(Source(settings, 1))).item_id == f"bank-{row}"
        path.write_bytes(path.read_bytes()[:-12])
        assert "cannot be read" in refused(path, columns, **keys)


def test_names_of_columns_in_another_case_or_with_spaces(table):
    path = table(" Q ,A,B,Key  Letter,P", "One?,x,y,A,1")
    columns = TABLE | {"key": "key letter"}
    lines, found = reported(path, columns)
    action = "column found in spite of case or spaces"
    names = [("q", " Q "), ("key letter", "Key  Letter"), ("p", "P"), ("a", "A"), ("b", "B")]
    assert lines == [(0, "columns", action, *pair) for pair in names]
    said = summary({"items": found.facts}, "s")
    assert "Columns found in spite of case or spaces: `' Q ' for 'q'`" in said
    # One of the very name comes first, and of two that are alike none is taken.
    settings = Items(source=str(table("q,Q,a,b,k,p", "One?,?,x,y,A,1")), columns=TABLE)
    assert columns_of(Source(settings, 1)).stem == "q"
    columns = TABLE | {"stem": ["question", "q"]}
    settings = Items(source=str(table("Question,q,a,b,k,p", "?,One?,x,y,A,1")), columns=columns)
    assert columns_of(Source(settings, 1)).stem == "q"
    said = refused(table("Q, q,a,b,k,p", "One?,?,x,y,A,1"))
    assert "no column 'q' (mapped as stem), and both 'Q' and ' q' are like it" in said


def test_every_use_of_a_column_is_lenient(table):
    path = table("Title,Text,Answer,Kind", "One,two,3,PIX", "Four,five,6,text")
    columns = {"stem_template": "{title}: {text}", "answer_text": "answer", "difficulty": None}
    out, kept = read(path, columns, exclude=[{"column": "kind", "values": ["PIX"]}])
    assert out.excluded == "Kind is PIX"
    assert (kept.stem, kept.answer_text) == ("Four: five", "6")


# JSON


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("\n".join(map(json.dumps, RECORDS)), "bank.json"),
        ("\n\n".join(map(json.dumps, RECORDS)) + "\n", "bank.json"),
        (json.dumps({"data": RECORDS, "meta": {"version": [1, {"of": 2}]}}), "bank.json"),
        (json.dumps({"version": 1, "errors": [], "names": ["q"], "data": RECORDS}), "bank.json"),
        (json.dumps({"info": {"by": {"whom": "x"}}, "data": RECORDS}, indent=1), "bank.json"),
        (json.dumps({"i1": RECORDS[0], "i2": RECORDS[1]}), "bank.json"),
        (json.dumps(RECORDS), "bank.jsonl"),
        (json.dumps(RECORDS, indent=1), "bank.ndjson"),
        ("\ufeff" + "\n".join(map(json.dumps, RECORDS)), "bank.json"),
    ],
)
@pytest.mark.parametrize("chunk", [4_000_000, 100])
def test_forms_of_json(written, monkeypatch, text, name, chunk):
    monkeypatch.setattr(json_text, "_CHUNK", chunk)
    found = read(written(text, name), LISTS)
    assert [(i.stem, i.options, i.key) for i in found] == [
        ("Up?", (("A", "yes"), ("B", "no")), "A"),
        ("Down?", (("A", "no"), ("B", "yes")), "B"),
    ]


def test_records_by_id_have_it_as_their_id(written):
    path = written({"i1": RECORDS[0], "i2": {**RECORDS[1], "id": "own"}})
    assert [item.item_id for item in read(path, LISTS | {"item_id": "id"})] == ["i1", "own"]
    many = {f"i{n}": {"q": f"{n}?", "a": n} for n in range(1500)}
    columns = {"stem": "q", "answer_text": "a", "difficulty": None, "item_id": "id"}
    found = read(written(many), columns)
    assert [(item.row, item.item_id) for item in found[::1499]] == [(1, "i0"), (1500, "i1499")]
    assert "row 1501: found 7; expected an object" in refused(written({**many, "n": 7}), columns)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"data": [{"q": 1}],\n"more": [{"q": 2}]}', "line 2: found {'q': 2}; expected one list"),
        ('{"data": [{"q": 1}],\n"more": [{"q": 2}]}', "'more' holds a second one, beside 'data'"),
        ('[{"q": 1}]\n[{"q": 2}]', "line 2: found '[{\"q\": 2}]'; expected the end of the file"),
        ('{"data": [{"q": 1}]} oops', "line 1: found 'oops'; expected the end of the file"),
        ('{"q": 1}\n{"q": 2}\noops', "line 3: found 'oops', which is no JSON"),
        ('{"q": 1}', "an object without a list of objects"),
        ('{"a": {"q": 1}, "b": 2}', "an object without a list of objects"),
        ("{}", "an object without a list of objects"),
        ('{"a": [{"q": 1}, 2]}', "row 2: found 2; expected an object"),
        ('{"a": 1 "b": 2}', "a comma or the object's end after the value of 'a'"),
        ('{"a"; 1}', "found '; 1}'; expected a key and a colon"),
        ('{"a": ', "found the end of the file; expected JSON for the value of 'a'"),
    ],
)
def test_json_that_could_be_read_in_part_is_an_error(written, text, words):
    assert words in refused(written(text), LISTS)


# Options that bring their labels


@pytest.mark.parametrize(
    "options",
    [
        ["A. red", "B. blue"],
        ["A) red", "B)blue"],
        ["(a) red", "(b)blue"],
        ["[A] red", " [B]  blue"],
        ["A: red", "B: blue"],
        {"A": "A. red", "B": "B. blue"},
        [{"label": "A", "text": "(A) red"}, {"label": "B", "text": "(B) blue"}],
        "A) red\nB) blue",
        "(A) red\n\n(B) blue\n",
    ],
)
@pytest.mark.parametrize("key", ["B", "(b)", "blue", "B. blue", "(B) blue", "B: blue"])
def test_labels_that_options_bring_along(written, options, key):
    lines, found = reported(written([{"q": "?", "o": options, "k": key}]), LISTS)
    [item] = found.items.itertuples()
    assert [(o["label"], o["text"]) for o in item.options] == [("A", "red"), ("B", "blue")]
    assert (item.key, item.answer_text) == ("B", "blue")
    told = [line for line in lines if line[2] == "its own label taken off"]
    assert [(line[1], line[4]) for line in told] == [("option A", "red"), ("option B", "blue")]
    assert "in 1 the labels that options brought along" in summary({"items": found.facts}, "s")


def test_labels_in_columns_and_gaps(table):
    path = table("q,a,b,c,k,p", "?,A. red,,C. green,C,1")
    [item] = read(path, TABLE | {"option_columns": ["a", "b", "c"]})
    assert item.options == (("A", "red"), ("B", ""), ("C", "green"))


@pytest.mark.parametrize(
    "options",
    [
        ["A. baumannii", "E. coli"],
        ["A. Smith", "A. Jones"],
        ["A. red", "blue"],
        ["A.red", "B.blue"],
        ["1.5", "2.5"],
        ["A", "B"],
        ["a dog", "b flat"],
    ],
)
def test_what_only_looks_like_a_label_is_text(written, options):
    [item] = read(written([{"q": "?", "o": options, "k": "A"}]), LISTS)
    assert [text for _, text in item.options] == options and item.notes == ()


def test_labels_in_another_order_are_an_error(written):
    record = {"q": "?", "o": ["B. blue", "A. red"], "k": "A"}
    said = refused(written([record]), LISTS)
    assert "row 1, column o has options that begin with B, A; expected these in the order" in said


def test_a_key_that_names_one_option_and_quotes_another(written):
    record = {"q": "?", "o": ["red", "blue"], "k": "A. blue"}
    assert "the key 'A. blue', which is not among the options" in refused(written([record]), LISTS)


def test_keys_of_the_configuration():
    study = {
        "study": "s",
        "items": {"source": "bank.xlsx", "columns": TABLE, "decimal": ";"},
        "models": [{"name": "m", "path": "model"}],
    }
    with pytest.raises(ThinkscaleError, match=r"`items\.decimal`"):
        parse_study(study, "study.yaml")
