"""Two correlations of one sample that share a variable: tests, and Zou's interval.

All take r_ay and r_by, the correlations compared, r_ab of the two variables compared, and n. They
hold for Pearson's r of normal variables; no maintained package has them. Of ranks they are rough:
in simulations of equal Spearman correlations at a nominal 5 %, they rejected 5 to 8 % under a
normal copula, ties or not, and up to 17 % under one with heavy tails (t of 3 degrees of freedom).
"""

import numpy as np
from scipy import stats


def steiger(r_ay: float, r_by: float, r_ab: float, n: int) -> tuple[float, float]:
    """Z and two-sided p that two correlations are equal.

    Steiger, Psychological Bulletin 87 (1980), equation 14: Dunn and Clark's Z with the two
    correlations pooled in the covariance of their Fisher's z.
    """
    pooled = (r_ay + r_by) / 2
    covariance = _covariance(pooled, pooled, r_ab)
    return _tested((np.arctanh(r_ay) - np.arctanh(r_by)) * np.sqrt((n - 3) / (2 - 2 * covariance)))


def meng(r_ay: float, r_by: float, r_ab: float, n: int) -> tuple[float, float]:
    """Z and two-sided p that two correlations are equal.

    Meng, Rosenthal and Rubin, Psychological Bulletin 111 (1992), equation 1.
    """
    square = (r_ay**2 + r_by**2) / 2
    f = min((1 - r_ab) / (2 * (1 - square)), 1.0)
    h = (1 - f * square) / (1 - square)
    apart = np.arctanh(r_ay) - np.arctanh(r_by)
    return _tested(apart * np.sqrt((n - 3) / (2 * (1 - r_ab) * h)))


def zou(
    r_ay: float, r_by: float, r_ab: float, n: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of r_ay - r_by, from the intervals of both and the correlation of the two estimates.

    Zou, Psychological Methods 12 (2007), equation 15, with Fisher's intervals.
    """
    half = stats.norm.ppf((1 + confidence) / 2) / np.sqrt(n - 3)
    (lower_a, upper_a), (lower_b, upper_b) = (
        np.tanh(np.arctanh(r) + half * np.array([-1, 1])) for r in (r_ay, r_by)
    )
    shared = _covariance(r_ay, r_by, r_ab)

    def reach(a: float, b: float) -> float:
        return np.sqrt(a**2 + b**2 - 2 * shared * a * b)

    difference = r_ay - r_by
    lower = difference - reach(r_ay - lower_a, upper_b - r_by)
    return float(lower), float(difference + reach(upper_a - r_ay, r_by - lower_b))


def _covariance(r_ay: float, r_by: float, r_ab: float) -> float:
    """Correlation of Fisher's z of two correlations that share a variable (Dunn and Clark 1969)."""
    squares = r_ay**2, r_by**2, r_ab**2
    product = (r_ab - r_ay * r_by / 2) * (1 - sum(squares)) + r_ab**3
    return product / ((1 - squares[0]) * (1 - squares[1]))


def _tested(z: float) -> tuple[float, float]:
    return float(z), float(2 * stats.norm.sf(abs(z)))
