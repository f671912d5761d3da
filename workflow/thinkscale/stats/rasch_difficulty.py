"""Human difficulty against the Rasch difficulty that the models' own answers give an item."""

import numpy as np
import pandas as pd

from thinkscale.stats.core.correlations import linear_correlation, rank_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import jackknifed_correlation

COLUMNS = [
    *["measure", "n", "without_difficulty", "all_right", "all_wrong", "n_models", "persons"],
    *["ability_sd", "n_excluded", "estimate", "lower", "upper", "method"],
]
MEASURES = {"spearman": rank_correlation, "pearson": linear_correlation}


def tabulate(rasch: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Correlations of the table `rasch` with human difficulty.

    Items without a difficulty are left out and counted; those that all answered rightly or none
    did are in, and counted in `all_right` and `all_wrong`. `persons` are the most that any item
    has.
    """
    used = rasch[rasch["difficulty"].notna()]
    row = {
        "n": len(used),
        "without_difficulty": len(rasch) - len(used),
        "all_right": int(used["extreme"].eq("all right").sum()),
        "all_wrong": int(used["extreme"].eq("all wrong").sum()),
        **rasch[["n_models", "persons", "ability_sd", "n_excluded"]].max().to_dict(),
    }
    rows = []
    for measure, correlation in MEASURES.items():
        name = f"{measure.capitalize()} of Rasch and human difficulty; "
        found = Estimate(method=f"not estimated: {impossible(used)}")
        if not impossible(used):
            columns = (used[column].to_numpy(float) for column in ("estimate", "difficulty"))
            found = jackknifed_correlation(
                used["cluster"], correlation(*columns), confidence=confidence
            )
        rows.append({"measure": measure, **row, **found.row(before=name)})
    return pd.DataFrame(rows, columns=COLUMNS)


def impossible(used: pd.DataFrame) -> str:
    """Why there is no correlation of these items; empty where there is one."""
    if len(used) < 3:
        return f"{len(used)} items with a difficulty, at least 3 are needed"
    if used["estimate"].isna().all():
        return used["method"].iloc[0].removeprefix("not estimated: ")
    if np.ptp(used["difficulty"]) == 0:
        return "difficulty does not vary"
    return ""
