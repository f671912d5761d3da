"""Tables of the sweep: every condition, and every condition against natural.

Each function takes the graded frame (responses joined with the primary grader's outcome and the
items' properties) and keyword options, and returns the columns of `COLUMNS` in that order. Levels
are `confidence` (0..1), resamples `n_boot`, permutations `n_permutations`; `seed` fixes both. Every
row names its test and correction in `method`, and a missing estimate has its reason there.
"""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pandas as pd

from thinkscale.stats.core import frame as _frame
from thinkscale.stats.core.columns import COLUMNS
from thinkscale.stats.core.intervals import clustered_mean
from thinkscale.stats.core.paired import hodges_lehmann, mcnemar_exact, signed_rank_p
from thinkscale.stats.core.resampling import cluster_sums, generator, holm_within, sign_flip


def accuracy(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy and mean thinking tokens of every model and condition, clustered by item.

    `ungradable` is a share of all responses, 0..1; items that did not fit the context are among
    them. `censored` and the tokens are of the responses that were thought about.
    """
    rows = []
    for model, own in _frame.by_model(_frame.prepare(graded)):
        for cell, group in _frame.by_condition(own):
            clusters = group["cluster"].to_numpy()
            correct = clustered_mean(
                group["correct"], clusters, confidence=confidence, bounds=(0.0, 1.0)
            )
            thought = group[group["fits"]]
            tokens = clustered_mean(
                thought["think_tokens"], thought["cluster"].to_numpy(), confidence=confidence
            )
            errors = _frame.unfit_items(group)
            note = _frame.unfit_note(errors, "count as not correct and have no tokens")
            rows.append(
                {
                    "model": model,
                    **cell,
                    "n_items": group["item_id"].nunique(),
                    "n_responses": len(group),
                    "errors": errors,
                    **correct.bounds(),
                    "ungradable": group["outcome"].eq("ungradable").mean(),
                    "censored": thought["censored"].mean(),
                    "tokens_mean": tokens.estimate,
                    "tokens_lower": tokens.lower,
                    "tokens_upper": tokens.upper,
                    "method": f"accuracy: {correct.method}; tokens: {tokens.method}{note}",
                }
            )
    return _frame.typed(rows, COLUMNS["accuracy"])


def mcnemar(
    graded: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Accuracy of every condition against natural, on pairs of the same item and sample.

    `p` is the exact McNemar test, which takes pairs as independent; `p_clustered` flips the sign
    of whole clusters (items), which does not, and `p_holm` corrects it within the model. Items that
    did not fit the context say nothing about a condition; they are left out, `errors` counts them.
    """
    rows = []
    for model, cell, pairs, errors in _against_natural(graded):
        before = pairs["correct_natural"].to_numpy(bool)
        after = pairs["correct"].to_numpy(bool)
        flips = mcnemar_exact(before, after)
        difference = after.astype(float) - before
        clusters = pairs["cluster"].to_numpy()
        interval = clustered_mean(difference, clusters, confidence=confidence, bounds=(-1.0, 1.0))
        p_clustered, how = sign_flip(
            cluster_sums(difference, clusters),
            n_permutations=n_permutations,
            rng=generator(seed, "mcnemar", model, cell["condition"]),
        )
        rows.append(
            {
                "model": model,
                **cell,
                "n_items": pairs["item_id"].nunique(),
                "n_pairs": len(pairs),
                "errors": errors,
                **asdict(flips),
                **interval.bounds(),
                "p_clustered": p_clustered,
                "method": f"paired difference, {interval.method}; p exact McNemar; "
                f"p_clustered sign-flip of clusters: {how}; "
                "p_holm Holm on p_clustered within the model"
                + _frame.unfit_note(errors, "left out"),
            }
        )
    return _frame.typed(holm_within(rows, "p_clustered", "model"), COLUMNS["mcnemar"])


def token_change(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Change of thinking tokens from natural, per item the mean over paired samples.

    `estimate` is Hodges and Lehmann's, `mean_change` the plain mean over items, both in tokens.
    Items that did not fit the context are left out and counted in `errors`.
    """
    rows = []
    for model, cell, pairs, errors in _against_natural(graded):
        change = pairs["think_tokens"] - pairs["think_tokens_natural"]
        means = change.groupby(pairs["item_id"]).mean().to_numpy(float)
        interval = hodges_lehmann(means, confidence=confidence)
        p, how = signed_rank_p(means)
        rows.append(
            {
                "model": model,
                **cell,
                "n_items": len(means),
                "n_pairs": len(pairs),
                "errors": errors,
                **interval.bounds(),
                "mean_change": means.mean() if len(means) else np.nan,
                "p": p,
                "method": f"{interval.method}; p Wilcoxon signed-rank on item means "
                f"({np.count_nonzero(means)} changed, zeros dropped, {how}); "
                "p_holm Holm within the model" + _frame.unfit_note(errors, "left out"),
            }
        )
    return _frame.typed(holm_within(rows, "p", "model"), COLUMNS["token_change"])


def _against_natural(graded: pd.DataFrame) -> Iterator[tuple[str, dict, pd.DataFrame, int]]:
    """Yield model, condition, its pairs with natural and the number of items left out of them."""
    for model, own in _frame.by_model(_frame.prepare(graded)):
        for cell, group in _frame.by_condition(own):
            if cell["condition"] != "natural":
                yield model, cell, *_frame.pairs_with_natural(own, group)
