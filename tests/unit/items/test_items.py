"""A study's items from its file: read, cleaned, drawn, counted, and checked against the study."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config import parse_study
from thinkscale.config.items import Items
from thinkscale.data import contracts
from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError
from thinkscale.items.bank import Prepared, prepare_items
from thinkscale.jobs import items as job
from thinkscale.jobs.preflight import check_bank
from thinkscale.report.summary import summary

HEADER = [
    *["ItemNum", "ItemStem_Text", *(f"Answer__{a}" for a in "ABCDEFGHIJ"), "Answer_Key"],
    *["Answer_Text", "ItemType", "EXAM", "Difficulty", "Response_Time"],
]


def bea_row(number: int, **cells) -> dict:
    options = {f"Answer__{a}": f"drug {a}{number}" for a in "ABCD"}
    return {
        "ItemNum": number,
        "ItemStem_Text": f"A patient with complaint number {number} comes in. What next?",
        **options,
        "Answer_Key": "B",
        "Answer_Text": f"drug B{number}",
        "ItemType": "Text",
        "EXAM": "STEP 1",
        "Difficulty": f"{0.02 + number / 50:.2f}",
        "Response_Time": f"{60 + number}",
        **cells,
    }


ROWS = [
    *(bea_row(i) for i in range(1, 41)),
    bea_row(41, ItemType="PIX", ItemStem_Text="What does the picture show?"),
    bea_row(42, ItemStem_Text="A fever of 39.0\u00c2\u00b0C  in the child. What next?"),
    bea_row(43, Difficulty=""),
    bea_row(44, ItemStem_Text=bea_row(1)["ItemStem_Text"], **{
        f"Answer__{a}": f"drug {a}1" for a in "ABCD"}, Answer_Text="drug B1"),
    bea_row(45, Answer__C="drug A45"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/config.json").write_text("{}")


def bea(rows=ROWS, name: str = "bea.csv") -> str:
    with open(name, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, HEADER)
        table.writeheader()
        table.writerows(rows)
    return name


def study_items(report_path=None, seed: int = 1, **settings) -> Prepared:
    return prepare_items(
        Items(**{"preset": "bea2024", "source": bea(), **settings}), seed, report_path
    )


def test_a_bank_from_its_file_to_the_tables(tmp_path):
    found = study_items()
    assert len(found.items) == 44 and "41" not in set(found.items["item_id"])
    contracts.write(found.items, "items.parquet", "items")
    pd.testing.assert_frame_equal(contracts.read("items.parquet", "items"), found.items)
    seen = set(found.report[["row", "field", "action"]].itertuples(index=False, name=None))
    assert seen == {
        (42, "item", "excluded: ItemType is PIX"),
        (43, "stem", "mojibake"),
        (43, "stem", "whitespace"),
        (44, "difficulty", "missing"),
        (45, "item", "kept, duplicate of item 1"),
        (46, "option C", "kept, equal to option A"),
    }
    stem = found.items.set_index("item_id")["stem"]["42"]
    assert stem == "A fever of 39.0\u00b0C in the child. What next?"
    write_table(found.facts, "items.csv")
    text = summary({"items": read_table("items.csv")}, "demo")
    for words in [
        "The file has 45 items; 1 was excluded (`ItemType is PIX`: 1); 44 are left. Studied",
        "in 1 mojibake was repaired, in 1 white space was tidied, in 1 two options say the same",
        "There was 1 item of the bank repeating an earlier one",
        "Without difficulty: 1 item of the bank, 1 of those studied",
        "People took longer for the items counted as harder (Spearman's ρ: 1.00",
        "n = 43 items of the bank",
    ]:
        assert words in text, text


def test_pictures_are_kept_where_the_study_says_so():
    assert len(study_items(exclude=[]).items) == 45


def test_a_wrong_direction_is_seen(tmp_path):
    found = study_items(difficulty_direction="higher_is_easier", n=20)
    assert found.warning.startswith(
        "Warning: people took less time for the items counted as harder"
    )
    text = summary({"items": found.facts}, "demo")
    assert (
        "Warning: people took less time" in text and "`items.difficulty_direction` right?" in text
    )


def test_text_of_a_reason_stays_text_in_the_summary():
    rows = [*ROWS, bea_row(50, EXAM="<b>`x`</b>")]
    settings = Items(
        preset="bea2024", source=bea(rows), exclude=[{"column": "EXAM", "values": ["<b>`x`</b>"]}]
    )
    text = summary({"items": prepare_items(settings, 1).facts}, "demo")
    assert "`EXAM is <b>'x'</b>`: 1" in text


def test_an_empty_table_of_difficulties_says_little():
    path = Path("free.jsonl")
    path.write_text(
        "".join(json.dumps({"question": f"{i}?", "answer": i}) + "\n" for i in range(5))
    )
    found = prepare_items(Items(preset="free_response", source=str(path)), 1)
    text = summary({"items": found.facts}, "demo")
    assert (
        "Spearman" not in text
        and "Without difficulty: 5 items of the bank, 5 of those studied" in text
    )


def test_the_report_of_a_file_goes_to_a_file(tmp_path):
    path = tmp_path / "out" / "items_report.csv"
    assert study_items(report_path=path, n=5).report is None
    lines = read_table(path)
    assert lines["action"].iloc[0] == "excluded: ItemType is PIX"
    pd.testing.assert_frame_equal(lines, study_items(n=5).report)


def test_a_large_bank_is_not_held(monkeypatch):
    """Of the items only those drawn are cleaned whole, whatever the bank's size."""
    from thinkscale.items import bank

    cleaned = []
    real = bank.clean
    monkeypatch.setattr(bank, "clean", lambda raw, *a: cleaned.append(raw.item_id) or real(raw, *a))
    rows = [bea_row(i) for i in range(1, 301)]
    found = prepare_items(Items(preset="bea2024", source=bea(rows), n=7, strata=3), 1)
    assert sorted(cleaned) == sorted(found.items["item_id"]) and len(cleaned) == 7


