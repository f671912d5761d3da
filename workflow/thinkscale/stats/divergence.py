"""How far a corpus P lies from the items Q, as distributions over a tokenizer's tokens."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pandas as pd

from thinkscale.data.tokens import Documents, Groups, as_documents, check_ids, joined
from thinkscale.stats.core.distributions import LN2, Smoothing
from thinkscale.stats.core.resampling import Draws

MEASURES = ("kl_corpus_items", "kl_items_corpus", "js", "js_distance")
UNITS = {"nats": 1.0, "bits": LN2}
COLUMNS = [
    *["tokenizer", "corpus", "corpus_columns", "items_text"],
    *["measure", "unit", "documents_corpus", "documents_items", "tokens_corpus", "tokens_items"],
    *["estimate", "corrected", "spread", "window_tokens", "windows_corpus", "windows_items"],
    *["short_corpus", "short_items", "window_estimate", "null_mean", "null_upper", "p"],
    *["smoothing", "method"],
]
SHORT = 0.25  # share of a side's documents that may be too short for a window
GROUPS = 100  # of documents, that the jackknife leaves out one at a time

Side = Documents | Sequence[Sequence[int]]
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def longest_window(side: Side) -> int:
    """Tokens of the longest window that all but `SHORT` of a side's documents have room for."""
    lengths = as_documents(side).lengths
    filled = lengths[lengths > 0]
    return int(np.quantile(filled, SHORT, method="lower")) if len(filled) else 1


