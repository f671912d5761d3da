"""items_report.csv: every change to an item's text, and every item that is not studied."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from thinkscale.data.files import replacing
from thinkscale.data.tables import write_table
from thinkscale.items.cleaning import REPORT_COLUMNS, Note

_AT_ONCE = 20_000  # lines held before they go to the file


class Report:
    """Lines of the report, gathered in memory, or in a file as they come.

    A context: with `path`, the file is there whole when the block ends well, or not at all.
    """

    def __init__(self, path: Path | None = None):
        self._notes: list[Note] = []
        self._path, self._file = path, None

    def __enter__(self) -> "Report":
        if self._path is not None:
            self._replacing = replacing(self._path)
            self._file = self._replacing.__enter__().open("wb")
            self._begun = False
        return self

    def __exit__(self, *error) -> None:
        if self._file is not None:
            if error[0] is None:
                self._flush()
            self._file.close()
            self._replacing.__exit__(*error)

    def add(self, notes: Iterable[Note]) -> None:
        self._notes.extend(notes)
        if self._file is not None and len(self._notes) >= _AT_ONCE:
            self._flush()

    def frame(self) -> pd.DataFrame:
        """The lines in memory as a frame, with its columns even when there are none."""
        rows = [tuple(getattr(note, name) for name in REPORT_COLUMNS) for note in self._notes]
        frame = pd.DataFrame(rows, columns=list(REPORT_COLUMNS))
        text = {name: "str" for name in REPORT_COLUMNS if name != "row"}
        return frame.astype({"row": "int64", **text})

    def _flush(self) -> None:
        # Written by the one function that writes tables; the header of later parts is left out.
        part = Path(f"{self._file.name}.part")
        write_table(self.frame(), part)
        with part.open("rb") as lines:
            header = lines.readline()
            if not self._begun:
                self._file.write(header)
            while block := lines.read(1 << 20):
                self._file.write(block)
        part.unlink()
        self._begun = True
        self._notes.clear()