def test_the_calibration_bank_is_what_its_generator_makes():
    found = job.study_items(Items(source="calibration", bank_size=60), 3)
    bank = generate_bank(60, 3).set_index("item_id")
    pd.testing.assert_frame_equal(
        found.items.set_index("item_id"), bank.loc[found.items["item_id"]]
    )
    assert len(found.report) == 0 and found.warning is None
    part = job.study_items(Items(source="calibration", bank_size=60, n=10), 3).items
    assert part["item_id"].tolist() == found.items["item_id"].tolist()[:10]
    scaled = job.study_items(
        Items(source="calibration", bank_size=60, n=10, difficulty_scale="min_max"), 3
    ).items
    assert scaled["item_id"].tolist() == part["item_id"].tolist()
    assert scaled["difficulty"].between(0, 1).all()
    assert scaled["difficulty"].rank().tolist() == part["difficulty"].rank().tolist()
    assert scaled["difficulty_raw"].tolist() == part["difficulty_raw"].tolist()


# What the study asks of its items


MCQ = [{"q": f"Q{i}?", "o": ["red", "blue"], "k": "A", "a": "red"} for i in range(4)]
FREE = {"stem": "q", "answer_text": "a", "difficulty": None}
CHOICE = {"stem": "q", "options": "o", "key": "k", "difficulty": None}


def check(columns, records=MCQ, built: bool = False, **settings) -> None:
    """What Snakemake does before it builds anything; `built`: the items are there already."""
    path = Path("bank.jsonl")
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    items = Path("items.parquet")
    if built:
        items.write_text("")
    study = {
        "study": "s",
        "items": {"source": str(path), "columns": columns},
        "models": [{"name": "m", "path": "model"}],
        **settings,
    }
    check_bank(parse_study(study, "study.yaml"), items)


def refused(*arguments, **settings) -> str:
    with pytest.raises(ThinkscaleError) as error:
        check(*arguments, **settings)
    return str(error.value)


def test_graders_have_what_they_need():
    check(CHOICE)
    check(CHOICE, grading={"graders": ["choice", "article", "exact"]})
    check(FREE, grading={"graders": ["exact"]})
    said = refused(FREE)
    assert "`grading.graders`" in said and "'choice'" in said and "'bank-1'" in said
    said = refused(FREE, built=True)
    assert "`grading.graders`" in said and "'choice' needs items with options and key" in said
    records = [{**r, "a": "so many" if i == 2 else "3"} for i, r in enumerate(MCQ)]
    said = refused(FREE, records, grading={"graders": ["numeric"]})
    assert "`grading.graders`" in said and "'bank-3'" in said


def test_templates_show_the_options_there_are():
    free = {"grading": {"graders": ["exact"]}}
    with_options, without = "{stem} {options}", "{stem}"
    check(CHOICE, inference={"prompt": {"template": with_options}})
    check(FREE, inference={"prompt": {"template": without}}, **free)
    for built in (False, True):
        said = refused(FREE, built=built, inference={"prompt": {"template": with_options}}, **free)
        assert "`inference.prompt.template`: has {options}" in said
        assert ("the bank has none" if built else "item 'bank-") in said
        said = refused(CHOICE, built=built, inference={"prompt": {"template": without}})
        assert "has no {options}" in said and "would not see" in said
    own = {"name": "m", "path": "model", "inference": {"prompt": {"template": without}}}
    said = refused(CHOICE, models=[own])
    assert "`models[0].inference.prompt.template`" in said


