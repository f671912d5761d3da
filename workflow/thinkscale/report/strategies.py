"""Sentences on strategies: which did best, at equal compute, by difficulty, and by which scorer."""

from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import count, estimate, named, number, percent, share

_NAME_LENGTHS = ("token_conditional", "step_conditional", "class_conditional")


def strategies(table: pd.DataFrame) -> Iterator[str]:
    """Each model's most accurate strategy, and how far below what its candidates hold that is.

    Then what models made of lengths that prompts named.
    """
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
        yield (
            f"{named(model)}: of {count(rows['strategy'].nunique())} strategies the most accurate "
            f"was {named(best['strategy'])} at {_size(best)}: {share(best)} of "
            f"{count(best['n_items'])} items, for {count(best['sampled'])} sampled tokens an item"
            f"{_read(best)}; a correct candidate was there in "
            f"{percent(best['any_correct'])}{_missed(best)}{beside}."
        )
    prompted = whole[whole["approach"].isin(_NAME_LENGTHS)]
    for (model, strategy), rows in prompted.groupby(["model", "strategy"], sort=False):
        lengths = "; ".join(
            f"{_size(row)}: {count(row['think_tokens'])} tokens, {percent(1 - row['unmet'])}"
            for _, row in rows.iterrows()
        )
        yield (
            f"{named(model)}, told how long to think by {named(strategy)}: length named, mean "
            f"thinking, and share as long as was asked for: {lengths}."
        )


def _read(row: pd.Series) -> str:
    """How many tokens a scorer read, and whose: the thinking model's, or its own of their text."""
    own = ", in its own tokens of the text" if row["scorer_reads"] == "text" else ""
    return "" if pd.isna(row["scored"]) else f" and {count(row['scored'])} that a scorer read{own}"


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


def _size(row: pd.Series) -> str:
    """A strategy's size as the study calls it: a class of length by its name."""
    return count(row["n"]) if pd.isna(row["length_class"]) else named(row["length_class"])


def scorers(table: pd.DataFrame) -> Iterator[str]:
    """How well each scorer tells right samples from wrong ones, and how far it can be believed."""
    for (model, scorer), rows in table.groupby(["model", "scorer"], sort=False):
        whole = rows[rows["agg_strategy"] == "last"].set_index("measure")
        early = rows[rows["measure"] == "auc_within"].nsmallest(1, "fraction").iloc[0]
        within, error = whole.loc["auc_within"], whole.loc["calibration_error"]
        believed = ""
        if pd.notna(error["estimate"]):
            believed = (
                f"; as a probability its calibration error is {estimate(error)}, where noise alone "
                f"would make {number(error['null_mean'])}"
            )
        yield (
            f"{named(scorer)} on {named(model)}: of a right and a wrong sample about one item it "
            f"scores the right one higher in {share(within)} of pairs by the last step, in "
            f"{share(early)} after a fifth of the steps{believed} (n = {count(within['n_items'])} "
            f"items, {count(within['n_candidates'])} samples)."
        )


def _missed(row: pd.Series) -> str:
    """The gap to what no choice can pass, where there is more than one candidate."""
    if pd.isna(row["gap"]):
        return ""
    columns = ("gap", "gap_lower", "gap_upper")
    return f", {estimate(row, 1, 100, ' points', of=columns)} more"


def _gain(row: pd.Series) -> str:
    columns = ("gain", "gain_lower", "gain_upper")
    return estimate(row, 1, 100, " points", signed=True, of=columns)
