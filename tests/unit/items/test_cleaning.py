"""Cleaning of items: what is repaired, what is reported, what is left out and what is an error."""

import random
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from banks import CHOICE, FREE, OPEN, prepared, raw
from thinkscale.config.cleaning import Cleaning
from thinkscale.data import contracts
from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cleaning import (
    clean,
    fold,
    repair_mojibake,
    skeleton,
    skeletons,
    surely_clean,
    tidy_whitespace,
)
from thinkscale.items.duplicates import content, content_digest, near_duplicates, repeated
from thinkscale.items.options import find_key, find_keys


def message(call, *arguments, **named) -> str:
    with pytest.raises(ThinkscaleError) as error:
        call(*arguments, **named)
    return str(error.value)


def report(found) -> list[list]:
    return found.report.astype(object).where(found.report.notna(), None).values.tolist()


def actions(found) -> list[tuple]:
    return list(found.report[["row", "field", "action"]].itertuples(index=False, name=None))


def fact(found, measure: str, detail: str | None = None) -> int:
    rows = found.facts[found.facts["measure"] == measure]
    if detail is not None:
        rows = rows[rows["detail"] == detail]
    assert len(rows) == 1, found.facts
    return int(rows["n"].iloc[0])


# Text


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


def test_every_change_is_a_line_of_the_report():
    options = (("A", " red"), ("B", "blue"), ("C", " "))
    items = [raw(1), raw(2, stem="39\u00c2\u00b0C  ?", options=options)]
    found = prepared(items)
    assert sorted(found.items["stem"]) == ["39\u00b0C ?", "Question 1?"]
    assert report(found) == [
        ["i2", 2, "stem", "mojibake", "39\u00c2\u00b0C  ?", "39\u00b0C  ?"],
        ["i2", 2, "stem", "whitespace", "39\u00b0C  ?", "39\u00b0C ?"],
        ["i2", 2, "option A", "whitespace", " red", "red"],
        ["i2", 2, "option C", "whitespace", " ", ""],
        ["i2", 2, "option C", "dropped, empty", " ", None],
    ]
    assert fact(found, "text_repaired") == fact(found, "whitespace_tidied") == 1
    assert fact(found, "empty_options") == 1
    kept = prepared(items, cleaning={"mojibake": False, "whitespace": False})
    assert "39\u00c2\u00b0C  ?" in set(kept.items["stem"])
    said = message(prepared, items, cleaning={"empty_options": "error"})
    assert "bank.csv, row 2, column o" in said and "has option C without text" in said


def test_items_meet_their_contract(tmp_path):
    found = prepared([raw(1), raw(2, cluster_id="c", difficulty=None, response_time=None)])
    contracts.write(found.items, tmp_path / "items.parquet", "items")
    read = contracts.read(tmp_path / "items.parquet", "items")
    assert read.set_index("item_id")["difficulty_raw"].to_dict() == {
        "i1": 0.1,
        "i2": pytest.approx(np.nan, nan_ok=True),
    }
    write_table(found.facts, tmp_path / "items.csv")
    assert read_table(tmp_path / "items.csv")["n"].tolist() == found.facts["n"].tolist()
    assert actions(found) == [(2, "difficulty", "missing"), (2, "response_time", "missing")]


def test_the_report_in_a_file_is_the_report_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("thinkscale.items.report._AT_ONCE", 2)
    items = [
        raw(i, stem=f'=Q{i}  "x",\ny', excluded="x is y" if i % 3 else None) for i in range(1, 9)
    ]
    path = tmp_path / "deep" / "items_report.csv"
    assert prepared(items, report_path=path).report is None
    write_table(prepared(items).report, tmp_path / "whole.csv")
    assert path.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(read_table(path)) == 6 + 2  # six left out, two with spaces tidied
    said = message(prepared, items, report_path=tmp_path / "none.csv", n=7)
    assert "asked for 7" in said and not (tmp_path / "none.csv").exists()


# Keys


@pytest.mark.parametrize("key", ["B", "b", "(B)", "B.", "[b]", "blue", "Blue"])
def test_forms_of_key(key):
    options = (("A", "red"), ("B", "blue"))
    assert find_key(key, options) == "B"
    assert prepared([raw(options=options, key=key)]).items["key"].tolist() == ["B"]


