"""A model's responses as arrays, conditions side by side, and means over resampled clusters.

What is asked of a sweep are means over responses and functions of means. Of these nothing more is
needed than sums over clusters, so that thousands of resamples are one product of matrices.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame
from thinkscale.stats.core.resampling import Draws


@dataclass(frozen=True)
class Sweep:
    """Responses of one model: a row for each item and sample, a column for each condition.

    cells: the conditions' columns in the order of the study. rows: item_id, sample, cluster and
    fits of every row. values: by name shape (rows, conditions), NaN where there is no response.
    """

    model: str
    cells: tuple[dict, ...]
    rows: pd.DataFrame
    values: dict[str, np.ndarray]

    @cached_property
    def names(self) -> list[str]:
        """The conditions as they are written."""
        return [cell["condition"] for cell in self.cells]

    @cached_property
    def sizes(self) -> dict[str, int | str]:
        """The first columns of a table's row: model, n_items and errors."""
        n_items = self.rows["item_id"].nunique()
        return {"model": self.model, "n_items": n_items, "errors": frame.unfit_items(self.rows)}

    def unfit(self, what: str) -> str:
        """How `method` says what became of items that did not fit the context."""
        return frame.unfit_note(self.sizes["errors"], what)

    def kinds(self) -> dict[str, list[int]]:
        """Conditions that differ in their first limit alone, by what they share: `max`, `waits`.

        A kind holds places of conditions in `cells`, in order: at first the condition in which that
        limit is not set, where the study has it. For most that is natural.
        """
        found: dict[str, list[int]] = {}
        limits = [
            {name: cell[name] for name in frame.LIMITS if cell[name] is not None}
            | ({"no_think": True} if cell["no_think"] else {})
            for cell in self.cells
        ]
        for place, (name, own) in enumerate(zip(self.names, limits, strict=True)):
            if varied := re.match(r"(waits|min|max|truncate)=\d+", name):
                kind = varied[1] + name[varied.end() :]
                without = {k: v for k, v in own.items() if not k.startswith(varied[1])}
                start = limits.index(without) if without in limits else None
                found.setdefault(kind, [] if start is None else [start]).append(place)
        return found


def sweeps(graded: pd.DataFrame, *columns: str) -> Iterator[Sweep]:
    """Every model's sweep, from the graded frame."""
    given = [column for column in columns if column != "correct"]
    frame.require(graded, given, "graded responses")
    for model, own in frame.by_model(frame.prepare(graded[frame.NEEDED].assign(**graded[given]))):
        yield sweep(model, own, *columns)


def sweep(model: str, own: pd.DataFrame, *columns: str) -> Sweep:
    """The sweep of one model's prepared responses, with these numeric columns as its values.

    What did not fit the context is not correct, and has no value in any other column.
    """
    cells = tuple(cell for cell, _ in frame.by_condition(own.drop_duplicates("condition")))
    names = [cell["condition"] for cell in cells]
    pairs = own.groupby(["item_id", "sample"], sort=False)
    rows = own.loc[~own.duplicated(["item_id", "sample"]), ["item_id", "sample", "cluster"]]
    rows = rows.reset_index(drop=True).assign(fits=pairs["fits"].all().to_numpy())
    where = pairs.ngroup().to_numpy(), pd.Categorical(own["condition"], categories=names).codes
    values = {}
    for column in columns:
        values[column] = np.full((len(rows), len(cells)), np.nan)
        given = own[column] if column == "correct" else own[column].where(own["fits"])
        values[column][where] = given.to_numpy(float)
    return Sweep(str(model), cells, rows, values)


@dataclass(frozen=True)
class Sums:
    """Sums and numbers of values over G clusters, shape (G, columns); a mean is their ratio."""

    sums: np.ndarray
    counts: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Mean of each column over all values, shape (columns,)."""
        return self.weighted(np.ones((1, len(self.sums))))[0]

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Means (resamples, columns) with each cluster as often as weights (resamples, G) say."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (weights @ self.sums) / (weights @ self.counts)

    def without(self) -> np.ndarray:
        """Means (G, columns) with each cluster left out in turn."""
        with np.errstate(invalid="ignore", divide="ignore"):
            left = self.counts.sum(axis=0) - self.counts
            return (self.sums.sum(axis=0) - self.sums) / left

    def covariance(self) -> np.ndarray:
        """Cluster-robust covariance of the means (columns, columns), as of `clustered_mean`."""
        groups = len(self.sums)
        if groups < 2:
            return np.full((self.sums.shape[1],) * 2, np.nan)
        rest = (self.sums - self.counts * self.means) / self.counts.sum(axis=0)
        return groups / (groups - 1) * rest.T @ rest


def sums(values: np.ndarray, clusters: np.ndarray, names: Sequence | None = None) -> Sums:
    """Of values (n,) or (n, columns), whose clusters are given; NaN is no value.

    names: the clusters in their order, where some may be without a value; default: those given.
    """
    grouped = pd.DataFrame(values).groupby(np.asarray(clusters))
    both = (grouped.sum(), grouped.count())
    if names is not None:
        both = (one.reindex(names, fill_value=0) for one in both)
    return Sums(*(one.to_numpy(float) for one in both))


def resamples(groups: int, draws: Draws) -> np.ndarray:
    """How often each of `groups` clusters is drawn, shape (n_boot, groups)."""
    drawn = draws.rng.integers(groups, size=(draws.n_boot, groups))
    drawn += groups * np.arange(draws.n_boot)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=groups * draws.n_boot)
    return counts.reshape(draws.n_boot, groups).astype(float)


def greatest_t(
    covariance: np.ndarray, contrasts: np.ndarray, groups: int, draws: Draws
) -> np.ndarray:
    """Draws (n_boot,) of the greatest |t| of contrasts of means, all being 0 in truth.

    The means' covariance is estimated from `groups` clusters: a multivariate t on groups - 1
    degrees of freedom (Hothorn, Bretz and Westfall 2008, Biometrical Journal 50, section 3).
    contrasts: (contrasts, means), of which each has a variance.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    errors = np.sqrt(np.einsum("ki,ij,kj->k", contrasts, covariance, contrasts))
    normal = draws.rng.normal(size=(draws.n_boot, len(values)))
    scale = np.sqrt(draws.rng.chisquare(groups - 1, size=draws.n_boot) / (groups - 1))
    t = np.abs(normal @ (contrasts @ root).T) / errors
    return t.max(axis=1) / scale
