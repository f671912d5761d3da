"""Which rows of a frame are which kind of condition, in what order, under what name.

Here too: which rows there is thinking in.
"""

import pandas as pd

from thinkscale.data.conditions import NOTHING, RESERVED
from thinkscale.figures.core import Style
from thinkscale.figures.core.text import plural, visible

COLUMNS = (
    *("condition", "max_think", "truncate", "min_think", "waits", "continuation", "no_think"),
)


def is_natural(frame: pd.DataFrame) -> pd.Series:
    """Rows of the natural stop."""
    return frame["condition"] == "natural"


def is_budget(frame: pd.DataFrame) -> pd.Series:
    """Rows with a maximum budget and nothing else."""
    return frame["max_think"].notna() & frame["min_think"].isna() & ~_waited(frame)


def is_truncated(frame: pd.DataFrame) -> pd.Series:
    """Rows cut at a limit without being asked for an answer."""
    return frame["truncate"].notna()


def is_unthinking(frame: pd.DataFrame) -> pd.Series:
    """Rows with thinking switched off."""
    return frame["no_think"].astype(bool)


def is_forced(frame: pd.DataFrame) -> pd.Series:
    """Rows in which thinking was made shorter or longer, and the answer asked for behind it."""
    return ~(is_natural(frame) | is_truncated(frame) | is_unthinking(frame))


def is_waits(frame: pd.DataFrame) -> pd.Series:
    """Rows with forced waits and nothing else."""
    return _waited(frame) & frame["max_think"].isna() & frame["min_think"].isna()


def is_uncapped(frame: pd.DataFrame) -> pd.Series:
    """Rows in which thinking ends by itself: natural, waits, minimum budgets."""
    return frame["max_think"].isna() & ~is_truncated(frame) & ~is_unthinking(frame)


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

    Natural first and thinking switched off, then waits, minimum and maximum budgets and
    truncations, each rising, then what combines a maximum with one of the others. The continuation
    is named where the frame has several.
    """
    rows = frame.assign(waits=frame["waits"].where(_waited(frame))).drop_duplicates("condition")
    several = rows["continuation"].dropna().nunique() > 1
    places, names = {}, {}
    for position, row in enumerate(rows[list(COLUMNS)].itertuples(index=False)):
        limits = (row.waits, row.min_think, row.max_think, row.truncate)
        waits, least, most, end = (None if pd.isna(limit) else int(limit) for limit in limits)
        parts = [] if waits is None else [plural(waits, "wait")]
        parts += [] if least is None else [f"min. {least:,}"]
        parts += [] if most is None else [f"max. {most:,}"]
        parts += [] if end is None else [f"cut at {end:,}"]
        parts += ["not thinking"] if row.no_think else []
        place = [(rank, n) for rank, n in enumerate((waits, least, most, end)) if n is not None]
        name = ", ".join(parts) or visible(row.condition, limit=24, style=style)
        if several and pd.notna(row.continuation) and (waits, least) != (None, None):
            name += f" {wording(row.continuation, 12, style)}"
        names[row.condition] = name
        places[row.condition] = (len(place), place, bool(row.no_think), position)
    return {condition: names[condition] for condition in sorted(places, key=places.get)}
