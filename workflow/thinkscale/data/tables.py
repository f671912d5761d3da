"""Tidy tables: the CSV files that analyses write, and figures and the summary read."""

import csv
import re
from pathlib import Path

import pandas as pd
from pandas.api.types import infer_dtype

from thinkscale.data.files import replacing
from thinkscale.errors import ThinkscaleError

# These columns are text, or whole numbers that may be missing, whatever their cells look like: a
# token "007" or an item "1e5" is not a number.
_TEXT = """model model_a model_b item_id condition continuation measure method p_method unit
    tokenizer corpus corpus_columns items_text more_frequent_in smoothing token grader
    other extracted outcome detail field action before after fate cluster"""
TEXT = frozenset(_TEXT.split())
INTEGERS = frozenset(("max_think", "min_think", "waits", "truncate"))

_NO_TEXT = ("boolean", "floating", "integer", "mixed-integer-float")

# One sign alone is no formula: it is most often a token.
_FORMULA = re.compile(r"'*[=+\-@\t\r].", re.DOTALL)
_MARKED = re.compile(r"''*[=+\-@\t\r].", re.DOTALL)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy table as UTF-8 CSV.

    Floats are written with as many digits as it takes to read the same number back. A missing value
    is an empty cell. Text that a spreadsheet would take for a formula gets an apostrophe before it,
    which spreadsheets show as text; `read_table` takes it off again. (Quotes do not help: a quoted
    "=1+1" is still worked out.)
    """
    frame = frame.copy()
    for column in INTEGERS.intersection(frame.columns):
        frame[column] = frame[column].astype("Int64")
    for column in _text_columns(frame):
        formula = frame[column].str.match(_FORMULA, na=False)
        frame[column] = frame[column].where(~formula, "'" + frame[column].astype("str"))
    with replacing(path) as temporary:
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
        types = {name: "str" for name in TEXT.intersection(header)}
        types |= {name: "Int64" for name in INTEGERS.intersection(header)}
        frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    except (ValueError, pd.errors.ParserError) as error:
        raise ThinkscaleError(f"{path}: not readable as a CSV table ({error}).") from error
    for column in _text_columns(frame):
        marked = frame[column].str.match(_MARKED, na=False)
        frame[column] = frame[column].where(~marked, frame[column].str[1:])
    return frame


def _text_columns(frame: pd.DataFrame) -> list[str]:
    objects = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    # Truth values and numbers some of which are missing are objects, too.
    return [name for name in objects if infer_dtype(frame[name], skipna=True) not in _NO_TEXT]
