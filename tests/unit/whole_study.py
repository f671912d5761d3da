"""What a study's figures are drawn from, for so many models and items, and a look at them.

    export PYTHONPATH=workflow:tests/unit
    python tests/unit/whole_study.py OUT --models 8 --items 1000 [--only NAME ...]
    python tests/unit/whole_study.py OUT --results results/calibration

write each figure as PNG, and once more in grey.
"""

import argparse
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd

from graded_frames import graded_frame, with_readouts
from thinkscale import figures, stats
from thinkscale.data import contracts
from thinkscale.figures.core.style import Look, Style, save
from thinkscale.stats import language_mixing

MODELS = (
    *("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", "Qwen/QwQ-32B", "open-thoughts/OpenThinker-7B"),
    *("simplescaling/s1.1-32B", "calibration-base", "calibration-sft", "nvidia/AceReason-14B"),
    *("microsoft/Phi-4-mini-reasoning", "star-1", "star-2"),
)
QUICK = {"n_boot": 100, "n_permutations": 100}
GRADED = (
    *("accuracy", "registration", "outcome_difficulty", "token_change", "mcnemar"),
    *("allocation", "consensus", "frontier", "power", "reliability"),
    *("grader_agreement", "readout", "readout_bins", "readout_calibration", "readout_difficulty"),
)
MODULES = [m.name for m in pkgutil.iter_modules(figures.__path__) if m.name != "core"]


def tabulated(name: str, graded: pd.DataFrame) -> pd.DataFrame:
    """A table as the study would write it, from few resamples."""
    tabulate = import_module(f"{stats.__name__}.{name}").tabulate
    taken = inspect.signature(tabulate).parameters
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    few = {key: value for key, value in QUICK.items() if free or key in taken}
    few |= {"ks": (1, 2)} if "ks" in taken else {}
    return tabulate(graded, **few)


