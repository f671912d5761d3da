"""Sentences on corpora: how far they are from the items, and how a model learned from them."""

import numpy as np
import pandas as pd

from thinkscale.report._words import code, count, interval, missing, named, number, p_value

TOP_TOKENS = 5


def divergence(table: pd.DataFrame) -> list[str]:
    sentences = []
    bits = table[(table["unit"] == "bits") & (table["measure"] != "js_distance")]
    names = {
        "js": "JS",
        "kl_corpus_items": "KL(corpus ‖ items)",
        "kl_items_corpus": "KL(items ‖ corpus)",
    }
    for _, row in bits.iterrows():
        where = f"Corpus `{row['corpus']}`, tokenizer `{row['tokenizer']}`"
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
        top = rows.nlargest(TOP_TOKENS, "js_contribution")
        listed = ", ".join(
            f"{code(row['token'])} ({number(row['js_contribution'], 4)} bits, more frequent in "
            f"the {'corpus' if row['frequency_corpus'] > row['frequency_items'] else 'items'})"
            for _, row in top.iterrows()
        )
        sentences.append(
            f"Corpus `{corpus}`, tokenizer `{tokenizer}`: what adds most to JS is {listed}."
        )
    return sentences


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
