"""Tidy tables: the CSV files that analyses write, and figures and the summary read."""

import csv
from pathlib import Path

import pandas as pd

from thinkscale.errors import ThinkscaleError
from thinkscale.files import replacing

# These columns are text, or whole numbers that may be missing, whatever their cells look like: a
# token "007" or an item "1e5" is not a number.
_TEXT = """model model_a model_b item_id condition continuation measure method p_method unit
    tokenizer corpus smoothing token grader extracted outcome detail field action before after"""
TEXT = frozenset(_TEXT.split())
INTEGERS = frozenset(("max_think", "min_think", "waits"))


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy table as UTF-8 CSV.

    Floats are written with as many digits as it takes to read the same number back. Every text
    cell is quoted and otherwise left as it is, so a cell that begins with = + - or @ stays that
    text for every CSV reader; nothing is put before it. A missing value is an empty cell.
    """
    frame = frame.copy()
    for column in INTEGERS.intersection(frame.columns):
        frame[column] = frame[column].astype("Int64")
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
        return pd.read_csv(
            path,
            dtype=types,
            keep_default_na=False,
            na_values=[""],
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise ThinkscaleError(f"{path}: not readable as a CSV table ({error}).") from error
