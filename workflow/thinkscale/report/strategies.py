"""Sentences on strategies: which did best, at equal compute, and chosen by difficulty."""

from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import count, estimate, named, percent, share


def strategies(table: pd.DataFrame) -> Iterator[str]:
    """Each model's most accurate strategy at its largest size, and how far below pass@N that is."""
    whole = table[(table["level"] == 0) & (table["approach"] != "budget_forcing")]
    for model, rows in whole.groupby("model", sort=False):
        best = rows.loc[rows["estimate"].idxmax()]
        vote = rows[rows["approach"] == "majority"]
        beside = ""
        if len(vote):
            vote = vote.loc[vote["n"].idxmax()]
            beside = (
                f"; a majority of {count(vote['n'])} samples was correct in {share(vote)}, for "
                f"{count(vote['sampled'])} sampled tokens an item"
            )
        scored = best["scored"]
        read = "" if pd.isna(scored) else f" and {count(scored)} that a scorer read"
        yield (
            f"{named(model)}: of {count(rows['strategy'].nunique())} strategies the most accurate "
            f"was {named(best['strategy'])} at {count(best['n'])}: {share(best)} of "
            f"{count(best['n_items'])} items, for {count(best['sampled'])} sampled tokens an item"
            f"{read}; a correct candidate was there in "
            f"{percent(best['any_correct'])}{beside}."
        )


def matched(table: pd.DataFrame) -> Iterator[str]:
    """Each model's largest clear gain over a majority at equal compute, and how many there are."""
    flops = table[(table["axis"] == "compute") & table["gain"].notna()]
    for model, rows in flops.groupby("model", sort=False):
        clear = rows[rows["gain_lower"] > 0]
        largest = ""
        if len(clear):
            best = clear.loc[clear["gain"].idxmax()]
            largest = (
                f"; the largest is that of {named(best['strategy'])} at {count(best['multiple'])} "
                f"times the cost of one sample, {_gain(best)} (n = {count(best['n_items'])} items)"
            )
        yield (
            f"{named(model)}: at equal compute {count(len(clear))} of {count(len(rows))} "
            f"comparisons with a majority are clear gains{largest}."
        )


def optimal(table: pd.DataFrame) -> Iterator[str]:
    """What choosing a strategy for each fifth of difficulty gained over a majority, held out."""
    for model, rows in table[table["level"] == 0].groupby("model", sort=False):
        most = rows.loc[rows["multiple"].idxmax()]
        yield (
            f"{named(model)}: the strategy that did best for an item's fifth of difficulty on one "
            f"half of the items was correct on the other in {share(most)} of "
            f"{count(most['n_items'])} items at {count(most['multiple'])} times the cost of one "
            f"sample, {_gain(most)} against a majority at that cost."
        )


def _gain(row: pd.Series) -> str:
    columns = ("gain", "gain_lower", "gain_upper")
    return estimate(row, 1, 100, " points", signed=True, of=columns)
