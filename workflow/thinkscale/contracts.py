"""The data contracts: one schema for each frame that travels between steps.

The only place that reads and writes parquet and tidy CSV. A frame is checked against its contract
when it is written and again when it is read, so that a step never meets a column it does not know.

In memory, text columns have pandas' `str` type (missing is NaN), nullable whole numbers `Int64`,
other numbers `int64` and `float64`, and list columns hold plain Python lists.
"""

import csv
import os
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from thinkscale.errors import ThinkscaleError

# 64-bit offsets: the thinking of a large study passes 2 GB in one column.
TEXT = pa.large_string()
INT = pa.int64()
FLOAT = pa.float64()
BOOL = pa.bool_()
IDS = pa.list_(pa.int32())


OPTION = pa.struct([pa.field(name, TEXT, nullable=False) for name in ("label", "text")])
SEGMENT = pa.struct([pa.field("kind", TEXT, False), pa.field("token_ids", IDS, False)])


def _contract(columns: dict[str, pa.DataType], nullable: str = "") -> pa.Schema:
    return pa.schema([pa.field(n, kind, n in nullable.split()) for n, kind in columns.items()])


_RESPONSE_KEYS = {"model": TEXT, "item_id": TEXT, "sample": INT, "condition": TEXT}
_LEDGER = """prompt_tokens think_natural think_injected think_tokens forced_end_tokens answer_tokens
    new_tokens alone_tokens waits_done"""

SCHEMAS: dict[str, pa.Schema] = {
    "items": _contract(
        {
            "item_id": TEXT,
            "stem": TEXT,
            "options": pa.list_(OPTION),  # empty for free response
            "key": TEXT,  # label of the right option; null for free response
            "answer_text": TEXT,
            "difficulty": FLOAT,  # higher = harder
            "difficulty_raw": FLOAT,  # as in the bank
            "response_time": FLOAT,  # seconds
            "cluster_id": TEXT,
            "meta": TEXT,  # JSON object
        },
        nullable="key answer_text difficulty difficulty_raw response_time cluster_id",
    ),
    "chains": _contract(
        {
            "model": TEXT,
            "item_id": TEXT,
            "sample": INT,
            "continuation": TEXT,
            "segments": pa.list_(SEGMENT),
            "natural_end": BOOL,
            "prompt_token_ids": IDS,
        },
        nullable="continuation prompt_token_ids",
    ),
    "responses": _contract(
        {
            **_RESPONSE_KEYS,
            "max_think": INT,
            "min_think": INT,
            "waits": INT,
            "continuation": TEXT,
            **dict.fromkeys(_LEDGER.split(), INT),
            "stop": TEXT,
            "answer_stop": TEXT,
            "censored": BOOL,
            "think_text": TEXT,
            "answer_text": TEXT,
            "seconds": FLOAT,
            "engine": TEXT,
            "exact_tokens": BOOL,
        },
        nullable="max_think min_think waits continuation",
    ),
    "grades": _contract(
        {**_RESPONSE_KEYS, "grader": TEXT, "extracted": TEXT, "outcome": TEXT, "detail": TEXT},
        nullable="extracted",
    ),
}

# Columns whose values together name a row once.
KEYS = {
    "items": ("item_id",),
    "chains": ("model", "item_id", "sample", "continuation"),
    "responses": ("model", "item_id", "sample", "condition"),
    "grades": ("model", "item_id", "sample", "condition", "grader"),
}

# Closed vocabularies.
WORDS = {
    ("responses", "stop"): ("natural", "budget", "context"),
    ("responses", "answer_stop"): ("eos", "limit"),
    ("grades", "outcome"): ("correct", "incorrect", "ungradable"),
}

# Columns a frame may lack when it is written; they become null.
OPTIONAL = {"chains": ("prompt_token_ids",)}

# In tidy tables these are text, or whole numbers that may be missing, whatever their cells look
# like: a token "007" or an item "1e5" is not a number.
_TABLE_TEXT = """model model_a model_b item_id condition continuation measure method p_method unit
    tokenizer corpus smoothing token grader extracted outcome detail field action before after"""
TABLE_TEXT = frozenset(_TABLE_TEXT.split())
TABLE_INTEGERS = frozenset(("max_think", "min_think", "waits"))


