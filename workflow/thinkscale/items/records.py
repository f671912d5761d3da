"""Files as streams of records: a row number and a dict of cells.

Row numbers are the ones a reader of the file sees: in CSV and TSV the header is row 1 and blank
rows count, as in a spreadsheet (a cell with line breaks is part of one row); in JSONL the line; in
JSON and Parquet the first record is row 1. Only JSON is held in memory whole.
"""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from thinkscale.errors import ThinkscaleError

Record = tuple[int, dict[str, object]]

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
SUFFIXES = (*DELIMITERS, ".json", ".jsonl", ".ndjson", ".parquet")

# A cell longer than this is not a question; most often it is an unclosed quote.
MAX_CELL = 1_000_000


def read_records(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
) -> Iterator[Record]:
    """Yield (row, cells) for each record of the file; the suffix says the format.

    `delimiter` and `header` are for CSV and TSV. Without a header, columns are called "1", "2", ...
    An empty CSV cell is None. Raises ThinkscaleError for a missing, empty or broken file.
    """
    path = Path(path)
    if not path.is_file():
        raise ThinkscaleError(f"{path}: no such item bank file.")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ThinkscaleError(
            f"{path}: {suffix or 'no suffix'} is not a format of item banks; "
            f"expected one of {', '.join(SUFFIXES)}."
        )
    if suffix in DELIMITERS:
        return _read_delimited(path, delimiter or DELIMITERS[suffix], encoding, header)
    if suffix == ".parquet":
        return _read_parquet(path)
    return (_read_json if suffix == ".json" else _read_jsonl)(path, encoding)


def _read_delimited(path: Path, delimiter: str, encoding: str, header: bool) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        rows = _csv_rows(path, file, delimiter)
        names: list[str] | None = None
        for row, cells in enumerate(rows, start=1):
            if not cells:
                continue
            if names is None:
                names = cells if header else [str(i + 1) for i in range(len(cells))]
                repeated = sorted({n for n in names if names.count(n) > 1})
                if repeated:
                    raise ThinkscaleError(
                        f"{path}, row {row}: more than one column is called {repeated[0]!r}."
                    )
                if header:
                    continue
            if len(cells) != len(names):
                raise ThinkscaleError(
                    f"{path}, row {row}: {len(cells)} cells, expected {len(names)}; "
                    f"is a quote or the delimiter ({delimiter!r}) wrong?"
                )
            record = dict(zip(names, (cell or None for cell in cells), strict=True))
            _check_cells(path, row, record)
            yield row, record


def _csv_rows(path: Path, file, delimiter: str) -> Iterator[list[str]]:
    # The limit is global to the csv module; ours is checked per cell, where the column is known.
    before = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise ThinkscaleError(f"{path}, line {reader.line_num}: broken CSV ({error}).") from error
    finally:
        csv.field_size_limit(before)


def _read_jsonl(path: Path, encoding: str) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        for row, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise ThinkscaleError(
                    f"{path}, line {row}: not a JSON object ({error}); found {_short(line)}."
                ) from error
            yield row, _object(path, row, record)


def _read_json(path: Path, encoding: str) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        text = file.read()
    if not text.strip():
        return
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ThinkscaleError(f"{path}: broken JSON ({error}).") from error
    if isinstance(content, dict) and len(content) == 1:
        (content,) = content.values()
    if not isinstance(content, list):
        raise ThinkscaleError(
            f"{path}: the top level is {_kind(content)}; expected a list of objects, or an object "
            "with that list as its only value."
        )
    for row, record in enumerate(content, start=1):
        yield row, _object(path, row, record)


def _read_parquet(path: Path) -> Iterator[Record]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for record in batch.to_pylist():
                    row += 1
                    _check_cells(path, row, record)
                    yield row, record
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error


@contextmanager
def _decoded(path: Path, encoding: str):
    """The file opened as text; bytes that are not in `encoding` are reported with their line."""
    # A byte-order mark is no part of the first column's name.
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield file
    except LookupError as error:
        raise ThinkscaleError(f"{path}: unknown encoding {encoding!r}.") from error
    except UnicodeError as error:
        raise ThinkscaleError(
            f"{path}, line {_undecodable_line(path, encoding)}: not {encoding} text; "
            "save the file as UTF-8 or name its encoding."
        ) from error


def _undecodable_line(path: Path, encoding: str) -> int:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return number
    return 1  # encodings whose line ends are not single bytes


def _object(path: Path, row: int, record: object) -> dict[str, object]:
    if not isinstance(record, dict):
        raise ThinkscaleError(
            f"{path}, row {row}: {_kind(record)} ({_short(record)}), expected an object."
        )
    _check_cells(path, row, record)
    return record


def _check_cells(path: Path, row: int, record: dict[str, object]) -> None:
    for column, cell in record.items():
        if isinstance(cell, str) and len(cell) > MAX_CELL:
            raise ThinkscaleError(
                f"{path}, row {row}, column {column}: a cell of {len(cell):,} characters; "
                f"expected at most {MAX_CELL:,} (is a quote left open?)."
            )


def _short(value: object) -> str:
    shown = repr(value.strip() if isinstance(value, str) else value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true/false"}
    return names.get(type(value), "null" if value is None else "a number")
