"""Training losses of derived models, as their training logged them."""

from collections.abc import Sequence

import pandas as pd

COLUMNS = ["model", "step", "epoch", "loss", "learning_rate", "tokens"]


def tabulate(losses: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The logs of all derived models, one below the other."""
    return pd.concat(losses, ignore_index=True)
