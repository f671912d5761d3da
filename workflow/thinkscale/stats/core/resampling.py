"""Permutation tests, and the correction for many tests."""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from thinkscale.data.seeds import generator as generator  # for those who draw
from thinkscale.stats.core.intervals import BATCH_VALUES


def permutation_of_pairs(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    *,
    n_permutations: int,
    rng: np.random.Generator,
) -> tuple[float, str]:
    """Two-sided p with `values` shuffled against what `statistic` holds fixed, and its name.

    `statistic` takes shape (..., n) and returns shape (...). All orders are tried if they are no
    more than `n_permutations`.
    """
    return _permute(values, statistic, "pairings", math.factorial, n_permutations, rng)


def sign_flip(
    differences: np.ndarray, *, n_permutations: int, rng: np.random.Generator
) -> tuple[float, str]:
    """Two-sided p that differences, one a cluster, are as likely negative as positive.

    The statistic is their sum. A difference of 0 has no sign and does not enter.
    """
    differences = np.asarray(differences, dtype=float)
    changed = differences[differences != 0]
    if changed.size == 0:
        return (1.0, "no difference") if differences.size else (np.nan, "no pairs")
    if changed.size == 1:
        return 1.0, "of one difference"  # either sign is as likely
    return _permute(
        changed, lambda x: x.sum(axis=-1), "samples", lambda n: 2**n, n_permutations, rng
    )


def _permute(values, statistic, kind, count, n_permutations, rng) -> tuple[float, str]:
    if n_permutations < 1:
        return np.nan, "no permutations asked for"
    n = len(values)
    # A bound on n keeps factorials small; 20! is far beyond any number of permutations.
    exact = n <= 20 and count(n) <= n_permutations
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = stats.permutation_test(
            (np.asarray(values),),
            lambda x, axis=-1: statistic(x),
            permutation_type=kind,
            vectorized=True,
            axis=-1,
            n_resamples=n_permutations,
            batch=max(1, BATCH_VALUES // n),
            rng=rng,
        )
    name = "exact permutation" if exact else f"permutation ({n_permutations} draws)"
    return float(result.pvalue), name


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjusted p; missing p stay missing and are not counted as tests."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        adjusted[known] = multipletests(p[known], method="holm")[1]
    return adjusted


def holm_within(rows: list[dict], p: str, family: str | None = None) -> list[dict]:
    """Rows with `p_holm`: Holm on their `p`, among the rows that agree in `family` (None: all)."""
    frame = pd.DataFrame(
        {"p": [row[p] for row in rows], "family": [row.get(family) for row in rows]}
    )
    adjusted = frame.groupby("family", dropna=False)["p"].transform(holm)
    return [{**row, "p_holm": value} for row, value in zip(rows, adjusted, strict=True)]


def cluster_sums(values: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Sum of values in each cluster."""
    return pd.Series(np.asarray(values, float)).groupby(np.asarray(clusters)).sum().to_numpy()
