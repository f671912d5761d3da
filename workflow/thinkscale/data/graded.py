"""The graded frame: one row a response, with what every analysis starts from.

It is joined once, from responses, grades and items, by the contract `graded`: keys, condition,
ledger, the outcome by every grader (`outcome_<grader>`), that of the study's first with what it
extracted (`outcome`, `extracted`), the item's properties, and whether the study leaves the item
out; and what was read of the labels' probabilities (`readout_…`), null where nothing was. It holds
no texts of items, thinking or answers.
"""

from collections.abc import Sequence

import pandas as pd

from thinkscale.data import contracts
from thinkscale.data.readouts import by_response
from thinkscale.errors import ThinkscaleError

KEYS = list(contracts.KEYS["responses"])
# What is read of the responses: all of the contract but texts.
RESPONSE_COLUMNS = [
    name
    for name in contracts.SCHEMAS["responses"].names
    if name in contracts.SCHEMAS["graded"].names
]


def join(
    responses: pd.DataFrame,
    grades: pd.DataFrame,
    items: pd.DataFrame,
    graders: Sequence[str],
    excluded: Sequence[str] = (),
    readouts: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Join grades and the items' facts to the responses, which keep their order.

    graders: the study's, its first the one that analyses go by. excluded: ids of items that the
    study leaves out (`contaminated`). readouts: by the contract, where some model has them. Adds
    stem_chars (characters of the stem) and n_options.
    Raises ThinkscaleError if no item is left.
    """
    judged = grades.pivot(index=KEYS, columns="grader", values="outcome")[list(graders)]
    first = grades.loc[grades["grader"] == graders[0], [*KEYS, "outcome", "extracted"]]
    facts = items[["item_id", "difficulty", "response_time", "cluster_id"]].assign(
        stem_chars=items["stem"].str.len(),
        n_options=items["options"].map(len),
        excluded=items["item_id"].isin(excluded),
    )
    if len(facts) and facts["excluded"].all():
        raise ThinkscaleError(
            f"`analyses.contamination.exclude_above` leaves out all {len(facts)} items; raise it, "
            "or look at tables/overlap.csv for what overlaps"
        )
    joined = (
        responses[RESPONSE_COLUMNS]
        .merge(first, on=KEYS, how="left", validate="one_to_one")
        .merge(facts, on="item_id", how="left", validate="many_to_one")
        .merge(judged.add_prefix("outcome_").reset_index(), on=KEYS, how="left")
    )
    if readouts is None:
        return joined
    return joined.merge(by_response(readouts, items), on=KEYS, how="left", validate="one_to_one")


def contaminated(
    overlap: pd.DataFrame, exclude_above: float, corpora: Sequence[str] | None = None
) -> list[str]:
    """Ids of the items of whose n-grams more than this share (0..1) occurs in one of the corpora.

    overlap: the table of that name. corpora: None for all of them.
    """
    counts = overlap["share"] > exclude_above
    if corpora is not None:
        counts &= overlap["corpus"].isin(corpora)
    return sorted(overlap.loc[counts, "item_id"].unique())


def in_study_order(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Put a table's models in the order of `models`; within a model nothing moves."""
    if "model" not in table.columns:
        return table
    place = {model: index for index, model in enumerate(models)}
    return table.sort_values("model", key=lambda names: names.map(place), kind="stable")
