"""How accuracy changes with the grader, and how far graders agree beyond chance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, clustered_share
from thinkscale.stats.core.resampling import Draws, cluster_bootstrap

OUTCOMES = ("correct", "incorrect", "ungradable")
COLUMNS = [
    *["model", "condition", "measure", "grader", "other", "n_items", "n_responses", "n_excluded"],
    *["estimate", "lower", "upper", "method"],
]
ALL = "all conditions"
OUTCOME = "outcome_"  # and a grader's name: the column of its outcomes
READS = [*frame.KEYS, "cluster_id", "excluded", OUTCOME]


def tabulate(
    graded: pd.DataFrame, *, confidence: float = 0.95, n_boot: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Each model's accuracy under each grader, and how each two graders agree.

    Measures, for the natural condition and for all conditions together: `accuracy` and `ungradable`
    (shares of all responses, intervals clustered by item), `agreement` (share of responses to which
    `grader` and `other` give one outcome) and `kappa` (Cohen's, on the outcomes correct, incorrect,
    ungradable; interval from resampled clusters). Graders come in the order of their columns.

    Raises ThinkscaleError for a missing column. A response that one of two graders did not judge
    does not enter their comparison.
    """
    frame.require(graded, [*frame.KEYS, "cluster_id", "excluded"], "graded responses")
    own = frame.included(graded).sort_values(frame.KEYS, kind="stable", ignore_index=True)
    own = own.assign(cluster=frame.clusters(own))
    graders = [name.removeprefix(OUTCOME) for name in own.columns if name.startswith(OUTCOME)]
    draws = Draws(confidence, n_boot=n_boot, seed=seed)
    rows = []
    for model, responses in frame.by_model(own):
        for condition, part in (("natural", frame.natural(responses)), (ALL, responses)):
            row = {"model": model, "condition": condition}
            for found in _measured(part, graders, draws.named(model, condition)):
                rows.append(row | found)
    return frame.table(rows, COLUMNS, graded)


def kappa(counts: np.ndarray) -> np.ndarray:
    """Cohen's kappa of confusion matrices, shape (..., k, k) -> (...); NaN if it is undefined.

    Cohen, Educational and Psychological Measurement 20 (1960), 37-46, equation 1. Undefined where
    chance alone agrees always: both graders give one and the same outcome throughout.
    """
    total = counts.sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        observed = np.trace(counts, axis1=-2, axis2=-1) / total
        chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / total**2
        return np.where(chance < 1 - 1e-12, (observed - chance) / (1 - chance), np.nan)


def _measured(responses: pd.DataFrame, graders: Sequence[str], draws: Draws) -> Iterator[dict]:
    """Yield the rows of each grader and of each two, without model and condition."""
    if responses.empty:
        return

    def row(judged, measure, found, grader, other=None) -> dict:
        sizes = {"n_items": judged["item_id"].nunique(), "n_responses": len(judged)}
        return {"measure": measure, "grader": grader, "other": other, **sizes, **found.row()}

    def share(judged: pd.DataFrame, true: pd.Series) -> Estimate:
        return clustered_share(true, judged["cluster"], draws.confidence)

    for grader in graders:
        judged = responses[responses[OUTCOME + grader].notna()]
        for measure, outcome in (("accuracy", "correct"), ("ungradable", "ungradable")):
            found = share(judged, judged[OUTCOME + grader].eq(outcome))
            yield row(judged, measure, found, grader)
    for pair in combinations(graders, 2):
        both = responses.dropna(subset=[OUTCOME + grader for grader in pair])
        first, second = (both[OUTCOME + grader] for grader in pair)
        yield row(both, "agreement", share(both, first.eq(second)), *pair)
        chance = _kappa(both, first, second, draws.named(*pair))
        yield row(both, "kappa", chance, *pair)


def _kappa(judged: pd.DataFrame, first: pd.Series, second: pd.Series, draws: Draws) -> Estimate:
    items, found = pd.factorize(judged["item_id"])
    cells = np.zeros((len(found), len(OUTCOMES), len(OUTCOMES)))  # of each item
    places = [pd.Index(OUTCOMES).get_indexer(side) for side in (first, second)]
    np.add.at(cells, (items, *places), 1)
    clusters = judged.groupby("item_id", sort=False)["cluster"].first()
    beyond = cluster_bootstrap(
        clusters, lambda times: kappa(np.tensordot(times, cells, axes=1)), draws
    )
    method = f"Cohen's kappa; {beyond.method}"
    if len(judged) and np.isnan(beyond.estimate):
        method += "; both graders give one and the same outcome throughout"
    return replace(beyond, method=method)
