"""Thinking tokens that follow difficulty by a stated rank correlation, smooth, tied or wild."""

import numpy as np
from scipy import stats

LEVELS = stats.norm.ppf([0.2, 0.4, 0.6, 0.8])
KINDS = ("log-normal", "tied", "heavy-tailed")


def normals(rng: np.random.Generator, correlations: np.ndarray, count: int) -> np.ndarray:
    """Standard normal variables with these correlations, shape (variables, count)."""
    mixing = np.linalg.cholesky(np.asarray(correlations, float))
    return mixing @ rng.normal(size=(len(mixing), count))


def tokens(z: np.ndarray, kind: str) -> np.ndarray:
    """Standard normal z as tokens: log-normal, of five values, or the exponential of a t(2)."""
    if kind == "tied":
        return 100.0 * (1 + np.digitize(z, LEVELS))
    logs = z if kind == "log-normal" else stats.t.ppf(stats.norm.cdf(z), 2)
    return np.ceil(np.exp(np.clip(6 + 0.6 * logs, 0, 20)))


def difficulty(z: np.ndarray, kind: str) -> np.ndarray:
    """Standard normal z as difficulty, in five grades where tokens are tied too."""
    return np.digitize(z, LEVELS).astype(float) if kind == "tied" else z
