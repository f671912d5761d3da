"""Subsets: nested, the same for a seed, and with each stratum's share."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banks import prepared, raw
from thinkscale.errors import ThinkscaleError
from thinkscale.items.item import RawItem


def bank(n: int, difficulty=None, **values) -> list[RawItem]:
    """Items i0, i1, ..."""
    given = difficulty if difficulty is not None else [i / n for i in range(n)]
    return [
        raw(i + 1, item_id=f"i{i}", difficulty=given[i], **{k: v[i] for k, v in values.items()})
        for i in range(n)
    ]


def drawn(items, n=None, seed=1, **named) -> list[str]:
    return prepared(items, seed=seed, n=n, **named).items["item_id"].tolist()


SIXTY = bank(60, cluster_id=[f"c{i // 7}" if i % 9 else None for i in range(60)])
# Twenty subjects, three questions on each: the same, nearly the same, and one of its own.
SUBJECTS = ["".join(chr(97 + (k * k + 7 * i * k) % 26) for k in range(40)) for i in range(20)]
ALIKE = [
    raw(3 * i + k + 1, stem=(f"What of {text}?", f"And what of {text}?", f"{k} {text[::-1]}!")[k])
    for i, text in enumerate(SUBJECTS)
    for k in range(3)
]
DROP = {"near_duplicates": 90.0, "near_duplicates_are": "dropped", "duplicates": "drop"}


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([1, 2, 5]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_subsets_are_nested(n, seed, strata, by_cluster):
    small = drawn(SIXTY, n, seed, strata=strata, by_cluster=by_cluster)
    whole = drawn(SIXTY, None, seed, strata=strata, by_cluster=by_cluster)
    assert small == whole[:n]
    assert set(whole) == {item.item_id for item in SIXTY}


@given(st.integers(1, 60), st.integers(0, 5), st.sampled_from([1, 3]))
@settings(max_examples=40, deadline=None)
def test_subsets_are_nested_where_near_duplicates_are_dropped(n, seed, strata):
    whole = drawn(ALIKE, None, seed, strata=strata, cleaning=DROP)
    assert 20 <= len(whole) <= 40
    n = min(n, len(whole))
    assert drawn(ALIKE, n, seed, strata=strata, cleaning=DROP) == whole[:n]


def test_order_depends_on_seed_and_ids_only():
    items = bank(50)
    first = drawn(items, 20, 3)
    reversed_file = [replace(item, row=51 - item.row) for item in items[::-1]]
    assert drawn(reversed_file, 20, 3) == first
    assert drawn(items, 20, 4) != first
    assert first != [item.item_id for item in items][:20]
    grown = drawn(bank(60, [0.0] * 60), None, 3)
    old = drawn(items, None, 3)
    assert [i for i in grown if i in set(old)] == old


def test_the_order_is_fixed_for_good():
    """A changed order would break every study's subset."""
    assert drawn(bank(5)) == ["i3", "i1", "i2", "i4", "i0"]
    assert drawn(bank(12), None, 3, strata=3) == [
        "i5", "i2", "i8", "i7", "i0", "i10", "i4", "i3", "i11", "i6", "i9", "i1",
    ]  # fmt: skip
    some = [None if i in (2, 5, 6, 7, 9) else i / 11 for i in range(11)]
    assert drawn(bank(11, some), None, 3, strata=2) == [
        "i5", "i4", "i0", "i7", "i2", "i8", "i3", "i6", "i10", "i1", "i9",
    ]  # fmt: skip


def test_stratified_subset_has_each_quantile():
    items = bank(100)
    for n in (4, 20, 60):
        quarters = [int(i[1:]) // 25 for i in drawn(items, n, strata=4)]
        assert [quarters.count(q) for q in range(4)] == [n // 4] * 4
    for n in (5, 23, 50):
        lowest = sum(int(i[1:]) < 25 for i in drawn(items, n, strata=4))
        assert abs(lowest - n / 4) <= 1


def test_items_without_difficulty_are_a_stratum():
    items = bank(40, [None] * 20 + list(range(20)))
    for seed in range(5):
        assert sum(int(i[1:]) < 20 for i in drawn(items, 12, seed, strata=2)) == 6


def test_clusters_are_strata():
    """Two thirds of the items in one cluster, a sixth in another, a sixth in none."""
    clusters = ["big"] * 40 + ["small"] * 10 + [None] * 10
    items = bank(60, cluster_id=clusters)
    for n in (6, 12, 30):
        taken = [clusters[int(i[1:])] for i in drawn(items, n, by_cluster=True)]
        assert [taken.count(c) for c in ("big", "small", None)] == [n * 2 // 3, n // 6, n // 6]
    plain = [clusters[int(i[1:])] for i in drawn(items, 12)]
    assert plain.count("big") != 8 or plain.count("small") != 2


def test_clusters_times_quantiles():
    """Cluster "a" holds the easiest and the hardest, "b" what lies between."""
    difficulty = [*range(10), *range(20, 40), *range(50, 60)]
    clusters = ["a"] * 10 + ["b"] * 20 + ["a"] * 10
    items = bank(40, difficulty, cluster_id=clusters)
    for n in (4, 8, 20):
        cells = [
            (clusters[int(i[1:])], difficulty[int(i[1:])] < 30)
            for i in drawn(items, n, strata=2, by_cluster=True)
        ]
        assert {cells.count(cell) for cell in set(cells)} == {n // 4} and len(set(cells)) == 4


@pytest.mark.parametrize(
    ("items", "named", "words"),
    [
        (bank(10), {"n": 11}, ["11 items", "it has 10"]),
        (
            [*bank(10), raw(20, key="Z"), raw(21, excluded="kind is PIX")],
            {"n": 11, "cleaning": {"unknown_key": "drop"}},
            ["11 items", "it has 10 of 12", "1 dropped (key not", "1 excluded (kind is PIX)"],
        ),
        (bank(3, [None] * 3), {"n": 2, "strata": 2}, ["no item has a difficulty", "items.strata"]),
        (bank(3), {"by_cluster": True}, ["no item has a cluster", "items.columns.cluster"]),
    ],
)
def test_subset_errors(items, named, words):
    with pytest.raises(ThinkscaleError) as error:
        drawn(items, **named)
    said = str(error.value)
    assert said.startswith("bank.csv") and all(word in said for word in words), said
