"""What every rule but inference takes of memory in a study that is very large, and a wide dry run.

The responses are made up, so that no model has to think: rules read them as if it had.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

import analysis
import measure
from thinkscale.data import contracts

REPOSITORY = measure.HERE.parent
MODEL = "reasoner"
SHARD = 5_000  # items
LETTERS = "ABCDE"
SAMPLES, BEAMS, STEPS = 8, 4, 3  # candidates of the two searches, and steps of each
SCORER = {"name": "good", "kind": "likelihood"}
STRATEGIES = [
    {"approach": "majority", "n": [1, 2, 4, SAMPLES]},
    {"approach": "best_of_n", "n": [2, 4, SAMPLES], "scorer": "good"},
    {"approach": "weighted_best_of_n", "n": [2, 4, SAMPLES], "scorer": "good"},
    {"approach": "beam_search", "n": [BEAMS], "scorer": "good"},
]
WORDS = "a step that is thought about, and then another one. "  # of a thought


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--until", nargs="+", default=[], help="rules to stop at; default: all")
    parser.add_argument("--dry-run", action="store_true", help="the wide dry run alone")
    parser.add_argument("--directory", help="where a run that is stopped goes on; default: nowhere")
    options = parser.parse_args()
    kept = options.directory and nullcontext(options.directory)
    with kept or tempfile.TemporaryDirectory() as directory:
        rows, notes = [], []
        if not options.dry_run:
            rows = measured(Path(directory), options.items, options.cores, options.until)
            notes.append(
                f"{options.items:,} items, {len(analysis.CONDITIONS)} conditions, a chain each. "
                "Largest resident memory of each rule's jobs and the sum of their seconds, as "
                "Snakemake's own benchmarks have them."
            )
        seconds, jobs = dry_run(Path(directory))
        notes.append(f"Dry run of 20 models in 100 shards, {jobs:,} jobs: {seconds:.1f} s.")
        measure.publish(measure.Section("scale", "Size of a study", rows, notes))


def settings(directory: Path, **changes) -> dict:
    """A study with every analysis, of made-up items."""
    forced = analysis.CONDITIONS[1:]
    maxima, minima, waits = (sorted({one[k] for one in forced} - {None}) for k in (1, 2, 3))
    return {
        "study": "scale",
        "seed": 1,
        "results": str(directory / "results"),
        "models": [{"name": MODEL, "path": "resources/calibration/reasoner"}],
        "inference": {"device": "cpu", "temperature": 1.0, "threads": 1, "readout": "options"},
        "conditions": {"max_think": maxima, "min_think": minima, "waits": waits},
        "grading": {"graders": ["choice", "article"]},
        # More take time, which `analysis.py` measures, and no more memory: they are drawn in turn.
        "analyses": {"n_boot": 100, "n_permutations": 100},
        **changes,
    }


def snakemake(directory: Path, study: dict, *arguments: str) -> str:
    path = directory / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "snakemake", "--configfile", str(path), *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"snakemake failed ({done.returncode}): {' '.join(arguments)}")
    return done.stdout


def measured(directory: Path, items: int, cores: int, until: list[str]) -> list[dict]:
    """Memory and seconds of every rule, the largest memory first."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "bank.csv").exists():
        bank(items, directory).to_csv(directory / "bank.csv", index=False)
    columns = {"stem": "stem", "option_columns": list("abcde"), "key": "key", "difficulty": "hard"}
    source = {"source": str(directory / "bank.csv"), "columns": columns, "n": items}
    shards = -(-items // SHARD)
    study = settings(directory, items=source)
    study["inference"]["shards"] = shards
    # Of a chain each, of which eight samples are made up as well, for strategies alone.
    study |= {"scorers": [SCORER], "strategies": STRATEGIES}
    results = directory / "results/scale"
    first = [str(results / "items.parquet"), str(results / "models" / f"{MODEL}.json")]
    snakemake(directory, study, "--cores", str(cores), "--", *first)
    known = contracts.read(first[0], "items")
    for shard in range(shards):
        if not (results / "inference" / MODEL / f"{shard}.usage.json").exists():
            write_shard(known.iloc[shard::shards], shard, results / "inference" / MODEL)
        if not (results / "search" / MODEL / f"{shard}.spent.parquet").exists():
            write_searches(known.iloc[shard::shards], shard, results / "search" / MODEL)
    rest = ["--cores", str(cores), "--keep-going", "--rerun-incomplete", "--rerun-triggers=mtime"]
    snakemake(directory, study, *rest, *(["--until", *until] if until else []))
    return taken(results / "benchmarks")


def bank(items: int, directory: Path) -> pd.DataFrame:
    """Items that differ, with options and a difficulty."""
    rng = np.random.default_rng(0)
    number = np.arange(items)
    return pd.DataFrame(
        {
            "stem": [f"Item {n}: which of these is {n * 7919 % 100_003}? " * 5 for n in number],
            **{letter: [f"{letter}{n}" for n in number] for letter in "abcde"},
            "key": rng.choice(list(LETTERS), items),
            "hard": rng.normal(size=items).round(3),
        }
    )


def write_shard(items: pd.DataFrame, shard: int, directory: Path) -> None:
    """Chains, responses and usage as a job of `think` leaves them."""
    graded = analysis.study(1, len(items), 1, seed=shard)
    of_item = graded["item_id"].cat.codes.to_numpy()
    ids, keys = items["item_id"].to_numpy()[of_item], items["key"].to_numpy()[of_item]
    wrong = np.array([LETTERS[(LETTERS.index(key) + 1) % 5] for key in items["key"]])[of_item]
    right = (graded["outcome"] == "correct").to_numpy()
    said = pd.Series(np.where(right, keys, wrong))
    responses = graded.assign(
        model=MODEL,
        item_id=ids,
        condition=graded["condition"].astype(str),
        continuation=graded["continuation"].astype("str"),
        answer_text="Final Answer: " + said,
        think_text=[(WORDS * 60)[: 3 * n] for n in graded["think_tokens"].clip(upper=1000)],
    )
    responses = responses[contracts.SCHEMAS["responses"].names]
    contracts.write(responses, directory / f"{shard}.responses.parquet", "responses")
    contracts.write(
        readouts(responses, right, keys, shard), directory / f"{shard}.readouts.parquet", "readouts"
    )
    natural = graded[graded["condition"] == "natural"]
    chains = pd.DataFrame(
        {
            "model": MODEL,
            "item_id": items["item_id"].to_numpy(),
            "sample": 0,
            "continuation": "Wait",
            "segments": [
                [{"kind": "sampled", "token_ids": [5] * n}] for n in natural["think_tokens"]
            ],
            "natural_end": True,
        }
    )
    contracts.write(chains, directory / f"{shard}.chains.parquet", "chains")
    usage = f'{{"model": "{MODEL}", "parameters": 574976, "chains": {len(items)}, '
    usage += '"peak_memory_bytes": 1000000}\n'
    (directory / f"{shard}.usage.json").write_text(usage)


def write_searches(items: pd.DataFrame, shard: int, directory: Path) -> None:
    """What a job of `search` leaves of best-of-N and of a beam search."""
    directory.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(shard)
    found: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for search, n in (("samples", SAMPLES), ("beam_search", BEAMS)):
        item, candidate = np.indices((len(items), n)).reshape(2, -1)
        keys = items["key"].to_numpy()[item]
        said = np.where(rng.random(len(item)) < 0.6, keys, rng.choice(list(LETTERS), len(item)))
        keyed = {"model": MODEL, "item_id": items["item_id"].to_numpy()[item], "search": search}
        rows = pd.DataFrame({**keyed, "n": n, "candidate": candidate})
        ended = {"answer_from": "answer", "stop": "natural", "answer_stop": "eos"}
        written = {"think_text": WORDS * 8, "answer_text": "Final Answer: " + pd.Series(said)}
        lengths = {"think_tokens": 30 * STEPS, "answer_tokens": 4}
        steps = {name: [[30] * STEPS] * len(rows) for name in ("draws", "step_tokens")}
        found["candidates"].append(rows.assign(**steps, **lengths, **ended, **written))
        each = rows.loc[rows.index.repeat(STEPS)]
        step = np.tile(np.arange(STEPS), len(rows))
        score = rng.random(len(each))
        found["scores"].append(each.assign(scorer="good", step=step, score=score))
        if search != "samples":
            node = {"node": np.tile(np.arange(n), len(items)), "parent": pd.NA, "draws": 1}
            through = [[number] for number in candidate]
            drawn = {"tokens": 30, "text": WORDS, "score": 0.5, "candidates": through}
            found["nodes"].append(rows.drop(columns="candidate").assign(**node, **drawn))
        cost = dict.fromkeys(("sampled", "sampled_new"), 30 * STEPS * n)
        read = dict.fromkeys(("scored", "scored_new", "scored_uncached"), 30 * STEPS * n)
        sizes = {"prompt_tokens": 50, "rounds": STEPS, "parameters": 574_976}
        once = rows[rows["candidate"] == 0].drop(columns="candidate")
        bill = once.assign(**cost, **sizes, error=None)
        told = {"scorer_parameters": 0, "scorer_exact_tokens": True}
        found["spent"].append(bill.assign(scorer="good", **read, **told))
        nothing = dict.fromkeys([*read, "scorer_parameters"], 0)
        found["spent"].append(bill.assign(scorer=None, scorer_exact_tokens=None, **nothing))
    for name, parts in found.items():
        contracts.write(pd.concat(parts), directory / f"{shard}.{name}.parquet", name)


def readouts(
    responses: pd.DataFrame, right: np.ndarray, keys: np.ndarray, seed: int
) -> pd.DataFrame:
    """Log-probabilities of five labels a response; of the key more where it was right."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(responses), len(LETTERS)))
    logits[np.arange(len(keys)), [LETTERS.index(key) for key in keys]] += 2.0 * right
    logprobs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)) + np.log(0.95)
    keyed = responses[["model", "item_id", "sample", "condition"]]
    told = keyed.loc[keyed.index.repeat(len(LETTERS))].reset_index(drop=True)
    labels = np.tile(list(LETTERS), len(responses))
    return told.assign(label=labels, logprob=logprobs.ravel(), mass=0.95)


def taken(benchmarks: Path) -> list[dict]:
    """By rule: the largest memory of its jobs, and their seconds together."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted(benchmarks.rglob("*.tsv")):
        place = path.relative_to(benchmarks).with_suffix("")
        name = str(place) if place.parts[0] in ("tabulate", "draw") else place.parts[0]
        with path.open() as file:
            [row] = csv.DictReader(file, delimiter="\t")
        memory = 0.0 if row["max_rss"] in ("-", "NA") else float(row["max_rss"])
        found.setdefault(name, []).append((memory, float(row["s"])))
    rows = [
        {"rule": name, "memory, MB": f"{max(m for m, _ in runs):,.0f}", "seconds": f"{s:.0f}"}
        for name, runs in found.items()
        for s in [sum(seconds for _, seconds in runs)]
    ]
    return sorted(rows, key=lambda row: -float(row["memory, MB"].replace(",", "")))


def dry_run(directory: Path) -> tuple[float, int]:
    """Seconds of a dry run of twenty models in a hundred shards, and how many jobs it finds."""
    names = {f"model-{n:02}": "reasoner" if n % 2 else "base" for n in range(20)}
    models = [{"name": n, "path": f"resources/calibration/{kind}"} for n, kind in names.items()]
    items = {"source": "calibration", "bank_size": 1000, "n": 200}
    corpora = [{"name": "traces", "source": "calibration", "n": 100}]
    study = settings(directory, study="wide", items=items, models=models, corpora=corpora)
    study["inference"] |= {"shards": 100, "readout": "options"}
    study["strategies"] = [{"approach": "majority", "n": [1, 2, 4]}]
    began = time.perf_counter()
    printed = snakemake(directory, study, "--cores", "1", "--dry-run", "--quiet", "rules")
    seconds = time.perf_counter() - began
    totals = [line.split()[1] for line in printed.splitlines() if line.startswith("total ")]
    return seconds, int(totals[0])


if __name__ == "__main__":
    main()
