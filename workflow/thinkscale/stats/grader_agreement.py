"""How accuracy changes with the grader, and how far graders agree beyond chance."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, clustered_share
from thinkscale.stats.core.resampling import Draws, bootstrap

OUTCOMES = ("correct", "incorrect", "ungradable")
COLUMNS = [
    *["model", "condition", "measure", "grader", "other", "n_items", "n_responses", "n_excluded"],
    *["estimate", "lower", "upper", "method"],
]
ALL = "all conditions"
OUTCOME = "outcome_"  # and a grader's name: the column of its outcomes


def tabulate(
    graded: pd.DataFrame, *, confidence: float = 0.95, n_boot: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Each model's accuracy under each grader, and how each two graders agree.

    Measures, for the natural condition and for all conditions together: `accuracy` and `ungradable`
    (shares of all responses, intervals clustered by item), `agreement` (share of responses to which
    `grader` and `other` give one outcome) and `kappa` (Cohen's, on the outcomes correct, incorrect,
    ungradable; interval from resampled items). Graders come in the order of their columns.

    Raises ThinkscaleError for a missing column. A response that one of two graders did not judge
    does not enter their comparison.
    """
    frame.require(graded, [*frame.KEYS, "cluster_id", "excluded"], "graded responses")
    own = frame.included(graded).sort_values(frame.KEYS, kind="stable", ignore_index=True)
    own = own.assign(cluster=frame.clusters(own))
    graders = [name.removeprefix(OUTCOME) for name in own.columns if name.startswith(OUTCOME)]
    draws = Draws(confidence, n_boot=n_boot, seed=seed)
    rows = [
        {
            "model": model,
            "condition": condition,
            "measure": measure,
            "grader": grader,
            "other": other,
            "n_items": judged["item_id"].nunique(),
            "n_responses": len(judged),
            **found.row(),
        }
        for model, condition, part in _parts(own)
        for measure, grader, other, judged, found in _measured(
            part, graders, draws.named(model, condition)
        )
    ]
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


def _parts(responses: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for model, own in frame.by_model(responses):
        natural = frame.natural(own)
        if len(natural):
            yield model, "natural", natural
        yield model, ALL, own


def _measured(
    responses: pd.DataFrame, graders: Sequence[str], draws: Draws
) -> Iterator[tuple[str, str, str | None, pd.DataFrame, Estimate]]:
    """Yield measure, grader, the other grader, the responses it is of, and its estimate."""

    for grader in graders:
        judged = responses[responses[OUTCOME + grader].notna()]
        for measure, outcome in (("accuracy", "correct"), ("ungradable", "ungradable")):
            given = judged[OUTCOME + grader].eq(outcome)
            found = clustered_share(given, judged["cluster"], draws.confidence)
            yield measure, grader, None, judged, found
    for pair in combinations(graders, 2):
        both = responses.dropna(subset=[OUTCOME + grader for grader in pair])
        first, second = (both[OUTCOME + grader] for grader in pair)
        same = clustered_share(first.eq(second), both["cluster"], draws.confidence)
        yield "agreement", *pair, both, same
        yield "kappa", *pair, both, _kappa(both["item_id"], first, second, draws.named(*pair))


def _kappa(items: pd.Series, first: pd.Series, second: pd.Series, draws: Draws) -> Estimate:
    codes, found = pd.factorize(items)
    cells = np.zeros((len(OUTCOMES), len(OUTCOMES), len(found)))
    places = [pd.Index(OUTCOMES).get_indexer(side) for side in (first, second)]
    np.add.at(cells, (*places, codes), 1)

    def statistic(index: np.ndarray) -> np.ndarray:
        sums = np.stack([cell[index].sum(axis=-1) for cell in cells.reshape(-1, len(found))], -1)
        return kappa(sums.reshape(*sums.shape[:-1], *cells.shape[:2]))

    beyond = bootstrap(len(found), statistic, draws)
    method = f"Cohen's kappa; {beyond.method}"
    if len(items) and np.isnan(beyond.estimate):
        method += "; both graders give one and the same outcome throughout"
    return replace(beyond, method=method)
