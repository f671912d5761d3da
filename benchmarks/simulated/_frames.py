"""Graded frames of simulated studies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

LIMITS = ("max_think", "truncate", "min_think", "waits")
COLUMNS = {"max": "max_think", "min": "min_think"}  # of a limit as a condition's name has it


def graded(
    cells: Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]], **items: np.ndarray
) -> pd.DataFrame:
    """A graded frame by the contract.

    cells: (tokens, correct), both of shape (items, samples), by (model, condition), the condition
    as in `natural` or `max=512`. items: columns of shape (items,), e.g. difficulty.
    """
    facts = {"difficulty": np.nan, "response_time": np.nan, "cluster_id": None, **items}
    facts = {"stem_chars": 80, "n_options": 4, **facts}
    parts = []
    for (model, condition), (tokens, correct) in cells.items():
        count, samples = tokens.shape
        of_item = {
            name: np.repeat(value, samples) if isinstance(value, np.ndarray) else value
            for name, value in facts.items()
        }
        right = correct.ravel().astype(bool)
        rows: dict[str, Any] = {
            "model": model,
            "item_id": np.repeat(np.arange(count), samples),
            "sample": np.tile(np.arange(samples), count),
            "condition": condition,
            **dict.fromkeys(LIMITS),
            **dict.fromkeys(("continuation", "error")),
            **{"no_think": False, "censored": False, "excluded": False},
            "think_tokens": tokens.ravel(),
            "outcome": np.where(right, "correct", "incorrect"),
            "extracted": np.where(right, "A", "B"),
            **of_item,
        }
        name, _, value = condition.partition("=")
        limit = {COLUMNS.get(name, name): int(value)} if value else {}
        parts.append(pd.DataFrame({**rows, **limit}))
    return pd.concat(parts, ignore_index=True).astype(dict.fromkeys(LIMITS, "Int64"))
