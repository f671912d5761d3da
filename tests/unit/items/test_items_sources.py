"""From files in every form banks have to items: mapping, row numbers, options, answers, order."""

import json
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import as_json, last_boxed
from thinkscale.items.options import find_key, find_keys, moved_key, shuffled
from thinkscale.items.sources import Source, columns_of, raw_items

MAPPING = {"stem": "q", "options": "o", "key": "k", "difficulty": "d", "item_id": "id"}
RECORDS = [
    {"id": "x1", "q": "One?", "o": {"A": "yes", "B": "no"}, "k": "A", "d": 0.5, "year": 2020},
    {"id": "x2", "q": "Two?", "o": {"A": "red", "B": "blue"}, "k": "B", "d": 1.25, "year": 2021},
]
CSV = {"stem": "q", "option_columns": ["a", "b", "c"], "key": "k", "difficulty": "d"}


def jsonl(tmp_path, records, name="bank.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def csv_file(tmp_path, text, name="bank.csv", **how):
    path = tmp_path / name
    path.write_text(text, newline="", **how)
    return path


def source(path, columns=MAPPING, seed=1, **keys):
    return Source(Items(source=str(path), columns=columns, **keys), seed)


def read(path, columns=MAPPING, seed=1, **keys):
    return list(raw_items(source(path, columns, seed, **keys)))


def changed(**cells):
    """The two records, with cells of the second changed."""
    return [RECORDS[0], RECORDS[1] | cells]


# Formats


def test_formats_agree(tmp_path):
    frame = pd.DataFrame([r | {"o": json.dumps(r["o"])} for r in RECORDS])
    paths = [jsonl(tmp_path, RECORDS), tmp_path / "bank.json", tmp_path / "data.json"]
    paths[1].write_text(json.dumps(RECORDS))
    paths[2].write_text(json.dumps({"data": RECORDS}))
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        frame.to_csv(tmp_path / f"bank{suffix}", sep=separator, index=False)
        paths.append(tmp_path / f"bank{suffix}")
    pd.DataFrame(RECORDS).to_parquet(tmp_path / "bank.parquet")
    first, *others = [read(path) for path in [*paths, tmp_path / "bank.parquet"]]
    assert [item.item_id for item in first] == ["x1", "x2"]
    assert first[1].options == (("A", "red"), ("B", "blue"))
    assert [(item.key, item.difficulty) for item in first] == [("A", 0.5), ("B", 1.25)]
    assert json.loads(first[0].meta) == {"year": 2020}
    for items in others:
        for item, same in zip(items, first, strict=True):
            assert item.options == same.options
            assert (item.stem, item.key, item.difficulty) == (same.stem, same.key, same.difficulty)


def test_rows_are_those_a_reader_counts(tmp_path):
    text = 'q,a,b,c,k,d\n"two\nlines",x,y,,b,1\n\nthree,x,y,z,(C),\n'
    items = read(csv_file(tmp_path, text), CSV)
    # The header is row 1, the blank row counts, the cell of two lines is one row.
    assert [(item.row, item.item_id) for item in items] == [(2, "bank-2"), (4, "bank-4")]
    assert [len(item.options) for item in items] == [2, 3]
    assert [item.key for item in items] == ["b", "(C)"]
    assert [item.difficulty for item in items] == [1.0, None]
    path = jsonl(tmp_path, RECORDS)
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    assert [item.row for item in read(path)] == [1, 3]


def test_headers_delimiters_and_encodings(tmp_path):
    columns = {"stem": 1, "option_columns": ["2", "3"], "key": "4", "difficulty": None}
    assert read(csv_file(tmp_path, "s,x,y,A\n"), columns, header=False)[0].stem == "s"
    text = "q,a,b,c,k,d\ns,x,y,z,A,1\n"
    path = csv_file(tmp_path, text, encoding="utf-8-sig")
    assert read(path, CSV)[0].stem == "s"
    path = csv_file(tmp_path, text.replace(",", ";"))
    assert read(path, CSV, delimiter=";")[0].options == (("A", "x"), ("B", "y"), ("C", "z"))
    path = csv_file(tmp_path, text.replace("s,", "café,"), encoding="latin-1")
    assert read(path, CSV, encoding="latin-1")[0].stem == "café"


@pytest.mark.parametrize("name", ["bank.csv", "bank.jsonl", "bank.parquet"])
def test_a_bank_is_read_as_a_stream(tmp_path, name):
    frame = pd.DataFrame({"q": [f"Q{i}" for i in range(20_000)], "answer": "1"})
    path = tmp_path / name
    if name == "bank.csv":
        frame.to_csv(path, index=False)
    elif name == "bank.parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    there = source(path, {"stem": "q", "answer_text": "answer", "difficulty": None})
    items = raw_items(there)
    assert next(items).stem == "Q0"
    chosen = [item.row for item in raw_items(there)][7::5000]
    again = list(raw_items(there, set(chosen)))
    assert [item.row for item in again] == chosen
    assert again[1].stem == "Q5007"


def test_a_column_that_begins_late_is_a_column(tmp_path):
    """Writers of JSON lines leave empty cells out; the first thousand may all be empty."""
    records = [{"question": f"Q{i}", "answer": "1"} for i in range(1500)]
    late = {"question": "Q", "answer": "2", "difficulty": 3, "note": "x"}
    path = jsonl(tmp_path, [*records, late])
    there = Source(Items(preset="free_response", source=str(path)), 1)
    items = list(raw_items(there))
    assert [item.difficulty for item in items[-2:]] == [None, 3.0]
    assert json.loads(items[-1].meta) == {"note": "x"}
    assert columns_of(there).difficulty is None
    # One that has to be there is looked for in the whole file.
    needed = read(path, {"stem": "question", "answer_text": "answer", "difficulty": "difficulty"})
    assert needed[-1].difficulty == 3.0


# Options and keys


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["red", "blue"], "AB"),
        ([3, 4.5], "AB"),
        ({"1": "red", "2": "blue"}, "12"),
        ([{"label": "x", "text": "red"}, {"label": "B", "text": "blue"}], "xB"),
        ([{"key": "A", "value": "red"}, {"key": "B", "value": "blue"}], "AB"),
        ({"label": ["P", "Q"], "text": ["red", "blue"]}, "PQ"),
        ('{"A": "red", "B": "blue"}', "AB"),
        ('["red", "blue"]', "AB"),
    ],
)
def test_forms_of_options(tmp_path, options, labels):
    item = read(jsonl(tmp_path, changed(o=options)))[1]
    assert "".join(label for label, _ in item.options) == labels
    assert len({text for _, text in item.options}) == 2


