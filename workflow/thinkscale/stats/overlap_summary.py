"""How many items overlap with a corpus in their n-grams of tokens, and by how much on average."""

import pandas as pd

from thinkscale.stats.core.intervals import Estimate, clustered_share

COLUMNS = [
    *["tokenizer", "corpus", "corpus_columns", "items_text"],
    *["measure", "ngram", "items", "too_short", "estimate", "lower", "upper", "method"],
]
HALF = 0.5


def tabulate(
    per_item: pd.DataFrame, clusters: pd.Series | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """How many items overlap with the corpus, and by how much on average.

    Measures: `any`, the share of items with an n-gram that occurs; `half`, with at least half of
    them; `mean`, the mean share. Items that are too short are left out and counted. The first four
    columns are empty: which corpus it was is the caller's to say.

    Parameters
    ----------
    per_item : the table `overlap` of one tokenizer and corpus
    clusters : name of the cluster by item_id; default: every item is one
    """
    known = per_item[per_item["ngrams"] > 0]
    share = known["share"].to_numpy(float)
    names = known["item_id"] if clusters is None else known["item_id"].map(clusters)
    names = names.fillna(known["item_id"]).to_numpy()
    ngram = int(per_item["ngram"].iloc[0]) if len(per_item) else 0
    rows = []
    for measure, values in (("any", share > 0), ("half", share >= HALF), ("mean", share)):
        if not len(share):
            found = Estimate(method=f"not estimated: every item is shorter than {ngram} tokens")
        else:
            found = clustered_share(values, names, confidence)
        rows.append(
            {
                "measure": measure,
                "ngram": ngram,
                "items": len(known),
                "too_short": len(per_item) - len(known),
                **found.row(),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)
