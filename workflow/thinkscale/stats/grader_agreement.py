"""How accuracy changes with the grader, and how far graders agree beyond chance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, clustered_share

OUTCOMES = ("correct", "incorrect", "ungradable")
COLUMNS = [
    *["model", "condition", "measure", "grader", "other", "n_items", "n_responses", "n_excluded"],
    *["estimate", "lower", "upper", "method"],
]
ALL = "all conditions"
OUTCOME = "outcome_"  # and a grader's name: the column of its outcomes
READS = [*frame.KEYS, "cluster_id", "excluded", OUTCOME]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Each model's accuracy under each grader, and how each two graders agree.

    Measures, for the natural condition and for all conditions together: `accuracy` and `ungradable`
    (shares of all responses, intervals clustered by item), `agreement` (share of responses to which
    `grader` and `other` give one outcome) and `kappa` (Cohen's, on the outcomes correct, incorrect,
    ungradable; its interval is that of the agreement). Graders come in the order of their columns.

    Raises ThinkscaleError for a missing column. A response that one of two graders did not judge
    does not enter their comparison.
    """
    frame.require(graded, [*frame.KEYS, "cluster_id", "excluded"], "graded responses")
    own = frame.included(graded).sort_values(frame.KEYS, kind="stable", ignore_index=True)
    own = own.assign(cluster=frame.clusters(own))
    graders = [name.removeprefix(OUTCOME) for name in own.columns if name.startswith(OUTCOME)]
    rows = []
    for model, responses in frame.by_model(own):
        for condition, part in (("natural", frame.natural(responses)), (ALL, responses)):
            row = {"model": model, "condition": condition}
            for found in _measured(part, graders, confidence):
                rows.append(row | found)
    return frame.table(rows, COLUMNS, graded)


def kappa(counts: np.ndarray, observed: float | None = None) -> float:
    """Cohen's kappa of a confusion matrix, shape (k, k); NaN if it is undefined.

    Cohen, Educational and Psychological Measurement 20 (1960), 37-46, equation 1. Undefined where
    chance alone agrees always: both graders give one and the same outcome throughout. observed: the
    share of agreement; default: that of the matrix.
    """
    total = counts.sum()
    if total == 0:
        return np.nan
    agreed = np.trace(counts) / total if observed is None else observed
    chance = counts.sum(axis=1) @ counts.sum(axis=0) / total**2
    return float((agreed - chance) / (1 - chance)) if chance < 1 - 1e-12 else np.nan


def _measured(responses: pd.DataFrame, graders: Sequence[str], confidence: float) -> Iterator[dict]:
    """Yield the rows of each grader and of each two, without model and condition."""
    if responses.empty:
        return

    def row(judged, measure, found, grader, other=None) -> dict:
        sizes = {"n_items": judged["item_id"].nunique(), "n_responses": len(judged)}
        return {"measure": measure, "grader": grader, "other": other, **sizes, **found.row()}

    def share(judged: pd.DataFrame, true: pd.Series) -> Estimate:
        return clustered_share(true, judged["cluster"], confidence)

    for grader in graders:
        judged = responses[responses[OUTCOME + grader].notna()]
        for measure, outcome in (("accuracy", "correct"), ("ungradable", "ungradable")):
            found = share(judged, judged[OUTCOME + grader].eq(outcome))
            yield row(judged, measure, found, grader)
    for pair in combinations(graders, 2):
        both = responses.dropna(subset=[OUTCOME + grader for grader in pair])
        first, second = (both[OUTCOME + grader] for grader in pair)
        agree = share(both, first.eq(second))
        yield row(both, "agreement", agree, *pair)
        yield row(both, "kappa", _kappa(first, second, agree), *pair)


def _kappa(first: pd.Series, second: pd.Series, agree: Estimate) -> Estimate:
    """Kappa with the interval of the share that agrees, were chance to agree as often as it did.

    That is how Cohen's own standard error is made (1960, equation 7). Where graders seldom differ
    resampled items often hold no difference, or in most studies one; this has an interval always.
    """
    cells = np.zeros((len(OUTCOMES), len(OUTCOMES)))
    np.add.at(cells, tuple(pd.Index(OUTCOMES).get_indexer(side) for side in (first, second)), 1)
    # Of shares that these margins rule out kappa would be below -1, which it never is.
    ends = (float(np.maximum(-1, kappa(cells, share))) for share in agree.bounds().values())
    found = Estimate(*ends, f"Cohen's kappa; of the agreement: {agree.method}")
    if len(first) and np.isnan(found.estimate):
        why = "not estimated: both graders give one and the same outcome throughout"
        return replace(found, method=f"Cohen's kappa; {why}")
    return found
