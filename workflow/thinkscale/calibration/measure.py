"""What the calibration models turned out to be: properties for their manifest.

Everything here works on frames of graded responses, whatever engine made them. A graded frame has
a row per item, sample and condition with item_id, sample, condition, max_think, waits,
think_tokens, extracted and outcome; conditions other than `natural`, `max=...` and `waits=...` of
the first continuation are left aside. An ungradable response counts as not correct.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon

from thinkscale.data.digest import file_sha256

VOTES = (1, 4, 8, 16)


def properties(graded: pd.DataFrame, items: pd.DataFrame) -> dict:
    """All properties of one model on one set of items.

    Each estimate comes with its n and a standard error, clustered by item (means over samples
    within items are the observations). Differences are paired by item and sample.
    """
    graded = _with_item_columns(graded, items)
    natural = graded[graded["condition"] == "natural"]
    budgets = graded[graded["condition"].str.fullmatch(r"max=\d+")]
    waits = graded[graded["condition"].str.fullmatch(r"waits=\d+")]
    return {
        "n_items": int(natural["item_id"].nunique()),
        "samples": int(natural["sample"].nunique()),
        "ungradable": round(float((natural["outcome"] == "ungradable").mean()), 4),
        "accuracy": _mean(natural),
        "accuracy_by_k": [{"k": int(k)} | _mean(part) for k, part in natural.groupby("k")],
        "think_tokens_by_k": [
            {"k": int(k)} | _mean(part, "think_tokens") for k, part in natural.groupby("k")
        ],
        "spearman_tokens_k": _spearman(natural, "k"),
        "spearman_tokens_difficulty": _spearman(natural, "difficulty"),
        "accuracy_by_budget": _by_budget(budgets, natural),
        "votes": votes(natural),
        "accuracy_by_waits": [
            {"waits": int(n)} | _mean(part) | against(part, natural)
            for n, part in waits.groupby(waits["waits"].astype(int))
        ],
    }


def against(condition: pd.DataFrame, natural: pd.DataFrame) -> dict:
    """A condition against natural over the same item and sample: flips, difference, tokens."""
    keys = ["item_id", "sample"]
    pairs = condition.merge(natural, on=keys, suffixes=("", "_natural"), validate="1:1")
    after, before = pairs["correct"].astype(bool), pairs["correct_natural"].astype(bool)
    change = (pairs["correct"] - pairs["correct_natural"]).groupby(pairs["item_id"]).mean()
    up, down = int((after & ~before).sum()), int((before & ~after).sum())
    return {
        "n_pairs": len(pairs),
        "wrong_to_right": up,
        "right_to_wrong": down,
        "difference": round(float(change.mean()), 4),
        "difference_se": _standard_error(change),
        "mcnemar_p": float(f"{stats.binomtest(up, up + down).pvalue:.3g}") if up + down else 1.0,
        "tokens_mean": round(float(pairs["think_tokens"].mean()), 1),
    }


def votes(natural: pd.DataFrame, draws: int = 200, seed: int = 0) -> list[dict]:
    """Accuracy of the plurality answer over k samples, over random subsets of the samples.

    Ungradable responses do not vote; tied answers share the vote.
    """
    rng = np.random.default_rng(seed)
    by_item = [
        (part["key"].iloc[0], part["extracted"].to_numpy(dtype=object))
        for _, part in natural.groupby("item_id")
    ]
    most = min(len(answers) for _, answers in by_item)
    rows = []
    for k in (k for k in VOTES if k <= most):
        scores = pd.Series(
            [
                np.mean(
                    [
                        _plurality(rng.choice(answers, k, replace=False), key)
                        for _ in range(1 if k == len(answers) else draws)
                    ]
                )
                for key, answers in by_item
            ]
        )
        rows.append(
            {"k": k, "estimate": round(float(scores.mean()), 4), "se": _standard_error(scores)}
            | {"n_items": len(scores)}
        )
    return rows


def token_divergence(p_texts: Iterable[str], q_texts: Iterable[str], tokenizer) -> float:
    """Jensen-Shannon divergence in bits of the token frequencies of two sets of texts."""
    counts = [
        Counter(t for text in texts for t in tokenizer.encode(text, add_special_tokens=False))
        for texts in (p_texts, q_texts)
    ]
    tokens = sorted(set(counts[0]) | set(counts[1]))
    p, q = ([count[t] for t in tokens] for count in counts)
    return float(jensenshannon(p, q, base=2) ** 2)


def requirements(models: Mapping[str, dict]) -> list[dict]:
    """The properties that the calibration study stands on, each with its bounds and whether met.

    `models` maps base, sft and reasoner to their `properties`.
    """
    accuracy = {name: model["accuracy"]["estimate"] for name, model in models.items()}
    rows = [
        ("base: accuracy", accuracy["base"], 0.35, 0.65),
        ("sft: accuracy gained over base", accuracy["sft"] - accuracy["base"], 0.10, 1.0),
        ("reasoner: accuracy", accuracy["reasoner"], 0.60, 0.85),
    ]
    for name, model in models.items():
        by_k = [row["estimate"] for row in model["accuracy_by_k"]]
        falls = stats.spearmanr(range(len(by_k)), by_k).statistic
        budgets = [row for row in model["accuracy_by_budget"] if "step" in row]
        distinct = sum(row["step"] > 2 * row["step_se"] for row in budgets)
        vote = {row["k"]: row["estimate"] for row in model["votes"]}
        rows += [
            (f"{name}: Spearman of k and accuracy", falls, -1.0, -0.8),
            (f"{name}: Spearman of tokens and k", model["spearman_tokens_k"]["estimate"], 0.8, 1.0),
            (
                f"{name}: Spearman of tokens and difficulty",
                model["spearman_tokens_difficulty"]["estimate"],
                0.4,
                0.9,
            ),
            (f"{name}: budgets above the one before by 2 SE", distinct, 4, float("inf")),
        ]
        if 8 in vote:
            rows.append((f"{name}: gain of 8 votes over one", vote[8] - vote[1], 0.04, 1.0))
    waits = {row["waits"]: row["difference"] for row in models["reasoner"]["accuracy_by_waits"]}
    rows += [
        ("reasoner: gain of one wait", waits[1], 0.05, 1.0),
        ("reasoner: gain of two waits", waits[2], 0.0, 1.0),
    ]
    return [
        {
            "property": name,
            "value": round(float(value), 4),
            "at_least": low,
            "at_most": None if np.isinf(high) else high,
            "met": bool(low <= value <= high),
        }
        for name, value, low, high in rows
    ]


def manifest(
    directory: str | Path,
    recipes: Mapping[str, tuple[Any, int]],
    seconds: Mapping[str, float],
    measured: Mapping[str, dict],
    setting: Mapping[str, Any],
) -> dict:
    """What is known of the carried models: recipe, seed, file hashes, training time, properties.

    `recipes` maps a model's name, which is its folder in `directory`, to its recipe (a dataclass)
    and seed; `seconds` to its training time; `measured` maps base, sft and reasoner to their
    `properties`; `setting` says how they were measured (items' seed, temperature, engine ...).
    """
    return {
        "models": {
            name: {
                "recipe": asdict(recipe),
                "seed": seed,
                "training_seconds": round(seconds[name]),
                "sha256": file_hashes(Path(directory) / name),
            }
            for name, (recipe, seed) in recipes.items()
        },
        "measured": {"setting": dict(setting), "properties": dict(measured)},
        "requirements": requirements(measured),
    }


def file_hashes(directory: str | Path) -> dict[str, str]:
    """SHA-256 of every file of a directory, by name."""
    return {
        path.name: file_sha256(path) for path in sorted(Path(directory).iterdir()) if path.is_file()
    }


def _with_item_columns(graded: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    known = items[["item_id", "difficulty", "key"]].assign(
        k=[json.loads(meta)["k"] for meta in items["meta"]]
    )
    kept = ["item_id", "sample", "condition", "max_think", "waits", "think_tokens"]
    frame = graded[[*kept, "extracted", "outcome"]].merge(
        known, on="item_id", how="left", validate="m:1"
    )
    return frame.assign(correct=(frame["outcome"] == "correct").astype(float))


def _by_budget(budgets: pd.DataFrame, natural: pd.DataFrame) -> list[dict]:
    """Accuracy at each budget and, from the second on, its step up from the one before."""
    rows, previous = [], None
    parts = [(int(b), part) for b, part in budgets.groupby(budgets["max_think"].astype(int))]
    for budget, part in [*parts, (None, natural)]:
        row = {"max_think": budget} | _mean(part)
        if previous is not None:
            paired = against(part, previous)
            row |= {"step": paired["difference"], "step_se": paired["difference_se"]}
        rows.append(row)
        previous = part
    return rows


def _mean(rows: pd.DataFrame, column: str = "correct") -> dict:
    by_item = rows.groupby("item_id")[column].mean()
    return {
        "estimate": round(float(by_item.mean()), 4),
        "se": _standard_error(by_item),
        "n_items": len(by_item),
        "n_responses": len(rows),
    }


def _spearman(natural: pd.DataFrame, column: str) -> dict:
    by_item = natural.groupby("item_id").agg(tokens=("think_tokens", "mean"), x=(column, "first"))
    x, y = by_item["tokens"].to_numpy(), by_item["x"].to_numpy()
    spread = stats.bootstrap(
        (x, y),
        lambda a, b: stats.spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=500,
        method="percentile",
        rng=0,
    )
    return {
        "estimate": round(float(stats.spearmanr(x, y).statistic), 4),
        "se": round(float(spread.standard_error), 4),
        "n_items": len(by_item),
    }


def _plurality(answers: np.ndarray, key: str) -> float:
    count = Counter(answer for answer in answers if isinstance(answer, str))
    if not count:
        return 0.0
    most = max(count.values())
    winners = [answer for answer, n in count.items() if n == most]
    return float(key in winners) / len(winners)


def _standard_error(values: pd.Series) -> float | None:
    return round(float(values.sem()), 4) if len(values) > 1 else None
