"""A study's summary: markdown in which every number and every direction comes from a table.

A sentence claims a direction only where the interval excludes zero; a missing estimate is said to
be missing, with the reason that the table gives.
"""

from collections.abc import Callable, Mapping

import pandas as pd

from thinkscale.report import accuracy, corpora, cost, items
from thinkscale.report.words import (
    count,
    direction,
    interval,
    missing,
    named,
    number,
    p_value,
    percent,
    unclear,
)

CORRELATIONS = {
    "spearman": "Spearman's rho",
    "pearson_log": "Pearson's r on log tokens",
    "kendall": "Kendall's tau-b",
    "partial_spearman": "partial Spearman's rho with the length of the question held equal",
}


def summary(tables: Mapping[str, pd.DataFrame], study: str, *, confidence: float = 0.95) -> str:
    """The study's summary in markdown.

    Parameters
    ----------
    tables : tables by name (the file names without `.csv`); what is missing is said to be missing
    study : the study's name
    confidence : the level at which the tables' intervals were made
    """
    level = f"{100 * confidence:g}%"
    lines = [f"# {study}", ""]
    lines += [f"Brackets hold {level} intervals; how each was made is in its table's `method`.", ""]
    for title, name, write in SECTIONS:
        table = tables.get(name)
        lines += [f"## {title}", ""]
        if table is None:
            lines.append(f"There is no table `{name}`: this analysis was not run.")
        elif table.empty:
            lines.append(f"Table `{name}` has no rows.")
        else:
            lines += [f"- {sentence}" for sentence in [*_left_out(table), *write(table)]]
        lines.append("")
    return "\n".join(lines)


def _left_out(table: pd.DataFrame) -> list[str]:
    """Items left out because they occur in a corpus, where the study asks for that."""
    left_out = table["n_excluded"].max() if "n_excluded" in table else 0
    if not left_out > 0:
        return []
    return [
        f"{count(left_out)} items are left out here, since they occur in a corpus "
        "(`analyses.contamination.exclude_above`; `tables/overlap.csv` says which)."
    ]


def _accuracy(table: pd.DataFrame) -> list[str]:
    sentences = []
    for model, rows in table.groupby("model", sort=False):
        errors, items = rows["errors"].max(), rows["n_items"].max()
        if errors:
            sentences.append(
                f"{named(model)}: {count(errors)} of {count(items)} items did not fit its context "
                "and were not put to it; here they count as not correct, and they are left out "
                "wherever thinking tokens or pairs are looked at."
            )
        if errors == items:
            continue  # an accuracy of nothing asked is no finding
        for _, row in rows[rows["condition"] == "natural"].iterrows():
            if pd.isna(row["estimate"]):
                sentences.append(missing(row, f"{named(model)}, natural"))
                continue
            sentences.append(
                f"{named(model)}, natural: accuracy {percent(row['estimate'])} "
                f"{interval(row, 1, 100)} on {count(row['n_items'])} items and "
                f"{count(row['n_responses'])} responses, with "
                f"{number(row['tokens_mean'], 1)} thinking tokens "
                f"{interval(row, 1, columns=('tokens_lower', 'tokens_upper'))} on average; "
                f"{percent(row['ungradable'])} of the responses were ungradable and "
                f"{percent(row['censored'])} censored."
            )
        if len(rows) > 1 and rows["estimate"].notna().any():
            best = rows.loc[rows["estimate"].idxmax()]
            sentences.append(
                f"{named(model)}: of {len(rows)} conditions `{best['condition']}` had the highest "
                f"accuracy, {percent(best['estimate'])} {interval(best, 1, 100)}; the highest "
                f"share ungradable in a condition was {percent(rows['ungradable'].max())}, the "
                f"highest share censored {percent(rows['censored'].max())}. The highest of "
                "several is biased upward."
            )
    return sentences


NO_DIFFICULTY = "No item has a difficulty: not estimated."


