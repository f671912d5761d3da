"""Responses with their grades and their items: what every analysis starts from."""

from collections.abc import Sequence

import pandas as pd

KEYS = ["model", "item_id", "sample", "condition"]


def graded(
    responses: pd.DataFrame, grades: pd.DataFrame, items: pd.DataFrame, grader: str
) -> pd.DataFrame:
    """Join one grader's grades and the items' facts to the responses; one row a response.

    Adds extracted, outcome, `correct` (an ungradable response is not correct), difficulty,
    cluster_id, stem_chars (characters of the stem) and n_options.
    """
    judged = grades.loc[grades["grader"] == grader, [*KEYS, "extracted", "outcome"]]
    facts = items[["item_id", "difficulty", "cluster_id"]].assign(
        stem_chars=items["stem"].str.len(), n_options=items["options"].map(len)
    )
    frame = responses.merge(judged, on=KEYS, how="left", validate="one_to_one").merge(
        facts, on="item_id", how="left", validate="many_to_one"
    )
    return frame.assign(correct=frame["outcome"] == "correct")


def in_study_order(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Put a table's models in the order of the configuration; within a model nothing moves."""
    if "model" not in table.columns:
        return table
    place = {model: index for index, model in enumerate(models)}
    return table.sort_values("model", key=lambda names: names.map(place), kind="stable")
