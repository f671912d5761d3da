"""Flips of outcomes against natural on the same items and samples, tested."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import frame
from thinkscale.stats.core.resampling import Draws, holm_within, paired

READS = frame.NEEDED
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_pairs", "errors", "n_excluded", "both_correct"],
    *["wrong_to_right", "right_to_wrong", "both_wrong", "estimate", "lower", "upper"],
    *["p", "p_clustered", "p_holm", "method"],
]


@dataclass(frozen=True)
class Flips:
    """Pairs by outcome before and after, and the exact McNemar p of the two kinds of flips."""

    both_correct: int
    wrong_to_right: int
    right_to_wrong: int
    both_wrong: int
    p: float


def mcnemar_exact(before: np.ndarray, after: np.ndarray) -> Flips:
    """Count flips between two boolean arrays of shape (n,) and test them (exact McNemar).

    p is the two-sided binomial p of wrong-to-right among all flips at one half: 1 where nothing
    flipped, missing where there are no pairs. It holds of pairs that are independent.
    """
    before, after = np.asarray(before, bool), np.asarray(after, bool)
    neither, gained, lost, both = np.bincount(2 * before + after, minlength=4).tolist()
    p = 1.0 if before.size else np.nan
    if gained + lost:
        p = float(stats.binomtest(gained, gained + lost).pvalue)
    return Flips(both, gained, lost, neither, p)


def tabulate(
    graded: pd.DataFrame, *, confidence: float = 0.95, n_permutations: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Accuracy of every condition against natural, on pairs of the same item and sample.

    `p` is the exact McNemar test, which takes pairs as independent, and is missing unless every
    cluster of items has one pair: with several samples it rejects a quarter of true nulls at 5 %.
    `p_clustered` flips the sign of whole clusters, which with one pair each is the same test;
    `p_holm` corrects it within the model. Items that did not fit the context say nothing about a
    condition; they are left out, `errors` counts them.
    """
    draws = Draws(confidence, n_permutations=n_permutations, seed=seed).named("mcnemar")
    rows = []
    for row, pairs in frame.against_natural(graded):
        before, after = pairs["correct_natural"], pairs["correct"]
        own = draws.named(row["model"], row["condition"])
        found = paired(before, after, pairs["cluster"], own, bounds=(-1.0, 1.0))
        alone = pairs["cluster"].nunique() == len(pairs)
        tests = "; p exact McNemar" * alone
        tests += f"; p_clustered sign-flip of clusters: {found.p_method}"
        family = "; p_holm Holm on p_clustered within the model"
        note = frame.unfit_note(row["errors"], "left out")
        said = found.row("paired difference, ", tests + family + note)
        flips = asdict(mcnemar_exact(before, after))
        flips["p"] = flips["p"] if alone else np.nan
        rows.append({**row, **said, **flips, "p_clustered": found.p})
    return frame.table(holm_within(rows, "p_clustered", "model"), COLUMNS, graded)
