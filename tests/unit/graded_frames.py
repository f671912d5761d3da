"""Graded frames by the contract, in which the effects are known."""

import numpy as np
import pandas as pd


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
