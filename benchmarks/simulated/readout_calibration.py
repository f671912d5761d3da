"""Calibration of readouts."""

from functools import cache

import numpy as np
from scipy import special

from simulated import Analysis, grid, read
from simulated._frames import graded
from thinkscale.stats import readout_calibration
from thinkscale.stats.core.calibration import equal_mass

LABELS = np.array(list("ABCD"))
MEASURES = ("calibration_error", "overconfidence", "brier")


def readouts(rng, items, samples, sharpness):
    """Probabilities of four labels, shape (items * samples, 4), the first being the key.

    Each label sends a signal of variance 1, 70 % of it the item's own, with mean 0, or m for the
    key: the softmax of m times the signals is calibrated, times a sharpness above 1 overconfident.
    """
    own = rng.normal(size=(items, 1, 4))
    signals = np.sqrt(0.7) * own + np.sqrt(0.3) * rng.normal(size=(items, samples, 4))
    strength = 1.2
    signals[..., 0] += strength
    return special.softmax(sharpness * strength * signals, axis=-1).reshape(-1, 4)


@cache
def truths(items: int, sharpness: float) -> dict[str, float]:
    """The measures over very many answers, in as many bins as a study has."""
    given = readouts(np.random.default_rng(1), 400_000, 1, sharpness)
    told, right = given.max(axis=1), given.argmax(axis=1) == 0
    bins = equal_mass(told, items)
    gaps = np.bincount(bins, told - right)
    over = (told - right).mean() if sharpness != 1 else 0.0
    brier = ((given - (np.arange(4) == 0)) ** 2).sum(axis=1).mean()
    error = np.abs(gaps).sum() / len(told) if sharpness != 1 else 0.0
    return {"calibration_error": error, "overconfidence": over, "brier": brier}


def study(rng, items, samples, sharpness):
    given = readouts(rng, items, samples, sharpness)
    best = given.argmax(axis=1)
    right = (best == 0).reshape(items, samples)
    frame = graded({("a", "natural"): (np.full(right.shape, 9), right)})
    frame = frame.assign(
        readout_label=LABELS[best],
        readout_key=given[:, 0],
        readout_confidence=given.max(axis=1),
        readout_entropy=special.entr(given).sum(axis=1) / np.log(2),
        readout_brier=((given - (np.arange(4) == 0)) ** 2).sum(axis=1),
        readout_mass=0.95,
    )
    seed = int(rng.integers(2**31))
    table = readout_calibration.tabulate(frame, n_boot=399, seed=seed)
    for row in table.to_dict("records"):
        yield read(row["measure"], row, truths(items, sharpness)[row["measure"]])


ANALYSIS = Analysis(
    study,
    grid(items=[20, 50, 200], samples=[1, 4], sharpness=[1.0, 2.0]),
    "Four labels send noisy signals, and the readout is their softmax: calibrated at `sharpness` "
    "1, overconfident at 2. The true calibration error is that of very many items in as many bins. "
    "399 draws of the null.",
    {
        "calibration_error": "At `sharpness` 1 the true error is 0, and the interval begins at 0 "
        "wherever noise may have made the estimate: it holds 0 as often as the null's upper "
        "quantile says, 97.5 %. Above, the error is biased upwards by noise, in small studies "
        "more than its interval is wide below.",
    },
    studies=1000,
)