def frames(models: int, items: int, samples: int = 2, tables=GRADED) -> dict[str, pd.DataFrame]:
    """The frames of a study, by the names under which figures take them."""
    rng = np.random.default_rng(0)
    graded = graded_frame(MODELS[:models], items, samples)
    graded = with_readouts(graded).assign(outcome_article=graded["outcome"])
    graded = graded.assign(alone_tokens=graded["think_tokens"] + 5, new_tokens=5)
    hard = graded["difficulty"].drop_duplicates()
    steps = np.arange(1, 301)
    loss = 0.4 + 2 / np.sqrt(steps) + rng.normal(0, 0.05, steps.size)
    tokens = rng.dirichlet(np.full(400, 0.2), 2) * (rng.random((2, 400)) < 0.9)
    middle = tokens.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        js = np.nansum(tokens * np.log2(tokens / middle), axis=0) / 2
    words = [f" word{i}" if i % 3 else f"\n{i}" for i in range(400)]
    corpus = {"tokenizer": "calibration", "corpus": "traces"}
    part = {"estimate": 0.31, "lower": 0.28, "upper": 0.34, "unit": "bits", "measure": "js"}
    sizes = {"documents_corpus": 1000, "documents_items": items, "tokens_corpus": 80_000}
    null = {"tokens_items": 12_000, "null_mean": 0.02, "null_upper": 0.03, "p": 0.002}
    null |= {"corrected": 0.3, "spread": 0.01, "window_estimate": 0.35}
    sets = [("ridge", "length", 0.4), ("ridge", "all", 0.8)]
    predicted = [
        {"learner": learner, "features": features, "difficulty": value, "predicted": r * value}
        for learner, features, r in sets
        for value in hard
    ]
    rho = {"measure": "spearman", "against": np.nan, "lower": 0.3, "upper": 0.9}
    share = np.where(rng.random(items) < 0.8, 0, rng.random(items))
    made = {
        "graded": graded,
        "items": pd.DataFrame({"difficulty": hard, "options": [list("abcde")] * len(hard)}),
        "training_loss": pd.concat(
            pd.DataFrame({"model": m, "step": steps, "loss": loss + i, "tokens": 1000 * steps})
            for i, m in enumerate(MODELS[:models])
        ),
        "training_rewards": pd.concat(
            pd.DataFrame({
                "model": m, "step": steps, "reward": 1.5 - loss / 3, "accuracy": 1 - loss / 4,
                "completion_tokens": 40.0 + steps, "tokens": 1000 * steps,
                "held_out_accuracy": np.where(steps % 10 == 0, 1 - loss / 4, np.nan),
                "held_out_accuracy_wait": np.where(steps % 10 == 0, 0.9, np.nan),
            })
            for m in MODELS[:models]
        ),
        "divergence": pd.DataFrame([corpus | part | sizes | null]),
        "divergence_tokens": pd.DataFrame({
            "token": words, "token_id": range(400), "frequency_corpus": tokens[0],
            "frequency_items": tokens[1], "js_contribution": js, **corpus,
        }),
        "predicted_difficulty": pd.DataFrame(predicted).assign(
            predicted=lambda rows: rows["predicted"] + rng.normal(0, 0.4, len(rows))
        ),
        "prediction": pd.DataFrame(
            rho | {"learner": learner, "features": features, "estimate": r}
            for learner, features, r in sets
        ),
        "overlap": pd.DataFrame({"share": share, "ngram": 13, "ngrams": 20, **corpus}),
    }  # fmt: skip
    keys = graded[["model", "item_id", "sample", "condition"]].assign(kind="script")
    latin = 0.9 + 0.01 * (graded["sample"] + graded["think_tokens"] % 9)
    scripts = [keys.assign(name="Latn", share=latin), keys.assign(name="Hani", share=1 - latin)]
    spoken = pd.concat([*scripts, keys.assign(kind="language", name="en", share=1.0)])
    made["language_mixing"] = language_mixing.tabulate(graded, spoken)
    made |= {name: tabulated(name, graded) for name in tables}
    if "accuracy" in made:
        natural = made["accuracy"].query("condition == 'natural'")
        places = np.arange(len(natural))
        took = np.where(places, 3e12 * 2.0**places, 0)
        # The first two are given; each other one is made of the one two before it.
        before = [None, None, *natural["model"]][: len(natural)]
        made["training_cost"] = natural.assign(
            flops_made=took, flops_response=1e8 * 1.5**places, parent=before, previous=before,
            round=places // 2, parameters=10**6,
        )  # fmt: skip
    return made


def read(results: Path) -> dict[str, pd.DataFrame]:
    """The frames of a finished study."""
    found = {}
    limits = dict.fromkeys(["max_think", "truncate", "min_think", "waits"], "Int64")
    for path in results.glob("tables/*.csv"):
        table = pd.read_csv(path)
        found[path.stem] = table.astype({c: t for c, t in limits.items() if c in table})
    # A contract goes before the table of the same name, which the report shows.
    contract = (path for path in results.glob("*.parquet") if path.stem in contracts.SCHEMAS)
    return found | {path.stem: contracts.read(path, path.stem) for path in contract}


def draw(name: str, made: dict[str, pd.DataFrame], look: Look):
    """One figure; None where there is nothing that it is drawn from."""
    module = import_module(f"{figures.__name__}.{name}")
    parameters = inspect.signature(module.draw).parameters
    wanted = {key: made[key] for key in parameters if key in made}
    needed = [key for key, p in parameters.items() if p.default is p.empty and key != "look"]
    return module.draw(**wanted, look=look) if wanted.keys() >= set(needed) else None


if __name__ == "__main__":
    from PIL import Image

    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--results", type=Path)
    parser.add_argument("--only", nargs="+", default=MODULES)
    given = parser.parse_args()
    made = read(given.results) if given.results else frames(given.models, given.items)
    for name in given.only:
        figure = draw(name, made, Look(Style(dpi=130), MODELS[: given.models]))
        if figure is not None:
            path = given.out / f"{name}.png"
            save(figure, path)
            Image.open(path).convert("L").save(given.out / f"{name}_grey.png")
