"""What every sentence is made of: numbers, intervals, names, and what an estimate lets one claim.

`row` is a row of a table as `itertuples` gives it, with estimate, lower, upper and method.
"""

import re
from typing import Any

import pandas as pd

ESTIMATE = ("estimate", "lower", "upper")


def missing(row: Any, what: str) -> str:
    """Why there is no estimate of `what`, as a sentence; empty where there is one."""
    return f"{what}: no estimate ({row.method})." if pd.isna(row.estimate) else ""


def claim(row: Any, what: str, neither: str, alpha: float | None = None) -> str:
    """What an estimate lets one say: `what`, or, where its sign is open, `neither` and `{why}`.

    `what` holds the words for above and for below zero: "thought {longer|shorter} than natural".
    Of one of several tests the sign is known where its corrected `p_holm` is below `alpha`;
    without `alpha`, where the interval excludes zero.
    """
    if pd.isna(row.lower) or pd.isna(row.upper):
        return neither.format(why="without an interval no direction is claimed")
    if alpha is None:
        open_, why = row.lower <= 0 <= row.upper, "the interval includes zero"
    else:
        open_, why = not row.p_holm < alpha, f"the corrected p is not below {alpha:.3g}"
    if open_:
        return neither.format(why=why)
    return re.sub(r"\{(.*?)\|(.*?)\}", r"\1" if row.estimate > 0 else r"\2", what)


def estimate(row: Any, digits=2, scale=1, unit="", *, signed=False, of=ESTIMATE) -> str:
    """An estimate times `scale`, its unit and its interval, from the columns `of`."""
    value, lower, upper = (getattr(row, column) for column in of)
    bounds = _interval(lower, upper, digits, scale)
    return f"{number(scale * value, digits, signed=signed)}{unit} {bounds}"


def share(row: Any) -> str:
    """An estimate that is a share, and its interval, in per cent."""
    return f"{percent(row.estimate)} {_interval(row.lower, row.upper, 1, 100)}"


def _interval(low: float, high: float, digits: int, scale: float) -> str:
    if pd.isna(low) or pd.isna(high):
        return "[no interval]"
    return f"[{number(scale * low, digits)} to {number(scale * high, digits)}]"


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    if pd.isna(value):
        return "missing"
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    # No negative zero, which would claim a direction.
    minus = "" if float(text.replace(",", "")) == 0 else "\N{MINUS SIGN}"
    return text.replace("-", minus)


def count(value: float) -> str:
    return number(value, 0)


def percent(value: float) -> str:
    return "a missing share" if pd.isna(value) else f"{number(100 * value, 1)}%"


def p_value(value: float, method: str = "") -> str:
    """p in words; `method` says of a permutation test whether a draw came as far out."""
    if pd.isna(value):
        return "p missing"
    sign = "\N{LESS-THAN OR EQUAL TO}" if "none as far out" in str(method) else "="
    return "p < 0.001" if value < 0.001 else f"p {sign} {value:.3f}"


def named(name: object) -> str:
    return f"`{str(name).replace('`', chr(39))}`"


def code(token: object) -> str:
    """A token as a code span; tokens are untrusted text."""
    text = repr(str(token))[1:-1].replace("`", "'")
    return f"`{text or '(empty)'}`" if text.strip() else f"`{text.replace(' ', '␠') or '(empty)'}`"
