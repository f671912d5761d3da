"""Sentences on graders: how accuracy changes with them, and how far they agree."""

import pandas as pd

from thinkscale.report.words import count, interval, missing, named, number, percent


def agreement(table: pd.DataFrame) -> list[str]:
    """What the natural condition shows of each model; where it was not run, all conditions."""
    sentences = []
    for model, rows in table.groupby("model", sort=False):
        own = rows[rows["condition"] == "natural"]
        where = "in the natural condition"
        if own.empty:
            own, where = rows, "over all conditions"
        unread = own[own["measure"] == "ungradable"].set_index("grader")["estimate"]
        shares = [
            f"{percent(row['estimate'])} {interval(row, 1, 100)} by {named(row['grader'])} "
            f"({percent(unread[row['grader']])} ungradable)"
            for _, row in own[own["measure"] == "accuracy"].iterrows()
        ]
        size = own.iloc[0]
        sentences.append(
            f"{named(model)}, {where}: accuracy was {'; '.join(shares)} "
            f"(n = {count(size['n_responses'])} responses to {count(size['n_items'])} items)."
        )
        sentences += [_kappa(model, row) for _, row in own[own["measure"] == "kappa"].iterrows()]
    return sentences


def _kappa(model: str, row: pd.Series) -> str:
    pair = f"{named(model)}: {named(row['grader'])} and {named(row['other'])}"
    if pd.isna(row["estimate"]):
        return missing(row, f"{pair}, Cohen's kappa")
    return (
        f"{pair} agreed with Cohen's kappa {number(row['estimate'])} {interval(row)} "
        f"(n = {count(row['n_responses'])} responses)."
    )