def test_keys_that_are_numbers():
    options = (("A", "red"), ("B", "blue"))
    assert find_key("1", options, 0) == find_key("2", options, 1) == "B"
    assert (
        find_key("2", options, 0) is find_key("0", options, 1) is find_key("B", options, 0) is None
    )


COLOURS = (("A", "red"), ("B", "blue"), ("C", "green"))


@pytest.mark.parametrize(
    "key",
    [
        *("A,C", "C, A", "A;C", "A/C", "A|C", "A & C", "a and c", "AC", "CA", "(A), (C)", "[A, C]"),
        *("red, green", '["A", "C"]', "['A', 'C']", "A. and C."),
    ],
)
def test_several_keys(key):
    assert find_keys(key, COLOURS) == ("A", "C")
    item = prepared([raw(options=COLOURS, key=key)]).items.iloc[0]
    assert item["key"] == "A,C" and pd.isna(item["answer_text"])
    assert contracts.key_labels(item["key"], ["A", "B", "C"]) == ("A", "C")


def test_what_is_one_key_is_not_taken_apart():
    options = (("A", "red, blue"), ("B", "AB"), ("1,5", "C and A"), ("C", "x"))
    for key, label in (("red, blue", "A"), ("AB", "B"), ("c and a", "1,5"), ("1,5", "1,5")):
        assert find_keys(key, options) == (label,)
    assert contracts.key_labels("1,5", [label for label, _ in options]) == ("1,5",)
    assert find_keys('["B"]', options) == ("B",)
    assert find_keys("C and 1,5", options) == ()  # a comma could not be told from those between


@pytest.mark.parametrize("key", ["A, D", "A,,C", "A, A", "AA", "AD", ",", "ac", "[]", "all"])
def test_keys_of_which_one_means_nothing_mean_nothing(key):
    assert find_keys(key, COLOURS) == ()


def test_several_keys_that_are_numbers():
    assert find_keys("0, 2", COLOURS, 0) == find_keys("[1, 3]", COLOURS, 1) == ("A", "C")
    assert find_keys("0, 3", COLOURS, 0) == find_keys("A,C", COLOURS, 0) == ()


def test_equal_options_are_told_where_either_is_a_key():
    options = (("A", "red"), ("B", "blue"), ("C", "Red"))
    found = prepared([raw(options=options, key="B,C", answer_text="blue and red")])
    assert actions(found) == [(1, "option C", "kept, equal to option A, one is the key")]
    assert found.items["answer_text"].tolist() == ["blue and red"]


def test_a_clear_label_comes_before_a_text():
    assert find_key("a", (("a", "x"), ("A", "y"))) == "a"
    assert find_key("A.", (("a", "x"), ("b", "A"))) == "a"
    assert find_key("b", (("A", "b"), ("B", "c"))) == "B"
    assert find_key("c", (("1", "c"), ("2", "c"))) is None  # two options say that


