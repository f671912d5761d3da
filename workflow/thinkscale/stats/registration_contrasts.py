"""Correlations of one sample compared: is thinking closer to difficulty than length is?"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from thinkscale.stats.core import dependent, frame
from thinkscale.stats.core.correlations import pearson, rank_correlation
from thinkscale.stats.core.intervals import Estimate
from thinkscale.stats.core.jackknife import jackknife
from thinkscale.stats.core.resampling import holm_within

READS = [*frame.NEEDED, "meta_"]
COLUMNS = [
    *["model", "shared", "first", "second", "n", "errors", "n_excluded", "value_first"],
    *["value_second", "between", "estimate", "lower", "upper", "p", "p_holm"],
    *["p_steiger", "p_meng", "zou_lower", "zou_upper", "method"],
]


def tabulate(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Differences of two Spearman correlations that share a variable, natural condition.

    For every model and criterion: does the criterion (`shared`) go with thinking tokens (`first`)
    closer than with the length of the stem (`second`)? And do tokens go with difficulty closer than
    with response time? Correlations enter with their signs.

    Interval and p are the jackknife's over clusters. Beside them, where every item is its own
    cluster, stand the tests of Steiger and of Meng, Rosenthal and Rubin and Zou's interval on the
    same correlations; of ranks these are rough (`core.dependent`).
    """
    rows = []
    for model, items in frame.natural_items(graded):
        used = items[items["fits"]]
        note = frame.unfit_note(int((~items["fits"]).sum()), "left out")
        row = {"model": model, "errors": int((~items["fits"]).sum())}
        for shared, first, second in _pairs(items):
            known = used.dropna(subset=[shared, first, second])
            names = {"shared": shared, "first": first, "second": second, "n": len(known)}
            facts, found = contrast(known, shared, first, second, confidence=confidence)
            what = f"Spearman of {shared} with {first} minus that with {second}; "
            said = found.row(what, "; p_holm Holm within the model" + note)
            rows.append({**row, **names, **facts, **said})
    return frame.table(holm_within(rows, "p", "model"), COLUMNS, graded)


def _pairs(items: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    criteria = list(frame.criteria(items))
    for criterion in criteria:
        yield criterion, "tokens", "stem_chars"
    if len(criteria) == 2:
        yield "tokens", *criteria


def contrast(
    items: pd.DataFrame, shared: str, first: str, second: str, *, confidence: float = 0.95
) -> tuple[dict[str, float], Estimate]:
    """Spearman of `shared` with `first` minus that with `second`, all columns of `items`.

    Also the correlations themselves, `between` of first and second, and the tests of
    `core.dependent` where items are independent.
    """
    columns = [items[name].to_numpy(float) for name in (shared, first, second)]
    if reason := _impossible(len(items), dict(zip((shared, first, second), columns, strict=True))):
        return {}, Estimate(method=f"not estimated: {reason}")

    y, a, b = columns
    with_first, with_second = rank_correlation(y, a), rank_correlation(y, b)
    found = jackknife(
        items["cluster"],
        lambda times: with_first(times) - with_second(times),
        confidence=confidence,
    )
    y, a, b = map(stats.rankdata, columns)
    three = tuple(float(pearson(*pair)) for pair in ((y, a), (y, b), (a, b)))
    facts = dict(zip(("value_first", "value_second", "between"), three, strict=True))
    if items["cluster"].nunique() == len(items) and max(map(abs, three)) < 1 - 1e-9:
        facts["p_steiger"] = dependent.steiger(*three, len(items))[1]
        facts["p_meng"] = dependent.meng(*three, len(items))[1]
        bounds = dependent.zou(*three, len(items), confidence=confidence)
        facts |= dict(zip(("zou_lower", "zou_upper"), bounds, strict=True))
    return facts, found


def _impossible(n: int, columns: dict[str, np.ndarray]) -> str:
    if n < 4:
        return f"{n} items, at least 4 are needed"
    still = [name for name, values in columns.items() if np.ptp(values) == 0]
    return f"{still[0]} does not vary" if still else ""
