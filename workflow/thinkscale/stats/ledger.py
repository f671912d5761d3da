"""What the sweep cost: the token ledger summed, with what the inference jobs said of themselves."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame as _frame
from thinkscale.stats.core.columns import COLUMNS, LEDGER

MEBIBYTE = 2**20


def ledger(responses: pd.DataFrame, usage: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Sums of the token counts of every model and condition, and what the model took as a whole.

    `n_responses` counts all responses and `errors` the items among them that did not fit the
    context; the sums are over the others, and `censored` counts the cut ones of these.
    `shared_tokens` were not sampled because conditions share a chain: alone_tokens - new_tokens.
    `seconds` is the engine's time for what this condition sampled beyond what it shares.

    Two columns are of the whole model, the same in each of its rows: `chains`, of which every
    condition's thinking is a prefix, and `peak_memory_mib`, the most any job held at once, in
    MiB; it is missing where no job had to load the model, since the journal had every answer.
    `seconds` and `peak_memory_mib` are measurements and differ from run to run; counts do not.

    `usage` holds one record for each inference job, with its model, chains and peak_memory_bytes.
    Raises ThinkscaleError if a model has none.
    """
    needed = [*_frame.KEYS, *_frame.CONDITION[1:], *LEDGER, "seconds", "error"]
    _frame.require(responses, needed, "responses")
    jobs = pd.DataFrame(usage, columns=["model", "chains", "peak_memory_bytes"])
    rows = []
    for model, own in _frame.by_model(responses.assign(fits=responses["error"].isna())):
        mine = jobs[jobs["model"] == model]
        if mine.empty or mine["chains"].isna().any():
            raise ThinkscaleError(f"usage of model {model}: no number of chains.")
        whole = {
            "chains": int(mine["chains"].sum()),
            "peak_memory_mib": mine["peak_memory_bytes"].astype(float).max() / MEBIBYTE,
        }
        for cell, group in _frame.by_condition(own):
            made = group[group["fits"]]
            sums = {column: int(made[column].sum()) for column in LEDGER}
            rows.append(
                {
                    "model": model,
                    "condition": cell["condition"],
                    "n_responses": len(group),
                    "errors": _frame.unfit_items(group),
                    **sums,
                    "shared_tokens": sums["alone_tokens"] - sums["new_tokens"],
                    "seconds": float(made["seconds"].sum()),
                    **whole,
                }
            )
    return _frame.typed(rows, COLUMNS["ledger"])
