"""An item bank: records of a file, read through a column mapping into the items frame."""

import json
import math
import string
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd
from rapidfuzz import process

from thinkscale.errors import ThinkscaleError
from thinkscale.items.cleaning import (
    Cleaning,
    clean_text,
    find_duplicates,
    report_frame,
    report_row,
)
from thinkscale.items.records import Record, read_records

DIRECTIONS = ("higher_is_harder", "higher_is_easier")


@dataclass(frozen=True)
class Columns:
    """Which column of the file means what. Only `stem` and one of `key`, `answer_text` are needed.

    Options come from one column (`options`: an object {"A": "..."}, a list of texts, a list of
    {label, text}, or {"label": [...], "text": [...]}; in CSV the same as JSON) or from several
    (`option_columns`, labelled A, B, C ... by position; empty ones are left out). Without either
    the items are free response. The key is an option's label or its whole text, or, with
    `key_counts_from` 0 or 1, a number counted from there. Without `item_id` an item is called after
    the file and its row. Columns that are not mapped are kept in `meta`.
    """

    stem: str
    options: str | None = None
    option_columns: tuple[str, ...] = ()
    key: str | None = None
    answer_text: str | None = None
    difficulty: str | None = None
    response_time: str | None = None
    cluster: str | None = None
    item_id: str | None = None
    key_counts_from: int | None = None

    def mapped(self) -> dict[str, str]:
        """Field (or field[position]) to column, for the columns that are mapped."""
        found = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("option_columns", "key_counts_from") and getattr(self, f.name)
        }
        return found | {f"option_columns[{i}]": c for i, c in enumerate(self.option_columns)}


