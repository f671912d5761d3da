"""The graded frame: joined once, whole, without texts, with what the study leaves out marked."""

import numpy as np
import pandas as pd
import pytest

from thinkscale.data import contracts, graded
from thinkscale.errors import ThinkscaleError

GRADERS = ["choice", "article"]


def responses():
    """Two models, two items, two samples, natural and cut."""
    rows = [
        {"model": model, "item_id": item, "sample": sample, "condition": condition}
        for model in ("b", "a")
        for item in ("q2", "q1")
        for sample in (0, 1)
        for condition in ("natural", "max=8")
    ]
    frame = pd.DataFrame(rows)
    most = frame["condition"].map({"max=8": 8}).astype("Int64")
    return frame.assign(
        max_think=most, min_think=pd.array([None] * len(frame), "Int64"),
        waits=pd.array([None] * len(frame), "Int64"), continuation=None,
        truncate=pd.array([None] * len(frame), "Int64"), no_think=False, answer_from="answer",
        **dict.fromkeys(contracts.LEDGER, 3), stop="natural", answer_stop="eos", censored=False,
        think_text="so", answer_text="A", seconds=0.1, engine="scripted", exact_tokens=True,
        error=None,
    )  # fmt: skip


def grades(of):
    keys = of[graded.KEYS].sample(frac=1, random_state=0)
    right = keys["item_id"].eq("q1")
    parts = [
        keys.assign(
            grader=grader,
            extracted=np.where(right, "A", None) if grader == "choice" else None,
            outcome=np.where(right ^ (grader == "article"), "correct", "ungradable"),
            detail="",
        )
        for grader in GRADERS
    ]
    return pd.concat(parts)


ITEMS = pd.DataFrame(
    {
        "item_id": ["q1", "q2"],
        "stem": ["What is it?", "And?"],
        "options": [[{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], []],
        "difficulty": [0.1, np.nan],
        "response_time": [np.nan, 30.0],
        "cluster_id": ["c", None],
    }
)


def joined(excluded=()):
    of = responses()
    return graded.join(of, grades(of), ITEMS, GRADERS, excluded)


def test_every_response_once_in_its_order_with_the_outcome_of_every_grader(tmp_path):
    contracts.write(joined(), tmp_path / "g.parquet", "graded")
    found = contracts.read(tmp_path / "g.parquet", "graded")
    pd.testing.assert_frame_equal(found[graded.KEYS], responses()[graded.KEYS], check_dtype=False)
    first, second = found.iloc[0], found[found["item_id"] == "q1"].iloc[0]
    assert (first["outcome"], first["outcome_choice"], first["outcome_article"]) == (
        "ungradable", "ungradable", "correct",
    )  # fmt: skip
    assert (second["outcome"], second["extracted"]) == ("correct", "A")
    assert list(found.columns)[-2:] == ["outcome_choice", "outcome_article"]  # the study's order
    assert (first["stem_chars"], first["n_options"], first["response_time"]) == (4, 0, 30.0)
    assert (second["stem_chars"], second["n_options"], second["difficulty"]) == (11, 2, 0.1)
    assert not {"think_text", "answer_text", "stem"} & {*found.columns}
    some = contracts.read(tmp_path / "g.parquet", "graded", ["outcome", "outcome_", "none_"])
    pd.testing.assert_frame_equal(some, found[["outcome", "outcome_choice", "outcome_article"]])


NUMBERS = ITEMS.assign(meta=['{"words": "3", "kind": "x"}', '{"words": null, "steps": 2.5}'])


def test_numbers_of_the_bank_that_are_held_constant_stand_beside_each_response(tmp_path):
    of = responses()
    controls = ["stem_chars", "words", "steps"]
    frame = graded.join(of, grades(of), NUMBERS, GRADERS, controls=controls)
    contracts.write(frame, tmp_path / "g.parquet", "graded")
    found = contracts.read(tmp_path / "g.parquet", "graded").groupby("item_id").first()
    assert found["meta_words"].tolist() == pytest.approx([3, np.nan], nan_ok=True)
    assert found["meta_steps"].tolist() == pytest.approx([np.nan, 2.5], nan_ok=True)
    assert found["stem_chars"].tolist() == [11, 4] and "meta_stem_chars" not in found
    with pytest.raises(ThinkscaleError, match="column meta_words, row 0 is '3'; expected a number"):
        contracts.write(frame.assign(meta_words="3"), tmp_path / "g.parquet", "graded")


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ("word", "no column 'word'; expected one of stem_chars, n_options, kind, steps, words"),
        ("kind", "column 'kind' of item 'q1' is 'x'; expected a number"),
    ],
)
def test_what_is_no_number_of_the_bank_is_not_held_constant(control, said):
    with pytest.raises(ThinkscaleError, match=f"`analyses.controls`: .*{said}"):
        graded.bank_numbers(NUMBERS, [control])