def tabulate(
    corpus: Groups | Side,
    items: Side,
    *,
    vocabulary_size: int,
    smoothing: Smoothing | Sequence[Smoothing] | None = None,
    confidence: float = 0.95,
    n_permutations: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """KL both ways, Jensen-Shannon divergence and distance, in nats and in bits.

    P is the corpus, Q the items; kl_corpus_items is KL(P || Q). The distance is the square root
    of the divergence in the same unit.

    `estimate` is the plug-in over all tokens. Samples of one law differ, so it is biased upwards,
    by smoothing downwards, the more so the fewer the documents. `corrected` is less by the
    jackknife's estimate of the bias, and `spread` the jackknife's standard error: how much the
    estimate varies from one set of such documents to another. Each of up to `GROUPS` groups of a
    side's documents, dealt at random, is left out in turn. Where most tokens are rare the
    correction falls short by more than the spread, so the two make no confidence interval.
    `corrected` may be below 0.

    The null says that documents of both sides draw their laws from one population. Tokens of one
    document are alike, so what is shuffled are documents; these differ in length, and the bias of a
    divergence goes with tokens, so each gives one window of the same length (`stretches`).
    The windows, permuted whole, are then exchangeable. Their length is the longest that all but
    `SHORT` of either side's documents have room for; the others take no part. `window_estimate` is
    the divergence of the windows, smoothed over the tokens that occur in them; `null_mean` and
    `null_upper` are mean and `confidence` quantile of it over permutations, p the share of those,
    the observed included, that reach it. Of `Groups`, windows come from a random part of the
    documents.

    Parameters
    ----------
    corpus, items : one sequence of token ids per document; or the corpus's groups
    smoothing : one, or several that get rows each from the same permutations

    Returns
    -------
    Frame with `COLUMNS`, one row per smoothing, measure and unit. The first four columns are
    empty: which corpus it was is the caller's to say.
    """
    draws = Draws(confidence, n_permutations=n_permutations, seed=seed)
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
        found, jackknifed = _estimated(
            measure,
            _grouped(corpus, seen, vocabulary_size, draws.named("groups", "corpus")),
            _grouped(items, seen, vocabulary_size, draws.named("groups", "items")),
        )
        facts, tested, permuted = _tested(measure, corpus, items, draws)
        found, shared = found | tested, shared | facts
        method = f"plug-in; {jackknifed}; {permuted}"
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


def _grouped(
    side: Documents | Groups, seen: np.ndarray, vocabulary_size: int, draws: Draws
) -> np.ndarray:
    """Counts (groups, tokens seen) of groups of documents; `seen` are the tokens' ids."""
    if isinstance(side, Groups):
        return side.counts[:, seen]
    number = min(len(side), GROUPS)
    place = np.zeros(vocabulary_size, np.int64)
    place[seen] = np.arange(len(seen))
    group = draws.rng.permutation(np.arange(len(side)) % number)
    cells = np.repeat(group * len(seen), side.lengths) + place[side.ids]
    return np.bincount(cells, minlength=number * len(seen)).reshape(number, len(seen))


def _estimated(
    measure: Measure, corpus: np.ndarray, items: np.ndarray
) -> tuple[dict[str, np.ndarray], str]:
    """Plug-in of counts (groups, tokens seen), corrected, and its spread, in nats; and how.

    The sides are independent of each other, so their biases add, and so do their variances.
    """
    p, q, n, m = corpus.sum(axis=0), items.sum(axis=0), len(corpus), len(items)
    estimate = measure(p, q)
    missing = np.full(len(estimate), np.nan)
    if min(n, m) < 2:
        found = {"estimate": estimate, "corrected": missing, "spread": missing}
        return found, "neither corrected nor with a spread, as a side has one document"
    without_corpus = np.stack([measure(p - group, q) for group in corpus])
    without_items = np.stack([measure(p, q - group) for group in items])
    bias = (n - 1) * (without_corpus.mean(axis=0) - estimate)
    bias += (m - 1) * (without_items.mean(axis=0) - estimate)
    variance = (n - 1) * without_corpus.var(axis=0) + (m - 1) * without_items.var(axis=0)
    corrected = estimate - bias
    js, distance = (np.arange(len(estimate)) % len(MEASURES) == i for i in (2, 3))
    # A root is not smooth at 0, where the jackknife would fail: it is taken of what is corrected.
    corrected[distance] = np.sqrt(np.maximum(corrected[js], 0))
    found = {"estimate": estimate, "corrected": corrected, "spread": np.sqrt(variance)}
    return found, f"corrected, and spread, by a jackknife of {n} and {m} groups of documents"


def _tested(
    measure: Measure, corpus: Documents | Groups, items: Documents, draws: Draws
) -> tuple[dict[str, int], dict[str, np.ndarray], str]:
    """What took part in the null, the null of all measures in nats, and how they were had."""
    rng = draws.named("windows").rng
    if isinstance(corpus, Groups):
        sides = corpus.stretches, items.stretches(corpus.longest, rng)
        drawn = f", of one in {1 / corpus.share:g} of the corpus's,"
    else:
        # Both sides in the two steps that a corpus too large to hold needs.
        sides, drawn = [side.stretches(longest_window(items), rng) for side in (corpus, items)], ""
    length = min(map(longest_window, sides))
    long = [side.pick(side.lengths >= length) for side in sides]
    n, m = map(len, long)
    facts = {
        "window_tokens": length,
        "windows_corpus": n,
        "windows_items": m,
        "short_corpus": len(sides[0]) - n,
        "short_items": len(sides[1]) - m,
    }
    few = min(n, m)
    if draws.n_permutations < 1 or few < 2:
        return facts, {}, f"no null from {few} windows on a side and {draws.n_permutations} draws"
    ids = joined([side.stretches(length, rng) for side in long]).ids
    seen, tokens = np.unique(ids, return_inverse=True)
    total, windows = np.bincount(tokens), tokens.reshape(n + m, length)

    def measured(fewer: np.ndarray) -> np.ndarray:
        """With the windows of these numbers as the side that has fewer."""
        part = np.bincount(windows[fewer].ravel(), minlength=len(seen))
        return measure(part, total - part) if n < m else measure(total - part, part)

    def permuted() -> np.ndarray:
        return measured(rng.choice(n + m, few, replace=False, shuffle=False))

    estimate = measured(np.arange(few) if n < m else n + np.arange(few))
    null = np.stack([permuted() for _ in range(draws.n_permutations)])
    found = {
        "window_estimate": estimate,
        "null_mean": null.mean(axis=0),
        "null_upper": np.quantile(null, draws.confidence, axis=0),
        "p": (1 + (null >= estimate - 1e-12).sum(axis=0)) / (1 + len(null)),
    }
    how = f"null of one window of {length} tokens a document{drawn} permuted whole"
    return facts, found, f"{how} ({len(null)} draws), one-sided p, uncorrected"