def test_blanks_among_options_keep_their_place(tmp_path):
    text = "q,a,b,c,k,d\ns,x,,z,C,1\ns,x,y, ,A,1\n"
    between, trailing = read(csv_file(tmp_path, text), CSV)
    assert between.options == (("A", "x"), ("B", ""), ("C", "z"))
    assert trailing.options == (("A", "x"), ("B", "y"))


def test_struct_columns_of_parquet_lack_labels(tmp_path):
    path = tmp_path / "bank.parquet"
    pd.DataFrame(changed(o={"A": "red", "B": "blue", "C": "green"})).to_parquet(path)
    assert [len(item.options) for item in read(path)] == [2, 3]


RIGHT = {
    "stem": "q",
    "correct_option": "right",
    "other_options": ["w1", "w2", "w3"],
    "difficulty": None,
    "shuffle_options": True,
    "item_id": "id",
}


def test_the_right_option_in_a_column_of_its_own(tmp_path):
    rows = [{"id": i, "q": "Q", "right": "r", "w1": "a", "w2": "b", "w3": "c"} for i in range(300)]
    items = read(jsonl(tmp_path, rows), RIGHT)
    for item in items:
        texts = dict(item.options)
        assert list(texts) == ["A", "B", "C", "D"]
        assert texts[item.key] == "r"
        order = json.loads(item.meta)["option_order"]
        assert [dict(right="r", w1="a", w2="b", w3="c")[name] for name in order] == [
            text for _, text in item.options
        ]
    counts = pd.Series([item.key for item in items]).value_counts()
    assert counts.min() > 50  # 75 expected, standard deviation 7.5
    assert read(jsonl(tmp_path, rows), RIGHT, seed=2) != items
    # The order depends on the id and the seed, not on the place in the file.
    mixed = read(jsonl(tmp_path, rows[::-1]), RIGHT)
    assert {i.item_id: i.options for i in mixed} == {i.item_id: i.options for i in items}
    plain = read(jsonl(tmp_path, rows), RIGHT | {"shuffle_options": False})[0]
    assert (plain.key, plain.options[0]) == ("A", ("A", "r"))


