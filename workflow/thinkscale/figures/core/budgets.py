"""Maximum thinking budgets along one axis; behind them natural thinking, and thinking off."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from thinkscale.figures.core import Style, conditions, estimates, frames
from thinkscale.figures.core.text import characters, fold, number

_BEHIND = {0.24: "natural\n(no limit)", 0.5: "thinking\noff"}


@dataclass(frozen=True)
class Budgets:
    """Where budgets stand: to scale, or where they span more than a factor of 8 by doublings."""

    budgets: np.ndarray
    places: np.ndarray
    logarithmic: bool
    behind: tuple[float, ...]
    """Places of natural thinking, and of thinking switched off where the study has it."""

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Budgets":
        """The maximum budgets of the rows; raises NoData where there is none."""
        frames.some(rows[conditions.is_budget(rows)], "no estimate under a maximum budget alone")
        budgets = np.unique(_limits(rows).dropna())
        positive = budgets[budgets > 0]
        logarithmic = positive.size > 1 and positive[-1] / positive[0] > 8
        places = budgets
        if logarithmic:
            doublings = np.log2(np.maximum(budgets, positive[0]) / positive[0])
            places = np.where(budgets > 0, 1 + doublings, 0.0)  # one step from 0 to the smallest
        places = (places - places[0]) / (np.ptp(places) or 1.0)
        behind = list(_BEHIND)[: 1 + conditions.is_unthinking(rows).any()]
        return cls(budgets, places, logarithmic, tuple(places[-1] + place for place in behind))

    def at(self, rows: pd.DataFrame) -> pd.Series:
        """The place of each row; missing where it is none of these alone."""
        where = _limits(rows).map(dict(zip(self.budgets, self.places, strict=True)))
        where = where.mask(conditions.is_natural(rows), self.behind[0])
        return where.mask(conditions.is_unthinking(rows), self.behind[-1])

    def curves(
        self, ax: Axes, rows: pd.DataFrame, lines: estimates.Lines, by: str = "model", **how: float
    ) -> None:
        """Estimates with intervals: a line through budgets, and what has none beside it."""
        place = self.at(rows)
        rows = rows.assign(place=place, joined=place.where(_limits(rows).isna(), -1.0))
        # All that stands at one budget stays nearer to it than to its neighbours.
        apart = min([0.17, *np.diff(self.places)])
        step = min(0.02, 0.6 * apart / len(lines))
        estimates.curves(ax, rows, "place", lines, by, step=step, units="joined", **how)

    def axis(self, ax: Axes, style: Style) -> None:
        """Ticks at the budgets themselves, as many as fit beside each other, and behind them.

        There is room for the words behind where a panel is as wide as a figure of one, or half of
        a wide one.
        """
        width = 0.8 * style.width
        low, high = -0.07, self.behind[-1] + 0.13
        character = (high - low) / characters(width, style.small)
        kept = [(self.behind[0] - 2 * character, 0)]
        ticks, labels = list(self.behind), [*_BEHIND.values()][: len(self.behind)]
        names = [number(budget, 0) for budget in self.budgets]
        for place, name in zip(self.places[::-1], names[::-1], strict=True):  # the largest matters
            edge, size = kept[-1]
            if edge - place >= character * (1 + (len(name) + size) / 2):
                kept.append((place, len(name)))
                ticks.append(place)
                labels.append(name)
        ax.set_xticks(ticks, labels)
        ax.set_xlim(low, high)
        middle = (self.places[-1] + self.behind[0]) / 2
        ax.axvline(middle, color=style.muted, linewidth=0.6, linestyle=(0, (1, 2)))
        label = f"maximum thinking budget (tokens{', log scale' if self.logarithmic else ''})"
        ax.set_xlabel(fold(label, characters(1.2 * width, style.font_size)))
        ax.grid(axis="y")


def _limits(rows: pd.DataFrame) -> pd.Series:
    """The budget or the truncation that is all a row's condition has."""
    most, end = (pd.to_numeric(rows[limit], errors="coerce") for limit in ("max_think", "truncate"))
    return most.astype(float).where(conditions.is_budget(rows)).fillna(end.astype(float))
