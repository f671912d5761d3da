"""Mixing of languages and scripts, from what each response thought."""

import pandas as pd
import pytest

from graded_frames import graded_frame
from thinkscale.data import contracts
from thinkscale.data.languages import by_response
from thinkscale.stats import language_mixing

ENGLISH = "Okay, so we need to find the sum of all the integers here."  # 13 words
MIXED = "Okay, so we need to find the 总和 of all the integers here."  # 12 English, 2 Chinese
THOUGHT = {0: ENGLISH, 1: MIXED}


def told(graded, tmp_path, **thought):
    """`languages` as it is after having been written and read."""
    own = graded[["model", "item_id", "sample", "condition"]]
    own = own.assign(think_text=graded["sample"].map(THOUGHT))
    for item_id, text in thought.items():
        own.loc[own["item_id"] == item_id, "think_text"] = text
    contracts.write(by_response(own), tmp_path / "languages.parquet", "languages")
    return contracts.read(tmp_path / "languages.parquet", "languages")


def test_mixing_of_responses_that_are_half_of_them_mixed(tmp_path):
    graded = graded_frame(models=["m"], items=6, samples=2)
    languages = told(graded, tmp_path, i0="3 + 4 = 7")
    table = language_mixing.tabulate(graded, languages)
    assert set(table["condition"]) == set(graded["condition"])
    natural = table[table["condition"] == "natural"].set_index(["kind", "measure"])
    # An item whose thinking has no words is not among them.
    assert natural["n_items"].eq(5).all() and natural["n_responses"].eq(10).all()
    for kind, names in (("language", ["en", "zh"]), ("script", ["Latn", "Hani"])):
        own = natural.loc[kind]
        assert own.loc["mixing", "estimate"] == pytest.approx(2 / 14 / 2)
        assert own.loc["mixed", "estimate"] == pytest.approx(0.5)
        shares = own.loc[["share"]].set_index("name")["estimate"]
        assert list(shares.index) == names
        assert shares.to_list() == pytest.approx([1 - 1 / 14, 1 / 14])
    assert (table["lower"] < table["estimate"]).any()


def test_what_is_rare_goes_under_other(tmp_path):
    graded = graded_frame(models=["m"], items=2, samples=1).query("condition == 'natural'")
    keys = graded[["model", "item_id", "sample", "condition"]].assign(kind="language")
    shares = {"en": 0.985, "no": 0.009, "io": 0.006}
    languages = pd.concat(keys.assign(name=name, share=share) for name, share in shares.items())
    table = language_mixing.tabulate(graded, languages).set_index("measure")
    found = table.loc[["share"]].set_index("name")["estimate"]
    assert found.to_dict() == pytest.approx({"en": 0.985, "other": 0.015})
    assert table.loc["mixing", "estimate"] == pytest.approx(0.015)


def test_a_text_without_words_has_no_row():
    keys = {"model": "m", "item_id": "i", "sample": 0, "condition": "natural"}
    assert by_response(pd.DataFrame([keys | {"think_text": "#1 +6 =9"}])).empty
