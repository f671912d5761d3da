"""Tables: text stays text, numbers stay numbers, whatever a cell looks like."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thinkscale.data.tables import read_table, write_table
from thinkscale.errors import ThinkscaleError


def test_table_keeps_text_and_numbers(tmp_path):
    table = pd.DataFrame(
        {
            "model": ["=1+1", "+a", "-a", "@x", "NA", 'q"u,o\nte', "\r"],
            "token": ["1", "007", " ", "\n", "\t", "nan", "1e5"],
            "estimate": [0.1 + 0.2, 1 / 3, np.nan, 1e-300, 1.0, -2.5, 123456789.123],
            "max_think": [16, np.nan, 1, 2, 3, 4, 5],
            "n": range(7),
        }
    )
    path = tmp_path / "t.csv"
    write_table(table, path)
    lines = path.read_text().split("\n")
    assert lines[0] == '"model","token","estimate","max_think","n"'
    assert lines[1] == """"'=1+1","1",0.30000000000000004,16,0"""
    back = read_table(path)
    assert back["model"].tolist() == table["model"].tolist()
    assert back["token"].tolist() == table["token"].tolist()
    pd.testing.assert_series_equal(back["estimate"], table["estimate"])
    assert back["max_think"].tolist() == [16, pd.NA, 1, 2, 3, 4, 5]
    assert back["n"].dtype == "int64"
    with pytest.raises(ThinkscaleError, match="no such file"):
        read_table(tmp_path / "none.csv")


def test_no_cell_is_a_formula_to_a_spreadsheet(tmp_path):
    cells = ["=HYPERLINK(1)", "+1", "-1", "@sum", "\t=1", "\r=1", "'=1", "''-1", "-", "=", "a=1"]
    table = pd.DataFrame({"token": cells, "before": cells[::-1]})
    write_table(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        written = [cell for row in list(csv.reader(file))[1:] for cell in row]
    assert not [cell for cell in written if len(cell) > 1 and cell[0] in "=+-@\t\r"]
    back = read_table(tmp_path / "t.csv")
    assert back["token"].tolist() == cells
    assert back["before"].tolist() == cells[::-1]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8"), min_size=1) | st.text("'=+-@\t\r1", min_size=1),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_any_table_comes_back(tmp_path_factory, rows):
    table = pd.DataFrame(rows, columns=["token", "estimate"])
    path = tmp_path_factory.mktemp("t") / "t.csv"
    write_table(table, path)
    back = read_table(path)
    assert back["token"].tolist() == table["token"].tolist()
    assert back["estimate"].tolist() == table["estimate"].tolist()


def test_names_that_stand_for_continuations_come_back(tmp_path):
    table = pd.DataFrame(
        {
            "condition": ["natural", "waits=2;max=64", "waits=1;continuation=(nothing)"],
            "waits": pd.array([None, 2, 1], dtype="Int64"),
            "continuation": [None, "(drawn)", "(nothing)"],
        }
    )
    write_table(table, tmp_path / "t.csv")
    back = read_table(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(back, table.astype({"condition": "str", "continuation": "str"}))


def test_truth_values_and_numbers_that_are_missing_come_back(tmp_path):
    found = pd.DataFrame(
        {
            "known": pd.array([True, None, False], dtype="boolean"),
            "cost": np.array([1.5, None, 2.5], dtype=object),
            "detail": ["=1", None, "a"],
        }
    )
    write_table(found, tmp_path / "t.csv")
    back = read_table(tmp_path / "t.csv")
    assert back["known"].dropna().tolist() == [True, False] and pd.isna(back["known"][1])
    assert back[back["cost"].notna()]["known"].astype(bool).tolist() == [True, False]
    assert back["cost"].dropna().tolist() == [1.5, 2.5] and back["detail"][0] == "=1"