def test_missing_wrong_options_and_a_missing_right_one(tmp_path):
    rows = [
        {"id": 1, "q": "Q", "right": "r", "w1": "a", "w2": "", "w3": None},
        {"id": 2, "q": "Q", "right": " ", "w1": "a", "w2": "b", "w3": "c"},
    ]
    two, none = read(jsonl(tmp_path, rows), RIGHT)
    assert len(two.options) == 2
    assert none.key is None


def test_any_options_can_be_shuffled(tmp_path):
    path = jsonl(tmp_path, [RECORDS[0] | {"id": i} for i in range(20)])
    for item in read(path, MAPPING | {"shuffle_options": True}):
        assert dict(item.options)[item.key] == "yes"
        order = json.loads(item.meta)["option_order"]
        assert sorted(order) == ["A", "B"]
        assert item.key == "AB"[order.index("A")]


@given(
    n=st.integers(2, 8),
    seed=st.integers(0, 99),
    item_id=st.text(max_size=5),
    right=st.integers(0, 7),
    form=st.sampled_from(["label", "lower", "bracket", "text", "0", "1"]),
)
@settings(deadline=None)
def test_a_shuffle_moves_the_key_with_its_option(n, seed, item_id, right, form):
    right %= n
    options = tuple((label, f"text {label}") for label in "ABCDEFGH"[:n])
    order = shuffled(seed, item_id, n)
    assert sorted(order) == list(range(n))
    assert order == shuffled(seed, item_id, n)
    label, counts = options[right][0], int(form) if form.isdecimal() else None
    key = {"label": label, "lower": label.lower(), "bracket": f"({label})"}.get(
        form, f"text {label}"
    )
    if counts is not None:
        key = str(right + counts)
    moved = tuple((options[i][0], options[j][1]) for i, j in enumerate(order))
    found = find_key(moved_key(key, options, order, counts), moved, counts)
    assert dict(moved)[found] == f"text {label}"


@given(
    seed=st.integers(0, 99),
    right=st.sets(st.sampled_from("ABCDE"), min_size=1),
    counts=st.sampled_from([None, 0, 1]),
)
@settings(deadline=None)
def test_a_shuffle_moves_every_key(seed, right, counts):
    options = tuple((label, f"text {label}") for label in "ABCDE")
    order = shuffled(seed, "i", 5)
    key = ";".join(str("ABCDE".index(n) + counts) if counts is not None else n for n in right)
    moved = tuple((options[i][0], options[j][1]) for i, j in enumerate(order))
    found = find_keys(moved_key(key, options, order, counts), moved, counts)
    assert {dict(moved)[label] for label in found} == {f"text {label}" for label in right}


def test_keys_can_be_a_list_of_the_record(tmp_path):
    records = [RECORDS[0] | {"k": ["B", "A"]}, RECORDS[1] | {"k": ["B"]}]
    both, one = read(jsonl(tmp_path, records), MAPPING)
    assert find_keys(both.key, both.options) == ("A", "B")
    assert find_keys(one.key, one.options) == ("B",)
    records = [RECORDS[0] | {"k": [0, 1]}, RECORDS[1] | {"k": [1]}]
    both, one = read(jsonl(tmp_path, records), MAPPING | {"key_counts_from": 0})
    assert find_keys(both.key, both.options, 0) == ("A", "B")
    assert find_keys(one.key, one.options, 0) == ("B",)


def test_a_key_that_means_nothing_stays_as_it_is():
    options = (("A", "x"), ("B", "y"))
    assert moved_key("F", options, [1, 0], None) == "F"
    assert moved_key(None, options, [1, 0], None) is None


# Stems, answers, difficulty


def test_stems_from_several_columns(tmp_path):
    columns = {"stem_template": "{{T}} {title}\n\n{The abstract}", "answer_text": "a"}
    path = jsonl(tmp_path, [{"title": "A {b}", "The abstract": "c", "a": 1, "x": 2}])
    item = read(path, columns | {"difficulty": None})[0]
    assert item.stem == "{T} A {b}\n\nc"
    assert json.loads(item.meta) == {"x": 2}


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"so \boxed{5}.", "5"),
        (r"\boxed{1}, hence $\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
        (r"\fbox{7}", "7"),
        (r"\framebox{204} minutes", "204"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{a \text{ if } b}", r"a \text{ if } b"),
        (r"$\boxed 5$ units", "5"),
        (r"\boxed {3}", "3"),
        ("no box", None),
        (r"\boxed{open", None),
        (r"\boxed{}", None),
        (r"\boxedsomething{3}", None),
    ],
)
def test_last_boxed(solution, answer):
    assert last_boxed(solution) == answer


