"""What each token adds to the divergence of a corpus P and the items Q."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from thinkscale.data.tokens import Documents, Groups, as_documents
from thinkscale.stats.core.distributions import Smoothing

COLUMNS = [
    *["tokenizer", "corpus", "token_id", "token", "count_corpus", "count_items"],
    *["frequency_corpus", "frequency_items", "more_frequent_in", "js_contribution"],
    *["kl_corpus_items_contribution", "kl_items_corpus_contribution"],
]


def tabulate(
    corpus: Documents | Groups | Sequence[Sequence[int]],
    items: Documents | Sequence[Sequence[int]],
    *,
    vocabulary_size: int,
    decode: Callable[[int], str],
    smoothing: Smoothing | None = None,
) -> pd.DataFrame:
    """What each token that occurs adds to the divergences, in bits, largest in JS first.

    Frequencies are the unsmoothed shares of a side's tokens; the contributions are of the smoothed
    ones, so that over all tokens seen each sums to its divergence in bits (with support
    "vocabulary", but for the tokens on neither side). A contribution to KL is negative where the
    token is rarer on the side that is averaged over. The first two columns are empty: which
    tokenizer and corpus it was is the caller's to say.

    Parameters
    ----------
    decode : gives the text of a token id
    """
    smoothing = smoothing or Smoothing()
    corpus, items = as_documents(corpus), as_documents(items)
    counts = np.stack([side.totals(vocabulary_size) for side in (corpus, items)])
    seen = np.flatnonzero(counts.any(axis=0))
    counts = counts[:, seen]
    p, q = smoothing.probabilities(counts, vocabulary_size)[0]
    m = (p + q) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / [[corpus.tokens], [items.tokens]]
        frame = pd.DataFrame(
            {
                "token_id": seen,
                "token": [decode(int(i)) for i in seen],
                "count_corpus": counts[0],
                "count_items": counts[1],
                "frequency_corpus": shares[0],
                "frequency_items": shares[1],
                "more_frequent_in": np.select(
                    [shares[0] > shares[1], shares[0] < shares[1]], ["corpus", "items"], "neither"
                ),
                "js_contribution": (p * np.log2(p / m) + q * np.log2(q / m)) / 2,
                "kl_corpus_items_contribution": p * np.log2(p / q),
                "kl_items_corpus_contribution": q * np.log2(q / p),
            },
            columns=COLUMNS,
        )
    return frame.sort_values(
        ["js_contribution", "token_id"], ascending=[False, True], ignore_index=True
    )
