"""How far a corpus P lies from the items Q, as distributions over a tokenizer's tokens."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse, stats

from thinkscale.errors import ThinkscaleError
from thinkscale.stats._distributions import LN2, Smoothing, divergences
from thinkscale.stats._intervals import BATCH_VALUES, percent
from thinkscale.stats._resampling import generator

MEASURES = ("kl_corpus_items", "kl_items_corpus", "js", "js_distance")
ROW_COLUMNS = [
    *["measure", "unit", "documents_corpus", "documents_items", "tokens_corpus", "tokens_items"],
    *["estimate", "lower", "upper", "null_mean", "null_upper", "p", "smoothing", "method"],
]
TOKEN_COLUMNS = [
    *["token_id", "token", "count_corpus", "count_items"],
    *["frequency_corpus", "frequency_items", "js_contribution"],
]


def count_matrix(
    documents: Sequence[Sequence[int]], vocabulary_size: int
) -> tuple[sparse.csr_array, np.ndarray]:
    """Counts (documents, tokens that occur), sparse, and the ids of those tokens, rising.

    Raises ThinkscaleError for an id outside the vocabulary.
    """
    arrays = [np.asarray(document, dtype=np.int64).ravel() for document in documents]
    ids = np.concatenate(arrays) if arrays else np.empty(0, np.int64)
    row = np.repeat(np.arange(len(arrays)), [len(array) for array in arrays])
    outside = (ids < 0) | (ids >= vocabulary_size)
    if outside.any():
        at = int(np.argmax(outside))
        raise ThinkscaleError(
            f"document {row[at]}: token id {ids[at]}; expected 0 to {vocabulary_size - 1}."
        )
    seen, column = np.unique(ids, return_inverse=True)
    shape = (len(arrays), len(seen))
    counts = sparse.coo_array((np.ones(len(ids)), (row, column)), shape=shape).tocsr()
    return counts, seen


def divergence(
    corpus_docs: Sequence[Sequence[int]],
    item_docs: Sequence[Sequence[int]],
    *,
    vocabulary_size: int,
    smoothing: Smoothing | None = None,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """KL both ways, Jensen-Shannon divergence and distance, in nats and in bits.

    P is the corpus, Q the items; kl_corpus_items is KL(P || Q). The distance is the square root
    of the divergence in the same unit. Each side's documents are resampled for the interval,
    estimate +- z bootstrap standard errors: resampling adds to divergence the bias that the
    estimate already has, so percentiles would be biased twice.

    The null says that both sides draw from one law. Its sides must have as many tokens as the real
    ones, since the bias of a divergence goes with tokens; traces are far longer than items, so
    swapping whole documents would not keep the sizes. So documents are cut into pieces no longer
    than the median item document, and shuffled pieces fill the item side up to its number of
    tokens, the last in part; the rest is the corpus side. With documents of one length this is the
    plain shuffle of documents. null_upper is the null's `confidence` quantile, p the share of it,
    the observed included, that reaches the estimate; null_mean is the divergence that samples of
    these sizes from one law would show.

    Parameters
    ----------
    corpus_docs, item_docs : one sequence of token ids per document

    Returns
    -------
    Frame with `ROW_COLUMNS`, one row per measure and unit.
    """
    smoothing = smoothing or Smoothing()
    n_corpus, n_items = len(corpus_docs), len(item_docs)
    counts, seen = count_matrix([*corpus_docs, *item_docs], vocabulary_size)
    unseen = smoothing.unseen(len(seen), vocabulary_size)
    totals = counts[:n_corpus].sum(), counts[n_corpus:].sum()
    shared = {
        "documents_corpus": n_corpus,
        "documents_items": n_items,
        "tokens_corpus": int(totals[0]),
        "tokens_items": int(totals[1]),
        "smoothing": smoothing.describe(len(seen), vocabulary_size),
    }
    if not min(totals):
        side = "items" if totals[0] else "corpus"
        shared["method"] = f"not estimated: no tokens in the {side}"
        rows = [{"measure": m, "unit": u, **shared} for m in MEASURES for u in ("nats", "bits")]
        return pd.DataFrame(rows, columns=ROW_COLUMNS)

    def measure(corpus: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Counts (b, tokens seen) of either side to divergences (b, 4)."""
        p, p_rest = smoothing.probabilities(corpus, unseen)
        q, q_rest = smoothing.probabilities(items, unseen)
        return divergences(p, q, (unseen, p_rest, q_rest))

    estimate = measure(counts[:n_corpus].sum(axis=0)[None], counts[n_corpus:].sum(axis=0)[None])[0]
    resampled = _bootstrap(
        measure, counts[:n_corpus], counts[n_corpus:], n_boot, generator(seed, "bootstrap")
    )
    longest = max(1, int(np.median([len(document) for document in item_docs])))
    pieces = count_matrix(_pieces([*corpus_docs, *item_docs], longest), vocabulary_size)[0]
    null = _null(measure, pieces, totals[1], n_permutations, generator(seed, "permutation"))
    with np.errstate(invalid="ignore"):
        few = n_boot < 2 or min(n_corpus, n_items) < 2
        error = np.full(4, np.nan) if few else resampled.std(axis=0, ddof=1)
    half = stats.norm.ppf((1 + confidence) / 2) * error
    largest = np.array([np.inf, np.inf, LN2, np.sqrt(LN2)])
    lower, upper = np.maximum(estimate - half, 0), np.minimum(estimate + half, largest)
    empty = np.full(4, np.nan)
    null_mean = null.mean(axis=0) if len(null) else empty
    null_upper = np.quantile(null, confidence, axis=0) if len(null) else empty
    reached = (null >= estimate - 1e-12).sum(axis=0)
    p = (1 + reached) / (1 + len(null)) if len(null) else empty
    how = (
        f"no interval from {min(n_corpus, n_items)} document on a side or {n_boot} resamples"
        if few
        else f"{percent(confidence)} interval estimate +- z bootstrap standard errors of documents "
        f"({n_boot} resamples)"
    )
    method = (
        f"plug-in; {how}; one-sided p permutation between sides of the same tokens, in pieces of "
        f"at most {longest} tokens ({n_permutations} draws), uncorrected"
    )
    rows = []
    for i, name in enumerate(MEASURES):
        for unit in ("nats", "bits"):
            scale = 1.0 if unit == "nats" else 1 / LN2
            scale = np.sqrt(scale) if name == "js_distance" else scale
            values = {
                "estimate": estimate[i] * scale,
                "lower": lower[i] * scale,
                "upper": upper[i] * scale,
                "null_mean": null_mean[i] * scale,
                "null_upper": null_upper[i] * scale,
            }
            rows.append(
                {"measure": name, "unit": unit, **shared, **values, "p": p[i], "method": method}
            )
    return pd.DataFrame(rows, columns=ROW_COLUMNS)


