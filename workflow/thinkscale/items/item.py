"""An item on its way: as its source gives it, what is noted of it, and as it is after cleaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from thinkscale.errors import ThinkscaleError

Options = tuple[tuple[str, str], ...]  # (label, text)


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
    notes: what was read otherwise than it stands there.
    """

    row: int
    item_id: str
    stem: str
    options: Options
    key: str | None
    answer_text: str | None
    difficulty: float | None
    response_time: float | None
    cluster_id: str | None
    meta: str
    excluded: str | None = None
    notes: tuple["Note", ...] = ()


@dataclass(frozen=True)
class Origin:
    """What a bank and its columns are called, for messages, and what its items must have.

    columns: name of the column behind each field of an item; a field that is not mapped is absent.
    renamed: (name in the configuration, name in the bank) of columns that differ in case or spaces.
    """

    where: str
    columns: Mapping[str, str] = field(default_factory=dict)
    key_counts_from: int | None = None
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def has_options(self) -> bool:
        return "options" in self.columns

    @property
    def has_answers(self) -> bool:
        """Whether answers can be compared with anything; not so for open tasks."""
        return not self.columns.keys().isdisjoint(("key", "answer_text"))

    def problem(self, raw: RawItem, what: str, *names: str) -> ThinkscaleError:
        """An error that names the file, the row and the column of the first of `names` there is."""
        columns = [self.columns[name] for name in names if name in self.columns]
        column = f", column {columns[0]}" if columns else ""
        return ThinkscaleError(f"{self.where}, row {raw.row}{column} {what}.")


@dataclass(frozen=True, slots=True)
class Note:
    """One line of items_report.csv."""

    item_id: str
    row: int
    field: str
    action: str
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """An item after cleaning. dropped: why it is left out, a reason of cleaning.py."""

    raw: RawItem
    stem: str
    options: Options
    key: str | None
    answer_text: str | None
    notes: tuple[Note, ...]
    dropped: str | None = None
