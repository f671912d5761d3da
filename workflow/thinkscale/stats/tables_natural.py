"""Tables of the natural condition: registration, outcomes, two models, several samples.

Each function takes the graded frame (responses joined with the primary grader's outcome and the
items' properties) and keyword options, and returns the columns of `COLUMNS` in that order. Levels
are `confidence` (0..1), resamples `n_boot`, permutations `n_permutations`; `seed` fixes both. Every
row names its test and correction in `method`, and a missing estimate has its reason there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError
from thinkscale.stats import consensus as _samples
from thinkscale.stats import model_comparison as _comparison
from thinkscale.stats import outcome_difficulty as _outcomes
from thinkscale.stats import registration as _registration
from thinkscale.stats.core import frame as _frame
from thinkscale.stats.core.columns import COLUMNS
from thinkscale.stats.core.intervals import clustered_mean, undefined
from thinkscale.stats.core.resampling import generator, holm_within


def registration(
    graded: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlations of natural thinking length with difficulty, across items, for every model.

    Per item the mean thinking tokens over samples. Items without a difficulty are left out and
    counted in `without_difficulty`, those that did not fit the context are left out and counted in
    `errors`; `censored` is the share of natural responses, of the items kept, whose thinking was
    cut; `detectable` is the smallest correlation found with 80 % power.
    """
    rows = []
    for model, own in _frame.by_model(_frame.prepare(graded)):
        responses = _frame.natural(own)
        items = _frame.per_item(responses)
        known = items["difficulty"].notna()
        used = items[known & items["fits"]]
        errors = int((known & ~items["fits"]).sum())
        kept = responses["item_id"].isin(used.index)
        notes = "; mean tokens over samples; uncorrected" + _frame.unfit_note(errors, "left out")
        if not known.all():
            notes += f"; {(~known).sum()} items without difficulty left out"
        if used["cluster"].nunique() < len(used):
            notes += "; items taken as independent, though some share a cluster"
        for measure in _registration.MEASURES:
            result = _registration.correlate(
                measure,
                used["tokens"].to_numpy(),
                used["difficulty"].to_numpy(),
                used[["stem_chars", "n_options"]],
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("registration", model),
            )
            rows.append(
                {
                    "model": model,
                    "measure": measure,
                    "n": len(used),
                    "without_difficulty": int((~known).sum()),
                    "errors": errors,
                    **asdict(result),
                    "censored": responses.loc[kept, "censored"].mean() if kept.any() else np.nan,
                    "detectable": _registration.detectable_correlation(
                        len(used), confidence=confidence
                    ),
                    "method": result.method + notes,
                }
            )
    return _frame.typed(rows, COLUMNS["registration"])


def outcome_difficulty(
    graded: pd.DataFrame,
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Difficulty of the items answered rightly and not, natural condition, for every model.

    Not correct are incorrect and ungradable responses, and items that did not fit the context.
    """
    rows = []
    for model, own in _frame.by_model(_frame.prepare(graded)):
        items = _frame.per_item(_frame.natural(own))
        used = items[items["difficulty"].notna()]
        left_out = len(items) - len(used)
        errors = int((~used["fits"]).sum())
        note = _frame.unfit_note(errors, "count as not correct")
        note += f"; {left_out} items without difficulty left out" if left_out else ""
        for measure in _outcomes.MEASURES:
            result = _outcomes.by_outcome(
                measure,
                used["difficulty"].to_numpy(),
                used["correct"].to_numpy(),
                used["samples"].to_numpy(),
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("outcome", model),
            )
            rows.append(
                {
                    "model": model,
                    "measure": measure,
                    "n_items": len(used),
                    "n_responses": int(used["samples"].sum()),
                    "errors": errors,
                    **asdict(result),
                    "method": result.method + "; uncorrected" + note,
                }
            )
    return _frame.typed(rows, COLUMNS["outcome_difficulty"])


def model_comparison(
    graded: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    *,
    confidence: float = 0.95,
    n_boot: int = 2000,
    n_permutations: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Two models on the items both have, natural condition; differences are b minus a.

    Items that did not fit the context of one of the two are left out and counted in `errors`. Holm
    corrects over all tests of the table. Raises ThinkscaleError for a model without rows.
    """
    items = {
        model: _frame.per_item(_frame.natural(own))
        for model, own in _frame.by_model(_frame.prepare(graded))
    }
    rows = []
    for a, b in pairs:
        for model in (a, b):
            if model not in items:
                raise ThinkscaleError(
                    f"comparison of {a} and {b}: no responses of model {model}; "
                    f"found {', '.join(items) or 'none'}."
                )
        for measure in _comparison.MEASURES:
            result = _comparison.compare(
                measure,
                items[a],
                items[b],
                confidence=confidence,
                n_boot=n_boot,
                n_permutations=n_permutations,
                seed=seed,
                names=("comparison", a, b),
            )
            row = {"model_a": a, "model_b": b, "measure": measure, **asdict(result)}
            row["method"] += _frame.unfit_note(result.errors, "of one left out")
            row["method"] += "; p_holm Holm over the table"
            rows.append(row)
    return _frame.typed(holm_within(rows, "p"), COLUMNS["model_comparison"])


def consensus(
    graded: pd.DataFrame,
    ks: Sequence[int],
    *,
    n_draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """cons@k (plurality of k samples) and pass@k (any of k), natural condition, for every model.

    Items with fewer than k samples are missing for that k. Subsets are enumerated if there are at
    most `n_draws`, else that many are drawn. `samples` is the least number an item counted has.
    An item that did not fit the context is not correct.
    """
    for k in ks:
        if k < 1:
            raise ThinkscaleError(f"consensus k: found {k}; expected 1 or more.")
    rows = []
    for model, own in _frame.by_model(_frame.prepare(graded)):
        frame = _samples.ballots(_frame.natural(own))
        items = [
            (
                group["ballot"].to_numpy(object),
                group["correct"].to_numpy(bool),
                cluster,
                group["fits"].all(),
            )
            for (_, cluster), group in frame.groupby(["item_id", "cluster"], sort=True)
        ]
        for k in sorted(set(ks)):
            used = [item for item in items if len(item[0]) >= k]
            sizes = sorted({len(answers) for answers, *_ in used})
            members = {
                n: _samples.subsets(n, k, n_draws=n_draws, rng=generator(seed, model, f"{n} {k}"))
                for n in sizes
            }
            values = {
                "cons": [_samples.cons_at_k(a, c, members[len(a)]) for a, c, *_ in used],
                "pass": [_samples.pass_at_k(len(c), int(c.sum()), k) for _, c, *_ in used],
            }
            how = {
                "cons": f"plurality, ties averaged, {_samples.how(sizes, k, n_draws)}",
                "pass": "1 - C(n - c, k) / C(n, k)",
            }
            note = ""
            if len(used) < len(items):
                note = f"; {len(items) - len(used)} items with fewer than {k} samples left out"
            for measure, per_item in values.items():
                interval = (
                    clustered_mean(
                        np.array(per_item),
                        np.array([cluster for _, _, cluster, _ in used]),
                        confidence=confidence,
                        bounds=(0.0, 1.0),
                    )
                    if used
                    else undefined(f"not estimated: no item has {k} samples")
                )
                rows.append(
                    {
                        "model": model,
                        "measure": measure,
                        "k": k,
                        "n_items": len(used),
                        "samples": sizes[0] if sizes else 0,
                        "errors": sum(not fits for *_, fits in used),
                        **interval.bounds(),
                        "method": f"{how[measure]}; {interval.method}{note}",
                    }
                )
    return _frame.typed(rows, COLUMNS["consensus"])