def _without_difficulty(table: pd.DataFrame, n: str) -> bool:
    """Whether there was no item with a difficulty, so that one sentence says it of every row."""
    said = table["method"].str.contains("without difficulty left out", na=False)
    return bool((said & (table[n] == 0)).all())


def _registration(table: pd.DataFrame) -> list[str]:
    if _without_difficulty(table, "n"):
        return [NO_DIFFICULTY]
    sentences = []
    for model, rows in table.groupby("model", sort=False):
        for _, row in rows.iterrows():
            name = CORRELATIONS.get(row["measure"], row["measure"])
            if pd.isna(row["estimate"]):
                sentences.append(missing(row, f"{named(model)}, {name}"))
                continue
            what = {
                1: "harder items got longer thinking",
                -1: "harder items got shorter thinking",
                0: f"no clear relation of difficulty and thinking length: {unclear(row)}",
            }[direction(row)]
            text = (
                f"{named(model)}: {what} ({name} = {number(row['estimate'])} {interval(row)}, "
                f"n = {count(row['n'])} items, {p_value(row['p'])} by "
                f"{row['p_method'] or 'no test'})"
            )
            if row["measure"] == "spearman":
                text += (
                    f"; {percent(row['censored'])} of these responses were censored, and the "
                    f"smallest correlation detectable at 80% power is "
                    f"{number(row['detectable'], 3)}"
                )
            sentences.append(text + ".")
    return sentences


def _outcome_difficulty(table: pd.DataFrame) -> list[str]:
    if _without_difficulty(table, "n_items"):
        return [NO_DIFFICULTY]
    sentences = []
    for model, rows in table.groupby("model", sort=False):
        by_measure = rows.drop_duplicates("measure").set_index("measure")
        for measure, row in by_measure.iterrows():
            if measure not in ("difference", "spearman_item_accuracy"):
                continue
            if pd.isna(row["estimate"]):
                sentences.append(missing(row, f"{named(model)}, {measure}"))
                continue
            test = f"n = {count(row['n_items'])} items, {p_value(row['p'])} by permutation of items"
            sign = direction(row)
            if measure == "difference":
                what = {1: "were on harder items", -1: "were on easier items"}.get(
                    sign, f"were on items of no clearly different difficulty ({unclear(row)})"
                )
                sentences.append(
                    f"{named(model)}: responses that were not correct {what}: mean difficulty "
                    f"differs by {number(row['estimate'], signed=True)} {interval(row)} from "
                    f"correct ones, over {count(row['n_responses'])} responses ({test})."
                )
            else:
                what = {1: "rose with difficulty", -1: "fell with difficulty"}.get(
                    sign, f"had no clear relation to difficulty ({unclear(row)})"
                )
                sentences.append(
                    f"{named(model)}: item accuracy {what} (Spearman's rho = "
                    f"{number(row['estimate'])} {interval(row)}, {test})."
                )
    return sentences


def _mcnemar(table: pd.DataFrame) -> list[str]:
    sentences = []
    for _, row in table.iterrows():
        cell = f"{named(row['model'])}, `{row['condition']}`"
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, cell))
            continue
        what = {1: "more accurate than natural", -1: "less accurate than natural"}.get(
            direction(row), f"not clearly different from natural ({unclear(row)})"
        )
        sentences.append(
            f"{cell}: {what}, by {number(100 * row['estimate'], 1, signed=True)} points "
            f"{interval(row, 1, 100)}; {count(row['wrong_to_right'])} pairs went from wrong to "
            f"right and {count(row['right_to_wrong'])} from right to wrong, of "
            f"{count(row['n_pairs'])} on {count(row['n_items'])} items (exact McNemar "
            f"{p_value(row['p'])}; sign-flip of items {p_value(row['p_clustered'])}, "
            f"Holm-corrected {p_value(row['p_holm'])})."
        )
    return sentences


