"""Rasch difficulty of every item, from the models' own answers.

Persons are the samples of all models: P(right) = 1 / (1 + exp(difficulty - ability)). Item
difficulties are parameters, abilities are normal with mean 0 and are integrated out (marginal
maximum likelihood: Bock and Aitkin, Psychometrika 46, 1981; with one slope for all items, Thissen,
Psychometrika 47, 1982). No package does this at the size of a study: girth 0.8, unmaintained since
2021, agrees to three digits on five items, but at 1,000 its likelihoods underflow and its slope
runs to its bound, and its conditional likelihood takes minutes; py-irt wants torch and an old
pandas; statsmodels has a Bayesian mixed logit, whose normal prior would draw items together.

Where everyone was asked everything, these difficulties order the items as accuracy does. What they
add is a scale on which a difference means the same everywhere, and a fair comparison of items that
not the same persons were asked. Samples of one model that agree more than their ability says make
items' difficulties no less right, but less certain than their number suggests.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special

from thinkscale.stats.core import frame

READS = frame.NEEDED
COLUMNS = [
    *["item_id", "cluster", "difficulty", "n_models", "persons", "correct", "extreme"],
    *["estimate", "ability_sd", "n_excluded", "method"],
]
EXTREME_BY = 0.3  # responses that a total of none or all is moved inwards, as in Winsteps
FEWEST_PERSONS = 4
NODES = np.linspace(-6, 6, 401)  # standard deviations of ability, to integrate over
WIDEST = (1e-3, 20.0)  # standard deviation of ability, in logits


@dataclass(frozen=True)
class Fit:
    """Difficulties of the items (n,), in logits from the average ability, and ability's spread."""

    difficulty: np.ndarray
    ability_sd: float


def tabulate(graded: pd.DataFrame) -> pd.DataFrame:
    """Each item's Rasch difficulty in logits, natural condition; higher is harder.

    Persons are models' samples; one that did not fit the context was not asked. `difficulty` is the
    bank's. An item that all answered rightly, or none did, says so in `extreme`: its difficulty has
    no bound, and is what it would be with three tenths of a response the other way. Nothing is
    estimated from fewer than 4 persons, or if all items are extreme.
    """
    own = frame.prepare(frame.natural(graded))
    asked = own[own["fits"]]
    answers = asked.pivot(index=["model", "sample"], columns="item_id", values="correct")
    right = answers.to_numpy(float)
    facts = asked.groupby("item_id").agg(
        cluster=("cluster", "first"),
        difficulty=("difficulty", "first"),
        n_models=("model", "nunique"),
        persons=("correct", "size"),
        correct=("correct", "sum"),
    )
    extremes = np.select([facts["correct"] == facts["persons"], facts["correct"] == 0], [1, 2])
    facts["extreme"] = np.array([None, "all right", "all wrong"], dtype=object)[extremes]
    if len(right) < FEWEST_PERSONS:
        reason = f"{len(right)} persons, at least {FEWEST_PERSONS} are needed"
    elif extremes.all():
        reason = "every item was answered alike by all"
    else:
        reason = ""
    found = Fit(np.full(len(facts), np.nan), np.nan) if reason else fit(right)
    method = f"Rasch, marginal maximum likelihood over {len(right)} persons (models' samples)"
    facts["estimate"], facts["ability_sd"] = found.difficulty, found.ability_sd
    facts["method"] = f"not estimated: {reason}" if reason else method
    return frame.table(facts.reset_index(), COLUMNS, graded)


def fit(right: np.ndarray) -> Fit:
    """Fit the model to answers (persons, items): 1 right, 0 wrong, NaN not asked.

    Every item must have been asked. An item with a total of none or all is moved inwards by
    `EXTREME_BY` of a response.
    """
    asked = np.isfinite(right)
    number = asked.sum(axis=0)
    share = np.nansum(right, axis=0) / number
    inwards = np.clip(share, EXTREME_BY / number, 1 - EXTREME_BY / number)
    given = np.where((share % 1 == 0) & asked, inwards, np.nan_to_num(right))
    of_item, of_person = given.sum(axis=0), given.sum(axis=1)
    weights = -(NODES**2) / 2
    weights = weights - special.logsumexp(weights)
    asked = asked.astype(float)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        difficulty, spread = parameters[:-1], np.exp(parameters[-1])
        logits = spread * NODES - difficulty[:, None]  # (items, nodes)
        joint = weights + spread * NODES * of_person[:, None] - (given @ difficulty)[:, None]
        joint -= asked @ np.logaddexp(0, logits)  # (persons, nodes)
        each = special.logsumexp(joint, axis=1, keepdims=True)
        posterior = np.exp(joint - each)
        expected = special.expit(logits) * (asked.T @ posterior)  # right answers at each node
        slope = spread * NODES @ (posterior * of_person[:, None]).sum(axis=0)
        slope -= spread * NODES @ expected.sum(axis=0)
        gradient = np.r_[expected.sum(axis=1) - of_item, slope]
        return -float(each.sum()), -gradient

    start = np.r_[-special.logit(of_item / number), 0.0]
    bounds = [*[(None, None)] * len(number), tuple(np.log(WIDEST))]
    options = {"maxiter": 2000, "maxfun": 10000, "ftol": 1e-12, "gtol": 1e-6}
    best = optimize.minimize(loss, start, jac=True, bounds=bounds, options=options).x
    return Fit(best[:-1], float(np.exp(best[-1])))
