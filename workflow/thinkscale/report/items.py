"""Sentences on the bank: what was left out of it, and whether its difficulty is to be believed."""

from collections import Counter
from collections.abc import Iterator

import pandas as pd

from thinkscale.report.words import claim, code, count, estimate


def items(table: pd.DataFrame, alpha: float) -> Iterator[str]:
    rows = table.fillna({"detail": ""})
    counts = Counter({(row.measure, row.detail): row.n for row in rows.itertuples()})
    total = Counter(rows.groupby("measure")["n"].sum().to_dict())

    text = f"The file has {_items(total['in_file'])}"
    for kind in ("excluded", "dropped"):
        if total[kind]:
            why = ", ".join(f"{code(w)}: {count(n)}" for (k, w), n in counts.items() if k == kind)
            text += f"; {count(total[kind])} {_were(total[kind])} {kind} ({why})"
    if gone := total["excluded"] + total["dropped"]:
        text += f"; {count(total['in_file'] - gone)} are left"
    yield f"{text}. Studied {_were(total['studied'])} {count(total['studied'])}."

    if names := ", ".join(code(detail) for measure, detail in counts if measure == "column_found"):
        yield f"Columns found in spite of case or spaces: {names}."

    equal, differs = counts["equal_options", "items studied"], total["answer_differs_from_key"]
    changed = [
        (total["text_repaired"], "mojibake was repaired"),
        (total["whitespace_tidied"], "white space was tidied"),
        (total["numbers_rewritten"], "a number was rewritten"),
        (total["labels_taken_off"], "the labels that options brought along were taken off"),
        (total["empty_options"], "empty options were left out"),
        (differs, "the bank's answer differs from the option that is the key"),
        (equal, "two options say the same"),
        (total["equal_options"] - equal, "one of two equal options is the key"),
    ]
    if found := ", ".join(f"in {count(n)} {what}" for n, what in changed if n):
        yield f"Of the items studied, {found}; `items_report.csv` has each of them."

    left_out = [why for kind, why in counts if kind == "dropped"]
    for measure, begin, what in (
        ("duplicates", "duplicate of", "of the bank repeating an earlier one"),
        ("near_duplicates", "near duplicate of", "nearly repeating another of those studied"),
    ):
        if (n := total[measure]) and not any(why.startswith(begin) for why in left_out):
            yield f"There {_were(n)} {_items(n)} {what}; `items_report.csv` has names."
    if bank := counts["without_difficulty", "of the bank"]:
        studied = counts["without_difficulty", "of the items studied"]
        yield (
            f"Without difficulty: {_items(bank)} of the bank, {count(studied)} of those studied; "
            "they count in accuracy, and in nothing that compares with difficulty."
        )

    for measure, claims in DIFFICULTY.items():
        for row in table[(table["measure"] == measure) & table["estimate"].notna()].itertuples():
            yield (
                f"{claim(row, *claims, alpha)} (Spearman's ρ: {estimate(row)}, a 95% interval; "
                f"n = {count(row.n)} items of the bank)."
            )


DIFFICULTY = {  # what is claimed of difficulty and this, where there is a direction, and where not
    "difficulty_response_time": (
        "{People took longer|Warning: people took less time} for the items counted as harder"
        "{|; is `items.difficulty_direction` right?}",
        "Difficulty and response time have no clear relation",
    ),
    "difficulty_stem_length": (
        "Longer questions are {harder, so thinking may be longer for them for that reason alone"
        "|easier}",
        "Difficulty and length of questions have no clear relation",
    ),
}


def _items(n: float) -> str:
    return f"{count(n)} item{'' if n == 1 else 's'}"


def _were(n: float) -> str:
    return "was" if n == 1 else "were"
