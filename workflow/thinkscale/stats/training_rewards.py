"""Rewards, accuracy and length of reinforced models, as their training logged them."""

from collections.abc import Sequence

import pandas as pd

# Each reward has a column of its own behind these, and held-out accuracy where it was measured.
COLUMNS = ["model", "step", "reward", "accuracy", "completion_tokens", "tokens", "seconds"]


def tabulate(logs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The logs of all reinforced models, one below the other."""
    return pd.concat(logs, ignore_index=True)
