"""Numbers, intervals and names as the summary writes them."""

import pandas as pd


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    if pd.isna(value):
        return "missing"
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    # No negative zero, which would claim a direction.
    return (
        text.replace("-", "")
        if float(text.replace(",", "")) == 0
        else text.replace("-", "\N{MINUS SIGN}")
    )


def count(value: float) -> str:
    return number(value, 0)


def percent(value: float) -> str:
    return "a missing share" if pd.isna(value) else f"{number(100 * value, 1)}%"


def p_value(value: float, name: str = "p") -> str:
    if pd.isna(value):
        return f"{name} missing"
    return f"{name} < 0.001" if value < 0.001 else f"{name} = {value:.3f}"


def interval(row: pd.Series, digits: int = 2, scale: float = 1, columns=("lower", "upper")) -> str:
    low, high = (row[column] for column in columns)
    if pd.isna(low) or pd.isna(high):
        return "[no interval]"
    return f"[{number(scale * low, digits)} to {number(scale * high, digits)}]"


def direction(row: pd.Series) -> int:
    """1 or -1 where the interval excludes zero, else 0 (also without an interval)."""
    if pd.isna(row["lower"]) or pd.isna(row["upper"]):
        return 0
    return int(row["lower"] > 0) - int(row["upper"] < 0)


def unclear(row: pd.Series) -> str:
    missing = pd.isna(row["lower"]) or pd.isna(row["upper"])
    return (
        "without an interval no direction is claimed" if missing else "the interval includes zero"
    )


def named(name: object) -> str:
    return f"`{str(name).replace('`', chr(39))}`"


def missing(row: pd.Series, what: str) -> str:
    return f"{what}: no estimate ({row['method']})."


def code(token: object) -> str:
    """A token as a code span; tokens are untrusted text."""
    text = repr(str(token))[1:-1].replace("`", "'")
    return f"`{text or '(empty)'}`" if text.strip() else f"`{text.replace(' ', '␠') or '(empty)'}`"