def _token_change(table: pd.DataFrame) -> list[str]:
    sentences = []
    for _, row in table.iterrows():
        cell = f"{named(row['model'])}, `{row['condition']}`"
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, cell))
            continue
        what = {1: "thought longer than natural", -1: "thought shorter than natural"}.get(
            direction(row), f"thought no clearly different length ({unclear(row)})"
        )
        if row["lower"] == row["upper"] == 0:
            what = "left the typical item's thinking as it was"
        sentences.append(
            f"{cell}: {what}, by {number(row['estimate'], 1, signed=True)} tokens "
            f"{interval(row, 1)} (Hodges-Lehmann over {count(row['n_items'])} items; mean "
            f"{number(row['mean_change'], 1, signed=True)}; Wilcoxon {p_value(row['p'])}, "
            f"Holm-corrected {p_value(row['p_holm'])})."
        )
    return sentences


def _model_comparison(table: pd.DataFrame) -> list[str]:
    kinds = {
        "accuracy": (
            "was more accurate than",
            "was less accurate than",
            "accuracy",
            "points",
            100,
            1,
        ),
        "think_tokens": ("thought longer than", "thought shorter than", "length", "tokens", 1, 1),
        "spearman_difficulty": (
            "followed difficulty more closely in its thinking length than",
            "followed difficulty less closely in its thinking length than",
            "how closely its thinking length follows difficulty",
            "of Spearman's rho",
            1,
            2,
        ),
    }
    sentences = []
    for _, row in table.iterrows():
        a, b = named(row["model_a"]), named(row["model_b"])
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, f"{b} against {a}, {row['measure']}"))
            continue
        more, less, noun, unit, scale, digits = kinds[row["measure"]]
        what = {1: more, -1: less}.get(
            direction(row), f"did not clearly differ in {noun} ({unclear(row)}) from"
        )
        value_a, value_b = (number(scale * row[v], digits) for v in ("value_a", "value_b"))
        sentences.append(
            f"{b} {what} {a}, by {number(scale * row['estimate'], digits, signed=True)} {unit} "
            f"{interval(row, digits, scale)}: {value_b} against {value_a} on "
            f"{count(row['n'])} common items ({p_value(row['p'])}, "
            f"Holm-corrected {p_value(row['p_holm'])})."
        )
    return sentences


def _consensus(table: pd.DataFrame) -> list[str]:
    names = {"cons": "the plurality of", "pass": "at least one of"}
    sentences = []
    for _, row in table.iterrows():
        cell = f"{named(row['model'])}, {row['measure']}@{count(row['k'])}"
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, cell))
            continue
        who = f"{names[row['measure']]} {count(row['k'])} samples" if row["k"] > 1 else "one sample"
        sentences.append(
            f"{cell}: {who} was correct for "
            f"{percent(row['estimate'])} {interval(row, 1, 100)} of "
            f"{count(row['n_items'])} items."
        )
    return sentences


SECTIONS: list[tuple[str, str, Callable[[pd.DataFrame], list[str]]]] = [
    ("Items", "items", items.items),
    ("Accuracy", "accuracy", _accuracy),
    ("Thinking length and human difficulty", "registration", _registration),
    ("Outcome and human difficulty", "outcome_difficulty", _outcome_difficulty),
    ("Conditions against natural: accuracy", "mcnemar", _mcnemar),
    ("Conditions against natural: thinking tokens", "token_change", _token_change),
    ("Models on the same items", "model_comparison", _model_comparison),
    ("Several samples", "consensus", _consensus),
    ("Graders", "grader_agreement", accuracy.agreement),
    ("Corpus against items", "divergence", corpora.divergence),
    ("Tokens that diverge most", "divergence_tokens", corpora.divergence_tokens),
    ("Items that occur in a corpus", "overlap_summary", corpora.overlap_summary),
    ("The items with most in a corpus", "overlap", corpora.overlap),
    ("Training", "training_loss", corpora.training_loss),
    ("Compute", "ledger", cost.ledger),
]
