"""How far a corpus P lies from the items Q, as distributions over a tokenizer's tokens."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse, stats

from thinkscale.stats.core.distributions import LN2, Smoothing, divergences
from thinkscale.stats.core.intervals import BATCH_VALUES, percent
from thinkscale.stats.core.resampling import generator
from thinkscale.stats.core.sides import (
    Documents,
    Groups,
    as_documents,
    check_ids,
    piece_lengths,
    spans,
)

MEASURES = ("kl_corpus_items", "kl_items_corpus", "js", "js_distance")
ROW_COLUMNS = [
    *["measure", "unit", "documents_corpus", "documents_items", "tokens_corpus", "tokens_items"],
    *["estimate", "lower", "upper", "null_mean", "null_upper", "p", "smoothing", "method"],
]
TOKEN_COLUMNS = [
    *["token_id", "token", "count_corpus", "count_items"],
    *["frequency_corpus", "frequency_items", "more_frequent_in", "js_contribution"],
    *["kl_corpus_items_contribution", "kl_items_corpus_contribution"],
]

Side = Documents | Sequence[Sequence[int]]
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def piece_tokens(items: Side) -> int:
    """Tokens that a piece of the null has at most: those of the median item."""
    lengths = as_documents(items).lengths
    return max(1, int(np.median(lengths))) if len(lengths) else 1


def divergence(
    corpus: Side | Groups,
    items: Side,
    *,
    vocabulary_size: int,
    smoothing: Smoothing | Sequence[Smoothing] | None = None,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """KL both ways, Jensen-Shannon divergence and distance, in nats and in bits.

    P is the corpus, Q the items; kl_corpus_items is KL(P || Q). The distance is the square root
    of the divergence in the same unit. Each side's documents are resampled for the interval,
    estimate +- z bootstrap standard errors: resampling adds to divergence the bias that the
    estimate already has, so percentiles would be biased twice. Of a corpus given as `Groups`, the
    groups are resampled, to which its documents were dealt at random: a group is then as a
    document of many, and the variance comes out the same.

    The null says that both sides draw from one law. Its sides must have as many tokens as the real
    ones, since the bias of a divergence goes with tokens; traces are far longer than items, so
    swapping whole documents would not keep the sizes. So documents are cut into pieces no longer
    than the median item document, and shuffled pieces fill the item side up to its number of
    tokens, the last in part; the rest is the corpus side. With documents of one length this is the
    plain shuffle of documents. Of `Groups`, the pieces are a random sample of the corpus's, with
    the same share of the items': a random draw from it is a random draw from all. null_upper is
    the null's `confidence` quantile, p the share of it, the observed included, that reaches the
    estimate; null_mean is the divergence that samples of these sizes from one law would show.

    Parameters
    ----------
    corpus, items : one sequence of token ids per document; or the corpus's groups
    smoothing : one, or several that get rows each from the same resamples

    Returns
    -------
    Frame with `ROW_COLUMNS`, one row per smoothing, measure and unit.
    """
    ways = _ways(smoothing)
    items = as_documents(items)
    grouped = isinstance(corpus, Groups)
    if not grouped:
        corpus = as_documents(corpus)
        check_ids(corpus, vocabulary_size)
    check_ids(items, vocabulary_size, first=len(corpus))
    n_corpus, n_items = len(corpus), len(items)
    shared = {
        "documents_corpus": n_corpus,
        "documents_items": n_items,
        "tokens_corpus": corpus.tokens,
        "tokens_items": items.tokens,
    }
    seen = _seen(corpus, items, vocabulary_size)
    described = [way.describe(len(seen), vocabulary_size) for way in ways]
    if not min(corpus.tokens, items.tokens):
        side = "items" if corpus.tokens else "corpus"
        shared["method"] = f"not estimated: no tokens in the {side}"
        rows = [
            {"measure": m, "unit": u, "smoothing": words, **shared}
            for words in described
            for m in MEASURES
            for u in ("nats", "bits")
        ]
        return pd.DataFrame(rows, columns=ROW_COLUMNS)

    column = np.zeros(vocabulary_size, np.int32)
    column[seen] = np.arange(len(seen))
    units = corpus.counts[:, seen].astype(float) if grouped else _matrix(corpus, column, len(seen))
    item_units = _matrix(items, column, len(seen))
    measure = _measure(ways, len(seen), vocabulary_size)
    total_corpus, total_items = (_sum(side)[None] for side in (units, item_units))
    estimate = measure(total_corpus, total_items)[0]
    resampled = _bootstrap(measure, units, item_units, n_boot, generator(seed, "bootstrap"))
    longest = corpus.longest if grouped else piece_tokens(items)
    pieces = _pool(corpus, items, longest, seed)
    null = _null(
        measure, pieces, column, total_corpus[0] + total_items[0], items.tokens, n_permutations,
        generator(seed, "permutation"),
    )  # fmt: skip
    fewest = min(units.shape[0], n_items)
    few = n_boot < 2 or fewest < 2
    with np.errstate(invalid="ignore"):
        error = np.full(len(estimate), np.nan) if few else resampled.std(axis=0, ddof=1)
    half = stats.norm.ppf((1 + confidence) / 2) * error
    largest = np.tile([np.inf, np.inf, LN2, np.sqrt(LN2)], len(ways))
    lower, upper = np.maximum(estimate - half, 0), np.minimum(estimate + half, largest)
    empty = np.full(len(estimate), np.nan)
    null_mean = null.mean(axis=0) if len(null) else empty
    null_upper = np.quantile(null, confidence, axis=0) if len(null) else empty
    reached = (null >= estimate - 1e-12).sum(axis=0)
    p = (1 + reached) / (1 + len(null)) if len(null) else empty
    method = _method(corpus, units.shape[0], fewest, few, longest, confidence, n_boot)
    method += f" ({n_permutations} draws), uncorrected"
    rows = []
    for i, (words, name) in enumerate((w, m) for w in described for m in MEASURES):
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
            row = {"measure": name, "unit": unit, "smoothing": words, "p": p[i], "method": method}
            rows.append({**row, **shared, **values})
    return pd.DataFrame(rows, columns=ROW_COLUMNS)


def _ways(smoothing: Smoothing | Sequence[Smoothing] | None) -> list[Smoothing]:
    if smoothing is None or isinstance(smoothing, Smoothing):
        return [smoothing or Smoothing()]
    return list(smoothing)


def _method(corpus, units, fewest, few, longest, confidence, n_boot) -> str:
    grouped = isinstance(corpus, Groups)
    if few:
        what = "group or document" if grouped else "document"
        how = f"no interval from {fewest} {what} on a side or {n_boot} resamples"
    else:
        of = f"the items' documents and of {units} random groups of the corpus's"
        how = (
            f"{percent(confidence)} interval estimate +- z bootstrap standard errors of "
            f"{of if grouped else 'documents'} ({n_boot} resamples)"
        )
    drawn = f", of which one in {1 / corpus.share:g} was kept at random," if grouped else ""
    return (
        f"plug-in; {how}; one-sided p permutation between sides of the same tokens, in pieces of "
        f"at most {longest} tokens{drawn}"
    )


def _seen(corpus: Documents | Groups, items: Documents, vocabulary_size: int) -> np.ndarray:
    """Ids of the tokens that occur on either side, rising."""
    occurs = np.zeros(vocabulary_size, bool)
    occurs[items.ids] = True
    if isinstance(corpus, Groups):
        occurs |= corpus.counts.any(axis=0)
    else:
        occurs[corpus.ids] = True
    return np.flatnonzero(occurs)


def _matrix(documents: Documents, column: np.ndarray, columns: int) -> sparse.csr_array:
    """Counts (documents, tokens that occur)."""
    ends = np.concatenate([[0], np.cumsum(documents.lengths)])
    counts = sparse.csr_array(
        (np.ones(documents.tokens), column[documents.ids], ends), shape=(len(documents), columns)
    )
    counts.sum_duplicates()
    return counts


def _sum(counts: sparse.csr_array | np.ndarray) -> np.ndarray:
    return np.asarray(counts.sum(axis=0)).ravel()


def _measure(ways: Sequence[Smoothing], seen: int, vocabulary_size: int) -> Measure:
    """A function from counts (b, tokens seen) of either side to divergences (b, 4 * ways)."""
    rest = [way.unseen(seen, vocabulary_size) for way in ways]

    def measure(corpus: np.ndarray, items: np.ndarray) -> np.ndarray:
        found = []
        for way, unseen in zip(ways, rest, strict=True):
            p, p_rest = way.probabilities(corpus, unseen)
            q, q_rest = way.probabilities(items, unseen)
            found.append(divergences(p, q, (unseen, p_rest, q_rest)))
        return np.concatenate(found, axis=-1)

    return measure


def _batches(number: int, values: int) -> Iterator[int]:
    """`number` resamples of so many `values` each, in batches that fit in memory."""
    batch = max(1, BATCH_VALUES // values)
    return (min(batch, number - start) for start in range(0, number, batch))


def _bootstrap(measure: Measure, corpus, items, n_boot: int, rng) -> np.ndarray:
    """Divergences (n_boot, ...) with the units of each side drawn anew."""

    def drawn(counts: sparse.csr_array | np.ndarray, size: int) -> np.ndarray:
        n = counts.shape[0]
        return rng.multinomial(n, np.full(n, 1 / n), size).astype(float) @ counts

    parts = []
    for size in _batches(n_boot, max(corpus.shape[1], corpus.shape[0], items.shape[0])):
        parts.append(measure(drawn(corpus, size), drawn(items, size)))
    return np.concatenate(parts) if parts else np.empty((0, 4))


def _pool(corpus: Documents | Groups, items: Documents, longest: int, seed: int) -> Documents:
    """The pieces of both sides that the null deals out."""
    lengths = piece_lengths(items.lengths, longest)
    if not isinstance(corpus, Groups):
        lengths = np.concatenate([piece_lengths(corpus.lengths, longest), lengths])
        return Documents(np.concatenate([corpus.ids, items.ids]), lengths)
    # A piece of the items is in the pool as often as one of the corpus.
    kept = generator(seed, "pieces", "items").random(len(lengths)) < corpus.share
    starts = np.cumsum(lengths) - lengths
    ids = items.ids[spans(starts[kept], lengths[kept])]
    return Documents(
        np.concatenate([corpus.pieces.ids, ids]),
        np.concatenate([corpus.pieces.lengths, lengths[kept]]),
    )


def _null(
    measure: Measure,
    pieces: Documents,
    column: np.ndarray,
    total: np.ndarray,
    tokens_items: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Divergences (n_permutations, ...) with pieces dealt at random to sides of the same tokens.

    pieces: those to deal from. total: counts of all tokens seen, on both sides.
    """
    ids, lengths = column[pieces.ids], pieces.lengths
    starts = np.cumsum(lengths) - lengths

    def dealt() -> np.ndarray:
        """Counts of an item side: pieces in random order up to its tokens, the last in part."""
        order = rng.permutation(len(lengths))
        stops = np.cumsum(lengths[order])
        last = int(np.searchsorted(stops, tokens_items))
        taken = order[: last + 1]
        counts = np.bincount(ids[spans(starts[taken], lengths[taken])], minlength=len(total))
        if last < len(stops) and stops[last] > tokens_items:
            over = (stops[last] - tokens_items) / lengths[order[last]]
            end = ids[starts[order[last]] :][: lengths[order[last]]]
            return counts - over * np.bincount(end, minlength=len(total))
        return counts.astype(float)

    parts = []
    for size in _batches(n_permutations, len(total)):
        items = np.stack([dealt() for _ in range(size)])
        # Differences of what was taken in part may leave zero by rounding.
        parts.append(measure(np.maximum(total - items, 0), items))
    return np.concatenate(parts) if parts else np.empty((0, 4))


