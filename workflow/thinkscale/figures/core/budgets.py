"""Maximum thinking budgets along one axis, and natural thinking, without a limit, at its end."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from thinkscale.figures.core import accuracy, conditions, frames
from thinkscale.figures.core.style import Look, Style
from thinkscale.figures.core.text import characters, fold, number


@dataclass(frozen=True)
class Budgets:
    """Where budgets stand: to scale, or where they span more than a factor of 8 by doublings."""

    budgets: np.ndarray
    places: np.ndarray
    logarithmic: bool

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Budgets":
        """The maximum budgets of the rows; raises NoData where there is none."""
        given = frames.some(rows[conditions.is_budget(rows)], "no maximum budget alone")
        budgets = np.unique(given["max_think"].astype(float))
        positive = budgets[budgets > 0]
        if positive.size < 2 or positive[-1] / positive[0] <= 8:
            return cls(budgets, budgets / (np.ptp(budgets) or 1.0), False)
        doublings = np.log2(np.maximum(budgets, positive[0]) / positive[0])
        places = np.where(budgets > 0, 1 + doublings, 0.0)  # one step from 0 to the smallest
        return cls(budgets, places / np.ptp(places), True)

    @property
    def natural(self) -> float:
        """The place of natural thinking."""
        return float(self.places[-1]) + 0.24

    def at(self, rows: pd.DataFrame) -> pd.Series:
        """The place of each row; missing where it is neither natural nor a maximum budget alone."""
        places = dict(zip(self.budgets, self.places, strict=True))
        where = rows["max_think"].astype(float).map(places)
        where = where.where(conditions.is_budget(rows))
        return where.mask(conditions.is_natural(rows), self.natural)

    def curve(
        self,
        ax: Axes,
        rows: pd.DataFrame,
        model: str,
        shift: tuple[int, int, float],
        look: Look,
        **how: object,
    ) -> None:
        """A model's estimates with intervals: a line through budgets, and natural beside it."""
        where = self.at(rows)
        for own in (conditions.is_budget(rows), conditions.is_natural(rows)):
            place = where[own].sort_values()
            accuracy.intervals(ax, place, rows.loc[place.index], model, shift, look, **how)

    def axis(self, ax: Axes, width: float, style: Style) -> None:
        """Ticks at the budgets themselves, as many as fit into so many inches, and at natural."""
        low, high = self.places[0] - 0.07, self.natural + 0.13
        character = (high - low) / characters(width, style.small)
        kept, ticks = [(self.natural - 2 * character, 0)], [self.natural]
        names = [number(budget, 0) for budget in self.budgets]
        labels = ["natural\n(no limit)"]
        for place, name in zip(self.places[::-1], names[::-1], strict=True):  # the largest matters
            edge, size = kept[-1]
            if edge - place >= character * (1 + (len(name) + size) / 2):
                kept.append((place, len(name)))
                ticks.append(place)
                labels.append(name)
        ax.set_xticks(ticks, labels)
        ax.set_xlim(low, high)
        middle = (self.places[-1] + self.natural) / 2
        ax.axvline(middle, color=style.muted, linewidth=0.6, linestyle=(0, (1, 2)))
        scale = ", log scale" if self.logarithmic else ""
        label = f"maximum thinking budget (tokens{scale})"
        ax.set_xlabel(fold(label, characters(1.2 * width, style.font_size)))
