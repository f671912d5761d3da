"""How accuracy changes with the grader, and how far graders agree beyond chance."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from thinkscale.stats.core.frame import require
from thinkscale.stats.core.intervals import bootstrap, clustered_mean
from thinkscale.stats.core.resampling import generator

OUTCOMES = ("correct", "incorrect", "ungradable")
COLUMNS = [
    *["model", "condition", "measure", "grader", "other", "n_items", "n_responses"],
    *["estimate", "lower", "upper", "method"],
]
ALL = "all conditions"
_KEYS = ["model", "item_id", "sample", "condition"]


def grader_agreement(
    grades: pd.DataFrame,
    items: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Each model's accuracy under each grader, and how each two graders agree.

    Measures, for the natural condition and for all conditions together: `accuracy` and `ungradable`
    (shares of all responses, intervals clustered by item), `agreement` (share of responses to which
    `grader` and `other` give one outcome) and `kappa` (Cohen's, on the outcomes correct, incorrect,
    ungradable; interval from resampled items). Graders come in the order of `grades`.

    Raises ThinkscaleError for a missing column. A response that one of two graders did not judge
    does not enter their comparison.
    """
    require(grades, [*_KEYS, "grader", "outcome"], "grades")
    require(items, ["item_id", "cluster_id"], "items")
    given = items.set_index("item_id")["cluster_id"]
    own = "item:" + grades["item_id"].astype(str)
    cluster = "cluster:" + grades["item_id"].map(given).astype(str)
    frame = grades.assign(cluster=cluster.where(grades["item_id"].map(given).notna(), own))
    frame = frame.sort_values(_KEYS, kind="stable", ignore_index=True)
    graders = list(pd.unique(grades["grader"]))
    rows = []
    for model, condition, part in _parts(frame):
        head = {"model": model, "condition": condition}
        judged = {name: part[part["grader"] == name] for name in graders}
        for name, own in judged.items():
            rows += [head | row for row in _shares(name, own, confidence)]
        for first, second in combinations(graders, 2):
            pairs = judged[first].merge(judged[second], on=_KEYS, suffixes=("", "_other"))
            rng = generator(seed, model, condition, first, second)
            found = _agreement(pairs, confidence=confidence, n_boot=n_boot, rng=rng)
            rows += [head | {"grader": first, "other": second} | row for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


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


def _parts(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for model in sorted(frame["model"].unique()):
        own = frame[frame["model"] == model]
        if (own["condition"] == "natural").any():
            yield model, "natural", own[own["condition"] == "natural"]
        yield model, ALL, own


def _shares(name: str, judged: pd.DataFrame, confidence: float) -> list[dict]:
    rows = []
    for measure, outcome in (("accuracy", "correct"), ("ungradable", "ungradable")):
        found = clustered_mean(
            judged["outcome"].eq(outcome),
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
    pairs: pd.DataFrame, *, confidence: float, n_boot: int, rng: np.random.Generator
) -> list[dict]:
    size = {"n_items": pairs["item_id"].nunique(), "n_responses": len(pairs)}
    same = clustered_mean(
        pairs["outcome"].eq(pairs["outcome_other"]),
        pairs["cluster"].to_numpy(),
        confidence=confidence,
        bounds=(0.0, 1.0),
    )
    codes, found = pd.factorize(pairs["item_id"])
    cells = np.zeros((len(OUTCOMES), len(OUTCOMES), len(found)))
    places = [
        pd.Index(OUTCOMES).get_indexer(pairs[column]) for column in ("outcome", "outcome_other")
    ]
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
