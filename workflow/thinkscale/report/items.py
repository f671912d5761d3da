"""Sentences on the bank: what was left out of it, and whether its difficulty is to be believed."""

import pandas as pd

from thinkscale.report.words import code, count, direction, interval, missing, number, unclear


def items(table: pd.DataFrame) -> list[str]:
    counts = {
        (r["measure"], r["detail"]): r["n"] for _, r in table.fillna({"detail": ""}).iterrows()
    }

    def total(measure: str) -> int:
        return sum(n for (name, _), n in counts.items() if name == measure)

    text = f"The file has {_items(total('in_file'))}"
    for kind in ("excluded", "dropped"):
        if total(kind):
            why = ", ".join(f"{code(w)}: {count(n)}" for (k, w), n in counts.items() if k == kind)
            text += f"; {count(total(kind))} {_were(total(kind))} {kind} ({why})"
    if total("excluded") + total("dropped"):
        text += f"; {count(total('in_file') - total('excluded') - total('dropped'))} are left"
    sentences = [f"{text}. Studied {_were(total('studied'))} {count(total('studied'))}."]

    changed = {
        "mojibake was repaired": total("text_repaired"),
        "white space was tidied": total("whitespace_tidied"),
        "empty options were left out": total("empty_options"),
        "the bank's answer differs from the option that is the key": total(
            "answer_differs_from_key"
        ),
        "two options say the same": counts.get(("equal_options", "items studied"), 0),
        "one of two equal options is the key": total("equal_options")
        - counts.get(("equal_options", "items studied"), 0),
    }
    found = [f"in {count(n)} {what}" for what, n in changed.items() if n]
    if found:
        sentences.append(
            f"Of the items studied, {', '.join(found)}; `items_report.csv` has each of them."
        )
    left_out = [why for kind, why in counts if kind == "dropped"]
    for measure, begin, what in (
        ("duplicates", "duplicate of", "of the bank repeating an earlier one"),
        ("near_duplicates", "near duplicate of", "nearly repeating another of those studied"),
    ):
        if (n := total(measure)) and not any(why.startswith(begin) for why in left_out):
            sentences.append(f"There {_were(n)} {_items(n)} {what}; `items_report.csv` has names.")
    bank = counts.get(("without_difficulty", "of the bank"), 0)
    if bank:
        studied = counts.get(("without_difficulty", "of the items studied"), 0)
        sentences.append(
            f"Without difficulty: {_items(bank)} of the bank, {count(studied)} of those studied; "
            "they count in accuracy, and in nothing that compares with difficulty."
        )
    return sentences + [
        said
        for measure, say in (
            ("difficulty_response_time", _with_time),
            ("difficulty_stem_length", _with_length),
        )
        for _, row in table[table["measure"] == measure].iterrows()
        if (said := say(row))
    ]


def _with_time(row: pd.Series) -> str:
    if not row["n"]:
        return ""
    if pd.isna(row["estimate"]):
        return missing(row, "Difficulty and response time")
    what = {
        1: "People took longer for the items counted as harder",
        -1: "Warning: people took less time for the items counted as harder; is "
        "`items.difficulty_direction` right?",
    }.get(direction(row), f"Difficulty and response time have no clear relation: {unclear(row)}")
    return f"{what} ({_rho(row)})."


def _with_length(row: pd.Series) -> str:
    if not row["n"]:
        return ""
    if pd.isna(row["estimate"]):
        return missing(row, "Difficulty and the length of questions")
    what = {
        1: "Longer questions are harder, so thinking may be longer for them for that reason alone",
        -1: "Longer questions are easier",
    }.get(
        direction(row), f"Difficulty and length of questions have no clear relation: {unclear(row)}"
    )
    return f"{what} ({_rho(row)})."


def _rho(row: pd.Series) -> str:
    return (
        f"Spearman's rho = {number(row['estimate'])} {interval(row)}, 95% interval, "
        f"n = {count(row['n'])} items of the bank"
    )


def _items(n: float) -> str:
    return f"{count(n)} item{'' if n == 1 else 's'}"


def _were(n: float) -> str:
    return "was" if n == 1 else "were"
