"""Sentences on accuracy: of a model and its conditions, over several samples, by other graders."""

from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import count, estimate, missing, named, percent, share

TOKENS = ("tokens_mean", "tokens_lower", "tokens_upper")


def accuracy(table: pd.DataFrame) -> Iterator[str]:
    for name, rows in table.groupby("model", sort=False):
        model, errors, items = named(name), rows["errors"].max(), rows["n_items"].max()
        if errors:
            yield (
                f"{model}: {count(errors)} of {count(items)} items did not fit its context "
                "and were not put to it; here they count as not correct, and they are left out "
                "wherever thinking tokens or pairs are looked at."
            )
        if errors == items:
            continue  # an accuracy of nothing asked is no finding
        for row in rows[rows["condition"] == "natural"].itertuples():
            yield missing(row, f"{model}, natural") or (
                f"{model}, natural: accuracy {share(row)} on {count(row.n_items)} items and "
                f"{count(row.n_responses)} responses, with "
                f"{estimate(row, 1, unit=' thinking tokens', of=TOKENS)} on average; "
                f"{percent(row.ungradable)} of the responses were ungradable and "
                f"{percent(row.censored)} censored."
            )
        if len(rows) > 1 and rows["estimate"].notna().any():
            best = rows.loc[rows["estimate"].idxmax()]
            yield (
                f"{model}: of {len(rows)} conditions `{best['condition']}` had the highest "
                f"accuracy, {share(best)}; the highest share ungradable in a condition was "
                f"{percent(rows['ungradable'].max())}, the highest share censored "
                f"{percent(rows['censored'].max())}. The highest of several is biased upward."
            )


def consensus(table: pd.DataFrame) -> Iterator[str]:
    names = {"cons": "the plurality of", "pass": "at least one of"}
    for row in table.itertuples():
        what = f"{named(row.model)}, {row.measure}@{count(row.k)}"
        who = f"{names[row.measure]} {count(row.k)} samples" if row.k > 1 else "one sample"
        yield missing(row, what) or (
            f"{what}: {who} was correct for {share(row)} of {count(row.n_items)} items"
            f"{'' if pd.isna(row.guess) else f', where guessing has {percent(row.guess)}'}."
        )


def agreement(table: pd.DataFrame) -> Iterator[str]:
    """What the natural condition shows of each model; where it was not run, all conditions."""
    for model, rows in table.groupby("model", sort=False):
        own, where = rows[rows["condition"] == "natural"], "in the natural condition"
        if own.empty:
            own, where = rows, "over all conditions"
        unread = own[own["measure"] == "ungradable"].set_index("grader")["estimate"]
        shares = [
            f"{share(row)} by {named(row.grader)} ({percent(unread[row.grader])} ungradable)"
            for row in own[own["measure"] == "accuracy"].itertuples()
        ]
        size = own.iloc[0]
        yield (
            f"{named(model)}, {where}: accuracy was {'; '.join(shares)} "
            f"(n = {count(size['n_responses'])} responses to {count(size['n_items'])} items)."
        )
        for row in own[own["measure"] == "kappa"].itertuples():
            pair = f"{named(model)}: {named(row.grader)} and {named(row.other)}"
            yield missing(row, f"{pair}, Cohen's kappa") or (
                f"{pair} agreed with Cohen's kappa {estimate(row)} "
                f"(n = {count(row.n_responses)} responses)."
            )
