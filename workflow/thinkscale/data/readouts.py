"""What the readout of a response comes to: one row a response, from one row a label.

Everything but the mass is of probabilities among the item's labels, which sum to one.
"""

import numpy as np
import pandas as pd

from thinkscale.data import contracts

KEYS = list(contracts.KEYS["responses"])
_TIE = 1e-6  # of probability among labels: what number types and kernels may make of equals


def by_response(readouts: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Summarise a `readouts` frame: the keys of responses, and the columns `readout_…` of `graded`.

    readout_label: the most likely; null where another is as likely. readout_confidence: its
    probability. readout_key: that of the key, or of several keys together. readout_entropy: in
    bits. readout_brier: sum over labels of (p − 1[label is a key])², 0 to 2 (Brier, 1950).
    readout_mass: probability of all labels together. Items without a key have neither of the two
    that go by it.
    """
    row = readouts.groupby(KEYS, sort=False).ngroup().to_numpy()
    count = row.max(initial=-1) + 1
    logprob = readouts["logprob"].to_numpy()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(row, values, count)

    most = np.full(count, -np.inf)
    np.maximum.at(most, row, logprob)
    p = np.exp(logprob - most[row])
    p /= total(p)[row]
    confidence = np.zeros(count)
    np.maximum.at(confidence, row, p)
    likeliest = p >= confidence[row] - _TIE

    keys = dict(zip(items["item_id"], items["key"].map(keys_of), strict=True))
    named = zip(readouts["item_id"], readouts["label"], strict=True)
    right = np.array([label in keys[item_id] for item_id, label in named], dtype=bool)
    keyed = total(right) > 0
    first = np.unique(row, return_index=True)[1]
    label = pd.Series(None, index=range(count), dtype="str")
    label[row[likeliest]] = readouts["label"].to_numpy()[likeliest]
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(p > 0, -p * np.log2(p), 0.0)
    return (
        readouts[KEYS]
        .iloc[first]
        .reset_index(drop=True)
        .assign(
            readout_label=label.where(total(likeliest) == 1),
            readout_key=np.where(keyed, total(p * right), np.nan),
            readout_confidence=confidence,
            readout_entropy=total(bits),
            readout_brier=np.where(keyed, total((p - right) ** 2), np.nan),
            readout_mass=readouts["mass"].to_numpy()[first],
        )
    )


def keys_of(key: str | None) -> tuple[str, ...]:
    """The right labels of an item, whose `key` names several with commas."""
    return tuple(part.strip() for part in key.split(",")) if isinstance(key, str) else ()
