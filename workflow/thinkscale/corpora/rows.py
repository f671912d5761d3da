"""Corpus files as streams of rows, in constant memory: (row, cells).

Rows are counted as a reader of the file counts: in JSONL the line, in CSV and TSV with the header
as row 1, in JSON and Parquet the first record is row 1.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from thinkscale.errors import ThinkscaleError
from thinkscale.items.records import DELIMITERS, read_records

Row = tuple[int, dict[str, Any]]

SUFFIXES = (*DELIMITERS, ".json", ".jsonl", ".ndjson", ".parquet")
_CHUNK = 4_000_000  # characters


def rows_of(path: str | Path, columns: Iterable[str] | None = None) -> Iterator[Row]:
    """Yield (row, cells) of a corpus file; its suffix says the format.

    columns: those wanted, where the format can leave the others unread (Parquet). Raises
    ThinkscaleError for a missing or broken file, naming the row or line and what was found there.
    """
    path = Path(path)
    if not path.is_file():
        raise ThinkscaleError(f"Corpus file {path} does not exist.")
    match path.suffix.lower():
        case ".parquet":
            return _parquet(path, columns)
        case ".jsonl" | ".ndjson":
            return _lines(path)
        case ".json":
            return _json(path)
        case suffix if suffix in DELIMITERS:
            return read_records(path)
    raise ThinkscaleError(
        f"Corpus {path} has the suffix {path.suffix!r}; expected one of {', '.join(SUFFIXES)} (or "
        "`format: text` for a file with a document a line)."
    )


def _lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            where = f"{path}, line {number}"
            text = _decoded(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, where)
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise ThinkscaleError(
                    f"{where}: found {shown(text)}, which is no JSON ({_why(error)}); expected a "
                    "JSON object a line."
                ) from error
            yield number, _object(record, where)


def _json(path: Path) -> Iterator[Row]:
    """The objects of a JSON list, read as they come; or of the one list in an object."""
    # `utf-8-sig` drops a byte-order mark.
    with path.open(encoding="utf-8-sig", newline="") as file:
        text = _JsonText(file, path)
        if not text.next():
            return
        if text.take("{"):
            text.value("the first key")
            text.take(":")
        if not text.take("["):
            raise ThinkscaleError(
                f"{path}: found {shown(text.rest())}; expected a list of objects, or an object "
                "with that list as its only value."
            )
        if text.take("]"):
            return
        row = 0
        while True:
            row += 1
            yield row, _object(text.value(f"row {row}"), f"{path}, row {row}")
            if text.take("]"):
                return
            if not text.take(","):
                found = shown(text.rest()) if text.next() else "the end of the file"
                raise ThinkscaleError(
                    f"{path}: found {found} after row {row}; expected a comma or the list's end."
                )


class _JsonText:
    """JSON text of which only a part is held."""

    def __init__(self, file: TextIO, path: Path):
        self._file, self._path = file, path
        self._text, self._at = "", 0
        self._decode = json.JSONDecoder().raw_decode

    def rest(self) -> str:
        return self._text[self._at :]

    def next(self) -> str:
        """The next character that is not white space, which is not taken; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def take(self, character: str) -> bool:
        """Take the next character if it is this one."""
        found = self.next() == character
        self._at += found
        return found

    def value(self, what: str) -> Any:
        """Take the next value."""
        self.next()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
                if end < len(self._text) or not self._more():  # a number at the end may go on
                    self._at = end
                    return value
            except (ValueError, RecursionError) as error:
                if not (_may_go_on(error, self._text) and self._more()):
                    raise ThinkscaleError(
                        f"{self._path}, {what}: found {shown(self.rest())}, which is no JSON "
                        f"({_why(error)}); expected a list of objects."
                    ) from error

    def _more(self) -> bool:
        kept = self.rest()
        try:
            added = self._file.read(max(_CHUNK, len(kept)))
        except UnicodeDecodeError as error:
            raise ThinkscaleError(
                f"{self._path}: found bytes that are not UTF-8 ({error.reason}); expected UTF-8."
            ) from error
        self._text, self._at = kept + added, 0
        return bool(added)


def _may_go_on(error: Exception, text: str) -> bool:
    """Whether JSON may be at fault only because it is not read to its end yet."""
    return isinstance(error, json.JSONDecodeError) and (
        error.pos > len(text) - 16 or error.msg.startswith("Unterminated")
    )


def _parquet(path: Path, columns: Iterable[str] | None) -> Iterator[Row]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            wanted = None if columns is None else [name for name in columns if name in known]
            for batch in file.iter_batches(batch_size=1024, columns=wanted):
                for record in batch.to_pylist():
                    row += 1
                    yield row, record
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as Parquet ({error}).") from error


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ThinkscaleError(
            f"{where}: found bytes that are not UTF-8 ({error.reason} at byte {error.start + 1}); "
            "expected UTF-8."
        ) from error


def _object(record: Any, where: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ThinkscaleError(f"{where}: found {shown(record)}; expected a JSON object.")
    return record


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def shown(value: Any, limit: int = 60) -> str:
    """A value as it is written in messages, cut where it is long."""
    text = repr(value.strip()[: 2 * limit] if isinstance(value, str) else value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