BAD_KEYS = {
    "unknown": (raw(3, key="F"), ["row 3, column k", "'F'", "not among", "A, B"]),
    "missing": (raw(3, key=None), ["row 3, column k", "empty", "A, B"]),
    "of two options": (
        raw(3, key="no", options=(("A", "no"), ("B", "No "))),
        ["row 3, column k", "'no'", "the text of options A and B"],
    ),
    "of an empty option": (
        raw(3, key="C", options=(("A", "x"), ("B", "y"), ("C", " "))),
        ["row 3, column k", "'C'", "expected one of A, B"],
    ),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_bad_key_is_an_error_or_drops_the_item(name):
    item, words = BAD_KEYS[name]
    said = message(prepared, [raw(1), item])
    assert said.startswith("bank.csv, ") and all(word in said for word in words), said
    found = prepared([raw(1), item], cleaning={"unknown_key": "drop", "missing_key": "drop"})
    assert found.items["item_id"].tolist() == ["i1"]
    why = "no key" if name == "missing" else "key not among the options"
    assert actions(found) == [(3, "item", f"dropped: {why}")]
    assert fact(found, "dropped", why) == 1 and fact(found, "bank") == 1


def test_the_answer_is_the_right_option_unless_the_bank_has_one():
    found = prepared([raw(1), raw(2, answer_text="YES"), raw(3, answer_text="maybe")])
    answers = found.items.set_index("item_id")["answer_text"]
    assert answers.to_dict() == {"i1": "yes", "i2": "YES", "i3": "maybe"}
    assert report(found) == [
        ["i3", 3, "answer_text", "kept, differs from option A", "maybe", "yes"]
    ]
    assert fact(found, "answer_differs_from_key") == 1


def test_free_response_needs_an_answer_and_open_tasks_none():
    nothing = {"options": (), "key": None}
    found = prepared([raw(answer_text=" 2 ", **nothing)], FREE)
    assert found.items["options"].tolist() == [[]] and found.items["key"].isna().all()
    assert found.items["answer_text"].tolist() == ["2"]
    said = message(prepared, [raw(1, answer_text="2", **nothing), raw(2, **nothing)], FREE)
    assert "row 2, column t" in said and "expected the answer" in said
    kept = prepared(
        [raw(1, answer_text="2", **nothing), raw(2, **nothing)],
        FREE,
        cleaning={"missing_key": "drop"},
    )
    assert len(kept.items) == 1 and fact(kept, "dropped", "no key") == 1
    task = prepared([raw(**nothing)], OPEN)
    assert task.items[["key", "answer_text"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stem": " \u200b"}, ["column q", "empty", "stem"]),
        ({"options": (("A", "x"),)}, ["column o", "1 options", "at least 2"]),
        ({"options": (("A", "x"), ("B", "\u200b"))}, ["column o", "1 options"]),
        ({"options": ()}, ["column o", "0 options"]),
    ],
)
def test_what_no_switch_allows(values, words):
    said = message(prepared, [raw(1), raw(2, **values)])
    assert all(word in said for word in ["bank.csv, row 2", *words]), said


# Options


EQUAL = (("A", "beta blocker"), ("B", "Beta  Blocker"), ("C", "none"))


def test_equal_options():
    items = [raw(1), raw(2, options=EQUAL, key="C"), raw(3, options=EQUAL, key="B")]
    found = prepared(items)
    assert actions(found)[1:] == [
        (2, "option B", "kept, equal to option A"),
        (3, "option B", "whitespace"),
        (3, "option B", "kept, equal to option A, one is the key"),
    ]
    assert fact(found, "equal_options", "items studied") == 2
    assert fact(found, "equal_options", "items studied, one of them is the key") == 1
    dropped = prepared(items, cleaning={"duplicate_options": "drop_item"})
    assert dropped.items["item_id"].tolist() == ["i1"]
    assert actions(dropped) == [(row, "item", "dropped: equal options") for row in (2, 3)]
    said = message(prepared, items[::2], cleaning={"duplicate_options": "error"})
    assert "row 3, column o" in said and "has option B equal to option A, one is the key" in said


# Duplicates


def test_duplicates_are_reported_dropped_or_an_error():
    again = raw(9, stem="question  1? ", options=(("A", "No"), ("B", "yes")))
    items = [raw(1), raw(2), again]
    found = prepared(items)
    assert len(found.items) == 3
    assert ["i9", 9, "item", "kept, duplicate of item i1", "question  1? ", None] in report(found)
    assert fact(found, "duplicates") == 1
    dropped = prepared(items, cleaning={"duplicates": "drop"})
    assert sorted(dropped.items["item_id"]) == ["i1", "i2"]
    assert actions(dropped) == [(9, "item", "dropped, duplicate of item i1")]
    assert fact(dropped, "dropped", "duplicate of an earlier item") == 1
    said = message(prepared, items, cleaning={"duplicates": "error"})
    assert "bank.csv, rows 1 and 9" in said and "items.cleaning.duplicates" in said


def test_what_is_left_out_is_no_original():
    items = [raw(1, excluded="kind is PIX"), raw(2, stem="Question 1?"), raw(3, stem="Question 1?")]
    found = prepared(items, cleaning={"duplicates": "drop"})
    assert found.items["item_id"].tolist() == ["i2"]
    assert actions(found) == [
        (1, "item", "excluded: kind is PIX"),
        (3, "item", "dropped, duplicate of item i2"),
    ]
    items[0] = raw(1, key=None)
    drop = {"duplicates": "drop", "missing_key": "drop"}
    assert prepared(items, cleaning=drop).items["item_id"].tolist() == ["i2"]


def test_a_duplicate_in_mojibake_and_questions_that_differ_in_a_sign():
    broken = "Fever of 39.0 \u00c2\u00b0C since the morning?"
    whole = "Fever of 39.0 \u00b0C since the morning?"
    assert fact(prepared([raw(1, stem=whole), raw(2, stem=broken)]), "duplicates") == 1
    signs = [
        raw(1, stem="Is \u2212x positive for every x?"),
        raw(2, stem="Is x positive for every x?"),
    ]
    assert fact(prepared(signs), "duplicates") == 0
    scripts = [raw(1, stem="\u03b1?"), raw(2, stem="\u03b2?"), raw(3, stem=" \u03b1 ?")]
    assert fact(prepared(scripts), "duplicates") == 0
    scripts.append(raw(4, stem="\u0391?"))
    assert fact(prepared(scripts), "duplicates") == 1


PIECES = st.sampled_from(
    [
        *"aB9 .?-",
        "  ",
        "\u00b0",
        "\u00e9",
        "\u2019",
        "\u200b",
        "\u00a0",
        "\u03b1",
        "\u4e2d",
        "\u00c3",
        "\u0080",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
BROKEN = st.tuples(TEXTS, st.sampled_from(["latin-1", "sloppy-windows-1252", "cp437"])).map(
    lambda made: made[0].encode().decode(made[1], "replace")
)


@given(st.one_of(TEXTS, BROKEN))
@example("\u00c3?a\u00c3\u00a0")  # here ftfy takes the question mark for a lost byte
@settings(max_examples=500, deadline=None)
def test_cleaning_leaves_the_skeleton_alone(text):
    assert skeleton(tidy_whitespace(repair_mojibake(text))) == skeleton(text)


@given(st.lists(st.one_of(TEXTS, st.just("a\x1fb")), min_size=1, max_size=4))
def test_skeletons_of_an_item_are_those_of_its_texts(texts):
    item = raw(stem=texts[0], options=tuple(zip("ABC", texts[1:], strict=False)))
    assert skeletons(item) == [skeleton(text) for text in texts]


@given(
    TEXTS,
    st.lists(st.one_of(TEXTS, BROKEN), max_size=4),
    st.sampled_from(["A", "b", "(C)", "9", "", None, "a"]),
    st.sampled_from([CHOICE, FREE, OPEN]),
)
@settings(max_examples=500, deadline=None)
def test_what_passes_the_first_look_passes_cleaning(stem, texts, key, origin):
    item = raw(stem=stem, options=tuple(zip("ABCD", texts, strict=False)), key=key)
    texts = skeletons(item)
    if surely_clean(item, texts, origin):
        cleaned = clean(item, Cleaning(duplicate_options="error", empty_options="error"), origin)
        assert cleaned.dropped is None


@given(st.one_of(TEXTS, BROKEN), st.one_of(TEXTS, BROKEN))
@settings(max_examples=300, deadline=None)
def test_items_that_say_the_same_have_one_digest(a, b):
    first, second = (raw(stem=f"{'Question' * 2} {text} ?", answer_text="x") for text in (a, b))
    said = [content(clean(item, Cleaning(), CHOICE)) for item in (first, second)]
    digests = [content_digest(i, skeletons(i), Cleaning()) for i in (first, second)]
    if said[0] == said[1]:
        assert digests[0] == digests[1]


def test_repeated_places():
    digests = np.array([5, 7, 5, 7, 7, 9], dtype=np.uint64)
    among = np.array([True, True, True, False, True, True])
    assert repeated(digests, among).tolist() == [0, 1, 2, 4]
    assert repeated(digests, among & False).tolist() == []


# Near duplicates


def vignettes(n: int, rng: random.Random) -> list[str]:
    """Questions of 60 words that share how they begin and end, and a vocabulary."""
    words = [
        "".join(rng.choices("abcdefghijklmnoprstuvwy", k=rng.randint(2, 9))) for _ in range(3000)
    ]
    begin = "A {}-year-old man comes to the physician because of"
    end = "Which of the following is the most likely cause?"
    return [
        " ".join([begin.format(rng.randint(1, 99)), *rng.choices(words, k=60), end])
        for _ in range(n)
    ]


def test_near_duplicates_find_the_most_alike_before():
    texts = ["the cat sat on the mat", "a dog", "the cat sat on the hat", "the cat sat on the mat."]
    found = list(near_duplicates(texts, 80, dropped=False))
    assert found[:2] == [None, None]
    assert found[2] == (0, pytest.approx(100 * (1 - 2 / 44)))  # one letter out, one in
    assert found[3] == (0, pytest.approx(100 * (1 - 1 / 45)))
    assert list(near_duplicates(texts, 99, dropped=False)) == [None] * 4
    chain = ["abcdefghij" * 3, "abcdefghij" * 3 + "klmno", "abcdefghij" * 3 + "klmnopqrst"]
    assert [m and m[0] for m in near_duplicates(chain, 85, dropped=False)] == [None, 0, 1]
    # The second is not there to be compared with once it is dropped.
    assert [m and m[0] for m in near_duplicates(chain, 88, dropped=True)] == [None, 0, None]


def test_near_duplicates_drop_and_report():
    long = "Which of the following best explains the finding in this patient of {} years?"
    items = [raw(i, stem=long.format(i + 20)) for i in range(1, 5)]
    items.append(raw(5, stem="What is the capital of France?"))
    found = prepared(items, cleaning={"near_duplicates": 90.0})
    assert len(found.items) == 5 and fact(found, "near_duplicates") == 3
    said = [a for _, _, a in actions(found)]
    assert all(a.startswith("kept, near duplicate of item i") for a in said) and len(said) == 3
    dropping = {"near_duplicates": 90.0, "near_duplicates_are": "dropped"}
    dropped = prepared(items, cleaning=dropping)
    assert len(dropped.items) == 2 and "i5" in set(dropped.items["item_id"])
    assert fact(dropped, "dropped", "near duplicate of an item drawn before") == 3
    said = message(prepared, items, n=3, cleaning=dropping)
    assert "asked for 3" in said and "has 2 of 5" in said and "3 dropped (near duplicate" in said


def test_near_duplicates_of_a_large_bank_take_seconds():
    texts = vignettes(4000, random.Random(1))
    copied = range(0, 4000, 40)
    texts += [texts[place].replace("man comes", "woman came") for place in copied]
    began = time.process_time()
    found = list(near_duplicates(texts, 90, dropped=True))
    assert time.process_time() - began < 10  # a quadratic number of comparisons takes 40
    assert [m and m[0] for m in found] == [None] * 4000 + list(copied)


# Banks


def test_excluded_items_are_reported_and_counted():
    items = [
        raw(i, excluded="ItemType is PIX" if i < 3 else None, key=None if i < 3 else "A")
        for i in range(1, 6)
    ]
    found = prepared(items)
    assert sorted(found.items["item_id"]) == ["i3", "i4", "i5"]
    assert actions(found) == [(row, "item", "excluded: ItemType is PIX") for row in (1, 2)]
    assert fact(found, "in_file") == 5 and fact(found, "excluded", "ItemType is PIX") == 2
    assert fact(found, "bank") == fact(found, "studied") == 3


def test_an_empty_bank_says_what_was_lost_to_what():
    items = [raw(1, excluded="kind is PIX"), raw(2, key="F"), raw(3, key=None), raw(4, key="G")]
    drop = {"unknown_key": "drop", "missing_key": "drop"}
    said = message(prepared, items, cleaning=drop)
    for words in [
        "bank.csv",
        "no item is left of 4",
        "1 excluded (kind is PIX)",
        "2 dropped (key not among the options)",
        "1 dropped (no key)",
    ]:
        assert words in said, said


def test_missing_difficulties_are_kept_and_counted():
    items = [raw(i, difficulty=None if i < 4 else i) for i in range(1, 11)]
    found = prepared(items, n=5)
    assert fact(found, "without_difficulty", "of the bank") == 3
    missing = int(found.items["difficulty"].isna().sum())
    assert fact(found, "without_difficulty", "of the items studied") == missing


def test_hostile_text_stays_text():
    stem = '=HYPERLINK("http://x","y")  | <script>alert(1)</script>'
    found = prepared([raw(1, stem=stem), raw(2, stem="@SUM(1)\u200b")])
    assert set(found.items["stem"]) == {stem.replace("  ", " "), "@SUM(1)"}
    assert fold(" =A  b ") == "=a b"
