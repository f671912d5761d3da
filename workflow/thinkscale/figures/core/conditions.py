"""Which rows of a frame are which kind of condition, in what order, under what name.

Here too: which rows there is thinking in.
"""

from __future__ import annotations

import pandas as pd

from thinkscale.figures.core.style import Style
from thinkscale.figures.core.text import plural, visible
from thinkscale.data.conditions import NOTHING, RESERVED

COLUMNS = ("condition", "max_think", "min_think", "waits", "continuation")


def is_natural(frame: pd.DataFrame) -> pd.Series:
    """Rows of the natural stop."""
    return frame["condition"] == "natural"


def natural_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of the natural stop."""
    return frame[is_natural(frame)]


def is_budget(frame: pd.DataFrame) -> pd.Series:
    """Rows with a maximum budget and nothing else."""
    return frame["max_think"].notna() & frame["min_think"].isna() & ~_waited(frame)


def is_waits(frame: pd.DataFrame) -> pd.Series:
    """Rows with forced waits and nothing else."""
    return _waited(frame) & frame["max_think"].isna() & frame["min_think"].isna()


def is_uncapped(frame: pd.DataFrame) -> pd.Series:
    """Rows without a maximum budget: natural, waits, minimum budgets."""
    return frame["max_think"].isna()


def thought(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in which something was thought: a prompt that did not fit the context was not asked."""
    return frame[frame["error"].isna()]


def unfit_note(frame: pd.DataFrame, what: str = "left out") -> str:
    """How a note counts the items that did not fit; nothing if all did."""
    unfit = frame.loc[frame["error"].notna(), "item_id"].nunique()
    items = f"{plural(unfit, 'item')} that did not fit a model\u2019s context"
    return f"; {items} {what}" if unfit else ""


def continuations(frame: pd.DataFrame) -> pd.Series:
    """The continuation of each row, and the word for nothing where it has none."""
    return frame["continuation"].fillna(NOTHING)


def wording(continuation: str, limit: int, style: Style) -> str:
    """A continuation in quotes, or the word that stands for none and for drawn ones as it is."""
    if continuation in RESERVED:
        return continuation
    text = visible(continuation, spaces=True, limit=limit, style=style)
    return f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"


def _waited(frame: pd.DataFrame) -> pd.Series:
    return frame["waits"].fillna(0) > 0


def condition_names(frame: pd.DataFrame, style: Style) -> dict[str, str]:
    """Condition id to the words a reader sees, in drawing order.

    Natural first, then waits, minimum and maximum budgets, each rising, then what combines a
    maximum with one of the others. The continuation is named where the frame has several.
    """
    rows = frame.drop_duplicates("condition")
    several = rows["continuation"].dropna().nunique() > 1
    places, names = {}, {}
    for position, row in enumerate(rows[list(COLUMNS)].itertuples(index=False)):
        parts, place = [], []
        waits = 0 if pd.isna(row.waits) else int(row.waits)
        if waits:
            parts.append(f"{waits} wait{'s' if waits > 1 else ''}")
            place.append((1, waits))
        if pd.notna(row.min_think):
            parts.append(f"min. {int(row.min_think):,}")
            place.append((2, int(row.min_think)))
        if pd.notna(row.max_think):
            parts.append(f"max. {int(row.max_think):,}")
            place.append((3, int(row.max_think)))
        name = ", ".join(parts) or visible(row.condition, limit=24, style=style)
        if parts and several and pd.notna(row.continuation) and (waits or "min" in name):
            name += f" {wording(row.continuation, 12, style)}"
        names[row.condition] = name
        places[row.condition] = (len(place), place, position)
    return {condition: names[condition] for condition in sorted(places, key=places.get)}
