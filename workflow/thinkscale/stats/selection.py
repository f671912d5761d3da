"""Choosing one answer among candidates: by vote, by weighted vote, by the best score.

Every rule is taken over subsets of the candidates, so that a choice among n of N drawn samples does
not depend on which came first, and what ties shares alike.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from thinkscale.errors import ThinkscaleError

Rule = Literal["majority", "weighted", "best"]
_ROUNDING = 1e-9  # sums of equal scores in another order may differ in their last digits
AGGREGATED = {
    "last": lambda steps: steps[-1],
    "min": np.min,
    "prod": np.prod,
    "mean": np.mean,
}


@dataclass(frozen=True)
class Choice:
    """What a rule chose, as means over the subsets.

    answer, share: the answer chosen most often, and how often; None and 0 where none could be
    chosen. correct: how often the answer chosen is correct. any_correct: how often a candidate is.
    candidates, unanswered, unscored: numbers of candidates, and of those that could not be chosen
    for want of an answer, or of a score where the rule needs one.
    """

    answer: str | None
    share: float
    correct: float
    any_correct: float
    candidates: float
    unanswered: float
    unscored: float


def choose(
    answers: np.ndarray,
    correct: np.ndarray,
    scores: np.ndarray | None,
    members: np.ndarray,
    rule: Rule,
) -> Choice:
    """Choose by `majority` (Wang et al., arXiv 2203.11171), `weighted` (Li et al., arXiv
    2206.02336: scores are summed over equal answers) or `best` (best of n).

    answers: (n,) labels or None. correct: (n,) whether each is. scores: (n,), NaN where there is
    none; None for `majority`. members: (subsets, n) of 0 and 1. Answers that tie share the choice
    evenly; of equally good candidates each has its part. Raises ThinkscaleError for a score
    outside 0..1 where scores are summed: such sums would not be of votes.
    """
    codes, labels = pd.factorize(np.asarray(answers, dtype=object), sort=True)  # None becomes -1
    answered = codes >= 0
    known = np.ones(len(codes), bool) if rule == "majority" else ~np.isnan(scores)
    if rule == "weighted" and ((scores[known] < 0) | (scores[known] > 1)).any():
        found = scores[known][(scores[known] < 0) | (scores[known] > 1)][0]
        raise ThinkscaleError(
            f"weighted votes: found the score {found:g}; expected scores from 0 to 1 (choose "
            "`best`, or a scorer that gives probabilities)"
        )
    of = codes[:, None] == np.arange(len(labels))  # (n, labels)
    standing = members * (answered & known)  # (subsets, n)
    if rule == "best":
        held = np.where(standing > 0, np.nan_to_num(scores), -np.inf)
        parts = (held == held.max(axis=1, keepdims=True, initial=-np.inf)) & (standing > 0)
        votes = parts @ of
        shares = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1)
    else:
        weights = np.ones(len(codes)) if rule == "majority" else np.nan_to_num(scores)
        votes, there = (standing * weights) @ of, (standing @ of) > 0
        most = np.where(there, votes, -1.0).max(axis=1, keepdims=True, initial=-1.0)
        leading = there & (votes >= most - _ROUNDING)
        shares = leading / np.maximum(leading.sum(axis=1, keepdims=True), 1)
    mean = shares.mean(axis=0)
    # Rows of one answer agree on being correct; were they not to, the answer counts in part.
    credit = (of * np.asarray(correct, float)[:, None]).sum(axis=0) / np.maximum(of.sum(axis=0), 1)
    top = int(mean.argmax()) if len(mean) and mean.max() > 0 else None
    return Choice(
        None if top is None else str(labels[top]),
        0.0 if top is None else float(mean[top]),
        float(mean @ credit),
        float(((members @ np.asarray(correct, float)) > 0).mean()),
        *(float((members @ part).mean()) for part in (np.ones(len(codes)), ~answered, ~known)),
    )
