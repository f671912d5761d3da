"""What a figure needs of its frames, and what it says where there is nothing to draw."""

from collections.abc import Iterable

import pandas as pd

from thinkscale.errors import ThinkscaleError

READS = {
    "graded": [
        *("model", "item_id", "sample", "condition", "max_think", "min_think", "waits"),
        *("continuation", "truncate", "no_think", "think_tokens", "censored", "error"),
        *("outcome", "extracted", "difficulty", "response_time", "excluded"),
    ],
    "responses": [
        *("model", "item_id", "sample", "condition", "continuation", "no_think", "think_tokens"),
        *("forced_end_tokens", "answer_tokens", "stop", "answer_from", "answer_text"),
    ],
}
"""By contract, all that figures draw: of a study's millions of responses, no more is read."""

Frame = pd.DataFrame | None
"""What a figure is given: None where the study has none of it."""


class NoData(Exception):
    """Nothing to draw; the message says why, in the figure's place."""


def is_empty(frame: Frame) -> bool:
    """No frame at all, or one without rows."""
    return frame is None or frame.empty


def some(frame: Frame, why: str) -> pd.DataFrame:
    """The frame, if it has rows; raises NoData, which says why, if not."""
    if is_empty(frame):
        raise NoData(why)
    return frame


def require(frame: pd.DataFrame, columns: Iterable[str], name: str) -> pd.DataFrame:
    """The frame; raises ThinkscaleError when it lacks a column that a figure needs."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ThinkscaleError(
            f"{name}: column {', '.join(missing)} is missing; found {', '.join(frame.columns)}."
        )
    return frame


def estimated(table: Frame, name: str, more: Iterable[str] = (), **keys: object) -> pd.DataFrame:
    """Rows of a table that have an estimate and these values in their key columns.

    No row where there is no table; raises ThinkscaleError when it lacks a column, `more` included.
    """
    columns = [*keys, "estimate", *more]
    if is_empty(table):
        return pd.DataFrame(columns=columns)
    require(table, columns, name)
    return table[(table[list(keys)] == pd.Series(keys)).all(axis=1) & table["estimate"].notna()]


def included(graded: Frame, columns: Iterable[str], why: str) -> pd.DataFrame:
    """Graded responses, if there are any, to the items that the study does not leave out."""
    needed = ["model", "item_id", "error", "excluded", *columns]
    graded = require(some(graded, why), needed, "graded")
    return some(graded[~graded["excluded"]], why)