def divergence_tokens(
    corpus: Side | Groups,
    items: Side,
    *,
    vocabulary_size: int,
    decode: Callable[[int], str] | Mapping[int, str],
    smoothing: Smoothing | None = None,
    top: int | None = None,
) -> pd.DataFrame:
    """What each token that occurs adds to the divergences, in bits, largest in JS first.

    Frequencies are the unsmoothed shares of a side's tokens; the contributions are of the smoothed
    ones, so that over all tokens seen each sums to its divergence in bits (with support
    "vocabulary", but for the tokens on neither side). A contribution to KL is negative where the
    token is rarer on the side that is averaged over. `top` keeps that many rows; None keeps all.

    Parameters
    ----------
    decode : token id to its text, a function or a mapping; an id without a text is `<id>`
    """
    smoothing = smoothing or Smoothing()
    items = as_documents(items)
    corpus = corpus if isinstance(corpus, Groups) else as_documents(corpus)
    if isinstance(decode, Mapping):
        texts = decode
        decode = lambda i: texts.get(i, f"<{i}>")  # noqa: E731
    seen = _seen(corpus, items, vocabulary_size)
    count_corpus = (
        corpus.counts.sum(axis=0)
        if isinstance(corpus, Groups)
        else np.bincount(corpus.ids, minlength=vocabulary_size)
    )[seen]
    count_items = np.bincount(items.ids, minlength=vocabulary_size)[seen]
    unseen = smoothing.unseen(len(seen), vocabulary_size)
    p, q = (smoothing.probabilities(side, unseen)[0] for side in (count_corpus, count_items))
    m = (p + q) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share_corpus, share_items = count_corpus / corpus.tokens, count_items / items.tokens
        frame = pd.DataFrame(
            {
                "token_id": seen,
                "token": [decode(int(i)) for i in seen],
                "count_corpus": count_corpus,
                "count_items": count_items,
                "frequency_corpus": share_corpus,
                "frequency_items": share_items,
                "more_frequent_in": np.select(
                    [share_corpus > share_items, share_corpus < share_items],
                    ["corpus", "items"],
                    "neither",
                ),
                "js_contribution": (p * np.log2(p / m) + q * np.log2(q / m)) / 2,
                "kl_corpus_items_contribution": p * np.log2(p / q),
                "kl_items_corpus_contribution": q * np.log2(q / p),
            },
            columns=TOKEN_COLUMNS,
        )
    frame = frame.sort_values(
        ["js_contribution", "token_id"], ascending=[False, True], ignore_index=True
    )
    return frame if top is None else frame.head(top)
