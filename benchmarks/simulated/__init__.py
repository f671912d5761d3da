"""Simulated studies, whose truth is known: one module an analysis, found by its name.

A module defines `ANALYSIS`. Its `study` draws one study from a generator, under one of the
settings, has it analysed, and yields what it reads from the table as `Reading`s. All else, seeds,
counting, parallel work and the page, is of `calibrate_statistics.py`.
"""

import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from typing import Any, NamedTuple

import numpy as np


class Reading(NamedTuple):
    """What one study says of one measure. null: whether what p tests is true in the simulation."""

    measure: str
    truth: float
    lower: float
    upper: float
    p: float
    null: bool


@dataclass(frozen=True)
class Analysis:
    """An analysis to be judged.

    says: what is simulated, in sentences for the page. reasons: why coverage or size may be off,
    by measure, or for all the others by "". studies: how many; fewer than 2,000 where one is dear.
    code: modules of the library that decide its numbers, besides the one of its name and the core.
    """

    study: Callable[..., Iterable[Reading]]
    settings: Sequence[Mapping[str, Any]]
    says: str
    reasons: Mapping[str, str] = field(default_factory=dict)
    studies: int = 2000
    code: tuple[str, ...] = ()


# Tables without a module here, and what says what their intervals and tests are worth.
COVERED = {
    "strategies": "shares of items, and of items that a better choice would have saved: accuracy",
    "compute_matched": "shares of items, accuracy; gains over majority, mcnemar's difference",
    "compute_optimal": "as compute_matched: what the other half chose is as if fixed before",
    "frontier": "accuracy and its tokens, accuracy; of votes, consensus. Shares of resamples "
    "describe, and test nothing",
    "waits_against_votes": "paired differences of shares of items: mcnemar",
    "generated": "shares of traces, clustered: accuracy",
    "language_mixing": "means of shares, clustered: accuracy",
    "overlap_summary": "shares of items and the mean of shares: accuracy",
    "readout": "means of values from 0 to 1 and shares, clustered, accuracy; the difference from "
    "sampled accuracy, mcnemar's",
    "readout_bins": "shares of the responses of a bin: accuracy, with as few clusters as a bin has",
    "rasch_difficulty": "correlations over items: readout_difficulty",
    "training_cost": "the accuracy beside the costs: accuracy",
    "prediction": "not simulated here, since a study takes hundreds of regressions; how often its "
    "intervals held in a simulation of its own stands in the docstring of the table",
}


def read(
    measure: str, row: Mapping[str, Any], truth: float, *, null: bool = False, p: str = "p"
) -> Reading:
    """A row of a table, or of an `Estimate`, whose p stands in the column of that name."""
    return Reading(measure, truth, row["lower"], row["upper"], row.get(p, math.nan), null)


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """Settings with every combination of values; the last varies fastest."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


def analyses() -> dict[str, Analysis]:
    """Every analysis of this folder, by name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").ANALYSIS for name in names}


def beta(rng: np.random.Generator, mean: np.ndarray | float, icc: float, shape=None) -> np.ndarray:
    """Chances of success with a beta law; `icc` is the correlation of two draws with one chance."""
    total = 1 / icc - 1
    least = 1e-9  # numpy wants positive parameters, where a chance of a chance has come near 0
    return rng.beta(np.maximum(mean * total, least), np.maximum((1 - mean) * total, least), shape)
