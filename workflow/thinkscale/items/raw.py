"""An item as its source gives it: the hand-over between reading a bank and cleaning it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawItem:
    """One record of a bank, mapped to the fields of an item and otherwise untouched.

    row: as a reader of the file counts (see records.py).
    options: (label, text) pairs; trailing blanks of option columns are already left out.
    key: as written in the file (a label, an option's text, or a number); None if empty.
    difficulty, response_time: finite; difficulty is on the bank's own scale and direction.
    meta: a JSON object of the columns that are mapped to nothing, with `option_order` where the
        options were shuffled.
    excluded: why `exclude` leaves the item out ("ItemType is PIX"); None for items that stay.
    """

    row: int
    item_id: str
    stem: str
    options: tuple[tuple[str, str], ...]
    key: str | None
    answer_text: str | None
    difficulty: float | None
    response_time: float | None
    cluster_id: str | None
    meta: str
    excluded: str | None = None
