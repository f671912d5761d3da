"""Several samples an item: the plurality of k (cons@k) and at least one of k (pass@k)."""

import itertools
import math

import numpy as np
import pandas as pd
from scipy.special import gammaln


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


def ballots(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `ballot`, what each graded response votes for; None where it is ungradable.

    A grader that judges without extracting an answer (a substring rule) gives no label to vote
    for; there the outcome itself is the vote.
    """
    votes = frame["extracted"].astype(object)
    votes = votes.where(frame["extracted"].notna(), "outcome: " + frame["outcome"].astype(str))
    return frame.assign(ballot=votes.where(frame["outcome"] != "ungradable", None))


def how(sizes: list[int], k: int, n_draws: int) -> str:
    """In words, which subsets of k samples were looked at for items of these numbers of samples."""
    if all(math.comb(n, k) <= n_draws for n in sizes):
        return "all subsets"
    return f"{n_draws} random subsets"
