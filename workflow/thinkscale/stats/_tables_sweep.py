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

from thinkscale.stats import _frame
from thinkscale.stats._columns import COLUMNS, LEDGER
from thinkscale.stats._frame import CONDITION
from thinkscale.stats._intervals import clustered_mean
from thinkscale.stats._paired import hodges_lehmann, mcnemar_exact, signed_rank_p
from thinkscale.stats._resampling import cluster_sums, generator, holm_within, sign_flip


def accuracy(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy and mean thinking tokens of every model and condition, clustered by item.

    `ungradable` and `censored` are shares of the responses, 0..1.
    """
    rows = []
    for model, own in _frame.by_model(_frame.prepare(graded)):
        for cell, group in _frame.by_condition(own):
            clusters = group["cluster"].to_numpy()
            correct = clustered_mean(
                group["correct"], clusters, confidence=confidence, bounds=(0.0, 1.0)
            )
            tokens = clustered_mean(group["think_tokens"], clusters, confidence=confidence)
            rows.append(
                {
                    "model": model,
                    **cell,
                    "n_items": group["item_id"].nunique(),
                    "n_responses": len(group),
                    **correct.bounds(),
                    "ungradable": group["outcome"].eq("ungradable").mean(),
                    "censored": group["censored"].mean(),
                    "tokens_mean": tokens.estimate,
                    "tokens_lower": tokens.lower,
                    "tokens_upper": tokens.upper,
                    "method": f"accuracy: {correct.method}; tokens: {tokens.method}",
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
    of whole clusters (items), which does not, and `p_holm` corrects it within the model.
    """
    rows = []
    for model, cell, pairs in _against_natural(graded):
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
                **asdict(flips),
                **interval.bounds(),
                "p_clustered": p_clustered,
                "method": f"paired difference, {interval.method}; p exact McNemar; "
                f"p_clustered sign-flip of clusters: {how}; "
                "p_holm Holm on p_clustered within the model",
            }
        )
    return _frame.typed(holm_within(rows, "p_clustered", "model"), COLUMNS["mcnemar"])


def token_change(graded: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """Change of thinking tokens from natural, per item the mean over paired samples.

    `estimate` is Hodges and Lehmann's, `mean_change` the plain mean over items, both in tokens.
    """
    rows = []
    for model, cell, pairs in _against_natural(graded):
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
                **interval.bounds(),
                "mean_change": means.mean() if len(means) else np.nan,
                "p": p,
                "method": f"{interval.method}; p Wilcoxon signed-rank on item means "
                f"({np.count_nonzero(means)} changed, zeros dropped, {how}); "
                "p_holm Holm within the model",
            }
        )
    return _frame.typed(holm_within(rows, "p", "model"), COLUMNS["token_change"])


def ledger(responses: pd.DataFrame) -> pd.DataFrame:
    """Sums of the token counts of every model and condition; `censored` counts responses."""
    _frame.require(responses, ["model", *CONDITION, *LEDGER], "responses")
    rows = []
    for model, own in _frame.by_model(responses):
        for cell, group in _frame.by_condition(own):
            sums = {column: int(group[column].sum()) for column in LEDGER}
            rows.append(
                {"model": model, "condition": cell["condition"], "n_responses": len(group), **sums}
            )
    return _frame.typed(rows, COLUMNS["ledger"])


def _against_natural(graded: pd.DataFrame) -> Iterator[tuple[str, dict, pd.DataFrame]]:
    """Yield model, condition and its pairs with natural, for every condition but natural."""
    for model, own in _frame.by_model(_frame.prepare(graded)):
        for cell, group in _frame.by_condition(own):
            if cell["condition"] != "natural":
                yield model, cell, _frame.pairs_with_natural(own, group)
