"""Columns of the data contracts between pandas and Arrow: types, and what may become what.

In memory, text columns have pandas' `str` type (missing is NaN), whole numbers of which one is
missing `Int64`, other numbers `int64` and `float64`, and list columns hold plain Python lists.
"""

from collections.abc import Callable

import pandas as pd
import pyarrow as pa

from thinkscale.errors import ThinkscaleError

# 64-bit offsets: the thinking of a large study passes 2 GB in one column.
TEXT = pa.large_string()
INT = pa.int64()
FLOAT = pa.float64()
BOOL = pa.bool_()
IDS = pa.list_(pa.int32())


def same_kind(found: pa.DataType, expected: pa.DataType) -> bool:
    """Whether two types differ at most in width (string and large_string, int32 and int64)."""
    if pa.types.is_null(found):
        return True
    if pa.types.is_list(expected):
        return (pa.types.is_list(found) or pa.types.is_large_list(found)) and same_kind(
            found.value_type, expected.value_type
        )
    if pa.types.is_struct(expected):
        return (
            pa.types.is_struct(found)
            and [f.name for f in found] == [f.name for f in expected]
            and all(same_kind(found.field(f.name).type, f.type) for f in expected)
        )
    kinds: tuple[Callable[[pa.DataType], bool], ...] = (
        lambda t: pa.types.is_string(t) or pa.types.is_large_string(t),
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
    )
    return any(kind(found) and kind(expected) for kind in kinds)


def to_arrow(values: pd.Series, field: pa.Field, where: str) -> pa.Array | pa.ChunkedArray:
    """Return `values` in the field's type; a ThinkscaleError names the first that has another."""
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
    if not same_kind(found.type, kind) and not (
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


def to_pandas(column: pa.ChunkedArray, field: pa.Field) -> pd.Series:
    """Return a column as it is held in memory."""
    if pa.types.is_nested(field.type):
        return pd.Series(column.to_pylist(), dtype=object)
    if field.type == TEXT:
        return pd.Series(column.to_pandas(), dtype="str")
    if field.type == INT and column.null_count:
        return column.to_pandas(types_mapper={INT: pd.Int64Dtype()}.get)
    return column.to_pandas()


def _spoken(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        inner = kind.value_type
        if pa.types.is_struct(inner):
            return "a list of {" + ", ".join(f.name for f in inner) + "}"
        return "a list of token ids"
    return {TEXT: "text", INT: "a whole number", FLOAT: "a number", BOOL: "true or false"}[kind]
