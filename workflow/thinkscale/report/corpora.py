"""Sentences on corpora: how far they are from the items, and how a model learned from them."""

import numpy as np
import pandas as pd

from thinkscale.report.words import (
    code,
    count,
    interval,
    missing,
    named,
    number,
    p_value,
    percent,
)

TOP_TOKENS = 5
WORST_ITEMS = 10


def divergence(table: pd.DataFrame) -> list[str]:
    sentences = []
    bits = table[(table["unit"] == "bits") & (table["measure"] != "js_distance")]
    # The first way to smooth in full; of the others, JS, to see how much hangs on it.
    first = bits.groupby(["tokenizer", "corpus"], sort=False)["smoothing"].transform("first")
    bits = bits[(bits["smoothing"] == first) | (bits["measure"] == "js")]
    names = {
        "js": "JS",
        "kl_corpus_items": "KL(corpus ‖ items)",
        "kl_items_corpus": "KL(items ‖ corpus)",
    }
    for _, row in bits.iterrows():
        where = f"{_corpus(row)}, tokenizer `{row['tokenizer']}`"
        name = names[row["measure"]]
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, f"{where}, {name}"))
            continue
        if pd.isna(row["null_upper"]):
            what = "was not set against a null"
        elif row["estimate"] > row["null_upper"]:
            what = "lies above what samples of one law would show"
        else:
            what = "lies within what samples of one law would show"
        sentences.append(
            f"{where}: {name} = {number(row['estimate'], 4)} bits {interval(row, 4)} {what} "
            f"(null mean {number(row['null_mean'], 4)}, upper {number(row['null_upper'], 4)}, "
            f"{p_value(row['p'])} by permutation; {count(row['tokens_corpus'])} and "
            f"{count(row['tokens_items'])} tokens in {count(row['documents_corpus'])} and "
            f"{count(row['documents_items'])} documents; smoothing: {row['smoothing']})."
        )
    return sentences


def divergence_tokens(table: pd.DataFrame) -> list[str]:
    sentences = []
    for (tokenizer, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        more = rows["frequency_corpus"] > rows["frequency_items"]
        top = [
            f"{code(row['token'])} ({number(row['js_contribution'], 4)} bits, more frequent in "
            f"the {side})"
            for side, own in (("corpus", rows[more]), ("items", rows[~more]))
            for _, row in own.nlargest(TOP_TOKENS, "js_contribution").iterrows()
        ]
        sentences.append(
            f"Corpus `{corpus}`, tokenizer `{tokenizer}`: on either side, what adds most to JS is "
            f"{', '.join(top)}."
        )
    return sentences


def overlap_summary(table: pd.DataFrame) -> list[str]:
    words = {
        "any": "{} of the items have at least one {}-gram of tokens in the corpus",
        "half": "{} have half of their {}-grams or more in it",
        "mean": "on average {} of an item's {}-grams occur in it",
    }
    sentences = []
    for _, row in table.iterrows():
        where = f"{_corpus(row)}, tokens of `{row['tokenizer']}`"
        if pd.isna(row["estimate"]):
            sentences.append(missing(row, where))
            continue
        value = f"{percent(row['estimate'])} {interval(row, 1, 100)}"
        said = words[row["measure"]].format(value, count(row["ngram"]))
        note = f"{count(row['items'])} items"
        if row["too_short"]:
            note += f"; {count(row['too_short'])} more are too short to have a {row['ngram']}-gram"
        sentences.append(f"{where}: {said} ({note}).")
    return sentences


def overlap(table: pd.DataFrame) -> list[str]:
    sentences = []
    for (tokenizer, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        where = f"Corpus `{corpus}`, tokens of `{tokenizer}`"
        some = rows[rows["found"] > 0]
        if some.empty:
            sentences.append(f"{where}: no item has a {rows['ngram'].iloc[0]}-gram in it.")
            continue
        worst = some.nlargest(WORST_ITEMS, "share", keep="first")
        listed = ", ".join(
            f"{code(row['item_id'])} ({percent(row['share'])}, {count(row['found'])} of "
            f"{count(row['ngrams'])})"
            for _, row in worst.iterrows()
        )
        rest = len(some) - len(worst)
        more = f"; {count(rest)} more items overlap less" if rest else ""
        sentences.append(f"{where}: the items with most in it are {listed}{more}.")
    return sentences


def _corpus(row: pd.Series) -> str:
    """The corpus and what of it counts, which older tables do not say."""
    columns = row.get("corpus_columns")
    what = f" ({code(columns)})" if isinstance(columns, str) else ""
    return f"Corpus `{row['corpus']}`{what}"


def training_loss(table: pd.DataFrame) -> list[str]:
    sentences = []
    for model, rows in table.dropna(subset="loss").groupby("model", sort=False):
        first, last = rows.loc[rows["step"].idxmin()], rows.loc[rows["step"].idxmax()]
        change = np.sign(last["loss"] - first["loss"])
        verb = {1: "rose", -1: "fell"}.get(int(change), "stayed")
        sentences.append(
            f"{named(model)}: the training loss {verb} from {number(first['loss'], 3)} at step "
            f"{count(first['step'])} to {number(last['loss'], 3)} at step {count(last['step'])}."
        )
    return sentences or ["The table holds no loss."]
