"""What the sweep cost: the token ledger summed, with what the inference jobs said of themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame

SUMS = [*contracts.LEDGER, "censored"]
COLUMNS = [
    *["model", "condition", "n_responses", "errors", *SUMS, "shared_tokens", "seconds"],
    *["chains", "peak_memory_mib"],
]
MEBIBYTE = 2**20


def tabulate(graded: pd.DataFrame, usage: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Sums of the token counts of every model and condition, and what the model took as a whole.

    `n_responses` counts all responses and `errors` the items among them that did not fit the
    context; the sums are over the others, and `censored` counts the cut ones of these.
    `shared_tokens` were not sampled because conditions share a chain: alone_tokens - new_tokens.
    `seconds` is the engine's time for what this condition sampled beyond what it shares.

    Two columns are of the whole model, the same in each of its rows: `chains`, of which every
    condition's thinking is a prefix, and `peak_memory_mib`, the most any job held at once, in
    MiB; it is missing where no job had to load the model, since the journal had every answer.
    Of a recorded model `chains` is 0, and sums are missing where its log leaves a count open.
    `seconds` and `peak_memory_mib` are measurements and differ from run to run; counts do not.

    `usage` holds one record for each inference job, with its model, chains and peak_memory_bytes.
    Raises ThinkscaleError if a model has none.
    """
    needed = [*frame.KEYS, *frame.CONDITION[1:], *SUMS, "seconds", "error"]
    frame.require(graded, needed, "graded responses")
    jobs = pd.DataFrame(usage, columns=["model", "chains", "peak_memory_bytes"])
    rows = []
    for row, group in frame.cells(graded.assign(fits=graded["error"].isna())):
        mine = jobs[jobs["model"] == row["model"]]
        if mine.empty or mine["chains"].isna().any():
            raise ThinkscaleError(f"usage of model {row['model']}: no number of chains.")
        made = group[group["fits"]]
        sums = {column: _sum(made[column]) for column in SUMS}
        rows.append(
            {
                **row,
                **sums,
                "shared_tokens": _sum(made["alone_tokens"] - made["new_tokens"]),
                "seconds": float(made["seconds"].sum(skipna=False)),
                "chains": int(mine["chains"].sum()),
                "peak_memory_mib": mine["peak_memory_bytes"].astype(float).max() / MEBIBYTE,
            }
        )
    return frame.table(rows, COLUMNS)


def _sum(counts: pd.Series) -> int | None:
    """Of counts that are all known; of others there is no sum."""
    return None if counts.isna().any() else int(counts.sum())
