"""Difficulty turned so that higher is harder, put on a scale, and held against response times."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError

SCALES = ("raw", "min_max", "z", "logit", "rank")


def turned(raw: np.ndarray, direction: str) -> np.ndarray:
    """The bank's difficulties with higher = harder; NaN where there is none."""
    return -raw if direction == "higher_is_easier" else raw


def scaled(raw: np.ndarray, direction: str, scale: str, rows: np.ndarray, where: str) -> np.ndarray:
    """Difficulties of a whole bank on a scale of `SCALES`, higher = harder; NaN stays NaN.

    raw: the bank's values, shape (items,). min_max puts the easiest at 0 and the hardest at 1. z
    takes off the mean and divides by the standard deviation (of the bank, not an estimate for
    others). logit is log(p / (1 - p)) of a share p, and of 1 - p where higher is easier, so that it
    is 0 for an item that half get right and rises with difficulty either way. rank is 1 for the
    easiest; equal ones share the mean of their ranks.
    Raises ThinkscaleError, naming the row, for a value that is no share between 0 and 1 where logit
    needs one, and where min_max and z find all values equal.
    """
    known = ~np.isnan(raw)
    values = turned(raw, direction)
    if scale == "raw" or not known.any():
        return values
    if scale == "logit":
        wrong = known & ~((raw > 0) & (raw < 1))
        if wrong.any():
            at = int(wrong.argmax())
            raise ThinkscaleError(
                f"{where}, row {rows[at]}: the difficulty is {raw[at]:g}; expected a share between "
                "0 and 1, neither of them, for `items.difficulty_scale: logit`."
            )
        return turned(np.log(raw / (1 - raw)), direction)
    if scale == "rank":
        return pd.Series(values).rank().to_numpy()
    lowest, highest = np.nanmin(values), np.nanmax(values)
    if lowest == highest:
        raise ThinkscaleError(
            f"{where}: every difficulty is {raw[known][0]:g}; expected different ones for "
            f"`items.difficulty_scale: {scale}` (with `raw` they stay as they are)."
        )
    if scale == "min_max":
        return (values - lowest) / (highest - lowest)
    return (values - np.nanmean(values)) / np.nanstd(values)


@dataclass(frozen=True)
class Association:
    """Spearman's rho of n pairs with its interval; NaN come with the reason in `method`."""

    n: int
    estimate: float
    lower: float
    upper: float
    method: str


def spearman(a: np.ndarray, b: np.ndarray, confidence: float = 0.95) -> Association:
    """Spearman's rho over the pairs where both are known.

    The interval is tanh(atanh(rho) +- z sqrt((1 + rho^2 / 2) / (n - 3))), Bonett and Wright (2000),
    "Sample size requirements for estimating Pearson, Kendall and Spearman correlations".
    """
    both = ~(np.isnan(a) | np.isnan(b))
    a, b, n = a[both], b[both], int(both.sum())
    reason = ""
    if n < 4:
        reason = f"{n} items have both, at least 4 are needed"
    elif np.ptp(a) == 0 or np.ptp(b) == 0:
        reason = "one of the two does not vary"
    if reason:
        return Association(n, np.nan, np.nan, np.nan, f"Spearman; not estimated: {reason}")
    rho = float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])
    rho = min(1.0, max(-1.0, rho))
    if abs(rho) == 1:
        lower = upper = rho
    else:
        half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt((1 + rho**2 / 2) / (n - 3))
        lower, upper = math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)
    return Association(n, rho, lower, upper, "Spearman; Fisher z with Bonett and Wright's variance")


def disagreement(with_time: Association, direction: str | None) -> str | None:
    """What to tell a user whose difficult items took people less time, if they did.

    with_time: difficulty, higher = harder, and response time. direction: the configured one, None
    where it is not the user's to set.
    """
    if math.isnan(with_time.estimate) or with_time.estimate >= 0:
        return None
    found = (
        f"Spearman's rho of difficulty and response time is {with_time.estimate:.2f} "
        f"[{with_time.lower:.2f} to {with_time.upper:.2f}] over {with_time.n} items of the bank"
    )
    if with_time.upper >= 0:
        return f"Note: {found}; the interval includes zero."
    warning = f"Warning: people took less time for the items counted as harder: {found}."
    if direction is None:
        return warning
    other = "higher_is_easier" if direction == "higher_is_harder" else "higher_is_harder"
    return f"{warning} Is `items.difficulty_direction: {direction}` right, or is it {other}?"
