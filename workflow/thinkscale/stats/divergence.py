"""How far a corpus P lies from the items Q, as distributions over a tokenizer's tokens."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import sparse, stats

from thinkscale.data.seeds import generator
from thinkscale.data.tokens import Documents, Groups, as_documents, check_ids, joined
from thinkscale.stats.core.distributions import LN2, Smoothing, divergences
from thinkscale.stats.core.intervals import BATCH_VALUES, percent

MEASURES = ("kl_corpus_items", "kl_items_corpus", "js", "js_distance")
UNITS = {"nats": 1.0, "bits": LN2}
COLUMNS = [
    *["tokenizer", "corpus", "corpus_columns", "items_text"],
    *["measure", "unit", "documents_corpus", "documents_items", "tokens_corpus", "tokens_items"],
    *["estimate", "lower", "upper", "null_mean", "null_upper", "p", "smoothing", "method"],
]

Side = Documents | Sequence[Sequence[int]]
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def piece_tokens(items: Side) -> int:
    """Tokens that a piece of the null has at most: those of the median item."""
    lengths = as_documents(items).lengths
    return max(1, int(np.median(lengths))) if len(lengths) else 1


def tabulate(
    corpus: Groups | Side,
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
    Frame with `COLUMNS`, one row per smoothing, measure and unit. The first four columns are
    empty: which corpus it was is the caller's to say.
    """
    smoothing = smoothing or Smoothing()
    ways = [smoothing] if isinstance(smoothing, Smoothing) else smoothing
    corpus, items = as_documents(corpus), as_documents(items)
    grouped = isinstance(corpus, Groups)
    if not grouped:
        check_ids(corpus, vocabulary_size)
    check_ids(items, vocabulary_size, first=len(corpus))
    totals = [side.totals(vocabulary_size) for side in (corpus, items)]
    seen = np.flatnonzero(totals[0] + totals[1])
    described = [way.describe(len(seen), vocabulary_size) for way in ways]
    shared = {
        "documents_corpus": len(corpus),
        "documents_items": len(items),
        "tokens_corpus": corpus.tokens,
        "tokens_items": items.tokens,
    }
    cells = [(words, name) for words in described for name in MEASURES]
    if not min(corpus.tokens, items.tokens):
        side = "items" if corpus.tokens else "corpus"
        shared["method"] = f"not estimated: no tokens in the {side}"
        rows = [
            {"measure": name, "unit": unit, "smoothing": words, **shared}
            for words, name in cells
            for unit in UNITS
        ]
        return pd.DataFrame(rows, columns=COLUMNS)

    column = np.zeros(vocabulary_size, np.int32)
    column[seen] = np.arange(len(seen))
    units = corpus.counts[:, seen].astype(float) if grouped else _matrix(corpus, column, len(seen))
    item_units = _matrix(items, column, len(seen))
    measure = _measure(ways, len(seen), vocabulary_size)
    total_corpus, total_items = (total[seen].astype(float) for total in totals)
    estimate = measure(total_corpus[None], total_items[None])[0]
    resampled = _bootstrap(measure, units, item_units, n_boot, generator(seed, "bootstrap"))
    longest = corpus.longest if grouped else piece_tokens(items)
    pieces = _pool(corpus, items, longest, seed)
    null = _null(
        measure, Documents(column[pieces.ids], pieces.lengths), total_corpus + total_items,
        items.tokens, n_permutations, generator(seed, "permutation"),
    )  # fmt: skip
    fewest = min(units.shape[0], len(items))
    few = n_boot < 2 or fewest < 2
    missing = np.full(len(estimate), np.nan)
    half = stats.norm.ppf((1 + confidence) / 2) * (missing if few else resampled.std(0, ddof=1))
    largest = np.tile([np.inf, np.inf, LN2, np.sqrt(LN2)], len(ways))
    found = {
        "estimate": estimate,
        "lower": np.maximum(estimate - half, 0),
        "upper": np.minimum(estimate + half, largest),
        "null_mean": null.mean(axis=0) if len(null) else missing,
        "null_upper": np.quantile(null, confidence, axis=0) if len(null) else missing,
    }
    reached = (null >= estimate - 1e-12).sum(axis=0)
    p = (1 + reached) / (1 + len(null)) if len(null) else missing
    shared["method"] = (
        _method(corpus, units.shape[0], fewest, few, longest, confidence, n_boot)
        + f" ({n_permutations} draws), uncorrected"
    )
    rows = []
    for i, (words, name) in enumerate(cells):
        for unit, size in UNITS.items():
            scale = np.sqrt(1 / size) if name == "js_distance" else 1 / size
            row = {"measure": name, "unit": unit, "smoothing": words, "p": p[i], **shared}
            rows.append(row | {key: value[i] * scale for key, value in found.items()})
    return pd.DataFrame(rows, columns=COLUMNS)


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


def _matrix(documents: Documents, column: np.ndarray, columns: int) -> sparse.csr_array:
    """Counts (documents, tokens that occur)."""
    ends = np.concatenate([[0], np.cumsum(documents.lengths)])
    counts = sparse.csr_array(
        (np.ones(documents.tokens), column[documents.ids], ends), shape=(len(documents), columns)
    )
    counts.sum_duplicates()
    return counts


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
    pieces = items.pieces(longest)
    if not isinstance(corpus, Groups):
        return joined([corpus.pieces(longest), pieces])
    # A piece of the items is in the pool as often as one of the corpus.
    kept = generator(seed, "pieces", "items").random(len(pieces)) < corpus.share
    return joined([corpus.pieces, pieces.pick(kept)])


def _null(
    measure: Measure,
    pieces: Documents,
    total: np.ndarray,
    tokens_items: int,
    n_permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Divergences (n_permutations, ...) with pieces dealt at random to sides of the same tokens.

    pieces: those to deal from, their ids numbering the tokens seen. total: counts of these, on
    both sides.
    """

    def dealt() -> np.ndarray:
        """Counts of an item side: pieces in random order up to its tokens, the last in part."""
        order = rng.permutation(len(pieces))
        stops = np.cumsum(pieces.lengths[order])
        last = int(np.searchsorted(stops, tokens_items))
        counts = pieces.pick(order[: last + 1]).totals(len(total))
        if last < len(stops) and stops[last] > tokens_items:
            end = pieces.pick(order[last : last + 1])
            over = (stops[last] - tokens_items) / end.tokens
            return counts - over * end.totals(len(total))
        return counts.astype(float)

    parts = []
    for size in _batches(n_permutations, len(total)):
        items = np.stack([dealt() for _ in range(size)])
        # Differences of what was taken in part may leave zero by rounding.
        parts.append(measure(np.maximum(total - items, 0), items))
    return np.concatenate(parts) if parts else np.empty((0, 4))
