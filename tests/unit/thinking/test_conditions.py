"""The cells of a sweep: their names, their combinations, and what contradicts itself."""

import pandas as pd
import pytest

from thinkscale.data import tables
from thinkscale.data.conditions import DRAWN, NOTHING, RESERVED
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.conditions import NATURAL, Condition, sweep

WITHIN = {"waits": 2, "max_think": 64}
AT_LEAST = {"min_think": 40, "max_think": 64}


def test_names_of_a_whole_sweep():
    named = sweep(
        max_think=[0, 16],
        min_think=[40],
        waits=[1],
        continuations=["Wait", "Hmm"],
        combine=[WITHIN, AT_LEAST],
        truncate=[16],
        no_think=True,
    )
    assert list(named) == [
        "natural",
        "no_think",
        "max=0",
        "max=16",
        "truncate=16",
        "min=40",
        "waits=1",
        "waits=2;max=64",
        "min=40;max=64",
        "min=40;continuation=Hmm",
        "waits=1;continuation=Hmm",
        "waits=2;max=64;continuation=Hmm",
        "min=40;max=64;continuation=Hmm",
    ]
    assert named["natural"] == NATURAL
    assert named["max=16"] == Condition(max_think=16)
    assert named["truncate=16"] == Condition(truncate=16)
    assert named["no_think"] == Condition(no_think=True)
    assert named["waits=2;max=64"] == Condition(max_think=64, waits=2, continuation="Wait")
    assert named["min=40;max=64;continuation=Hmm"] == Condition(64, 40, None, "Hmm")
    assert {c.continues for n, c in named.items() if n.startswith("m")} == {True, False}


def test_limits_that_are_not_set_may_be_written_out():
    cell = {"max_think": 64, "min_think": None, "waits": 2}
    assert sweep(combine=[cell]) == sweep(combine=[WITHIN])


def test_drawn_continuations_are_one_branch():
    named = sweep(waits=[1, 2], continuations=["Wait", "Hmm"], continuation_choice="drawn")
    assert list(named) == ["natural", "waits=1", "waits=2"]
    assert named["waits=1"].continuation == DRAWN


def test_the_empty_continuation_has_a_name():
    named = sweep(waits=[1], continuations=["Wait", ""])
    assert list(named) == ["natural", "waits=1", "waits=1;continuation=(nothing)"]
    assert named["waits=1;continuation=(nothing)"].continuation == NOTHING
    assert sweep(waits=[1], continuations=[""])["waits=1"].continuation == NOTHING


def test_names_of_continuations_survive_tables(tmp_path):
    sentence = 'So, is that right?\nLet me "check", twice; 50 %.'
    texts = [sentence, "", " ", "\n", "NA", "=1+1"]
    named = sweep(waits=[1], continuations=texts, combine=[WITHIN])
    cells = [condition for condition in named.values() if condition.continues]
    table = pd.DataFrame(
        {
            "condition": [name for name, c in named.items() if c.continues],
            "max_think": [c.max_think for c in cells],
            "waits": [c.waits for c in cells],
            "continuation": [c.continuation for c in cells],
        }
    )
    tables.write_table(table, tmp_path / "t.csv")
    read = tables.read_table(tmp_path / "t.csv")
    assert list(read["continuation"]) == [c.continuation for c in cells]
    assert list(read["condition"]) == list(table["condition"])
    assert read["continuation"].nunique() == len(texts)
    assert not read["continuation"].isna().any()


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ({"waits": 2, "min_think": 40}, "found `min_think` with `waits`"),
        ({"waits": 2, "min_think": 40, "max_think": 64}, "found `min_think` with `waits`"),
        ({"min_think": 65, "max_think": 64}, "found `min_think` 65; expected at most `max_think`"),
        ({"max_think": 64}, "found max_think; expected `max_think` with"),
        ({"waits": 2}, "found waits; expected `max_think` with"),
        ({}, "found nothing; expected"),
    ],
)
def test_contradictions(cell, why):
    with pytest.raises(ThinkscaleError) as raised:
        sweep(combine=[WITHIN, cell])
    assert str(raised.value).startswith(f"`conditions.combine[1]`: {why}")


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        ("max_think", [8, 16, 8], "max=8"),
        ("truncate", [8, 8], "truncate=8"),
        ("min_think", [8, 8], "min=8"),
        ("waits", [1, 1], "waits=1"),
        ("combine", [WITHIN, dict(reversed(WITHIN.items()))], "waits=2;max=64"),
    ],
)
def test_the_same_condition_twice(key, values, name):
    with pytest.raises(ThinkscaleError, match=f"`conditions.{key}`: the condition {name} is there"):
        sweep(**{key: values})


def test_a_minimum_may_be_the_maximum():
    assert "min=64;max=64" in sweep(combine=[{"min_think": 64, "max_think": 64}])


def test_words_for_continuations_are_reserved_together():
    assert set(RESERVED) == {DRAWN, NOTHING}
