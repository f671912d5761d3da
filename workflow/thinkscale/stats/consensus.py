"""Several samples an item: the plurality of k (cons@k) and at least one of k (pass@k)."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import gammaln

from thinkscale.data.seeds import generator
from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, clustered_share

READS = frame.NEEDED
USED = ["ballot", "correct", "cluster", "n_options", "fits"]
COLUMNS = [
    *["model", "measure", "k", "n_items", "samples", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "guess", "method"],
]


def tabulate(
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
    An item that did not fit the context is not correct. `guess` is what a model would have that
    draws one of an item's options at random; missing where no item has options.

    A vote of one is no vote, and a vote of two settles nothing where both answer: cons@1 and cons@2
    are left out where they are pass@1 of every item, and that is among what is asked for.
    """
    for k in ks:
        if k < 1:
            raise ThinkscaleError(f"consensus k: found {k}; expected 1 or more.")
    rows = []
    for model, own in frame.by_model(frame.prepare(frame.natural(graded))):
        votes = ballots(own)
        columns = {name: votes[name].to_numpy() for name in USED}
        places = votes.groupby("item_id").indices.values()
        items = [{name: values[place] for name, values in columns.items()} for place in places]
        for k in sorted(set(ks)):
            used = [item for item in items if len(item["ballot"]) >= k]
            sizes = sorted({len(item["ballot"]) for item in used})
            members = {
                n: subsets(n, k, n_draws=n_draws, rng=generator(seed, model, f"{n} {k}"))
                for n in sizes
            }
            every = all(math.comb(n, k) <= n_draws for n in sizes)
            which = "all subsets" if every else f"{n_draws} random subsets"
            cons = [cons_at_k(i["ballot"], i["correct"], members[len(i["ballot"])]) for i in used]
            passed = [pass_at_k(len(i["ballot"]), int(i["correct"].sum()), k) for i in used]
            clusters = [item["cluster"][0] for item in used]
            by_chance = guesses([item["n_options"][0] for item in used], k)
            accuracy = [item["correct"].mean() for item in used]
            again = k <= 2 and 1 in ks and np.allclose(cons, accuracy, atol=1e-9)
            errors = sum(not item["fits"].all() for item in used)
            fewer = len(items) - len(used)
            note = f"; {fewer} items with fewer than {k} samples left out" if fewer else ""
            row = {"model": model, "k": k, "n_items": len(used), "errors": errors}
            row["samples"] = min(sizes, default=0)
            for measure, values, how in (
                ("cons", cons, f"plurality, ties averaged, {which}"),
                ("pass", passed, "1 - C(n - c, k) / C(n, k)"),
            ):
                if measure == "cons" and again and used:
                    continue
                mean = Estimate(method=f"not estimated: no item has {k} samples")
                if used:
                    mean = clustered_share(values, clusters, confidence)
                said = mean.row(f"{how}; ", note)
                rows.append({**row, "measure": measure, "guess": by_chance[measure], **said})
    return frame.table(rows, COLUMNS, graded)


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Chance that k of n samples drawn without replacement hold a correct one; NaN if n < k.

    1 - C(n - c, k) / C(n, k) (Chen et al., arXiv 2107.03374, equation 1), through log factorials.
    """
    if n < k:
        return np.nan
    wrong = n - correct
    if wrong < k:
        return 1.0
    logs = gammaln([wrong + 1, n - k + 1, wrong - k + 1, n + 1])
    return float(-np.expm1(logs[0] + logs[1] - logs[2] - logs[3]))


def guesses(options: Sequence[float], k: int) -> dict[str, float]:
    """cons@k and pass@k of guessing among an item's options, mean over items; NaN without options.

    One of k guesses hits with 1 - (1 - 1 / options)^k; the plurality is any option as likely. An
    item without options, among others that have some, is not guessed.
    """
    hit = 1 / pd.Series(options, dtype="Float64").astype(float)
    if hit.isna().all():
        return {"cons": np.nan, "pass": np.nan}
    hit = hit.fillna(0.0)
    return {"cons": float(hit.mean()), "pass": float((1 - (1 - hit) ** k).mean())}


def subsets(n: int, k: int, *, n_draws: int, rng: np.random.Generator) -> np.ndarray:
    """Subsets of k of n samples, as a matrix (subsets, n) of 0 and 1.

    All of them if they are at most `n_draws`, else that many drawn at random.
    """
    if math.comb(n, k) <= n_draws:
        chosen = np.array(list(itertools.combinations(range(n), k)))
    else:
        chosen = np.argsort(rng.random((n_draws, n)), axis=1)[:, :k]
    members = np.zeros((len(chosen), n))
    np.put_along_axis(members, chosen, 1.0, axis=1)
    return members


def cons_at_k(answers: np.ndarray, correct: np.ndarray, members: np.ndarray) -> float:
    """Accuracy of the plurality answer, mean over the subsets of samples in `members`.

    Answers that tie share the vote evenly. A sample without answer (None) does not vote; a subset
    in which none votes is not correct.

    Parameters
    ----------
    answers : (n,) labels or None
    correct : (n,) whether each sample's answer is correct
    members : (subsets, n) of 0 and 1
    """
    codes, labels = pd.factorize(np.asarray(answers, dtype=object))  # None becomes -1
    if not len(labels):
        return 0.0
    votes_of = codes[:, None] == np.arange(len(labels))  # (n, labels)
    # Rows of one answer agree on being correct; were they not to, the answer counts in part.
    credit = (votes_of * np.asarray(correct, float)[:, None]).sum(axis=0) / votes_of.sum(axis=0)
    votes = members @ votes_of  # (subsets, labels)
    most = votes.max(axis=1, keepdims=True)
    leading = (votes == most) & (most > 0)
    return float(np.mean((leading @ credit) / np.maximum(leading.sum(axis=1), 1)))


def ballots(responses: pd.DataFrame) -> pd.DataFrame:
    """Add `ballot`, what each graded response votes for; None where it is ungradable.

    A grader that judges without extracting an answer (a substring rule) gives no label to vote
    for; there the outcome itself is the vote.
    """
    votes = responses["extracted"].astype(object)
    votes = votes.where(votes.notna(), "outcome: " + responses["outcome"].astype(str))
    return responses.assign(ballot=votes.where(responses["outcome"] != "ungradable", None))