def test_labels_are_read_only_where_there_are_options():
    free, shared = {"graders": ["exact"]}, {"readout": "options"}
    check(CHOICE, inference=shared, grading={"graders": ["choice", "readout"]})
    own = [{"name": "m", "path": "model"}, {"name": "n", "path": "model", "inference": shared}]
    for built, which in ((False, "item 'bank-1'"), (True, "the bank")):
        for key, settings in (
            ("inference.readout", {"inference": shared}),
            ("models[1].inference.readout", {"models": own}),
        ):
            said = refused(FREE, built=built, grading=free, **settings)
            assert f"`{key}`: found `options`, and {which} has none; expected" in said
        said = refused(FREE, built=built, grading=free, scorers=[{"name": "r", "kind": "readout"}])
        assert f"`scorers[0].kind`: found `readout`, and {which} has none; expected" in said
    off = {"name": "m", "path": "model", "inference": {"readout": None}}
    check(FREE, grading=free, inference=shared, models=[off])


def test_what_analyses_hold_constant_is_looked_for_first():
    records = [{**record, "words": i, "topic": "x"} for i, record in enumerate(MCQ)]
    check(CHOICE, records, analyses={"controls": ["stem_chars", "words"]})
    for controls, said in (
        (["word"], "`analyses.controls`: the bank has no column 'word'; expected one of stem_"),
        (["topic"], "`analyses.controls`: column 'topic' of item 'bank-1' is 'x'"),
        (["words", "words"], "`analyses.controls`: 'words' is repeated"),
    ):
        assert said in refused(CHOICE, records, analyses={"controls": controls})


def test_what_analyses_hold_constant_is_looked_for_in_items_that_are_there():
    study = {
        "study": "s",
        "items": {"source": "calibration", "bank_size": 20},
        "models": [{"name": "m", "path": "model"}],
        "analyses": {"controls": ["k", "slip"]},
    }
    check_bank(parse_study(study, "study.yaml"), Path("items.parquet"))
    study["analyses"] = {"controls": ["problem"]}
    with pytest.raises(ThinkscaleError, match="column 'problem' of item"):
        check_bank(parse_study(study, "study.yaml"), Path("items.parquet"))
    check(CHOICE)
    study["items"] = {"source": "bank.jsonl", "columns": CHOICE}
    contracts.write(generate_bank(20, 1), "items.parquet", "items")
    with pytest.raises(ThinkscaleError, match="column 'problem' of item 'cal-"):
        check_bank(parse_study(study, "study.yaml"), Path("items.parquet"))


def test_a_bank_that_is_up_to_date_is_not_read_again(monkeypatch):
    def fail(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("thinkscale.items.bank.prepare_items", fail)
    check(CHOICE, built=True)
    with pytest.raises(AssertionError):
        Path("items.parquet").unlink()
        check(CHOICE)


def test_the_calibration_bank_suits_what_needs_options():
    study = {
        "study": "s",
        "items": {"source": "calibration"},
        "models": [{"name": "m", "path": "model"}],
        "grading": {"graders": ["choice", "article", "exact"]},
    }
    check_bank(parse_study(study, "study.yaml"), Path("items.parquet"))
    study["inference"] = {"prompt": {"template": "{stem}"}}
    with pytest.raises(ThinkscaleError, match=r"has no \{options\}"):
        check_bank(parse_study(study, "study.yaml"), Path("items.parquet"))


@pytest.mark.parametrize(
    ("cleaning", "words"),
    [
        ({"near_duplicates": 30}, ["`items.cleaning.near_duplicates`", "30", "50"]),
        ({"near_duplicates": True}, ["`items.cleaning.near_duplicates`", "a number"]),
        ({"duplicates": "ignore"}, ["`items.cleaning.duplicates`", "'report', 'drop' or 'error'"]),
        ({"mojibake": "drop"}, ["`items.cleaning.mojibake`", "true or false"]),
        ({"duplicate": "drop"}, ["`items.cleaning.duplicate`", "did you mean `duplicates`?"]),
    ],
)
def test_faults_of_the_section_name_the_key(cleaning, words):
    study = {
        "study": "s",
        "items": {"source": "calibration", "cleaning": cleaning},
        "models": [{"name": "m", "path": "model"}],
    }
    with pytest.raises(ThinkscaleError) as error:
        parse_study(study, "study.yaml")
    assert all(word in str(error.value) for word in words), str(error.value)
