"""Two models on the same items."""

from functools import cache

import numpy as np
from scipy import special, stats

from simulated import Analysis, grid, read
from simulated._frames import graded
from simulated._tokens import KINDS, difficulty, normals, tokens
from thinkscale.stats import model_comparison

DRAWS = {"n_boot": 399, "n_permutations": 399}


def items(rng, count, law, differ):
    """Tokens of either model and difficulty; where they differ, one does not follow difficulty."""
    one, other, both = 0.5, 0.0 if differ else 0.5, 0.4
    correlations = [[1, both, one], [both, 1, other], [one, other, 1]]
    a, b, d = normals(rng, correlations, count)
    return tokens(a, law), tokens(b + 0.3 * differ, law), difficulty(d, law)


@cache
def truths(law: str, differ: bool) -> dict[str, float]:
    """Differences over very many items."""
    if not differ:
        return dict.fromkeys(model_comparison.MEASURES, 0.0)
    a, b, d = items(np.random.default_rng(1), 400_000, law, differ)
    rho_a, rho_b = (stats.spearmanr(x, d).statistic for x in (a, b))
    grades = np.random.default_rng(1).normal(0, 1, 400_000)
    gain = special.expit(grades + 0.5) - special.expit(grades)
    mean = b.mean() - a.mean() if law != "heavy-tailed" else np.nan  # which it hardly has
    return {"accuracy": gain.mean(), "think_tokens": mean, "spearman_difficulty": rho_b - rho_a}


def study(rng, n, law, differ):
    a, b, d = items(rng, n, law, differ)
    ability = rng.normal(0, 1, n)[:, None]
    right = [rng.random((n, 2)) < special.expit(ability + s) for s in (0, 0.5 * differ)]
    pairs = zip("ab", (a, b), right, strict=True)
    cells = {(m, "natural"): (np.column_stack([t, t]), correct) for m, t, correct in pairs}
    frame = graded(cells, difficulty=d)
    table = model_comparison.tabulate(frame, [("a", "b")], **DRAWS, seed=int(rng.integers(2**31)))
    for row in table.to_dict("records"):
        yield read(row["measure"], row, truths(law, differ)[row["measure"]], null=not differ)


ANALYSIS = Analysis(
    study,
    grid(n=[20, 50, 200], law=KINDS, differ=[False, True]),
    "Both models' tokens correlate with difficulty by .5 and with each other by .4, or, where they "
    "differ, the second's not with difficulty, while it thinks longer and is right more often. "
    "Laws as in registration. 399 resamples and permutations.",
    {
        "think_tokens": "The mean of a skewed law, whose rare long thoughts a small study has not "
        "seen. With logarithms as wild as t(2) a mean says little whatever its interval.",
        "": "A bootstrap of 20 items, and of 50 where values are tied, is short by some per cent.",
    },
    studies=1000,
)
