"""What every sentence is made of: numbers, intervals, names, and what an estimate lets one claim.

`row` is a row of a table as `itertuples` gives it, with estimate, lower, upper and method. A
sentence speaks of all models at once: `per_model` names them, `directions` counts them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd

ESTIMATE = ("estimate", "lower", "upper")
SOUGHT = ["model", "corpus", "grader", "p", *ESTIMATE]  # what may be asked of a missing table
ALL_NAMED = 3  # models: of more, a sentence names those at the ends


def rows(tables: Mapping[str, pd.DataFrame], name: str, **values: Any) -> pd.DataFrame:
    """Rows of a table that hold an estimate and, in columns, `values`; none without the table."""
    table = tables.get(name, pd.DataFrame())
    if table.empty or not {"estimate", *values} <= set(table.columns):
        return pd.DataFrame(columns=SOUGHT)
    kept = table["estimate"].notna()
    for column, value in values.items():
        kept &= table[column] == value
    return table[kept]


def per_model(
    rows: pd.DataFrame, say: Callable[[Any], str], by: str = "estimate", column: str = "model"
) -> str:
    """What `say` makes of each model's row; of many, of those least and most `by` a column."""
    said = [f"{named(getattr(row, column))} {say(row)}" for row in rows.itertuples()]
    if len(said) <= ALL_NAMED:
        return "; ".join(said)
    places = rows[by].reset_index(drop=True)
    return f"lowest {said[places.idxmin()]}; highest {said[places.idxmax()]}"


def directions(rows: pd.DataFrame, alpha: float, above: str, below: str, neither: str) -> str:
    """Which way each model's estimate points: a word for one model, counts for several.

    Of few models that differ, each is named: after a correction its interval alone may not tell.
    """
    words = {1: above, -1: below, 0: neither}
    signs = rows.assign(sign=[direction(row, alpha) for row in rows.itertuples()]).groupby("sign")
    found = {sign: signs.get_group(sign) for sign in words if sign in signs.groups}
    if len(rows) == 1:
        return words[next(iter(found))]
    apart = len(found) > 1 and len(rows) <= ALL_NAMED
    return ", ".join(
        f"{words[sign]} in {listed(map(named, own['model']))}"
        if apart
        else f"{words[sign]} in {len(own)} of {len(rows)} models"
        for sign, own in found.items()
    )


def direction(row: Any, alpha: float) -> int:
    """The sign that an estimate lets one claim, 0 where it is open.

    By p where the table has one, corrected for the other tests of its family where it is so; else
    by whether the interval excludes zero.
    """
    tested = (getattr(row, name, None) for name in ("p_holm", "p_clustered", "p"))
    if p := [p for p in tested if pd.notna(p)]:
        sure = p[0] < alpha
    else:
        sure = not (pd.isna(row.lower) or pd.isna(row.upper) or row.lower <= 0 <= row.upper)
    return int(sure) * (1 if row.estimate > 0 else -1 if row.estimate < 0 else 0)


def claim(row: Any, what: str, neither: str, alpha: float) -> str:
    """`what`, with its words for above and for below zero, or `neither` where the sign is open.

    `what` is as "thought {longer|shorter} than natural".
    """
    sign = direction(row, alpha)
    return re.sub(r"\{(.*?)\|(.*?)\}", r"\1" if sign > 0 else r"\2", what) if sign else neither


def estimate(row: Any, digits=2, scale=1, unit="", *, signed=False, of=ESTIMATE) -> str:
    """An estimate times `scale`, its unit and its interval, from the columns `of`."""
    value, lower, upper = (getattr(row, column) for column in of)
    bounds = _interval(lower, upper, digits, scale)
    return f"{number(scale * value, digits, signed=signed)}{unit}{bounds}"


def points(row: Any, of=ESTIMATE) -> str:
    """A difference of two shares, in percentage points."""
    return estimate(row, 1, 100, " points", signed=True, of=of)


def share(row: Any, of=ESTIMATE) -> str:
    """An estimate that is a share, and its interval, in per cent."""
    return estimate(row, 1, 100, "%", of=of)


def _interval(low: float, high: float, digits: int, scale: float) -> str:
    if pd.isna(low) or pd.isna(high):
        return ""
    return f" [{number(scale * low, digits)} to {number(scale * high, digits)}]"


def listed(words: Iterable[str], word: str = "and") -> str:
    """All of them, the last behind `word`."""
    *first, last = words
    return f"{', '.join(first)} {word} {last}" if first else last


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    if pd.isna(value):
        return "missing"
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    # No negative zero, which would claim a direction.
    minus = "" if float(text.replace(",", "")) == 0 else "\N{MINUS SIGN}"
    return text.replace("-", minus)


def count(value: float) -> str:
    return number(value, 0)


def span(values: Iterable[float], say: Callable[[float], str] = count) -> str:
    """One number, or the least and the most of several that differ."""
    known = [value for value in values if pd.notna(value)]
    ends = dict.fromkeys(say(end(known)) for end in (min, max)) if known else ["missing"]
    return " to ".join(ends)


def percent(value: float) -> str:
    return "a missing share" if pd.isna(value) else f"{number(100 * value, 1)}%"


def p_value(value: float, method: str = "") -> str:
    """p in words; `method` says of a permutation test whether a draw came as far out."""
    if pd.isna(value):
        return "p missing"
    sign = "\N{LESS-THAN OR EQUAL TO}" if "none as far out" in str(method) else "="
    return "p < 0.001" if value < 0.001 else f"p {sign} {value:.3f}"


def named(name: object) -> str:
    return code(str(name).strip() or name)


def code(token: object) -> str:
    """A token as a code span; tokens are untrusted text."""
    text = repr(str(token))[1:-1].replace("`", "'")
    return f"`{text or '(empty)'}`" if text.strip() else f"`{text.replace(' ', '␠') or '(empty)'}`"
