"""Two correlations of one sample that share a variable."""

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from simulated import Analysis, Reading, grid, read
from simulated._tokens import KINDS, difficulty, normals, tokens
from thinkscale.stats import registration_contrasts


def items(rng, count, law, other):
    """Difficulty, tokens that follow it by .5, and length of stem that follows it by `other`."""
    d, t, s = normals(rng, [[1, 0.5, other], [0.5, 1, 0.3], [other, 0.3, 1]], count)
    return difficulty(d, law), tokens(t, law), tokens(s, law)


@cache
def truth(law: str, other: float) -> float:
    """Spearman of difficulty with tokens minus that with length, over very many items."""
    if other == 0.5:
        return 0.0
    d, t, s = items(np.random.default_rng(1), 400_000, law, other)
    return stats.spearmanr(d, t).statistic - stats.spearmanr(d, s).statistic


def study(rng, n, law, other):
    d, t, s = items(rng, n, law, other)
    known = pd.DataFrame({"difficulty": d, "tokens": t, "stem_chars": s, "cluster": np.arange(n)})
    row, found = registration_contrasts.contrast(known, "difficulty", "tokens", "stem_chars")
    true, same, none = truth(law, other), other == 0.5, np.nan
    yield read("jackknife", found.row(), true, null=same)
    yield Reading("Zou", true, row["zou_lower"], row["zou_upper"], none, same)
    for name in ("steiger", "meng"):
        yield Reading(name.capitalize(), none, none, none, row[f"p_{name}"], same)


ANALYSIS = Analysis(
    study,
    grid(n=[20, 50, 200], law=KINDS, other=[0.5, 0.1]),
    "Tokens correlate with difficulty by .5, length of stem by `other`, and the two with each "
    "other by .3, under the laws of registration.",
    {
        "jackknife": "The jackknife of ranks is a little long with 20 items.",
        "": "These are of Pearson's r of normal variables, and of ranks they are rough; they stand "
        "in the table to compare with other studies, beside the jackknife.",
    },
)
