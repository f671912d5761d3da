"""Sentences on corpora: how far they are from the items, and what of the items is in them."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from thinkscale.report.words import code, count, missing, number, p_value, percent, share

TOP_TOKENS = 5
WORST_ITEMS = 10


def divergence(table: pd.DataFrame) -> Iterator[str]:
    bits = table[(table["unit"] == "bits") & (table["measure"] != "js_distance")]
    # The first way to smooth in full; of the others, JS, to see how much hangs on it.
    first = bits.groupby(["tokenizer", "corpus"], sort=False)["smoothing"].transform("first")
    names = {
        "js": "JS",
        "kl_corpus_items": "KL(corpus ‖ items)",
        "kl_items_corpus": "KL(items ‖ corpus)",
    }
    for row in bits[(bits["smoothing"] == first) | (bits["measure"] == "js")].itertuples():
        where = f"{_corpus(row)}, tokenizer `{row.tokenizer}`"
        name = names[row.measure]
        null = "it was not set against a null"
        if pd.notna(row.null_upper):
            side = "above" if row.window_estimate > row.null_upper else "within"
            null = (
                f"one window of {count(row.window_tokens)} tokens a document gives "
                f"{number(row.window_estimate, 4)}, {side} what documents of one law would show "
                f"(null mean {number(row.null_mean, 4)}, upper {number(row.null_upper, 4)}, "
                f"{p_value(row.p)} by permutation of {count(row.windows_corpus)} and "
                f"{count(row.windows_items)} windows; {count(row.short_corpus)} and "
                f"{count(row.short_items)} documents were too short)"
            )
        yield missing(row, f"{where}, {name}") or (
            f"{where}: {name} = {number(row.estimate, 4)} bits, corrected for its bias "
            f"{number(row.corrected, 4)} (spread over documents {number(row.spread, 4)}; "
            f"{count(row.tokens_corpus)} and {count(row.tokens_items)} tokens in "
            f"{count(row.documents_corpus)} and {count(row.documents_items)} documents; smoothing: "
            f"{row.smoothing}); {null}."
        )


def divergence_tokens(table: pd.DataFrame) -> Iterator[str]:
    for (tokenizer, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        more = rows["frequency_corpus"] > rows["frequency_items"]
        top = [
            f"{code(row.token)} ({number(row.js_contribution, 4)} bits, more frequent in the "
            f"{side})"
            for side, own in (("corpus", rows[more]), ("items", rows[~more]))
            for row in own.nlargest(TOP_TOKENS, "js_contribution").itertuples()
        ]
        yield (
            f"Corpus `{corpus}`, tokenizer `{tokenizer}`: on either side, what adds most to JS is "
            f"{', '.join(top)}."
        )


def overlap_summary(table: pd.DataFrame) -> Iterator[str]:
    words = {
        "any": "{} of the items have at least one {}-gram of tokens in the corpus",
        "half": "{} have half of their {}-grams or more in it",
        "mean": "on average {} of an item's {}-grams occur in it",
    }
    for row in table.itertuples():
        where = f"{_corpus(row)}, tokens of `{row.tokenizer}`"
        said = words[row.measure].format(share(row), count(row.ngram))
        note = f"{count(row.items)} items"
        if row.too_short:
            note += f"; {count(row.too_short)} more are too short to have a {row.ngram}-gram"
        yield missing(row, where) or f"{where}: {said} ({note})."


def overlap(table: pd.DataFrame) -> Iterator[str]:
    for (tokenizer, corpus), rows in table.groupby(["tokenizer", "corpus"], sort=False):
        where = f"Corpus `{corpus}`, tokens of `{tokenizer}`"
        some = rows[rows["found"] > 0]
        if some.empty:
            yield f"{where}: no item has a {rows['ngram'].iloc[0]}-gram in it."
            continue
        worst = some.nlargest(WORST_ITEMS, "share", keep="first")
        listed = ", ".join(
            f"{code(row.item_id)} ({percent(row.share)}, {count(row.found)} of {count(row.ngrams)})"
            for row in worst.itertuples()
        )
        rest = len(some) - len(worst)
        more = f"; {count(rest)} more items overlap less" if rest else ""
        yield f"{where}: the items with most in it are {listed}{more}."


def _corpus(row: Any) -> str:
    """The corpus and what of it counts, which older tables do not say."""
    columns = getattr(row, "corpus_columns", None)
    what = f" ({code(columns)})" if isinstance(columns, str) else ""
    return f"Corpus `{row.corpus}`{what}"
