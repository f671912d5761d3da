"""Answers read from probabilities, under every condition, beside those that were sampled."""

from dataclasses import replace

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, readouts
from thinkscale.stats.core.intervals import AMOUNTS, Estimate, clustered_mean, clustered_share

READS = readouts.READS
COLUMNS = [
    *["model", *frame.CONDITION, "measure", *readouts.COUNTS],
    *["estimate", "lower", "upper", "guessing", "relative_width", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Means over the responses that were read, of every model and condition, clustered by item.

    Measures: `key_probability`, which is the expected accuracy of a label drawn from the readout;
    `readout_accuracy`, of the most likely label; `sampled_accuracy`, of the same responses by the
    study's first grader of what was sampled; `difference`, the first minus the third; `agreement`,
    share of responses in which the second and the third are both correct or both not; `entropy`
    (bits, of the distribution over labels); `mass` on labels; `think_tokens`.

    `guessing` is what a readout has that takes all labels for equally likely. `relative_width` is
    the width of the interval over that of `sampled_accuracy`.
    """
    rows = []
    for row, read in readouts.cells(graded):
        found, expected = _measured(read, confidence), _guessing(read["n_options"])
        whole = found.get("sampled_accuracy", Estimate())
        for measure, one in found.items():
            narrower = np.nan
            if measure in ("key_probability", "readout_accuracy"):
                narrower = (one.upper - one.lower) / (whole.upper - whole.lower)
            said = one.row(after=readouts.note(row))
            numbers = {"guessing": expected.get(measure), "relative_width": narrower}
            rows.append({**row, "measure": measure, **said, **numbers})
    return frame.table(rows, COLUMNS, graded)


def _measured(read: pd.DataFrame, confidence: float) -> dict[str, Estimate]:
    def mean(values: pd.Series, bounds: tuple[float, float] | None = None) -> Estimate:
        return clustered_mean(values, read["cluster"], confidence=confidence, bounds=bounds)

    def share(values: pd.Series) -> Estimate:
        return clustered_share(values, read["cluster"], confidence)

    key, right = read[readouts.KEY], readouts.right(read)
    found = {"key_probability": share(key), "readout_accuracy": share(right)}
    if by := readouts.sampled(read):
        grader, correct = by
        compared = {
            "sampled_accuracy": share(correct),
            "difference": mean(key - correct, (-1.0, 1.0)),
            "agreement": share(right == correct),
        }
        for measure, one in compared.items():
            found[measure] = replace(one, method=f"sampled by grader {grader}: {one.method}")
    most = np.log2(max(2, read["n_options"].max())) if len(read) else 1.0
    found["entropy"] = mean(read[readouts.ENTROPY], (0.0, float(most)))
    found["mass"] = share(read[readouts.MASS])
    found["think_tokens"] = mean(read["think_tokens"], AMOUNTS)
    return found


def _guessing(options: pd.Series) -> dict[str, float]:
    """What labels that are all as likely would give, by measure; options: number of each item."""
    options = options.astype(float)
    share = (1 / options).mean()
    accuracies = ("key_probability", "readout_accuracy", "sampled_accuracy")
    return {**dict.fromkeys(accuracies, share), "entropy": np.log2(options).mean()}
