"""The reliability diagram as a table: confidence of the most likely label, and how often right."""

import pandas as pd

from thinkscale.stats.core import frame, readouts
from thinkscale.stats.core.calibration import equal_mass
from thinkscale.stats.core.intervals import clustered_share

READS = readouts.READS
COLUMNS = [
    *["model", *frame.CONDITION, "bin", *readouts.COUNTS],
    *["confidence_mean", "confidence_least", "confidence_most"],
    *["estimate", "lower", "upper", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Share right by confidence, in bins of equal mass, of every model and condition.

    A readout without an answer (a tie, too small a mass on labels) is left out; `unread` and
    `errors` count for the whole condition.
    """
    rows = []
    for row, read in readouts.cells(graded):
        answers = readouts.decided(read)
        if answers.empty:
            continue
        bins = equal_mass(answers[readouts.CONFIDENCE], answers["cluster"].nunique())
        facts = answers[["item_id", "cluster", readouts.CONFIDENCE]]
        for number, own in facts.assign(right=readouts.right(answers)).groupby(bins):
            share = clustered_share(own["right"], own["cluster"], confidence)
            held = own[readouts.CONFIDENCE]
            sizes = {"n_items": own["item_id"].nunique(), "n_responses": len(own)}
            ends = {"confidence_least": held.min(), "confidence_most": held.max()}
            middle = {"bin": number + 1, "confidence_mean": held.mean(), **ends}
            rows.append({**row, **sizes, **middle, **share.row(after=readouts.note(row))})
    return frame.table(rows, COLUMNS, graded)