def test_answers_within_text(tmp_path):
    records = [
        {"q": "1", "answer": "2 #### 3\n#### 1,000 "},
        {"q": "2", "answer": 27.0},
        {"q": "3", "answer": " "},
        {"q": "4", "answer": 2.5},
    ]
    columns = {"stem": "q", "answer_text": "answer", "difficulty": None}
    plain = read(jsonl(tmp_path, records), columns)
    assert [item.answer_text for item in plain[1:]] == ["27", None, "2.5"]
    found = read(jsonl(tmp_path, records[:1]), columns | {"answer_pattern": "#### *(.+)"})
    assert found[0].answer_text == "1,000"


def test_levels_as_difficulty(tmp_path):
    records = [{"problem": "p", "level": v, "answer": "1"} for v in (5, "Level 3", "Level ?", "2")]
    path = jsonl(tmp_path, records)
    items = raw_items(Source(Items(preset="math", source=str(path)), 1))
    assert [item.difficulty for item in items] == [5.0, 3.0, None, 2.0]


def test_the_answer_is_taken_from_the_solution_only_without_an_answer(tmp_path):
    record = {"problem": "p", "solution": r"\boxed{2}"}
    path = jsonl(tmp_path, [record])
    settings = Items(preset="math", source=str(path))
    [item] = raw_items(Source(settings, 1))
    assert (item.answer_text, item.meta) == ("2", "{}")
    path.write_text(json.dumps(record | {"answer": "3"}))
    [item] = raw_items(Source(settings, 1))
    assert item.answer_text == "3"
    assert json.loads(item.meta) == {"solution": r"\boxed{2}"}


def test_excluded_items_are_seen_and_not_checked(tmp_path):
    exclude = [{"column": "year", "values": ["2021", ""]}]
    records = [*changed(d="hard", o=None, k=None), RECORDS[0] | {"id": "x3", "year": None}]
    kept, out, empty = read(jsonl(tmp_path, records), exclude=exclude)
    assert kept.excluded is None
    assert (out.item_id, out.stem, out.options) == ("x2", "Two?", ())
    assert (out.excluded, empty.excluded) == ("year is 2021", "year is empty")


def test_meta_is_json_whatever_the_bank_holds(tmp_path):
    path = tmp_path / "bank.parquet"
    strange = {"x": [float("nan")], "b": [b"\xff"], "t": [pd.Timestamp("2020-01-01")]}
    pd.DataFrame({"q": ["Q"], "a": ["1"], **strange}).to_parquet(path)
    [item] = read(path, {"stem": "q", "answer_text": "a", "difficulty": None})

    def refuse(constant):
        raise AssertionError(constant)

    meta = json.loads(item.meta, parse_constant=refuse)
    assert meta["b"] == "1 bytes"
    assert "2020-01-01" in meta["t"]
    assert json.loads(as_json({"a": {"b": [float("inf"), 1]}})) == {"a": {"b": [None, 1]}}


# Candidates


def test_the_first_candidate_that_the_file_has(tmp_path):
    columns = {"stem": ["question", "q"], "answer_text": ["a", "b"], "item_id": ["nr", None]}
    path = jsonl(tmp_path, [{"q": "Q", "b": 2, "a": 1}])
    [item] = read(path, columns | {"difficulty": ["d", None]})
    assert (item.stem, item.answer_text, item.item_id) == ("Q", "1", "bank-1")
    with pytest.raises(ThinkscaleError, match=r"no column 'd' or 'e' \(mapped as difficulty\)"):
        read(path, columns | {"difficulty": ["d", "e"]})
    columns["difficulty"] = None
    with pytest.raises(ThinkscaleError, match=r"no column 'x' or 'y' \(mapped as the answer\)"):
        read(path, columns | {"answer_text": ["x", None], "solution": ["y", None]})


def test_item_ids_may_be_numbers_and_must_be_unique_over_a_whole_bank(tmp_path):
    rows = [{"q": "Q", "a": "1", "id": i} for i in random.Random(1).sample(range(10**6), 5000)]
    columns = {"stem": "q", "answer_text": "a", "item_id": "id", "difficulty": None}
    assert len(read(jsonl(tmp_path, rows), columns)) == 5000
    rows[4321]["id"] = rows[17]["id"]
    with pytest.raises(ThinkscaleError, match="rows 18 and 4322, column id: both have the item id"):
        read(jsonl(tmp_path, rows), columns)