def read_bank(
    path: str | Path,
    columns: Columns,
    *,
    direction: str = "higher_is_harder",
    cleaning: Cleaning | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: bool = True,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a bank from CSV, TSV, JSON, JSONL or Parquet.

    Returns the items frame (contract `items`, in file order) and the report of what cleaning did
    and found (item_id, row, field, action, before, after). `direction` says what the bank's own
    difficulty means; `difficulty` is turned so that higher is harder, `difficulty_raw` is the
    bank's. An empty difficulty is missing; it is reported. Raises ThinkscaleError naming file, row
    and column at the first problem.
    """
    path = Path(path)
    _check_mapping(path, columns, direction)
    cleaning = cleaning or Cleaning()
    records = list(read_records(path, delimiter=delimiter, encoding=encoding, header=header))
    if not records:
        raise ThinkscaleError(f"{path}: the item bank is empty; expected at least one item.")
    _check_columns(path, columns, records)

    rows, report = [], []
    for record in records:
        item, notes = _read_item(path, columns, record, cleaning)
        rows.append(item)
        report.extend(notes)
    numbers = [row for row, _ in records]
    _check_ids(path, columns, [item["item_id"] for item in rows], numbers)

    items = pd.DataFrame(rows)
    text = ("item_id", "stem", "key", "answer_text", "cluster_id", "meta")
    number = ("difficulty", "difficulty_raw", "response_time")
    items = items.astype(dict.fromkeys(text, "str") | dict.fromkeys(number, "float64"))
    if direction == "higher_is_easier":
        items["difficulty"] = -items["difficulty_raw"]
    if cleaning.duplicates:
        report.extend(find_duplicates(items, numbers))
    return items, report_frame(report)


def _read_item(
    path: Path, columns: Columns, record: Record, cleaning: Cleaning
) -> tuple[dict, list[dict]]:
    """One row of the items frame and its lines of the report."""
    row, cells = record
    item_id = f"{path.stem}-{row}"
    if columns.item_id:
        item_id = _text_cell(path, row, columns.item_id, cells).strip()
    if not item_id:
        raise _problem(path, row, columns.item_id, "is empty; expected an id")
    notes: list[dict] = []

    def cleaned(field: str, text: str) -> str:
        result, changes = clean_text(text, cleaning)
        notes.extend(report_row(item_id, row, field, *change) for change in changes)
        return result

    def note(field: str, action: str, before: str | None, after: str | None) -> None:
        notes.append(report_row(item_id, row, field, action, before, after))

    stem = cleaned("stem", _text_cell(path, row, columns.stem, cells))
    if not stem:
        raise _problem(path, row, columns.stem, "is empty; expected the item's stem")

    options = []
    for label, raw in _options(path, record, columns):
        text = cleaned(f"option {label}", raw)
        if text:
            options.append({"label": label, "text": text})
        else:
            note(f"option {label}", "dropped, empty", raw, None)
    if (columns.options or columns.option_columns) and len(options) < 2:
        where = columns.options or f"{columns.option_columns[0]} and after"
        raise _problem(path, row, where, f"gives {len(options)} options; expected at least 2")

    key = None
    if options and columns.key:
        key = _key(path, record, columns, options, cleaning)
    answer = None
    if columns.answer_text:
        answer = cleaned("answer_text", _text_cell(path, row, columns.answer_text, cells)) or None
    if key is not None:
        right = next(option["text"] for option in options if option["label"] == key)
        if answer is None:
            answer = right
        elif answer.casefold() != right.casefold():
            note("answer_text", f"kept, differs from option {key}", answer, right)
    elif answer is None:
        raise _problem(
            path, row, columns.answer_text or columns.key, "is empty; expected the answer"
        )

    numbers = {}
    for field in ("difficulty", "response_time"):
        column = getattr(columns, field)
        numbers[field] = _number(path, row, column, cells.get(column)) if column else None
        if column and numbers[field] is None:
            note(field, "missing", None, None)
    if numbers["response_time"] is not None and numbers["response_time"] < 0:
        raise _problem(
            path,
            row,
            columns.response_time,
            f"is {numbers['response_time']}; expected seconds >= 0",
        )

    used = set(columns.mapped().values())
    meta = {name: cell for name, cell in cells.items() if name not in used and cell is not None}
    cluster = _text_cell(path, row, columns.cluster, cells).strip() if columns.cluster else ""
    item = {
        "item_id": item_id,
        "stem": stem,
        "options": options,
        "key": key,
        "answer_text": answer,
        "difficulty": numbers["difficulty"],
        "difficulty_raw": numbers["difficulty"],
        "response_time": numbers["response_time"],
        "cluster_id": cluster or None,
        "meta": json.dumps(meta, ensure_ascii=False, default=str),
    }
    return item, notes


def _options(path: Path, record: Record, columns: Columns) -> list[tuple[str, str]]:
    """(label, text) pairs as the file gives them; empty without option columns."""
    row, cells = record
    if columns.option_columns:
        # Banks leave the columns after an item's last option blank: nothing to report.
        texts = [_text_cell(path, row, column, cells) for column in columns.option_columns]
        pairs = zip(string.ascii_uppercase, texts, strict=False)
        return [(label, text) for label, text in pairs if text.strip()]
    if not columns.options:
        return []
    value = cells.get(columns.options)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (json.JSONDecodeError, RecursionError) as error:
            hint = " (single quotes are Python's, not JSON's)" if "'" in value else ""
            raise _problem(
                path, row, columns.options, f"is {_short(value)}{hint}; expected options as JSON"
            ) from error
    pairs = _option_pairs(value)
    if pairs is None:
        expected = "expected an object of label and text, or a list of texts"
        raise _problem(path, row, columns.options, f"is {_short(value)}; {expected}")
    labels = [label for label, _ in pairs]
    repeated = sorted({label for label in labels if labels.count(label) > 1})
    if repeated:
        raise _problem(path, row, columns.options, f"has label {repeated[0]!r} more than once")
    return pairs


def _option_pairs(value: object) -> list[tuple[str, str]] | None:
    if isinstance(value, Mapping) and set(value) == {"label", "text"}:
        labels, texts = value["label"], value["text"]
        if not isinstance(labels, list) or not isinstance(texts, list):
            return None
    elif isinstance(value, Mapping):
        # Parquet writes one struct type for all rows, with null for the labels a row lacks.
        present = {label: text for label, text in value.items() if text is not None}
        labels, texts = list(present), list(present.values())
    elif isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
        labels, texts = [v.get("label") for v in value], [v.get("text") for v in value]
    elif isinstance(value, list):
        labels, texts = list(string.ascii_uppercase[: len(value)]), value
    else:
        return None
    pairs = [(_text(label), _text(text)) for label, text in zip(labels, texts, strict=False)]
    if len(labels) != len(texts) or any(not label or text is None for label, text in pairs):
        return None
    return [(label.strip(), text) for label, text in pairs]


def _key(
    path: Path, record: Record, columns: Columns, options: list[dict], cleaning: Cleaning
) -> str:
    """The label that the key cell means: a label, a number if so declared, or an option's text."""
    row, cells = record
    raw = _text_cell(path, row, columns.key, cells)
    labels = [option["label"] for option in options]
    found, _ = clean_text(raw, cleaning)
    if columns.key_counts_from is not None:
        place = int(found) - columns.key_counts_from if found.isdecimal() else -1
        if 0 <= place < len(labels):
            return labels[place]
    else:
        bare = found.strip(" ().:[]")
        same = [label for label in labels if label == bare] or [
            label for label in labels if label.casefold() == bare.casefold()
        ]
        texts = [o["label"] for o in options if o["text"].casefold() == found.casefold()]
        if len(same) == 1 or (not same and len(texts) == 1):
            return (same or texts)[0]
    raise _problem(
        path,
        row,
        columns.key,
        f"has the key {_short(raw)}, which is not among the options; expected one of "
        + ", ".join(labels if columns.key_counts_from is None else _counted(columns, labels)),
    )


def _counted(columns: Columns, labels: list[str]) -> list[str]:
    return [str(i + columns.key_counts_from) for i in range(len(labels))]


def _number(path: Path, row: int, column: str, cell: object) -> float | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    problem = _problem(
        path, row, column, f"is {_short(cell)}; expected a finite number, or an empty cell"
    )
    # float() would take "1_000" and True.
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        raise problem
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        raise problem from None
    if not math.isfinite(value):
        raise problem
    return value


def _text(cell: object) -> str | None:
    """A scalar cell as text; whole floats lose their ".0" (a label column read as numbers)."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return None if cell is None else cell if isinstance(cell, str) else str(cell)


def _text_cell(path: Path, row: int, column: str, cells: dict[str, object]) -> str:
    cell = cells.get(column)
    if isinstance(cell, (list, dict)) or (isinstance(cell, float) and math.isnan(cell)):
        raise _problem(path, row, column, f"is {_short(cell)}; expected text")
    return _text(cell) or ""


def _check_mapping(path: Path, columns: Columns, direction: str) -> None:
    if direction not in DIRECTIONS:
        raise ThinkscaleError(
            f"{path}: difficulty direction {direction!r}; expected {' or '.join(DIRECTIONS)}."
        )
    if columns.options and columns.option_columns:
        raise ThinkscaleError(f"{path}: map options or option_columns, not both.")
    if len(columns.option_columns) > len(string.ascii_uppercase):
        raise ThinkscaleError(f"{path}: {len(columns.option_columns)} option columns; at most 26.")
    if (columns.options or columns.option_columns) and not columns.key:
        raise ThinkscaleError(f"{path}: options are mapped but no key column; expected both.")
    if not columns.key and not columns.answer_text:
        raise ThinkscaleError(f"{path}: neither key nor answer_text is mapped; expected one.")


def _check_columns(path: Path, columns: Columns, records: list[Record]) -> None:
    existing = list(dict.fromkeys(name for _, cells in records for name in cells))
    for field, column in columns.mapped().items():
        if column in existing:
            continue
        near = process.extractOne(column, existing, processor=str.casefold, score_cutoff=60)
        hint = f"did you mean {near[0]!r}? " if near else ""
        if len(existing) == 1:
            hint += "The file has only one column: is the delimiter right? "
        shown = ", ".join(repr(name) for name in existing[:20])
        more = f" and {len(existing) - 20} more" if len(existing) > 20 else ""
        unmap = f" If the bank has none, set `items.columns.{field}: null`." if hint == "" else ""
        raise ThinkscaleError(
            f"{path}: no column {column!r} (mapped as {field}); {hint or 'the file '}"
            f"{'It ' if hint else ''}has {shown}{more}.{unmap}"
        )


def _check_ids(path: Path, columns: Columns, ids: list[str], rows: list[int]) -> None:
    first: dict[str, int] = {}
    for item_id, row in zip(ids, rows, strict=True):
        if first.setdefault(item_id, row) != row:
            raise ThinkscaleError(
                f"{path}, rows {first[item_id]} and {row}, column {columns.item_id}: both have the "
                f"item id {item_id!r}; expected ids that occur once."
            )


def _problem(path: Path, row: int, column: str | None, what: str) -> ThinkscaleError:
    return ThinkscaleError(f"{path}, row {row}, column {column} {what}.")


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
