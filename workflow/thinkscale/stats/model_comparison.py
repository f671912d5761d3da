"""Two models on the same items: accuracy, tokens, and whose length follows difficulty closer.

The difference of two rhos has the percentile interval of resampled clusters, and the p that it
inverts to, so that the two cannot disagree. Of those tried it alone was near its level wherever
tokens are tied, heavy-tailed, or vary more for harder items. Per cent of studies rejected at 5 %
where the rhos are equal, the least and the most over five kinds of tokens (normal; log-normal and
rounded; half at a cap; three values; spread rising with difficulty) and models that agree little
(.2) or much (.8) beyond difficulty, 500, 500 and 200 studies each; and the mean power at rhos of
.25 and .6:

    items  Williams     percentile   BCa          jackknife t  models swapped
    20     3-12 (38)    4-7 (35)     6-15 (45)    1-4 (24)     3-10 (31)
    50     5-12 (72)    4-8 (70)     6-12 (73)    3-6 (66)     3-9 (66)
    200    4-12 (98)    3-7 (98)     4-9 (98)     2-7 (98)     2-8 (98)
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame
from thinkscale.stats.core.correlations import rank_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.resampling import Draws, cluster_bootstrap, holm_within, paired

READS = frame.NEEDED
COLUMNS = [
    *["model_a", "model_b", "measure", "n", "errors", "n_excluded", "value_a", "value_b"],
    *["estimate", "lower", "upper", "p", "p_holm", "method"],
]
MEANS = {  # of a model's items: the column, in words, and between which bounds differences lie
    "accuracy": ("accuracy", "accuracy", (-1.0, 1.0)),
    "think_tokens": ("tokens", "thinking tokens", None),
}
MEASURES = (*MEANS, "spearman_difficulty")


def tabulate(
    graded: pd.DataFrame, pairs: Iterable[tuple[str, str]], **options: Any
) -> pd.DataFrame:
    """Two models on the items both have, natural condition; differences are b minus a.

    Items that did not fit the context of one of the two are left out and counted in `errors`. Holm
    corrects over all tests of the table. Raises ThinkscaleError for a model without rows.
    options: confidence, n_boot, n_permutations, seed, as of `core.resampling.Draws`.
    """
    pairs = list(pairs)
    draws = Draws(**options).of_family(len(MEASURES) * len(pairs))
    items = dict(frame.natural_items(graded))
    rows = []
    for a, b in pairs:
        for model in (a, b):
            if model not in items:
                raise ThinkscaleError(
                    f"comparison of {a} and {b}: no responses of model {model}; "
                    f"found {', '.join(items) or 'none'}."
                )
        for measure in MEASURES:
            found = compare(measure, items[a], items[b], draws.named("comparison", a, b))
            rows.append({"model_a": a, "model_b": b, "measure": measure, **found})
    return frame.table(holm_within(rows, "p"), COLUMNS, graded)


def compare(measure: str, a: pd.DataFrame, b: pd.DataFrame, draws: Draws) -> dict[str, Any]:
    """Compare two models by one of `MEASURES` over the items both have and both could be asked.

    `a` and `b` are of `frame.per_item`. Items weigh the same whatever their number of samples.
    Those that did not fit the context of one model are left out and counted in `errors`.
    Returned are the columns from `n` on, but for what concerns the whole table.
    """
    both = a.join(b[["tokens", "accuracy", "fits"]].add_suffix("_b"), how="inner")
    if measure not in MEANS:
        both = both[both["difficulty"].notna()]
    fits = both["fits"].astype(bool) & both["fits_b"].astype(bool)
    errors, both = int((~fits).sum()), both[fits]
    draws = draws.named(measure)
    note = frame.unfit_note(errors, "of one left out") + "; p_holm Holm over the table"
    sizes = {"n": len(both), "errors": errors}
    if measure not in MEANS:
        value_a, value_b, found = _correlations(both, draws)
        return {**sizes, "value_a": value_a, "value_b": value_b, **found.row(after=note)}
    column, what, bounds = MEANS[measure]
    one, other = both[column], both[f"{column}_b"]
    found = paired(one, other, both["cluster"], draws, bounds)
    name, test = f"paired difference of item mean {what}; ", f"; p sign-flip {found.p_method}"
    said = found.row(before=name, after=f"{test} of clusters{note}")
    return {**sizes, "value_a": one.mean(), "value_b": other.mean(), **said}


def _correlations(both: pd.DataFrame, draws: Draws) -> tuple[float, float, Estimate]:
    """Correlation of tokens with difficulty in either model, and the difference of the two."""
    n = len(both)
    x, y, difficulty = (both[c].to_numpy(float) for c in ("tokens", "tokens_b", "difficulty"))
    name = "difference of Spearman correlations of tokens with difficulty"
    reason = ""
    if n < 4:
        reason = f"{n} common items with a difficulty, at least 4 are needed"
    elif np.ptp(difficulty) == 0:
        reason = "difficulty does not vary"
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        reason = "one model's thinking tokens do not vary"
    if reason:
        return np.nan, np.nan, Estimate(method=f"{name}; not estimated: {reason}")
    rho_a, rho_b = rank_correlation(x, difficulty), rank_correlation(y, difficulty)
    once = np.ones(n)
    value_a, value_b = float(rho_a(once)), float(rho_b(once))
    if np.array_equal(stats.rankdata(x), stats.rankdata(y)):
        why = f"{name}; no interval and no p: the two models rank the items alike"
        return value_a, value_b, Estimate(0.0, method=why)
    found = cluster_bootstrap(
        both["cluster"], lambda times: rho_b(times) - rho_a(times), draws, method="percentile"
    )
    return value_a, value_b, replace(found, method=f"{name}; {found.method}; p {found.p_method}")
