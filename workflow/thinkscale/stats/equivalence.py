"""Which conditions are as good as natural: two one-sided tests within a stated margin."""

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame, sweep
from thinkscale.stats.core.intervals import Estimate, clustered_share, percent

READS = frame.NEEDED
COLUMNS = [
    *["model", *frame.CONDITION, "n_items", "n_pairs", "errors", "n_excluded", "margin"],
    *["estimate", "lower", "upper", "equivalent", "stepwise", "method"],
]


def tabulate(
    graded: pd.DataFrame, *, equivalence_margin: float = 0.05, confidence: float = 0.95
) -> pd.DataFrame:
    """Difference of accuracy from natural, and whether it lies within the margin.

    Two one-sided tests at alpha = 1 - confidence are one interval at 1 - 2 alpha that lies within
    the margin (Schuirmann 1987): lower and upper are that interval's. stepwise: a condition and
    all of its kind nearer to natural (longer maxima, fewer waits) are equivalent; tested in that
    order and up to the first that is not, no further correction is needed. Items that did not fit
    the context are left out; `errors` counts them.
    """
    rows = []
    for one in sweep.sweeps(graded, "correct"):
        if "natural" not in one.names:
            continue
        fits, natural = one.rows["fits"].to_numpy(), one.names.index("natural")
        facts, values = one.rows[fits], one.values["correct"][fits]
        found = {}
        for place, cell in enumerate(one.cells):
            change = values[:, place] - values[:, natural]
            there = ~np.isnan(change)
            clusters = facts.loc[there, "cluster"].to_numpy()
            said = difference(change[there], clusters, 2 * confidence - 1)
            within = -equivalence_margin < said.lower and said.upper < equivalence_margin
            row = {**one.sizes, "n_items": facts.loc[there, "item_id"].nunique(), **cell}
            row |= {"n_pairs": int(there.sum()), "margin": equivalence_margin}
            row |= {
                "equivalent": within,
                "stepwise": within,
                **said.row(after=one.unfit("left out")),
            }
            found[place] = row
        for kind, places in one.kinds().items():
            nearest = [place for place in places if place != natural]
            if kind.startswith(("max", "truncate")):
                nearest.reverse()
            steps = np.logical_and.accumulate([found[place]["equivalent"] for place in nearest])
            for place, so_far in zip(nearest, steps, strict=True):
                found[place]["stepwise"] = bool(so_far)
        del found[natural]
        rows += found.values()
    return frame.table(rows, COLUMNS, graded)


def difference(change: np.ndarray, clusters: np.ndarray, confidence: float) -> Estimate:
    """Mean of changes from -1 to 1, shape (n,), with an interval that is asymmetric where it must.

    The shares gained and lost have intervals of their own, clustered, which are put together as
    Zou and Donner (2008, Statistics in Medicine 27) do for a difference of dependent estimates:
    a distance from the estimate is the root of the two shares' squared distances, less twice their
    product times the correlation of the shares. A t interval is too short at its far end where few
    answers change and all in one way, as they do under a large budget.
    """
    if not len(change):
        return Estimate(method="not estimated: no pairs")
    codes = pd.factorize(np.asarray(clusters))[0]
    parts = np.maximum(change, 0), np.maximum(-change, 0)
    gained, lost = (clustered_share(part, codes, confidence) for part in parts)
    estimate = gained.estimate - lost.estimate
    if np.isnan(gained.lower):
        return Estimate(estimate, method="paired difference; no interval from one cluster")
    more_gained, more_lost = (np.bincount(codes, part - part.mean()) for part in parts)
    scale = np.sqrt((more_gained @ more_gained) * (more_lost @ more_lost))
    together = more_gained @ more_lost / scale if scale > 1e-12 else 0.0
    down, up = gained.estimate - gained.lower, gained.upper - gained.estimate
    fewer, more = lost.estimate - lost.lower, lost.upper - lost.estimate
    lower = estimate - np.sqrt(down**2 + more**2 - 2 * together * down * more)
    upper = estimate + np.sqrt(up**2 + fewer**2 - 2 * together * up * fewer)
    how = f"{percent(confidence)} interval of shares gained and lost (Zou and Donner)"
    method = f"paired difference; two one-sided tests: {how}, clustered"
    return Estimate(estimate, float(lower), float(upper), method)
