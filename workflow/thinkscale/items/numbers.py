"""Numbers as people and their spreadsheets write them.

A column writes its numbers in one way: with a decimal point or a decimal comma, with percent signs
or without. Its first cells settle which; a cell that is written in another way, or that could be
two numbers, is an error and never a guess.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from thinkscale.items.cells import problem, shown

# What stands for no number in R, pandas, spreadsheets, databases, statistics packages and tables.
MISSING = frozenset(
    ["", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "null", "none", ".", "-", "–", "—"]
)

_OTHER = {".": ",", ",": "."}
_SIGNS = {".": "point", ",": "comma"}
# Digits, or groups of three; a fraction; an exponent. By what stands before the fraction.
_FORMS = {
    decimal: re.compile(
        rf"[+-]?(\d+|[1-9]\d{{0,2}}(\{group}\d{{3}})+)?(\{decimal}\d*)?(e[+-]?\d+)?",
        re.IGNORECASE | re.ASCII,
    )
    for decimal, group in _OTHER.items()
}


@dataclass(frozen=True)
class Notation:
    """How a column writes numbers.

    decimal: "." or ","; None where neither the configuration nor a cell settles it. row: of the
    cell that did. percent: whether numbers have a percent sign; None where there is no number.
    """

    decimal: str | None = None
    row: int | None = None
    percent: bool | None = None


USUAL = Notation()


def notation_of(cells: Iterable[tuple[int, object]], decimal: str | None = None) -> Notation:
    """The notation of a column that begins with these cells, (row, cell).

    decimal: as configured. Else the first text settles it that is a number in one way only.
    """
    settling = percent = None
    for row, cell in cells:
        if is_missing(cell):
            continue
        text, signed = _unsigned(cell)
        percent = signed if percent is None else percent
        ways = [way for way in _FORMS if isinstance(cell, str) and _value(text, way) is not None]
        if decimal is None and len(ways) == 1:
            [decimal], settling = ways, row
        if decimal is not None:
            break
    return Notation(decimal, settling, percent)


def is_missing(cell: object) -> bool:
    """Whether a cell is empty, or holds what stands for no number."""
    if isinstance(cell, str):
        return cell.strip().casefold() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def number(
    where: str, row: int, column: str, cell: object, notation: Notation = USUAL
) -> tuple[float | None, str | None]:
    """The cell as a finite number, None if it is missing; and what is to be noted, None if nothing.

    85% is 0.85. Raises ThinkscaleError for what is no number, or is not written as the column's
    numbers are.
    """
    plain = _plain(cell)
    if plain is not None and notation.decimal != "," and not notation.percent:
        return plain, None
    if is_missing(cell):
        return None, None if cell is None or not str(cell).strip() else "missing"
    decimal, (text, percent) = notation.decimal, _unsigned(cell)
    value, comma = _value(text, decimal or "."), _value(text, ",")
    expected = None
    if decimal is None and comma is not None and value != comma:
        expected = "a number that can be read in one way (`items.decimal` says what a comma is)"
    elif value is None and decimal is not None and _value(text, _OTHER[decimal]) is not None:
        by = "`items.decimal` says" if notation.row is None else f"row {notation.row} has it"
        expected = f"a decimal {_SIGNS[decimal]}, as {by}"
    elif value is None:
        expected = "a finite number, or an empty cell"
    elif notation.percent not in (None, percent):
        sign = "with" if notation.percent else "without"
        expected = f"a number {sign} a percent sign, as the column has them"
    if expected is not None:
        raise problem(where, row, column, f"is {shown(cell)}; expected {expected}")
    value = value / 100 if percent else value
    return value, None if value == plain else "number read"


def _unsigned(cell: object) -> tuple[object, bool]:
    """A text without its percent sign, and whether it has one."""
    if not isinstance(cell, str):
        return cell, False
    text = cell.strip()
    return (text[:-1].rstrip(), True) if text.endswith("%") else (text, False)


def _value(cell: object, decimal: str) -> float | None:
    """A cell as a finite number that is written with this decimal sign; None if it is none."""
    if isinstance(cell, str):
        if not _FORMS[decimal].fullmatch(cell):
            return None
        cell = cell.replace(_OTHER[decimal], "").replace(decimal, ".")
    return _plain(cell)


def _plain(cell: object) -> float | None:
    """A cell as a finite number that is written as programs write them; None if it is none."""
    if isinstance(cell, bool) or (cell.__class__ is str and "_" in cell):  # float() takes "1_000"
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
