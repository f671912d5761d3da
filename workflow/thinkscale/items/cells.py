"""One cell of a record as text, and what is said of a cell that is none."""

import json
import math
import re

from thinkscale.errors import ThinkscaleError

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])")


def problem(where: str, row: int, column: str | None, what: str) -> ThinkscaleError:
    """The error about one cell. `where`: the file, or the hub data set."""
    return ThinkscaleError(f"{where}, row {row}, column {column} {what}.")


def shown(value: object) -> str:
    """A value as it is quoted in messages: its beginning, if it is long."""
    if isinstance(value, str | bytes):
        value = value[:100]  # the whole of a huge cell is not quoted to be cut
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def scalar(cell: object) -> str | None:
    """A scalar as text; whole floats lose their ".0" (a label column read as numbers)."""
    if cell is None or cell.__class__ is str:
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def text(where: str, row: int, column: str, cell: object) -> str:
    """The cell as text, "" if it is empty."""
    if cell.__class__ is str:
        return cell
    if cell is None:
        return ""
    if isinstance(cell, list | dict | bytes) or (isinstance(cell, float) and math.isnan(cell)):
        raise problem(where, row, column, f"is {shown(cell)}; expected text")
    return scalar(cell)


def last_boxed(solution: str) -> str | None:
    r"""What the last `\boxed{…}` (or `\fbox`, `\framebox`) holds; None without one.

    Braces within are balanced, escaped ones do not count; `\boxed 5` holds what comes before the
    next `$` or line break.
    """
    boxes = list(_BOX.finditer(solution))
    if not boxes:
        return None
    rest = solution[boxes[-1].end() :].lstrip(" ")
    if not rest.startswith("{"):
        return re.split(r"[$\n]", rest, maxsplit=1)[0].strip().rstrip(".") or None
    depth = 0
    for match in re.finditer(r"\\.|[{}]", rest, flags=re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0 and match[0] == "}":
            return rest[1 : match.start()].strip() or None
    return None


def _other(value: object) -> str:
    """What JSON has no form for, such as dates; of pictures and sound, how much there is."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_other).encode


def as_json(values: dict[str, object]) -> str:
    """The values as a JSON object; what JSON has no number for is null, bytes are counted."""
    if not values:
        return "{}"
    try:
        return _encode(values)
    except (ValueError, TypeError):
        return _encode(_plain(values))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
