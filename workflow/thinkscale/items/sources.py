"""An item bank as a stream of items: records of a file or hub data set, read through a mapping.

>>> settings = Items(preset="gsm8k", source="gsm8k_test.jsonl")
>>> for item in raw_items(Source(settings, seed=1)):
...     item.row, item.stem, item.answer_text
"""

from array import array
from collections.abc import Callable, Collection, Iterator
from dataclasses import astuple, dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown, text
from thinkscale.items.columns import Found, find_columns
from thinkscale.items.files import unpacked
from thinkscale.items.hub import HubSet, hub_records
from thinkscale.items.item import RawItem
from thinkscale.items.logs import items_once, log_records
from thinkscale.items.numbers import Notation, notation_of
from thinkscale.items.reading import reader
from thinkscale.items.records import NOTATION, Record, check_cells, read_records

# Records from whose names the columns are chosen before the first item is made.
_HEAD = 1000


@dataclass(frozen=True)
class Source:
    """The bank that a study names: its keys of `items`, and the seed of shuffled options."""

    settings: Items
    seed: int

    @property
    def place(self) -> Path | HubSet:
        asked = self.settings
        if asked.source is not None:
            return Path(asked.source)
        return HubSet(asked.hub, asked.revision, asked.config, asked.split, asked.offline)

    def __str__(self) -> str:
        return str(self.place)

    @property
    def name(self) -> str:
        """What items are called after that have no id of their own."""
        return unpacked(self.place).stem if isinstance(self.place, Path) else self.place.name

    @property
    def fixed(self) -> bool:
        """Whether every record has all the columns there are."""
        place = self.place
        if self.settings.log in ("lm_eval", "inspect"):
            return False
        return isinstance(place, HubSet) or unpacked(place).suffix.lower() not in NOTATION

    def records(self) -> Iterator[Record]:
        asked, where = self.settings, str(self)
        if isinstance(self.place, HubSet):
            records = hub_records(*astuple(self.place))
        elif asked.log is not None:
            records = log_records(self.place, asked.log, asked.encoding)
            records = items_once(records, asked.log, asked.columns.item_id or ())
        else:
            records = read_records(
                self.place,
                delimiter=asked.delimiter,
                encoding=asked.encoding,
                header=asked.header,
                sheet=asked.sheet,
            )
        for row, cells in records:
            check_cells(where, row, cells)
            yield row, cells

    def columns(self, names: Collection[str], settled: Found | None = None) -> Found:
        """Which of the mapped columns are among these names; `settled` stays."""
        return find_columns(self.settings, names, str(self), settled)

    def notations(self, found: Found, head: list[Record]) -> dict[str | None, Notation]:
        """How columns of numbers write them, as far as the first records tell."""
        decimal, patterned = self.settings.decimal, self.settings.columns.difficulty_pattern

        def notation(column: str | None) -> Notation:
            return notation_of(((row, cells.get(column)) for row, cells in head), decimal)

        return {
            found.difficulty: Notation(decimal) if patterned else notation(found.difficulty),
            found.response_time: replace(notation(found.response_time), percent=False),
        }

    def reader(self, found: Found, head: list[Record]) -> Callable[[int, dict], RawItem]:
        notations = self.notations(found, head)
        return reader(str(self), self.name, found, notations, self.settings, self.seed)


def raw_items(source: Source, rows: Collection[int] | None = None) -> Iterator[RawItem]:
    """Yield the items of a bank in its order, one at a time; of these rows only, if any are given.

    Memory is constant, but for a workbook (held whole) and 8 bytes an item where items have ids of
    their own. Items that `exclude` leaves out come with their row, id and stem only.
    Raises ThinkscaleError naming file, row and column at the first problem. An id that occurs twice
    is found after the last item, and only where all rows are read.
    """
    begun = _begin(source)
    head, known, found = begun.head, set(begun.names), begun.found
    fixed, read = source.fixed, source.reader(found, head)
    digests = array("q")
    for row, cells in chain(head, begun.later):
        if not fixed and not cells.keys() <= known:
            known |= cells.keys()
            found = source.columns(known, found)
            read = source.reader(found, head)
        if rows is not None and row not in rows:
            continue
        item = read(row, cells)
        if rows is None and found.item_id is not None:
            digests.append(hash(item.item_id))
        yield item
    _check_ids(source, found, digests)


def columns_of(source: Source) -> Found:
    """Which of the mapped columns the bank has.

    Raises ThinkscaleError if one is missing, if the bank is empty, or if it cannot be read.
    """
    return _begin(source).found


@dataclass(frozen=True)
class _Begun:
    """A bank's first records and the later ones; the columns as far as the first ones tell."""

    head: list[Record]
    later: Iterator[Record]
    names: Collection[str]
    found: Found


def _begin(source: Source) -> _Begun:
    records = source.records()
    head = list(islice(records, _HEAD))
    if not head:
        raise ThinkscaleError(f"{source}: the item bank is empty; expected at least one item.")
    names = dict.fromkeys(name for _, cells in head for name in cells)
    try:
        found = source.columns(names)
    except ThinkscaleError:
        if source.fixed or len(head) < _HEAD:
            raise
        # A key that only later records have is a column as well.
        names = dict.fromkeys(name for _, cells in source.records() for name in cells)
        found = source.columns(names)
    return _Begun(head, records, names, found)


def _check_ids(source: Source, found: Found, digests: array) -> None:
    """Raise ThinkscaleError if two items have one id. Rows are looked up only then."""
    hashes = np.frombuffer(digests, dtype=np.int64) if digests else np.empty(0, np.int64)
    ordered = np.sort(hashes)
    repeated = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
    if not repeated:
        return
    first: dict[str, int] = {}
    for row, cells in source.records():
        item_id = text(str(source), row, found.item_id, cells.get(found.item_id)).strip()
        if hash(item_id) in repeated and first.setdefault(item_id, row) != row:
            raise ThinkscaleError(
                f"{source}, rows {first[item_id]} and {row}, column {found.item_id}: both have the "
                f"item id {shown(item_id)}; expected ids that occur once."
            )
