"""How accuracy changes with the grader, and how far graders agree beyond chance."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import bootstrap, clustered_mean
from thinkscale.stats.core.resampling import generator

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
    rows = []
    for model, condition, part in _parts(own):
        head = {"model": model, "condition": condition}
        judged = {name: part[part[OUTCOME + name].notna()] for name in graders}
        for name in graders:
            rows += [head | row for row in _shares(name, judged[name], confidence)]
        for first, second in combinations(graders, 2):
            rng = generator(seed, model, condition, first, second)
            both = judged[first][judged[first][OUTCOME + second].notna()]
            found = _agreement(both, first, second, confidence=confidence, n_boot=n_boot, rng=rng)
            rows += [head | {"grader": first, "other": second} | row for row in found]
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


def _shares(name: str, judged: pd.DataFrame, confidence: float) -> list[dict]:
    rows = []
    for measure, outcome in (("accuracy", "correct"), ("ungradable", "ungradable")):
        found = clustered_mean(
            judged[OUTCOME + name].eq(outcome),
            judged["cluster"].to_numpy(),
            confidence=confidence,
            bounds=(0.0, 1.0),
        )
        rows.append(
            {
                "measure": measure,
                "grader": name,
                "other": None,
                "n_items": judged["item_id"].nunique(),
                "n_responses": len(judged),
                **found.bounds(),
                "method": found.method,
            }
        )
    return rows


def _agreement(
    pairs: pd.DataFrame,
    first: str,
    second: str,
    *,
    confidence: float,
    n_boot: int,
    rng: np.random.Generator,
) -> list[dict]:
    columns = [OUTCOME + first, OUTCOME + second]
    size = {"n_items": pairs["item_id"].nunique(), "n_responses": len(pairs)}
    same = clustered_mean(
        pairs[columns[0]].eq(pairs[columns[1]]),
        pairs["cluster"].to_numpy(),
        confidence=confidence,
        bounds=(0.0, 1.0),
    )
    codes, found = pd.factorize(pairs["item_id"])
    cells = np.zeros((len(OUTCOMES), len(OUTCOMES), len(found)))
    places = [pd.Index(OUTCOMES).get_indexer(pairs[column]) for column in columns]
    np.add.at(cells, (*places, codes), 1)

    def statistic(index: np.ndarray) -> np.ndarray:
        sums = np.stack([cell[index].sum(axis=-1) for cell in cells.reshape(-1, len(found))], -1)
        return kappa(sums.reshape(*sums.shape[:-1], *cells.shape[:2]))

    beyond = bootstrap(len(found), statistic, confidence=confidence, n_boot=n_boot, rng=rng)
    reason = ""
    if not np.isfinite(beyond.estimate) and len(pairs):
        reason = "; both graders give one and the same outcome throughout"
    return [
        {"measure": "agreement", **size, **same.bounds(), "method": same.method},
        {
            "measure": "kappa",
            **size,
            **beyond.bounds(),
            "method": f"Cohen's kappa; {beyond.method}{reason}",
        },
    ]
