"""What a study cost: the token ledger summed, that of searches, and what the jobs said of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame

SUMS = [*contracts.LEDGER, "censored"]
READS = [*frame.KEYS, *frame.CONDITION[1:], *SUMS, "seconds", "error"]
SCORED = ["scored_new", "scored_alone", "scored_uncached"]
COLUMNS = [
    *["model", "condition", "search", "n", "n_responses", "errors", *SUMS, "shared_tokens"],
    *[*SCORED, "flops_new", "flops_alone", "seconds", "chains", "peak_memory_mib"],
]
MEBIBYTE = 2**20


def tabulate(
    graded: pd.DataFrame, usage: Sequence[Mapping[str, Any]], spent: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Sums of the token counts of every model and condition, and what the model took as a whole.

    Behind the conditions stand searches, from `spent` (by the contract): `n_responses` are items
    then, and what only a response has is missing. Samples that the sweep has drawn are new in none
    of them. `scored_*` are tokens that scorers read: beyond what they have read for earlier
    searches of the item, for this one alone, and without keeping anything.

    `flops_*` are 2 · parameters · tokens, of the model for prompts and what it sampled, and of each
    scorer for what it read. `flops_new` add up to the study's compute: a prompt is read once for
    all conditions of a sample (but for that with thinking switched off, which has its own), and
    once for the first search of an item that samples something new.

    `n_responses` counts all responses and `errors` the items among them that did not fit the
    context; the sums are over the others, and `censored` counts the cut ones of these.
    `shared_tokens` were not sampled because conditions share a chain: alone_tokens - new_tokens.
    `seconds` is the engine's time for what this condition sampled beyond what it shares.

    Two columns are of the whole model, the same in each of its rows: `chains`, of which every
    condition's thinking is a prefix, and `peak_memory_mib`, the most any job held at once, in
    MiB; it is missing where no job had to load the model, since the journal had every answer.
    Of a recorded model `chains` is 0, and sums are missing where its log leaves a count open.
    `seconds` and `peak_memory_mib` are measurements and differ from run to run; counts do not.

    `usage` holds one record for each inference job, with its model, its parameters (None where they
    are not known: then there are no FLOPs), chains and peak_memory_bytes. Raises ThinkscaleError if
    a model has none.
    """
    frame.require(graded, READS, "graded responses")
    jobs = pd.DataFrame(usage, columns=["model", "parameters", "chains", "peak_memory_bytes"])
    rows = []
    for row, group in frame.cells(graded.assign(fits=graded["error"].isna())):
        mine = jobs[jobs["model"] == row["model"]]
        if mine.empty or mine["chains"].isna().any():
            raise ThinkscaleError(f"usage of model {row['model']}: no number of chains.")
        made, size = group[group["fits"]], mine["parameters"].astype(float).iloc[0]
        sums = {column: _sum(made[column]) for column in SUMS}
        own_prompt = row["condition"] == "natural" or row["no_think"]
        prompts = sums["prompt_tokens"] if own_prompt else 0
        rows.append(
            {
                **row,
                **sums,
                "shared_tokens": sums["alone_tokens"] - sums["new_tokens"],
                **dict.fromkeys(SCORED, 0),
                "flops_new": 2.0 * size * (prompts + sums["new_tokens"]),
                "flops_alone": 2.0 * size * (sums["prompt_tokens"] + sums["alone_tokens"]),
                "seconds": float(made["seconds"].sum(skipna=False)),
                "chains": int(mine["chains"].sum()),
                "peak_memory_mib": mine["peak_memory_bytes"].astype(float).max() / MEBIBYTE,
            }
        )
    if spent is not None:
        models = dict.fromkeys(row["model"] for row in rows)
        rows += [row for model in models for row in _searches(spent, model)]
    table = frame.table(rows, COLUMNS)
    whole = ["n", *SUMS, "shared_tokens", *SCORED, "chains"]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _searches(spent: pd.DataFrame, model: str) -> Iterator[dict[str, Any]]:
    """A row for each search of one model, at each of its sizes, in the order they were done in."""
    own = spent[spent["model"] == model]
    # What a log leaves open is missing, and stays so in every product and sum of floats.
    own = own.astype(dict.fromkeys(own.select_dtypes("number").columns.drop("n"), float))
    # What a search sampled stands in its row without a scorer, and again in those of its scorers.
    alone = own["scorer"].isna()
    of_scorers = 2.0 * own["scorer_parameters"].where(~alone, 0)
    first = own[alone & (own["sampled_new"] > 0)].drop_duplicates("item_id").index
    prompts = own["prompt_tokens"].where(own["error"].isna(), 0)
    own = own.assign(
        scorer_new=of_scorers * own["scored_new"],
        scorer_alone=of_scorers * own["scored"],
        prompt=prompts,
        prompt_new=prompts.where(own.index.isin(first), 0),
    )
    for (search, n), group in own.groupby(["search", "n"], sort=False):
        made = group[group["scorer"].isna()]
        of_model, of_scorer = (f.sum(numeric_only=True, skipna=False) for f in (made, group))
        new, all_ = of_model["sampled_new"], of_model["sampled"]
        size = 2.0 * made["parameters"].iloc[0]
        yield {
            **{"model": model, "search": search, "n": n, "n_responses": len(made)},
            "errors": int(made["error"].notna().sum()),
            "prompt_tokens": of_model["prompt"],
            "new_tokens": new,
            "alone_tokens": all_,
            "shared_tokens": all_ - new,
            "scored_new": of_scorer["scored_new"],
            "scored_alone": of_scorer["scored"],
            "scored_uncached": of_scorer["scored_uncached"],
            "flops_new": size * (of_model["prompt_new"] + new) + of_scorer["scorer_new"],
            "flops_alone": size * (of_model["prompt"] + all_) + of_scorer["scorer_alone"],
        }


def _sum(counts: pd.Series) -> float:
    """Of counts that are all known; of others there is no sum."""
    return np.nan if counts.isna().any() else counts.sum()
