"""Files as streams of records: a row number and a dict of cells.

Row numbers are the ones a reader of the file sees: in CSV and TSV the header is row 1 and blank
rows count, as in a spreadsheet (a cell with line breaks is part of one row); in JSONL the line; in
JSON and Parquet the first record is row 1. Only JSON is held in memory whole.
"""

import codecs
import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown

Record = tuple[int, dict[str, object]]

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
NOTATION = (".json", ".jsonl", ".ndjson")  # here each record says which columns it has
SUFFIXES = (*DELIMITERS, *NOTATION, ".parquet")

# A cell longer than this is not a question; most often it is an unclosed quote.
MAX_CELL = 1_000_000
# Where an unclosed quote ends the reading of a file, so that it is not read into one cell whole.
_MAX_QUOTED = 2**26
_BATCH = 2048


def read_records(
    path: str | Path, delimiter: str | None = None, encoding: str = "utf-8", header: bool = True
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


def table_records(batches: Iterator[pa.RecordBatch | pa.Table], where: str) -> Iterator[Record]:
    """Yield the rows of Arrow batches, counted from 1."""
    row = 0
    for batch in batches:
        names = batch.schema.names
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row += 1
            record = dict(zip(names, values, strict=True))
            check_cells(where, row, record)
            yield row, record


def check_cells(where: str | Path, row: int, record: dict[str, object]) -> None:
    """Raise ThinkscaleError if a text of the record is too long to be an item's."""
    for column, cell in record.items():
        if cell.__class__ is str:
            size = len(cell)
        elif cell.__class__ in (list, dict):
            size = _characters(cell)
        else:
            continue
        if size > MAX_CELL:
            raise ThinkscaleError(
                f"{where}, row {row}, column {column}: a cell of {size:,} characters; "
                f"expected at most {MAX_CELL:,} (is a quote left open?)."
            )


def _characters(value: object) -> int:
    """How much text a value holds."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return len(value) if isinstance(value, str) else 0
    return sum(map(_characters, value))


def _read_delimited(path: Path, delimiter: str, encoding: str, header: bool) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        names: list[str] | None = None
        for row, cells in enumerate(_csv_rows(path, file, delimiter), start=1):
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
            record = dict(zip(names, [cell or None for cell in cells], strict=True))
            if max(map(len, cells)) > MAX_CELL:
                check_cells(path, row, record)
            yield row, record


def _csv_rows(path: Path, file, delimiter: str) -> Iterator[list[str]]:
    # The limit is global to the csv module; ours is checked per cell, where the column is known.
    before = csv.field_size_limit(_MAX_QUOTED)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    begun = 0
    try:
        for cells in reader:
            yield cells
            begun = reader.line_num
    except csv.Error as error:
        where = f"the row that begins in line {begun + 1}"
        raise ThinkscaleError(
            f"{path}, line {reader.line_num}: broken CSV ({error}); {where} has a quote that is "
            "not closed, or one that is not doubled."
        ) from error
    finally:
        csv.field_size_limit(before)


def _read_jsonl(path: Path, encoding: str) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        for row, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                if not line.strip():
                    continue
                raise ThinkscaleError(
                    f"{path}, line {row}: not a JSON object ({_why(error)}); found {shown(line)}."
                ) from error
            if record.__class__ is not dict:
                raise _not_an_object(path, row, record)
            if len(line) > MAX_CELL:
                check_cells(path, row, record)
            if "\\ud" in line or "\\uD" in line:
                _check_characters(path, row, record)
            yield row, record


def _read_json(path: Path, encoding: str) -> Iterator[Record]:
    with _decoded(path, encoding) as file:
        text = file.read()
    if not text.strip():
        return
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ThinkscaleError(f"{path}: broken JSON ({_why(error)}).") from error
    if isinstance(content, dict) and len(content) == 1:
        (content,) = content.values()
    if not isinstance(content, list):
        raise ThinkscaleError(
            f"{path}: the top level is {_kind(content)}; expected a list of objects, or an object "
            "with that list as its only value."
        )
    suspicious = "\\ud" in text or "\\uD" in text
    del text
    for row, record in enumerate(content, start=1):
        if record.__class__ is not dict:
            raise _not_an_object(path, row, record)
        check_cells(path, row, record)
        if suspicious:
            _check_characters(path, row, record)
        yield row, record


def _read_parquet(path: Path) -> Iterator[Record]:
    try:
        with pq.ParquetFile(path) as file:
            yield from table_records(file.iter_batches(batch_size=_BATCH), str(path))
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error


def _check_characters(path: Path, row: int, record: dict[str, object]) -> None:
    """JSON can spell half of a character that takes two; no file of ours could hold it."""
    for column, cell in record.items():
        try:
            json.dumps(cell, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = json.dumps(error.object[error.start])
            raise ThinkscaleError(
                f"{path}, row {row}, column {column} holds {half}, half of a character (a "
                "surrogate without its pair); expected text in Unicode."
            ) from error


def _not_an_object(path: Path, row: int, record: object) -> ThinkscaleError:
    return ThinkscaleError(
        f"{path}, row {row}: {_kind(record)} ({shown(record)}), expected an object."
    )


def _why(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true/false"}
    return names.get(type(value), "null" if value is None else "a number")


@contextmanager
def _decoded(path: Path, encoding: str):
    """The file opened as text; bytes that are not in `encoding` are reported with their line."""
    # A byte-order mark is no part of the first column's name.
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ThinkscaleError(f"{path}: unknown encoding {encoding!r}.") from error
    try:
        with path.open(encoding=encoding, newline="") as file:
            yield file
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
