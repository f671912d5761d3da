"""How far a corpus P lies from the items Q, as distributions over a tokenizer's tokens."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy import sparse, stats

from thinkscale.data.tokens import Documents, Groups, as_documents, check_ids, joined
from thinkscale.stats.core.distributions import LN2, Smoothing
from thinkscale.stats.core.intervals import percent
from thinkscale.stats.core.resampling import BATCH_VALUES, Draws

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
    draws = Draws(confidence, n_boot, n_permutations, seed)
    smoothing = smoothing or Smoothing()
    ways = [smoothing] if isinstance(smoothing, Smoothing) else smoothing
    corpus, items = as_documents(corpus), as_documents(items)
    if isinstance(corpus, Documents):
        check_ids(corpus, vocabulary_size)
    check_ids(items, vocabulary_size, first=len(corpus))
    seen = np.flatnonzero(corpus.totals(vocabulary_size) + items.totals(vocabulary_size))
    described = [way.describe(len(seen), vocabulary_size) for way in ways]
    shared = {
        "documents_corpus": len(corpus),
        "documents_items": len(items),
        "tokens_corpus": corpus.tokens,
        "tokens_items": items.tokens,
    }

    def measure(corpus: np.ndarray, items: np.ndarray) -> np.ndarray:
        found = [way.divergences(corpus, items, vocabulary_size) for way in ways]
        return np.concatenate(found, axis=-1)

    if min(corpus.tokens, items.tokens):
        found, method = _compared(measure, corpus, items, seen, vocabulary_size, draws)
    else:
        side = "items" if corpus.tokens else "corpus"
        found, method = {}, f"not estimated: no tokens in the {side}"
    rows = []
    for i, (words, name) in enumerate(product(described, MEASURES)):
        for unit, size in UNITS.items():
            scale = np.sqrt(1 / size) if name == "js_distance" else 1 / size
            row = {"measure": name, "unit": unit, "smoothing": words, "method": method, **shared}
            row |= {key: value[i] * (1 if key == "p" else scale) for key, value in found.items()}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(
    measure: Measure,
    corpus: Documents | Groups,
    items: Documents,
    seen: np.ndarray,
    vocabulary_size: int,
    draws: Draws,
) -> tuple[dict[str, np.ndarray], str]:
    """The numbers of all measures, in nats, and how they were had; `seen` are the tokens' ids."""

    def count(side: Documents | Groups) -> np.ndarray:
        return side.totals(vocabulary_size)[seen].astype(float)

    estimate = measure(count(corpus)[None], count(items)[None])[0]
    missing = np.full(len(estimate), np.nan)

    units = [_units(side, seen, vocabulary_size) for side in (corpus, items)]
    fewest = min(len(items), units[0].shape[0])
    grouped = isinstance(corpus, Groups)
    if draws.n_boot < 2 or fewest < 2:
        error = missing
        what = "group or document" if grouped else "document"
        how = f"no interval from {fewest} {what} on a side or {draws.n_boot} resamples"
    else:
        error = _bootstrap(measure, *units, draws.named("bootstrap")).std(axis=0, ddof=1)
        of = "documents"
        if grouped:
            of = f"the items' documents and of {units[0].shape[0]} random groups of the corpus's"
        how = f"{percent(draws.confidence)} interval estimate +- z bootstrap standard errors of "
        how += f"{of} ({draws.n_boot} resamples)"
    half = stats.norm.ppf((1 + draws.confidence) / 2) * error
    largest = np.resize([np.inf, np.inf, LN2, np.sqrt(LN2)], len(estimate))
    found = {
        "estimate": estimate,
        "lower": np.maximum(estimate - half, 0),
        "upper": np.minimum(estimate + half, largest),
        **dict.fromkeys(("null_mean", "null_upper", "p"), missing),
    }

    longest = corpus.longest if grouped else piece_tokens(items)
    if draws.n_permutations > 0:
        pieces = items.pieces(longest)
        if grouped:  # a piece of the items is in the pool as often as one of the corpus
            drawn = draws.named("pieces", "items").rng.random(len(pieces))
            pool = joined([corpus.pieces, pieces.pick(drawn < corpus.share)])
        else:
            pool = joined([corpus.pieces(longest), pieces])
        total, permuted = count(corpus) + count(items), draws.named("permutation")
        null = _null(measure, count, pool, total, items.tokens, permuted)
        found["null_mean"] = null.mean(axis=0)
        found["null_upper"] = np.quantile(null, draws.confidence, axis=0)
        found["p"] = (1 + (null >= estimate - 1e-12).sum(axis=0)) / (1 + len(null))
    kept = f", of which one in {1 / corpus.share:g} was kept at random," if grouped else ""
    return found, (
        f"plug-in; {how}; one-sided p permutation between sides of the same tokens, in pieces of "
        f"at most {longest} tokens{kept} ({draws.n_permutations} draws), uncorrected"
    )


def _units(side: Documents | Groups, seen: np.ndarray, vocabulary_size: int):
    """Counts (units, tokens seen) of what is resampled: documents, or groups of them."""
    if isinstance(side, Groups):
        return side.counts[:, seen].astype(float)
    ends, shape = np.append(0, np.cumsum(side.lengths)), (len(side), vocabulary_size)
    counts = sparse.csr_array((np.ones(side.tokens), side.ids, ends), shape=shape)[:, seen]
    counts.sum_duplicates()  # in place; by the index these are a copy, the documents stay
    return counts


def _in_batches(number: int, values: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """What `draw` gives for `number` resamples of so many `values`, in batches that fit."""
    batch = max(1, BATCH_VALUES // values)
    return np.concatenate([draw(min(batch, number - start)) for start in range(0, number, batch)])


def _bootstrap(measure: Measure, corpus, items, draws: Draws) -> np.ndarray:
    """Divergences (n_boot, ...) with the units of each side drawn anew."""

    def drawn(counts: sparse.csr_array | np.ndarray, size: int) -> np.ndarray:
        n = counts.shape[0]
        return draws.rng.multinomial(n, np.full(n, 1 / n), size).astype(float) @ counts

    values = max(corpus.shape[1], corpus.shape[0], items.shape[0])
    return _in_batches(
        draws.n_boot, values, lambda size: measure(drawn(corpus, size), drawn(items, size))
    )


def _null(
    measure: Measure, count, pieces: Documents, total: np.ndarray, tokens: int, draws: Draws
) -> np.ndarray:
    """Divergences (n_permutations, ...) with pieces dealt at random to sides of the same tokens.

    count: gives the counts of pieces. total: those of both sides. tokens: of the items.
    """

    def dealt() -> np.ndarray:
        """Counts of an item side: pieces in random order up to its tokens, the last in part."""
        order = draws.rng.permutation(len(pieces))
        stops = np.cumsum(pieces.lengths[order])
        last = int(np.searchsorted(stops, tokens))
        counts = count(pieces.pick(order[: last + 1]))
        if last < len(stops) and stops[last] > tokens:
            end = pieces.pick(order[last : last + 1])
            counts -= (stops[last] - tokens) / end.tokens * count(end)
        return counts

    def measured(size: int) -> np.ndarray:
        items = np.stack([dealt() for _ in range(size)])
        # Differences of what was taken in part may leave zero by rounding.
        return measure(np.maximum(total - items, 0), items)

    return _in_batches(draws.n_permutations, len(total), measured)
