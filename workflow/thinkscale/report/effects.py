"""Sentences on effects, each with its direction: of difficulty, of conditions, of models."""

from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import (
    claim,
    count,
    estimate,
    missing,
    named,
    number,
    p_value,
    percent,
)

NO_DIFFICULTY = "No item has a difficulty: not estimated."
CORRELATIONS = {
    "spearman": "Spearman's rho",
    "pearson_log": "Pearson's r on log tokens",
    "kendall": "Kendall's tau-b",
    "partial_spearman": "partial Spearman's rho with what `analyses.controls` names held equal",
    "somers_d": "Somers' D with cut thoughts as long at least as they were",
}
CRITERIA = {  # what got longer thinking, and what was not clearly related to it
    "difficulty": ("harder items", "difficulty"),
    "response_time": ("items that people take longer for", "response time"),
}
COMPARED = {  # what is claimed, and in what else there is no difference; digits, scale and unit
    "accuracy": ("was {more|less} accurate than", "accuracy", 1, 100, " points"),
    "think_tokens": ("thought {longer|shorter} than", "length", 1, 1, " tokens"),
    "spearman_difficulty": (
        "followed difficulty {more|less} closely in its thinking length than",
        "how closely its thinking length follows difficulty",
        *(2, 1, " of Spearman's rho"),
    ),
}


def registration(table: pd.DataFrame) -> Iterator[str]:
    if _no_difficulty(table, "n"):
        yield NO_DIFFICULTY
        return
    for row in table.itertuples():
        name = CORRELATIONS.get(row.measure, row.measure)
        items, criterion = CRITERIA[row.criterion]
        what = claim(
            row,
            f"{items} got {{longer|shorter}} thinking",
            f"no clear relation of {criterion} and thinking length: {{why}}",
        )
        power = (
            f"; {percent(row.censored)} of these responses were censored, and the smallest "
            f"correlation detectable at 80% power is {number(row.detectable, 3)}"
        )
        yield missing(row, f"{named(row.model)}, {criterion}, {name}") or (
            f"{named(row.model)}: {what} ({name} = {estimate(row)}, n = {count(row.n)} items, "
            f"{p_value(row.p, row.p_method)} by {row.p_method or 'no test'})"
            f"{power if row.measure == 'spearman' else ''}."
        )


def outcome_difficulty(table: pd.DataFrame) -> Iterator[str]:
    if _no_difficulty(table, "n_items"):
        yield NO_DIFFICULTY
        return
    tests = table["measure"].isin(("difference", "spearman_item_accuracy"))
    for row in table[tests].itertuples():
        test = f"n = {count(row.n_items)} items, {p_value(row.p, row.method)}"
        if row.measure == "difference":
            what = claim(
                row, "{harder|easier} items", "items of no clearly different difficulty ({why})"
            )
            said = (
                f"responses that were not correct were on {what}: mean difficulty differs by "
                f"{estimate(row, signed=True)} from correct ones, over {count(row.n_responses)} "
                f"responses ({test})"
            )
        else:
            what = claim(
                row, "{rose|fell} with difficulty", "had no clear relation to difficulty ({why})"
            )
            said = f"item accuracy {what} (Spearman's rho = {estimate(row)}, {test})"
        yield missing(row, f"{named(row.model)}, {row.measure}") or f"{named(row.model)}: {said}."


def _no_difficulty(table: pd.DataFrame, n: str) -> bool:
    """Whether there was no item with a difficulty, so that one sentence says it of every row."""
    said = table["method"].str.contains("without difficulty left out", na=False)
    return bool((said & (table[n] == 0)).all())


def mcnemar(table: pd.DataFrame, alpha: float = 0.05) -> Iterator[str]:
    for row in table.itertuples():
        cell = f"{named(row.model)}, `{row.condition}`"
        what = claim(
            row,
            "{more|less} accurate than natural",
            "not clearly different from natural ({why})",
            alpha,
        )
        test = "sign-flip of clusters of items" if pd.isna(row.p) else "exact McNemar"
        yield missing(row, cell) or (
            f"{cell}: {what}, by {estimate(row, 1, 100, ' points', signed=True)}; "
            f"{count(row.wrong_to_right)} pairs went from wrong to right and "
            f"{count(row.right_to_wrong)} from right to wrong, of {count(row.n_pairs)} on "
            f"{count(row.n_items)} items ({test} {p_value(row.p_clustered, row.method)}, "
            f"Holm-corrected {p_value(row.p_holm, row.method)})."
        )


def token_change(table: pd.DataFrame, alpha: float = 0.05) -> Iterator[str]:
    for row in table.itertuples():
        cell, items = f"{named(row.model)}, `{row.condition}`", count(row.n_items)
        if row.changed == 0:
            yield f"{cell}: left the thinking of all {items} items as it was."
            continue
        side, test = "lengthen" if row.one_way > 0 else "shorten", ""
        what = f"can only {side} thinking, and did"
        if row.one_way == 0:
            what = claim(
                row,
                "thought {longer|shorter} than natural",
                "thought no clearly different length ({why})",
                alpha,
            )
            test = (
                f"; sign-flip of clusters of items {p_value(row.p, row.method)}, "
                f"Holm-corrected {p_value(row.p_holm, row.method)}"
            )
        share = estimate(row, 1, 100, "%", of=("changed", "changed_lower", "changed_upper"))
        yield missing(row, cell) or (
            f"{cell}: {what}, by {estimate(row, 1, unit=' tokens', signed=True)} on average over "
            f"{items} items; it changed for {share} of them{test}."
        )


def model_comparison(table: pd.DataFrame, alpha: float = 0.05) -> Iterator[str]:
    for row in table.itertuples():
        a, b = named(row.model_a), named(row.model_b)
        above, noun, digits, scale, unit = COMPARED[row.measure]
        what = claim(row, above, f"did not clearly differ in {noun} ({{why}}) from", alpha)
        value_a, value_b = (number(scale * v, digits) for v in (row.value_a, row.value_b))
        yield missing(row, f"{b} against {a}, {row.measure}") or (
            f"{b} {what} {a}, by {estimate(row, digits, scale, unit, signed=True)}: {value_b} "
            f"against {value_a} on {count(row.n)} common items ({p_value(row.p, row.method)}, "
            f"Holm-corrected {p_value(row.p_holm, row.method)})."
        )
