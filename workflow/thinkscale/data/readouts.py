"""What the readout of a response comes to: one row a response, from one row a label.

Everything but the mass is of probabilities among the item's labels, which sum to one.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from thinkscale.data import contracts
from thinkscale.data.contracts import key_labels

KEYS = list(contracts.KEYS["responses"])
ITEMS = 5_000  # whose readouts are summarised at a time
_TIE = 1e-6  # of probability among labels: what number types and kernels may make of equals


def read_by_response(path: str | Path, items: pd.DataFrame, *, step: int = ITEMS) -> pd.DataFrame:
    """What `by_response` makes of the file at `path`, so many items at a time, in their order."""
    parts = (items.iloc[at : at + step] for at in range(0, len(items), step))
    return pd.concat(
        [
            by_response(contracts.read(path, "readouts", among={"item_id": part["item_id"]}), part)
            for part in parts
        ],
        ignore_index=True,
    )


def by_response(readouts: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Summarise a `readouts` frame: the keys of responses, and the columns `readout_…` of `graded`.

    readout_label: the most likely; null where another is as likely. readout_confidence: its
    probability. readout_key: that of the key, or of several keys together. readout_entropy: in
    bits. readout_brier: sum over labels of (p − 1[label is a key])², 0 to 2 (Brier, 1950).
    readout_mass: probability of all labels together. Items without a key have neither of the two
    that go by it.
    """
    row = readouts.groupby(KEYS, sort=False).ngroup()
    logprob = readouts["logprob"]
    odds = np.exp(logprob - logprob.groupby(row).transform("max"))
    p = odds / odds.groupby(row).transform("sum")
    likeliest = p >= p.groupby(row).transform("max") - _TIE
    keys = {
        item_id: key_labels(None if pd.isna(key) else key, [option["label"] for option in options])
        for item_id, key, options in items[["item_id", "key", "options"]].itertuples(index=False)
    }
    named = zip(readouts["item_id"], readouts["label"], strict=True)
    right = np.array([label in keys[item_id] for item_id, label in named], dtype=bool)
    first = ~row.duplicated()
    labels = pd.DataFrame(
        {
            "label": readouts["label"].where(likeliest),
            "likeliest": likeliest,
            "right": right,
            "p": p,
            "p_right": p * right,
            "bits": -p * np.log2(p.where(p > 0, 1.0)),
            "squared": (p - right) ** 2,
        }
    ).groupby(row)
    keyed = labels["right"].any()
    return (
        readouts.loc[first, KEYS]
        .reset_index(drop=True)
        .assign(
            readout_label=labels["label"].first().where(labels["likeliest"].sum() == 1),
            readout_key=labels["p_right"].sum().where(keyed),
            readout_confidence=labels["p"].max(),
            readout_entropy=labels["bits"].sum(),
            readout_brier=labels["squared"].sum().where(keyed),
            readout_mass=readouts.loc[first, "mass"].to_numpy(),
        )
    )
