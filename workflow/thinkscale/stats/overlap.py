"""The share of each item's n-grams of tokens that occur in a corpus."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = [
    *["tokenizer", "corpus", "corpus_columns", "items_text"],
    *["item_id", "ngram", "ngrams", "found", "share", "detail"],
]


def tabulate(
    item_ids: Sequence[str], ngrams: np.ndarray, found: np.ndarray, *, n: int
) -> pd.DataFrame:
    """The share of each item's n-grams that occur in the corpus, the largest first.

    Items without an n-gram, because their texts are shorter than n tokens, come last, without a
    share. The first four columns are empty: which corpus it was is the caller's to say.

    Parameters
    ----------
    ngrams, found : how many n-grams each item has, and how many of them occur, shape (items,)
    """
    share = np.divide(found, ngrams, out=np.full(len(ngrams), np.nan), where=ngrams > 0)
    frame = pd.DataFrame(
        {
            "item_id": list(item_ids),
            "ngram": n,
            "ngrams": ngrams,
            "found": found,
            "share": share,
            "detail": np.where(ngrams > 0, None, f"too short: no text of {n} tokens"),
        },
        columns=COLUMNS,
    )
    return frame.sort_values(
        ["share", "found", "item_id"], ascending=[False, False, True], ignore_index=True
    )
