"""What is told of a bank: items_report.csv, line by line, and tables/items.csv, counted.

The report has every change to an item's text, and every item that is not studied. The table says
what is in a bank, what was left out of it, and what its difficulty follows.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from thinkscale.data.files import replacing
from thinkscale.data.tables import write_table
from thinkscale.items.difficulty import Association, spearman
from thinkscale.items.item import Note

REPORT_COLUMNS = Note.__match_args__

COLUMNS = ("measure", "detail", "n", "estimate", "lower", "upper", "method")

# Actions of the report that are counted, by the beginning of their words.
_COUNTED = {
    "mojibake": "text_repaired",
    "whitespace": "whitespace_tidied",
    "dropped, empty": "empty_options",
    "kept, equal to option": "equal_options",
    "kept, differs from option": "answer_differs_from_key",
    "number read": "numbers_rewritten",
    "its own label taken off": "labels_taken_off",
}

_AT_ONCE = 20_000  # lines held before they go to the file


class Report:
    """Lines of the report, gathered in memory, or in a file as they come (see `reporting`)."""

    def __init__(self, file: BinaryIO | None = None):
        self._notes: list[Note] = []
        self._file, self._begun = file, False

    def add(self, notes: Iterable[Note]) -> None:
        self._notes.extend(notes)
        if self._file is not None and len(self._notes) >= _AT_ONCE:
            self.flush()

    def frame(self) -> pd.DataFrame:
        """The lines in memory as a frame, with its columns even when there are none."""
        rows = [tuple(getattr(note, name) for name in REPORT_COLUMNS) for note in self._notes]
        frame = pd.DataFrame(rows, columns=list(REPORT_COLUMNS))
        text = {name: "str" for name in REPORT_COLUMNS if name != "row"}
        return frame.astype({"row": "int64", **text})

    def flush(self) -> None:
        # Written by the one function that writes tables; the header of later parts is left out.
        part = Path(f"{self._file.name}.part")
        write_table(self.frame(), part)
        with part.open("rb") as lines:
            header = lines.readline()
            self._file.write(b"" if self._begun else header)
            shutil.copyfileobj(lines, self._file)
        part.unlink()
        self._begun = True
        self._notes.clear()


@contextmanager
def reporting(path: Path | None = None) -> Iterator[Report]:
    """A report; with `path`, the file is there whole when the block ends well, or not at all."""
    if path is None:
        yield Report()
        return
    with replacing(path) as partial, partial.open("wb") as file:
        report = Report(file)
        yield report
        report.flush()


def facts(
    *,
    in_file: int,
    lost: Mapping[tuple[str, str], int],
    difficulty: np.ndarray,
    response_time: np.ndarray,
    stem_chars: np.ndarray,
    studied: np.ndarray,
    notes: Iterable[Note] = (),
    duplicates: int = 0,
    near_duplicates: int | None = None,
    renamed: Iterable[tuple[str, str]] = (),
) -> pd.DataFrame:
    """The facts about a bank as a table.

    lost: items left out by (excluded | dropped, why). difficulty (higher = harder), response_time,
    stem_chars: of the bank after cleaning; studied: the difficulties of the items drawn. notes: the
    report on the items drawn. near_duplicates: None where they were not looked for. renamed: (name
    in the configuration, name in the bank) of columns that differ in case or spaces.
    """
    rows: list[tuple] = [_count("in_file", in_file)]
    rows += [_count("column_found", 1, f"{there!r} for {asked!r}") for asked, there in renamed]
    rows += [_count(kind, n, why) for (kind, why), n in lost.items()]
    rows.append(_count("bank", len(difficulty), "in the file, not excluded, not dropped"))
    rows.append(_count("duplicates", duplicates, "of an earlier item of the bank"))
    rows.append(_count("without_difficulty", np.isnan(difficulty).sum(), "of the bank"))
    rows.append(_count("studied", len(studied)))
    rows.append(_count("without_difficulty", np.isnan(studied).sum(), "of the items studied"))
    touched = _touched(notes)
    rows += [_count(name, touched[name], "items studied") for name in _COUNTED.values()]
    rows.append(_count("equal_options", touched["key"], "items studied, one of them is the key"))
    if near_duplicates is not None:
        rows.append(_count("near_duplicates", near_duplicates, "of an item drawn before"))
    for name, other in (("response_time", response_time), ("stem_length", stem_chars)):
        rows.append(_association(f"difficulty_{name}", spearman(difficulty, other)))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({"n": "int64", **dict.fromkeys(("estimate", "lower", "upper"), "float64")})


def _touched(notes: Iterable[Note]) -> Counter:
    """How many items each counted action concerns; `key` where equal options hold the key."""
    seen = set()
    for note in notes:
        for begin, name in _COUNTED.items():
            if note.action.startswith(begin):
                seen.add((name, note.item_id))
        if note.action.endswith("one is the key"):
            seen.add(("key", note.item_id))
    return Counter(name for name, _ in seen)


def _count(measure: str, n: int, detail: str = "") -> tuple:
    return measure, detail, int(n), np.nan, np.nan, np.nan, "counted"


def _association(measure: str, found: Association) -> tuple:
    where = "over the bank; items taken as independent"
    return (
        *(measure, "", found.n, found.estimate, found.lower, found.upper),
        f"{found.method}, 95%; {where}",
    )
