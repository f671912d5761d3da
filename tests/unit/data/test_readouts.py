"""What a readout comes to, by hand-computed numbers."""

import numpy as np
import pandas as pd
import pytest

from thinkscale.data import contracts
from thinkscale.data.readouts import KEYS, by_response, read_by_response


def items(**keys) -> pd.DataFrame:
    """An item with four options for each key."""
    options = [{"label": label, "text": label.lower()} for label in "ABCD"]
    return pd.DataFrame(
        {"item_id": [*keys], "key": [*keys.values()], "options": [options] * len(keys)}
    )


def readouts(**masses) -> pd.DataFrame:
    """Probabilities of A, B … by item."""
    return pd.DataFrame(
        [
            {
                "model": "m", "item_id": item, "sample": 0, "condition": "natural",
                "label": label, "logprob": np.log(p) if p else -708.0, "mass": sum(values),
            }
            for item, values in masses.items()
            for label, p in zip("ABCD", values, strict=True)
        ]
    )  # fmt: skip


def test_a_readout_is_summed_up_by_response():
    found = by_response(readouts(q2=(0.1, 0.4, 0.2, 0.1), q1=(0, 0.6, 0, 0)), items(q1="B", q2="C"))
    assert found["item_id"].tolist() == ["q2", "q1"]  # as they come
    second, first = found.to_dict("records")
    assert (second["readout_label"], first["readout_label"]) == ("B", "B")
    assert second["readout_mass"] == pytest.approx(0.8)
    assert second["readout_confidence"] == pytest.approx(0.5)
    assert second["readout_key"] == pytest.approx(0.25)
    assert second["readout_entropy"] == pytest.approx(1.75)  # 1/2, 1/4, 1/8, 1/8
    assert second["readout_brier"] == pytest.approx((1 + 16 + 36 + 1) / 64)
    assert first["readout_mass"] == pytest.approx(0.6)
    expected = {"readout_key": 1, "readout_confidence": 1, "readout_entropy": 0, "readout_brier": 0}
    assert {name: first[name] for name in expected} == pytest.approx(expected)


def test_several_keys_are_right_together():
    [found] = by_response(readouts(q=(0.1, 0.4, 0.2, 0.1)), items(q="B,C")).to_dict("records")
    assert found["readout_key"] == pytest.approx(0.75)
    assert found["readout_brier"] == pytest.approx((1 + 16 + 36 + 1) / 64)


@pytest.mark.parametrize("gap", [0.0, 1e-9])
def test_labels_as_likely_as_each_other_are_a_tie(gap):
    [found] = by_response(readouts(q=(0.3, 0.3 + gap, 0.2, 0.1)), items(q="A")).to_dict("records")
    assert pd.isna(found["readout_label"])
    assert found["readout_confidence"] == pytest.approx(1 / 3)


def test_without_a_key_nothing_goes_by_one():
    [found] = by_response(readouts(q=(0.3, 0.2, 0.2, 0.1)), items(q=None)).to_dict("records")
    assert found["readout_label"] == "A"
    assert np.isnan(found["readout_key"]) and np.isnan(found["readout_brier"])


def test_probabilities_too_small_for_floats_still_compare():
    frame = readouts(q=(0.3, 0.2, 0.2, 0.1)).assign(
        logprob=[-690.0, -700.0, -708.0, -708.0], mass=0.0
    )
    [found] = by_response(frame, items(q="A")).to_dict("records")
    assert found["readout_label"] == "A" and found["readout_confidence"] > 0.9999


def test_a_study_in_which_nothing_was_read_is_summed_up_too():
    found = by_response(readouts(q=(1, 0, 0, 0)).iloc[:0], items(q="A"))
    assert len(found) == 0 and {*KEYS, "readout_label", *contracts.READOUT} == {*found.columns}


def test_a_file_is_summed_up_a_few_items_at_a_time_as_all_at_once(tmp_path):
    frame = readouts(q2=(0.1, 0.4, 0.2, 0.1), q1=(0, 0.6, 0, 0), q3=(0.3, 0.3, 0.2, 0.1))
    bank = items(q2="C", q1="B", q3=None, unread="A")
    contracts.write(frame.sample(frac=1, random_state=0), tmp_path / "r.parquet", "readouts")
    found = read_by_response(tmp_path / "r.parquet", bank, step=1)
    pd.testing.assert_frame_equal(
        found.sort_values("item_id", ignore_index=True),
        by_response(frame, bank).sort_values("item_id", ignore_index=True),
        check_dtype=False,
    )
