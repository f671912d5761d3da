"""Presets on small files in the banks' own layouts, and what a study file may say of a bank."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.config.items import Items, item_faults
from thinkscale.config.presets.banks import PRESETS
from thinkscale.items.sources import Source, raw_items

SAMPLES = Path(__file__).parents[3] / "resources/samples"
FILES = {
    "bea2024": "bea2024.csv",
    "medqa": "medqa.jsonl",
    "mmlu": "mmlu.csv",
    "math": "math500.jsonl",
    "gsm8k": "gsm8k.jsonl",
    "aime": "aime.jsonl",
    "gpqa": "gpqa.csv",
    "arc": "arc.jsonl",
}


def items_of(preset, path, seed=1, **keys):
    settings = Items(preset=preset, source=str(path), **keys)
    assert not list(item_faults(settings))
    return list(raw_items(Source(settings, seed)))


def sample(preset, **keys):
    return items_of(preset, SAMPLES / FILES[preset], **keys)


def jsonl(tmp_path, *records):
    path = tmp_path / "bank.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


@pytest.mark.parametrize("preset", FILES)
def test_a_sample_needs_no_mapping(preset):
    items = sample(preset)
    assert len(items) == 12
    for item in items:
        if item.excluded is None and item.options:
            assert item.key in dict(item.options)
        elif item.excluded is None:
            assert item.answer_text
    assert len({item.item_id for item in items}) == 12


def test_bea2024():
    items = sample("bea2024")
    assert [item.row for item in items if item.excluded] == [5]
    assert items[3].excluded == "ItemType is PIX"
    assert [len(item.options) for item in items][:5] == [5, 4, 5, 0, 6]
    assert items[0].item_id == "1"
    assert (items[0].key, items[0].answer_text) == ("C", dict(items[0].options)["C"])
    assert (items[0].difficulty, items[0].response_time) == (0.31, 52.4)
    assert json.loads(items[0].meta) == {"ItemType": "Text", "EXAM": "STEP 1"}
    assert "38.1Â°C" in items[1].stem  # repaired by cleaning, not here
    for item in items:
        assert item.excluded or item.answer_text == dict(item.options)[item.key]


def test_bea2024_keeps_pictures_if_asked_to():
    kept = sample("bea2024", exclude=[])
    assert all(item.excluded is None for item in kept)
    assert len(kept[3].options) == 4


@pytest.mark.parametrize(
    "record",
    [
        {"question": "Q", "options": {"A": "x", "B": "y"}, "answer_idx": "B", "answer": "y"},
        {"question": "Q", "options": {"A": "x", "B": "y"}, "answer": "B"},
        {
            "question": "Q",
            "options": [{"key": "A", "value": "x"}, {"key": "B", "value": "y"}],
            "answer_idx": "B",
            "answer": "y",
        },
    ],
)
def test_medqa_in_its_styles(tmp_path, record):
    [item] = items_of("medqa", jsonl(tmp_path, record))
    assert (item.options, item.key) == ((("A", "x"), ("B", "y")), "B")
    assert item.answer_text is None


def test_medqa_named_by_text(tmp_path):
    record = {"question": "Q", "options": {"A": "x", "B": "y"}, "answer": "y"}
    [item] = items_of("medqa", jsonl(tmp_path, record))
    assert item.key == "y"  # what it means is decided where keys are checked


def test_mmlu_in_both_layouts(tmp_path):
    first = sample("mmlu")[0]
    assert (first.row, first.key, len(first.options)) == (1, "C", 4)
    assert first.meta == "{}"
    path = tmp_path / "test.parquet"
    record = {"question": "Q", "choices": [["a", "b", "c", "d"]], "answer": [2], "subject": "s"}
    pd.DataFrame(record).to_parquet(path)
    [item] = items_of("mmlu", path)
    assert (item.key, item.options[2]) == ("2", ("C", "c"))
    assert Items(preset="mmlu", source=str(path)).columns.key_counts_from == 0


def test_math_levels_and_answers(tmp_path):
    items = sample("math")
    assert [item.difficulty for item in items][:4] == [1.0, 1.0, 2.0, 2.0]
    assert items[0].answer_text == "\\frac{11}{12}"
    records = [json.loads(line) for line in (SAMPLES / FILES["math"]).open()]
    for record in records:  # as the original data set has them
        del record["answer"]
        record["level"] = f"Level {record['level']}"
    again = items_of("math", jsonl(tmp_path, *records))
    assert [i.answer_text for i in again] == [i.answer_text for i in items]
    assert [i.difficulty for i in again] == [i.difficulty for i in items]


def test_gsm8k_answers():
    assert [item.answer_text for item in sample("gsm8k")][:3] == ["33", "25", "40"]


@pytest.mark.parametrize("preset", ["aime", "amc"])
@pytest.mark.parametrize(
    "record",
    [
        {"id": 1, "problem": "P", "solution": "s", "answer": "025", "url": "u"},
        {"ID": 1, "Problem": "P", "Solution": "s", "Answer": 25},
        {"id": 1, "problem": "P", "solution": "\\boxed{25}", "url": "u"},
        {"id": 1, "question": "P", "answer": 25.0},
    ],
)
def test_contests_in_their_copies(tmp_path, preset, record):
    [item] = items_of(preset, jsonl(tmp_path, record))
    assert (item.item_id, item.stem) == ("1", "P")
    assert int(item.answer_text) == 25


def test_gpqa_is_shuffled_by_the_seed():
    with (SAMPLES / FILES["gpqa"]).open() as file:
        rows = {row["Record ID"]: row for row in csv.DictReader(file)}
    items, others = sample("gpqa"), sample("gpqa", seed=2)
    assert items == sample("gpqa")
    assert [i.options for i in items] != [i.options for i in others]
    assert len({i.key for i in items}) > 1
    for item in [*items, *others]:
        row = rows[item.item_id]
        assert dict(item.options)[item.key] == row["Correct Answer"]
        meta = json.loads(item.meta)
        assert [row[name] for name in meta["option_order"]] == [text for _, text in item.options]
        assert meta["Subdomain"] == row["Subdomain"]


def test_arc_has_numbers_for_labels():
    items = sample("arc")
    assert items[2].options[2] == ("3", "burning wood")
    assert (items[2].key, items[8].key) == ("3", "B")
    assert {len(item.options) for item in items} == {3, 4, 5}


def test_generic_names(tmp_path):
    extra = {"difficulty": 0.5, "response_time": 9, "cluster_id": "c", "id": "x", "more": 1}
    path = jsonl(tmp_path, {"question": "Q", "options": ["a", "b"], "answer": "B", **extra})
    [item] = items_of("multiple_choice", path)
    assert (item.key, item.difficulty, item.response_time) == ("B", 0.5, 9.0)
    assert (item.cluster_id, item.item_id, item.meta) == ("c", "x", '{"more": 1}')
    path = jsonl(tmp_path, {"question": "Q", "answer": 4})
    [item] = items_of("free_response", path)
    assert (item.options, item.key, item.answer_text) == ((), None, "4")
    [item] = items_of("open", path)
    assert (item.key, item.answer_text) == (None, None)


# What is given stands before what is filled in


def test_every_key_of_a_preset_can_be_given(tmp_path):
    record = {"question": "Q", "options": ["a", "b"], "answer_idx": "B", "right": "A"}
    path = jsonl(tmp_path, record)
    [item] = items_of("medqa", path, columns={"key": "right"})
    assert item.key == "A"
    given = Items(preset="bea2024", source="b.csv", difficulty_direction="higher_is_easier")
    assert given.difficulty_direction == "higher_is_easier"
    assert Items(preset="bea2024", source="b.csv", columns={"difficulty": None}).columns.key


def test_another_way_to_say_the_same_takes_its_place():
    columns = Items(preset="gpqa", source="g.csv", columns={"options": "o", "key": "k"}).columns
    assert columns.correct_option is columns.other_options is None
    columns = Items(preset="mmlu", source="m.csv", columns={"stem_template": "{1}"}).columns
    assert columns.stem is None
    columns = Items(preset="arc", source="m.csv", columns={"option_columns": ["a", "b"]}).columns
    assert (columns.options, columns.key) == (None, ["answerKey"])


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_settings_survive_the_way_to_a_job(preset):
    for place in ({"source": "b.csv"}, {"hub": "a/b", "revision": "0" * 40, "split": "test"}):
        items = Items(preset=preset, **place, columns={"difficulty": None})
        assert Items(**json.loads(items.model_dump_json())) == items
        assert Items(**items.model_dump()) == items
        if preset:
            assert not list(item_faults(items))


MATH = {"preset": "math", "source": "m.jsonl"}
HUB = {"preset": "gsm8k", "hub": "a/b", "revision": "0" * 40, "split": "test"}
FAULTS = {
    "nothing": ({"preset": "math"}, "`items`: found neither; expected one of `source`, `hub`"),
    "both": ({**HUB, "source": "m.csv"}, "`items`: found both"),
    "a branch": ({**HUB, "revision": "main"}, "found 'main'; expected a commit"),
    "no revision": ({**HUB, "revision": None}, "`items.revision`: missing"),
    "no split": ({**HUB, "split": None}, "`items.split`: missing"),
    "an address": ({**HUB, "hub": "https://x.org/a"}, "expected the id of a data set"),
    "a split of a file": ({**MATH, "split": "test"}, "`items.split`: found 'test'; expected it"),
    "delimiter": ({**MATH, "delimiter": ";"}, "expected it with a source that ends in .csv"),
    "generated": ({"source": "calibration", "preset": "math"}, "expected none with the generated"),
    "two stems": (
        {**MATH, "columns": {"stem": "a", "stem_template": "{b}"}},
        "found both; expected one of `stem`, `stem_template`",
    ),
    "half of two": (
        {**MATH, "columns": {"correct_option": "a"}},
        "found only `correct_option`",
    ),
    "key alone": ({**MATH, "columns": {"key": "k"}}, "`key` without options"),
    "no key": ({**MATH, "columns": {"options": "o"}}, "options without a key"),
    "number alone": ({**MATH, "columns": {"key_counts_from": 0}}, "`key_counts_from` alone"),
    "nothing to shuffle": ({**MATH, "columns": {"shuffle_options": True}}, "`shuffle_options` alo"),
    "no answer": (
        {**MATH, "columns": {"answer_text": None, "solution": None}},
        "found neither options nor an answer",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_contradictions_are_named(fault):
    keys, expected = FAULTS[fault]
    said = list(item_faults(Items(**keys)))
    assert len(said) == 1
    assert expected in said[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"answer_text": "a", "answer_pattern": "("}, "regular expression with one group"),
        ({"answer_text": "a", "answer_pattern": "a"}, "it has 0"),
        ({"stem_template": "no column"}, "it names none"),
        ({"stem_template": "{a!r}"}, "without a format"),
        ({"stem_template": "{a"}, "text with columns in braces"),
        ({"stem": []}, "a column's name, or a list"),
        ({"stem": [None, "a"]}, "a column's name, or a list"),
        ({"stem": True}, "a column's name, or a list"),
    ],
)
def test_values_that_are_none(columns, expected):
    with pytest.raises(ValueError, match=expected.replace("(", r"\(")):
        Items(source="a.csv", columns=columns)