def read(path: str | Path, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the parquet file at `path` under contract `name`, all columns or those asked for.

    Raises ThinkscaleError if the file is missing, is not parquet, or breaks the contract.
    """
    schema = _schema(name)
    path = Path(path)
    if not path.is_file():
        raise ThinkscaleError(f"{path}: no such file; expected the {name} table.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error
    table = _check_table(table, schema, name, str(path))
    if columns is not None:
        table = table.select(list(columns))
    return pd.DataFrame(
        {field.name: _to_pandas(table.column(field.name), field) for field in table.schema}
    )


def write(frame: pd.DataFrame, path: str | Path, name: str) -> None:
    """Write `frame` to `path` as parquet under contract `name`; whole or not at all.

    Columns may come in any order and are written in the contract's. Raises ThinkscaleError naming
    the column and row (0-based position in the frame) of the first value that breaks the contract.
    """
    schema = _schema(name)
    _check_names(list(frame.columns), schema, name, str(path))
    arrays = [
        _to_arrow(frame[field.name], field, f"{path}, {name}")
        if field.name in frame.columns
        else pa.nulls(len(frame), field.type)
        for field in schema
    ]
    table = _check_table(pa.table(arrays, schema=schema), schema, name, str(path))
    with _replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy table as UTF-8 CSV.

    Floats are written with as many digits as it takes to read the same number back. Every text
    cell is quoted and otherwise left as it is, so a cell that begins with = + - or @ stays that
    text for every CSV reader; nothing is put before it. A missing value is an empty cell.
    """
    frame = frame.copy()
    for column in TABLE_INTEGERS.intersection(frame.columns):
        frame[column] = frame[column].astype("Int64")
    with _replacing(path) as temporary:
        frame.to_csv(
            temporary,
            index=False,
            quoting=csv.QUOTE_NONNUMERIC,
            lineterminator="\n",
            encoding="utf-8",
        )


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_table` wrote; only an empty cell is missing ("NA" is text)."""
    path = Path(path)
    if not path.is_file():
        raise ThinkscaleError(f"{path}: no such file; expected a CSV table.")
    try:
        header = pd.read_csv(path, nrows=0).columns
        types = {name: "str" for name in TABLE_TEXT.intersection(header)}
        types |= {name: "Int64" for name in TABLE_INTEGERS.intersection(header)}
        return pd.read_csv(
            path,
            dtype=types,
            keep_default_na=False,
            na_values=[""],
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise ThinkscaleError(f"{path}: not readable as a CSV table ({error}).") from error


def _schema(name: str) -> pa.Schema:
    if name not in SCHEMAS:
        raise ThinkscaleError(f"No contract is called {name!r}; there are {', '.join(SCHEMAS)}.")
    return SCHEMAS[name]


def _check_names(found: list[str], schema: pa.Schema, name: str, where: str) -> None:
    optional = OPTIONAL.get(name, ())
    missing = [n for n in schema.names if n not in found and n not in optional]
    unknown = [str(n) for n in found if n not in schema.names]
    twice = sorted({n for n in found if found.count(n) > 1})
    problems = [
        f"{what}: {', '.join(names)}"
        for what, names in (("missing", missing), ("unknown", unknown), ("repeated", twice))
        if names
    ]
    if problems:
        raise ThinkscaleError(
            f"{where}: columns do not match the {name} contract ({'; '.join(problems)})."
        )


def _check_table(table: pa.Table, schema: pa.Schema, name: str, where: str) -> pa.Table:
    """`table` in the contract's order and types, or an error at the first breach."""
    _check_names(table.column_names, schema, name, where)
    for extra in OPTIONAL.get(name, ()):
        if extra not in table.column_names:
            field = schema.field(extra)
            table = table.append_column(field, pa.nulls(len(table), field.type))
    table = table.select(schema.names)
    columns = []
    for field in schema:
        column = table.column(field.name)
        if not _same_kind(column.type, field.type):
            raise ThinkscaleError(
                f"{where}: column {field.name} is {column.type}, expected {field.type}."
            )
        column = column.cast(field.type)
        _check_values(column, field, WORDS.get((name, field.name)), where)
        columns.append(column)
    table = pa.table(columns, schema=schema)
    _check_keys(table, name, where)
    return table


def _check_values(
    column: pa.ChunkedArray, field: pa.Field, words: tuple[str, ...] | None, where: str
) -> None:
    if not field.nullable and column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise ThinkscaleError(f"{where}: column {field.name}, row {row} has no value.")
    if pa.types.is_floating(field.type):
        values = column.to_numpy()
        infinite = np.isinf(values)
        if infinite.any():
            row = int(infinite.argmax())
            raise ThinkscaleError(
                f"{where}: column {field.name}, row {row} is {values[row]}; "
                "expected a finite number."
            )
    if words:
        for word in column.unique().to_pylist():
            if word not in words:
                row = column.to_pylist().index(word)
                raise ThinkscaleError(
                    f"{where}: column {field.name}, row {row} is {word!r}; "
                    f"expected one of {', '.join(words)}."
                )


def _check_keys(table: pa.Table, name: str, where: str) -> None:
    keys = table.select(list(KEYS[name])).to_pandas()
    again = keys.duplicated()
    if again.any():
        second = int(again.to_numpy().argmax())
        # Missing equals missing here, as it does for duplicated().
        filled = keys.astype(object).where(keys.notna(), None)
        first = filled.apply(tuple, axis=1).tolist().index(tuple(filled.iloc[second]))
        values = ", ".join(f"{k}={v}" for k, v in keys.iloc[second].items())
        raise ThinkscaleError(
            f"{where}: rows {first} and {second} of {name} have the same key ({values})."
        )


def _same_kind(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether two types differ at most in width (string and large_string, int32 and int64)."""
    if pa.types.is_null(found):
        return True
    if pa.types.is_list(expected):
        return (pa.types.is_list(found) or pa.types.is_large_list(found)) and _same_kind(
            found.value_type, expected.value_type
        )
    if pa.types.is_struct(expected):
        return (
            pa.types.is_struct(found)
            and [f.name for f in found] == [f.name for f in expected]
            and all(_same_kind(found.field(f.name).type, f.type) for f in expected)
        )
    kinds: tuple[Callable[[pa.DataType], bool], ...] = (
        lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
    )
    return any(kind(found) and kind(expected) for kind in kinds)


def _to_arrow(values: pd.Series, field: pa.Field, where: str) -> pa.Array | pa.ChunkedArray:
    convert = _convert_nested if pa.types.is_nested(field.type) else _convert_scalars
    try:
        return convert(values, field.type)
    except (pa.ArrowException, TypeError, ValueError):
        # Slow path, once, to say which row it was.
        for row in range(len(values)):
            one = values.iloc[row : row + 1]
            try:
                convert(one, field.type)
            except (pa.ArrowException, TypeError, ValueError) as error:
                shown = repr(one.iloc[0])
                shown = shown if len(shown) <= 80 else shown[:77] + "..."
                raise ThinkscaleError(
                    f"{where}: column {field.name}, row {row} is {shown}; "
                    f"expected {_spoken(field.type)}."
                ) from error
        raise


def _convert_scalars(values: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    found = pa.array(values, from_pandas=True)
    if pa.types.is_dictionary(found.type):
        found = found.cast(found.type.value_type)
    numbers = pa.types.is_integer, pa.types.is_floating
    if not _same_kind(found.type, kind) and not (
        any(test(found.type) for test in numbers) and any(test(kind) for test in numbers)
    ):
        raise TypeError(f"{found.type} is not {kind}")
    return found.cast(kind)  # safe: refuses to cut a fraction


def _convert_nested(values: pd.Series, kind: pa.DataType) -> pa.Array:
    rows = values.tolist()
    if pa.types.is_struct(kind.value_type):
        names = {f.name for f in kind.value_type}
        for row in rows:
            for entry in row:
                # Arrow would fill a missing name with null and drop an unknown one.
                if set(entry) != names or any(v is None for v in entry.values()):
                    raise ValueError(f"entry without exactly {sorted(names)}")
    return pa.array(rows, type=kind, from_pandas=True)


def _to_pandas(column: pa.ChunkedArray, field: pa.Field) -> pd.Series:
    if pa.types.is_nested(field.type):
        return pd.Series(column.to_pylist(), dtype=object)
    if field.type == TEXT:
        return pd.Series(column.to_pandas(), dtype="str")
    if field.type == INT and field.nullable:
        return column.to_pandas(types_mapper={INT: pd.Int64Dtype()}.get)
    return column.to_pandas()


def _spoken(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        inner = kind.value_type
        if pa.types.is_struct(inner):
            return "a list of {" + ", ".join(f.name for f in inner) + "}"
        return "a list of token ids"
    return {TEXT: "text", INT: "a whole number", FLOAT: "a number", BOOL: "true or false"}[kind]


@contextmanager
def _replacing(path: str | Path):
    """A temporary path beside `path` that takes its place if the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
