"""Files as streams of records: a row number and a dict of cells.

Row numbers are the ones a reader of the file sees: in tables the header is row 1 and blank rows
count, as in a spreadsheet (a cell with line breaks is part of one row); in JSON lines the line; in
other JSON and in Parquet the first record is row 1. Only a workbook is held in memory whole.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from thinkscale.config.presets.banks import WORKBOOKS
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import scalar, shown
from thinkscale.items.files import UNPACK, decoded, unpacked
from thinkscale.items.json_text import Record, json_records

DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
NOTATION = (".json", ".jsonl", ".ndjson")  # here each record says which columns it has
SUFFIXES = (*DELIMITERS, *NOTATION, ".parquet", *WORKBOOKS)

# A cell longer than this is not a question; most often it is an unclosed quote.
MAX_CELL = 1_000_000
# Where an unclosed quote ends the reading of a file, so that it is not read into one cell whole.
_MAX_QUOTED = 2**26
_BATCH = 1024
# A first line that Excel takes, and writes, as the name of the delimiter.
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*')


def read_records(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
    sheet: str | None = None,
    columns: Iterable[str] | None = None,
) -> Iterator[Record]:
    """Yield (row, cells) for each record of the file; the suffix says the format.

    Text may be packed (.gz, .bz2, .xz). `delimiter` and `encoding` are for text, `header` for
    tables, `sheet` (default: the first) for workbooks. Without a header, columns are called "1",
    "2", … An empty cell of a table is None; rows without any text are passed over. `columns`:
    those wanted, where the format can leave the others unread (Parquet). Raises ThinkscaleError
    for a missing or broken file, naming the row or line and what was found there.
    """
    path = Path(path)
    if not path.is_file():
        raise ThinkscaleError(f"{path}: there is no such file.")
    suffix = unpacked(path).suffix.lower()
    if suffix in DELIMITERS:
        return _read_delimited(path, delimiter, DELIMITERS[suffix], encoding, header)
    if suffix in NOTATION:
        return _read_json(path, encoding, lines=suffix != ".json")
    if suffix == path.suffix.lower() == ".parquet":
        return _read_parquet(path, columns)
    if suffix == path.suffix.lower() and suffix in WORKBOOKS:
        return _read_workbook(path, sheet, header)
    raise ThinkscaleError(
        f"{path}: {path.suffix or 'no suffix'} is not a format of tables; expected one of "
        f"{', '.join(SUFFIXES)} (text also with {', '.join(UNPACK)})."
    )


def table_records(batches: Iterable[pa.RecordBatch | pa.Table]) -> Iterator[Record]:
    """Yield the rows of Arrow batches, counted from 1."""
    row = 0
    for batch in batches:
        names = batch.schema.names
        for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            row += 1
            yield row, dict(zip(names, values, strict=True))


def check_cells(where: str | Path, row: int, record: dict[str, object]) -> None:
    """Raise ThinkscaleError for text that is too long to be an item's, or not whole.

    JSON can spell half of a character that takes two; no file of ours could hold it.
    """
    for column, cell in record.items():
        if cell.__class__ is str:
            text = cell
        elif cell.__class__ in (dict, list):
            text = "".join(_texts(cell))
        else:
            continue
        if len(text) > MAX_CELL:
            raise ThinkscaleError(
                f"{where}, row {row}, column {column}: a cell of {len(text):,} characters; "
                f"expected at most {MAX_CELL:,} (is a quote left open?)."
            )
        if not text.isascii():
            _check_characters(where, row, column, text)


def _texts(value: object) -> list[str]:
    """The texts within a value."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    elif not isinstance(value, list):
        return [value] if isinstance(value, str) else []
    found: list[str] = []
    for inner in value:
        found += (inner,) if inner.__class__ is str else _texts(inner)
    return found


def _check_characters(where: str | Path, row: int, column: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ThinkscaleError(
            f"{where}, row {row}, column {column} holds {text[error.start]!a}, half of a "
            "character (a surrogate without its pair); expected text in Unicode."
        ) from error


def _read_delimited(
    path: Path, asked: str | None, usual: str, encoding: str, header: bool
) -> Iterator[Record]:
    with decoded(path, encoding) as file:
        named = _SEPARATOR.fullmatch(file.readline(10))
        if named is None:
            file.seek(0)
        elif asked not in (None, named[1]):
            raise ThinkscaleError(
                f"{path}, row 1: found {shown(named[0].strip())}, and `delimiter` is {asked!r}; "
                "expected the same, or no `delimiter`."
            )
        delimiter = named[1] if named else asked or usual
        rows = enumerate(_csv_rows(path, file, delimiter), start=2 if named else 1)
        yield from _named(path, rows, header, f"a quote or the delimiter ({delimiter!r})")


def _named(
    path: Path, rows: Iterable[tuple[int, list]], header: bool, doubtful: str
) -> Iterator[Record]:
    """The rows of a table as records. A column without a name is called by its number."""
    names: list[str] | None = None
    for row, cells in rows:
        if all(map(_is_blank, cells)):
            continue
        if names is None:
            texts = [scalar(cell) for cell in cells] if header else [None] * len(cells)
            names = [
                str(number) if _is_blank(text) else text
                for number, text in enumerate(texts, start=1)
            ]
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
                f"is {doubtful} wrong?"
            )
        yield row, dict(zip(names, cells, strict=True))


def _is_blank(cell: object) -> bool:
    return cell is None or (cell.__class__ is str and not cell.strip())


def _csv_rows(path: Path, file: TextIO, delimiter: str) -> Iterator[list[str | None]]:
    # The limit is global to the csv module; ours is checked per cell, where the column is known.
    before = csv.field_size_limit(_MAX_QUOTED)
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    begun = 0
    try:
        for cells in reader:
            yield [cell or None for cell in cells]
            begun = reader.line_num
    except csv.Error as error:
        where = f"the row that begins in line {begun + 1}"
        raise ThinkscaleError(
            f"{path}, line {reader.line_num}: broken CSV ({error}); {where} has a quote that is "
            "not closed, or one that is not doubled."
        ) from error
    finally:
        csv.field_size_limit(before)


def _read_json(path: Path, encoding: str, lines: bool) -> Iterator[Record]:
    with decoded(path, encoding) as file:
        yield from json_records(path, file, lines)


def _read_parquet(path: Path, columns: Iterable[str] | None) -> Iterator[Record]:
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            wanted = [name for name in columns or known if name in known] or None
            yield from table_records(file.iter_batches(batch_size=_BATCH, columns=wanted))
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error


def _read_workbook(path: Path, sheet: str | None, header: bool) -> Iterator[Record]:
    from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

    try:
        with CalamineWorkbook.from_path(path) as book:
            table = book.get_sheet_by_name(book.sheet_names[0] if sheet is None else sheet)
            rows = ([None if cell == "" else cell for cell in row] for row in table.iter_rows())
            yield from _named(path, enumerate(rows, start=1), header, "the sheet")
    except WorksheetNotFound as error:
        raise ThinkscaleError(
            f"{path}: there is no sheet {sheet!r}; found {', '.join(map(repr, book.sheet_names))}."
        ) from error
    except (CalamineError, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as a workbook ({error}).") from error