def test_what_was_read_of_a_response_stands_beside_it(tmp_path):
    """Of a model whose labels were not read there is nothing, and the order stays."""
    of, items = responses(), ITEMS.assign(key=["B", None])
    keys = of.loc[of["model"].eq("a") & of["item_id"].eq("q1"), graded.KEYS]
    readouts = pd.concat(
        [
            keys.assign(label=label, logprob=np.log(p), mass=0.8)
            for label, p in (("A", 0.2), ("B", 0.6))
        ]
    ).sample(frac=1, random_state=0)
    frame = graded.join(of, grades(of), items, GRADERS, readouts=readouts)
    contracts.write(frame, tmp_path / "g.parquet", "graded")
    found = contracts.read(tmp_path / "g.parquet", "graded")
    assert found[graded.KEYS].equals(joined()[graded.KEYS])
    read = found["readout_label"].notna()
    assert found[read][graded.KEYS].to_numpy().tolist() == keys.to_numpy().tolist()
    assert set(found.loc[read, "readout_label"]) == {"B"}
    assert found.loc[read, "readout_key"].tolist() == pytest.approx([0.75] * 4)
    assert found.loc[read, "readout_mass"].tolist() == [0.8] * 4
    assert found.loc[~read, [*contracts.READOUT]].isna().all(axis=None)


def test_what_the_study_leaves_out_is_marked_and_stays():
    found = joined(["q2"])
    assert len(found) == len(responses())
    assert found.groupby("item_id")["excluded"].all().to_dict() == {"q1": False, "q2": True}
    with pytest.raises(ThinkscaleError, match="exclude_above` leaves out all 2 items"):
        joined(["q1", "q2"])


def test_items_are_contaminated_above_a_share():
    overlap = pd.DataFrame(
        {
            "item_id": ["a", "b", "c", "a", "b"],
            "corpus": ["one", "one", "one", "two", "two"],
            "share": [0.2, 0.0, np.nan, 0.0, 0.9],
        }
    )
    assert graded.contaminated(overlap, 0.0) == ["a", "b"]
    assert graded.contaminated(overlap, 0.2) == ["b"]
    assert graded.contaminated(overlap, 0.0, ["one"]) == ["a"]


def test_a_response_that_was_not_graded_breaks_the_contract(tmp_path):
    of = responses()
    frame = graded.join(of, grades(of.iloc[1:]), ITEMS, GRADERS)
    with pytest.raises(ThinkscaleError, match="column outcome, row 0 has no value"):
        contracts.write(frame, tmp_path / "g.parquet", "graded")
    frame = joined().assign(outcome_article="maybe")
    with pytest.raises(ThinkscaleError, match="outcome_article, row 0 is 'maybe'"):
        contracts.write(frame, tmp_path / "g.parquet", "graded")


def test_a_study_is_joined_a_few_rows_at_a_time_as_all_at_once(tmp_path):
    of = responses()
    judged = grades(of)
    wrong = (judged["grader"] == "choice") & (judged["item_id"] == "q2")
    spelled = np.where(judged["sample"] == 0, "ab", "AB")
    judged = judged.assign(
        outcome=judged["outcome"].mask(wrong, "incorrect"),
        extracted=judged["extracted"].mask(wrong, spelled),
    )
    labels = of.loc[of["item_id"] == "q1", graded.KEYS].merge(
        pd.Series(["A", "B"], name="label"), how="cross"
    )
    labels = labels.assign(logprob=np.linspace(-3, -1, len(labels)), mass=0.9)
    items = ITEMS.assign(key=["A", None])

    def same(one, other):
        return one.lower() == other.lower()

    paths = {name: tmp_path / f"{name}.parquet" for name in ("responses", "grades", "readouts")}
    for name, frame in zip(paths, (of, judged, labels), strict=True):
        contracts.write(frame, paths[name], name)
    how = {"items": items, "graders": GRADERS, "excluded": ["q2"], "same": same}
    parts = graded.join_study(**paths, **how, rows=3)
    contracts.write_batches(parts, tmp_path / "parts.parquet", "graded")
    whole = graded.join(of, judged, readouts=labels, **how)
    contracts.write(whole, tmp_path / "whole.parquet", "graded")
    found, expected = (
        contracts.read(tmp_path / f"{name}.parquet", "graded") for name in ("parts", "whole")
    )
    pd.testing.assert_frame_equal(found, expected)
    assert set(found.loc[found["item_id"] == "q2", "extracted"]) == {"AB"}
