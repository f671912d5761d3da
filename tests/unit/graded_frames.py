"""Graded frames by the contract, in which the effects are known."""

from functools import cache

import numpy as np
import pandas as pd

from thinkscale.data import contracts
from thinkscale.stats import readout, readout_bins, readout_calibration, readout_difficulty

PARAMETERS = 1000  # of the model that searches


def graded_frame(models=("a", "b"), items=12, samples=4, seed=0, **changes):
    """A graded frame in which harder items get longer thinking and more mistakes."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=items)
    cells = [
        ("natural", None, None, None, None),
        ("max=8", 8, None, None, None),
        ("max=16", 16, None, None, None),
        ("min=40", None, 40, None, "Wait"),
        ("waits=1", None, None, 1, "Wait"),
    ]
    rows = []
    for model in models:
        natural = np.maximum(1, 20 + 6 * difficulty[:, None] + rng.normal(0, 4, (items, samples)))
        luck = rng.random((items, samples))
        for condition, most, least, waits, continuation in cells:
            for item in range(items):
                for sample in range(samples):
                    tokens = int(natural[item, sample]) * (1 + (waits or 0))
                    cut = most is not None and tokens > most
                    tokens = max(min(tokens, most or tokens), least or 0)
                    right = luck[item, sample] < 0.7 - 0.2 * difficulty[item] - 0.3 * cut
                    silent = luck[item, sample] > 0.97
                    outcome = "ungradable" if silent else "correct" if right else "incorrect"
                    rows.append(
                        {
                            "model": model,
                            "item_id": f"i{item}",
                            "sample": sample,
                            "condition": condition,
                            "max_think": most,
                            "min_think": least,
                            "waits": waits,
                            "continuation": continuation,
                            "truncate": None,
                            "no_think": False,
                            "think_tokens": tokens,
                            "censored": cut,
                            "outcome": outcome,
                            "extracted": None if silent else "A" if right else "BC"[sample % 2],
                            "difficulty": difficulty[item],
                            "response_time": 60 + 10 * difficulty[item] + 5 * (item % 3),
                            "cluster_id": None,
                            "stem_chars": 40 + int(5 * rng.normal()),
                            "n_options": 5,
                            "error": None,
                            "excluded": False,
                        }
                    )
    frame = pd.DataFrame(rows).assign(**changes)
    for column in ("max_think", "min_think", "waits", "truncate"):
        frame[column] = frame[column].astype("Int64")
    return frame


def unfit(graded, items, model="a"):
    """The graded frame with items that did not fit the context of `model`."""
    where = graded["item_id"].isin(items) & (graded["model"] == model)
    nothing = {"think_tokens": 0, "censored": True, "outcome": "ungradable", "extracted": None}
    graded = graded.assign(error=graded["error"].astype(object))
    graded.loc[where, list(nothing)] = list(nothing.values())
    graded.loc[where, "error"] = "the prompt has 5000 tokens"
    return graded


def with_readouts(graded, seed=0, sharpness=1.0):
    """The graded frame with readouts of a model that thinking makes surer, and answers from them.

    Each label sends a signal of variance 1, whose mean is 0, or m for the key "A". So the softmax
    of m times the signals is calibrated; times a `sharpness` above 1 it is overconfident. m grows
    with thinking and falls with difficulty. What did not fit was not read.
    """
    rng = np.random.default_rng(seed)
    n, options = len(graded), int(graded["n_options"].iloc[0])
    item, _ = pd.factorize(graded["model"] + graded["item_id"])
    shared = rng.normal(size=(item.max() + 1, options))[item]
    signals = np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=(n, options))
    strength = np.log1p(graded["think_tokens"].astype(float)) / np.exp(0.4 * graded["difficulty"])
    strength = 0.1 + 0.7 * strength.to_numpy()[:, None]
    signals[:, :1] += strength
    weights = np.exp(sharpness * strength * (signals - signals.max(axis=1, keepdims=True)))
    readout = np.maximum(weights / weights.sum(axis=1, keepdims=True), 1e-300)
    answer = (readout.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, options - 1)
    labels = np.array(list("ABCDEFGH"))
    columns = {
        "readout_label": labels[readout.argmax(axis=1)],
        "readout_key": readout[:, 0],
        "readout_confidence": readout.max(axis=1),
        "readout_entropy": -(readout * np.log2(readout)).sum(axis=1),
        "readout_brier": ((readout - (np.arange(options) == 0)) ** 2).sum(axis=1),
        "readout_mass": 0.9 + 0.1 * rng.random(n),
    }
    outcome = np.where(answer == 0, "correct", "incorrect")
    graded = graded.assign(**columns, outcome=outcome, extracted=labels[answer])
    graded.loc[graded["error"].notna(), list(columns)] = None
    return graded.assign(outcome_choice=graded["outcome"])


def searches_frame(graded, correct, *, model="a"):
    """Rows of strategies whose `correct(strategy, n, items, rng)` is given; a candidate costs ten
    tokens, and a scorer of half the model's size reads as many."""
    items = graded.drop_duplicates("item_id")
    rng, rows = np.random.default_rng(0), []
    for strategy in ("majority", "best", "beam"):
        for n in (1, 2, 4, 8):
            values = correct(strategy, n, len(items), rng)
            for value, item in zip(values, items.itertuples(), strict=True):
                scored = 0 if strategy == "majority" else 10 * n
                rows.append(
                    {
                        **dict.fromkeys(contracts.SCHEMAS["searches"].names),
                        **{"model": model, "item_id": item.item_id, "strategy": strategy, "n": n},
                        "approach": {"best": "best_of_n", "beam": "beam_search"}.get(
                            strategy, strategy
                        ),
                        **{"choose": "best", "answer": "A", "share": 1.0, "correct": value},
                        **{"any_correct": 1.0, "candidates": float(n), "unanswered": 0.0},
                        **{"unscored": 0.0, "unmet": 0.0, "think_tokens": 10.0},
                        **{"sampled": 10.0 * n, "sampled_new": 10.0, "scored": float(scored)},
                        **{"scored_new": float(scored), "scored_uncached": 2.0 * scored},
                        **{"prompt_tokens": 0, "parameters": PARAMETERS},
                        **{"scorer_parameters": PARAMETERS // 2, "difficulty": item.difficulty},
                        "excluded": False,
                    }
                )
    return pd.DataFrame(rows)


@cache
def readout_tables(models=("a", "b")):
    """The tables of 40 items with readouts, by name."""
    graded = with_readouts(graded_frame(models=models, items=40, samples=2))
    few = {"n_boot": 100, "seed": 3}
    return {
        "readout": readout.tabulate(graded),
        "readout_calibration": readout_calibration.tabulate(graded, **few),
        "readout_bins": readout_bins.tabulate(graded),
        "readout_difficulty": readout_difficulty.tabulate(graded),
    }
