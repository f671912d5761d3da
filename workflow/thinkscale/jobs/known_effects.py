"""The effects that the phantom is known to have, measured with the statistics of every study.

They are written into its manifest from items that were used for no choice, and beside them stand
the bounds that make it a phantom: a study of it must find each.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from thinkscale.data.digest import file_sha256
from thinkscale.stats import consensus, registration
from thinkscale.stats.core import frame
from thinkscale.stats.core.intervals import Estimate, clustered_mean
from thinkscale.stats.core.resampling import Draws

MODELS = ("reasoner", "base", "sft")
VOTES = (1, 8, 32)
COLUMNS = [
    *["effect", "model", "n_items", "estimate", "lower", "upper"],
    *["at_least", "at_most", "clear_of", "met"],
]
# Bounds of an estimate, and where an interval must lie wholly on one side of a value: `clear_of`.
# An effect that is not here is measured and bound to nothing.
BOUNDS: dict[tuple[str, str], dict[str, float]] = {
    ("accuracy", "reasoner"): {"at_least": 0.55, "at_most": 0.7},
    ("accuracy", "base"): {"at_least": 0.35, "at_most": 0.5},
    ("fine-tuning: gain of accuracy", "sft"): {"at_least": 0.1},
    ("accuracy, greedily", "reasoner"): {"at_most": 0.9},
    ("accuracy, greedily", "base"): {"at_most": 0.9},
    ("one wait: gain of accuracy", "reasoner"): {"at_least": 0.05},
    ("two waits: gain of accuracy", "reasoner"): {"at_least": 0.0},
    **{("votes of 8: gain over one sample", model): {"at_least": 0.04} for model in MODELS},
    **{("distinguishable budgets", model): {"at_least": 5} for model in MODELS},
    **{("thinking and difficulty, length of stem equal", m): {"clear_of": 0.0} for m in MODELS},
    **{
        ("misconceived items, votes of 32: loss against one sample", model): {"clear_of": 0.0}
        for model in ("reasoner", "base")
    },
}


def known_effects(graded: pd.DataFrame, items: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Every effect of the phantom that a study of it can show, a row each, with `COLUMNS`.

    graded: of the models `MODELS`, and with `-greedy` behind its name one at temperature 0; those
    that are not there are left out. items: of the calibration bank. Shares are 0..1, correlations
    Spearman's; intervals are at 95%, clustered by item or BCa over items.
    """
    facts = pd.DataFrame(list(items["meta"].map(json.loads)), index=items["item_id"].astype(str))
    models = dict(frame.by_model(frame.prepare(graded)))
    rows = []
    for model in MODELS:
        if model not in models:
            continue
        own, greedy = models[model], models.get(f"{model}-greedy")
        found = [*_of_model(own, facts, model, Draws(n_permutations=0, seed=seed))]
        if greedy is not None:
            found.append(("accuracy, greedily", *_accuracy(frame.natural(greedy))))
        if model == "sft" and "base" in models:
            gain = _gain(_natural_accuracy(models["base"]), _natural_accuracy(own))
            found.append(("fine-tuning: gain of accuracy", *gain))
        rows += [_row(model, *one) for one in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(model: str, effect: str, found: Estimate, n_items: int) -> dict[str, Any]:
    bounds = BOUNDS.get((effect, model), {})
    clear = bounds.get("clear_of")
    met = bounds.get("at_least", -np.inf) <= found.estimate <= bounds.get("at_most", np.inf)
    if clear is not None:
        met = found.lower > clear or found.upper < clear
    row = {"effect": effect, "model": model, "n_items": n_items, **found.bounds(), **bounds}
    return row | {"met": bool(met) if bounds else None}


def _of_model(
    own: pd.DataFrame, facts: pd.DataFrame, model: str, draws: Draws
) -> Iterator[tuple[str, Estimate, int]]:
    natural = frame.natural(own)
    accuracy = _natural_accuracy(own)
    yield "accuracy", *_accuracy(natural)
    yield from _correlations(natural, facts, draws)

    conditions = {cell["condition"]: group for cell, group in frame.by_condition(own)}
    budgets = [name for name in conditions if name.startswith("max=") and ";" not in name]
    steps = []
    for before, after in pairwise([*budgets, "natural"]):
        step = _gain(*(_per_item(conditions[name]) for name in (before, after)))
        steps.append(step)
        yield f"budget: gain of {after} over {before}", *step
    if steps:
        distinct = 1 + sum(step.lower > 0 for step, _ in steps)
        yield "distinguishable budgets", Estimate(distinct), len(accuracy)
    for condition, name in (("waits=1", "one wait"), ("waits=2", "two waits")):
        if condition in conditions:
            yield f"{name}: gain of accuracy", *_gain(accuracy, _per_item(conditions[condition]))

    votes = _votes(natural, draws)
    if 8 in votes:
        yield "votes of 8: gain over one sample", *_gain(votes[1], votes[8])
    misled = facts["misconceived_base" if model == "base" else "misconceived"] > 0
    misled = [item for item in votes[1].index if misled[item]]
    for k, values in votes.items():
        name = "one sample" if k == 1 else f"votes of {k}"
        yield f"misconceived items: accuracy of {name}", *_mean(values[misled])
    if 32 in votes:
        loss = _gain(votes[1][misled], votes[32][misled])
        yield "misconceived items, votes of 32: loss against one sample", *loss
    if "waits=1" in conditions:
        after = _per_item(conditions["waits=1"])[misled]
        yield "misconceived items: accuracy after one wait", *_mean(after)


def _correlations(
    natural: pd.DataFrame, facts: pd.DataFrame, draws: Draws
) -> Iterator[tuple[str, Estimate, int]]:
    items = frame.per_item(natural)
    tokens, difficulty, stem = items["tokens"], items["difficulty"], items["stem_chars"]
    steps = facts.loc[items.index, "k"]
    for name, x, y in (
        ("thinking and number of steps", tokens, steps),
        ("thinking and difficulty", tokens, difficulty),
        ("length of stem and difficulty", stem, difficulty),
    ):
        found = registration.correlate(
            "spearman", x, y, clusters=items["cluster"], draws=draws.named(name)
        )
        yield name, found, len(items)
    held = items[["stem_chars"]]
    name = "thinking and difficulty, length of stem equal"
    found = registration.correlate(
        "partial_spearman", tokens, difficulty, held, items["cluster"], draws=draws
    )
    yield name, found, len(items)


def _votes(natural: pd.DataFrame, draws: Draws) -> dict[int, pd.Series]:
    """Accuracy of the plurality of k samples by item, for every k of `VOTES` that there is."""
    ballots = consensus.ballots(natural)
    found: dict[int, dict[str, float]] = {}
    for item, group in ballots.groupby("item_id", sort=True):
        answers, correct = group["ballot"].to_numpy(object), group["correct"].to_numpy(bool)
        for k in VOTES:
            if k <= len(answers):
                rng = draws.named("votes", f"{k} of {len(answers)}").rng
                members = consensus.subsets(len(answers), k, n_draws=200, rng=rng)
                found.setdefault(k, {})[item] = consensus.cons_at_k(answers, correct, members)
    return {k: pd.Series(values) for k, values in found.items()}


def _per_item(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby("item_id")["correct"].mean()


def _natural_accuracy(own: pd.DataFrame) -> pd.Series:
    return _per_item(frame.natural(own))


def _accuracy(rows: pd.DataFrame) -> tuple[Estimate, int]:
    clusters = rows["cluster"].to_numpy()
    found = clustered_mean(rows["correct"], clusters, bounds=(0.0, 1.0))
    return found, rows["item_id"].nunique()


def _mean(values: pd.Series) -> tuple[Estimate, int]:
    return clustered_mean(values, values.index.to_numpy(), bounds=(0.0, 1.0)), len(values)


def _gain(before: pd.Series, after: pd.Series) -> tuple[Estimate, int]:
    """Mean difference of per-item accuracies, over the items that both have, and their number."""
    change = (after - before).dropna()
    return clustered_mean(change, change.index.to_numpy(), bounds=(-1.0, 1.0)), len(change)


def manifest(
    directory: Path,
    recipes: Mapping[str, tuple[Any, int]],
    seconds: Mapping[str, float],
    effects: pd.DataFrame,
    setting: Mapping[str, Any],
) -> dict[str, Any]:
    """What is known of the carried models: recipe, seed, training time, file hashes, effects.

    recipes: by model, which is its folder in `directory`, its recipe (a dataclass) and seed.
    setting: how the effects were measured (items' seed, temperature, engine ...).
    """
    rounded = effects.round(4).astype(object)
    return {
        "models": {
            name: {
                "recipe": asdict(recipe),
                "seed": seed,
                "training_seconds": round(seconds[name]),
                "sha256": file_hashes(directory / name),
            }
            for name, (recipe, seed) in recipes.items()
        },
        "setting": dict(setting),
        "effects": rounded.where(rounded.notna(), None).to_dict("records"),
    }


def file_hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of every file of a directory, by name."""
    return {path.name: file_sha256(path) for path in sorted(directory.iterdir()) if path.is_file()}