def _pieces(documents: Sequence[Sequence[int]], longest: int) -> list[np.ndarray]:
    """Documents cut into pieces of at most `longest` tokens."""
    return [
        np.asarray(document)[start : start + longest]
        for document in documents
        for start in range(0, len(document), longest)
    ]


def _batches(number: int, values: int) -> list[int]:
    """`number` resamples of so many `values` each, in batches that fit in memory."""
    batch = max(1, BATCH_VALUES // values)
    return [min(batch, number - start) for start in range(0, number, batch)]


def _bootstrap(measure, corpus, items, n_boot, rng) -> np.ndarray:
    """Divergences (n_boot, 4) with the documents of each side drawn anew."""

    def drawn(counts: sparse.csr_array, size: int) -> np.ndarray:
        n = counts.shape[0]
        return rng.multinomial(n, np.full(n, 1 / n), size).astype(float) @ counts

    parts = [np.empty((0, 4))]
    for size in _batches(n_boot, max(corpus.shape[1], corpus.shape[0], items.shape[0])):
        parts.append(measure(drawn(corpus, size), drawn(items, size)))
    return np.concatenate(parts)


def _null(measure, pieces, tokens_items, n_permutations, rng) -> np.ndarray:
    """Divergences (n_permutations, 4) with pieces dealt at random to sides of the same tokens."""
    length = pieces.sum(axis=1)
    total = pieces.sum(axis=0)
    parts = [np.empty((0, 4))]
    for size in _batches(n_permutations, max(pieces.shape)):
        order = np.argsort(rng.random((size, len(length))), axis=1)
        before = np.cumsum(length[order], axis=1) - length[order]
        share = np.clip((tokens_items - before) / length[order], 0, 1)
        weights = np.empty_like(share)
        np.put_along_axis(weights, order, share, axis=1)
        items = weights @ pieces
        parts.append(measure(total - items, items))
    return np.concatenate(parts)


def divergence_tokens(
    corpus_docs: Sequence[Sequence[int]],
    item_docs: Sequence[Sequence[int]],
    *,
    vocabulary_size: int,
    decode: Mapping[int, str],
    smoothing: Smoothing | None = None,
    top: int | None = None,
) -> pd.DataFrame:
    """What each token that occurs adds to the Jensen-Shannon divergence, in bits, largest first.

    Frequencies are the unsmoothed shares of a side's tokens; the contribution is of the smoothed
    ones, so that over all tokens seen it sums to the divergence in bits (with support
    "vocabulary", but for the tokens on neither side). `top` keeps that many rows; None keeps all.

    Parameters
    ----------
    decode : token id to its text; an id without one is written as `<id>`
    """
    smoothing = smoothing or Smoothing()
    counts, seen = count_matrix([*corpus_docs, *item_docs], vocabulary_size)
    n_corpus = len(corpus_docs)
    corpus = np.asarray(counts[:n_corpus].sum(axis=0)).ravel()
    items = np.asarray(counts[n_corpus:].sum(axis=0)).ravel()
    unseen = smoothing.unseen(len(seen), vocabulary_size)
    p, q = (smoothing.probabilities(side, unseen)[0] for side in (corpus, items))
    m = (p + q) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        frame = pd.DataFrame(
            {
                "token_id": seen,
                "token": [decode.get(int(i), f"<{i}>") for i in seen],
                "count_corpus": corpus.astype(int),
                "count_items": items.astype(int),
                "frequency_corpus": corpus / corpus.sum(),
                "frequency_items": items / items.sum(),
                "js_contribution": (p * np.log2(p / m) + q * np.log2(q / m)) / 2,
            },
            columns=TOKEN_COLUMNS,
        )
    frame = frame.sort_values(
        ["js_contribution", "token_id"], ascending=[False, True], ignore_index=True
    )
    return frame if top is None else frame.head(top)
