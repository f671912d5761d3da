"""How fast the tables of a large study are made: each from the file of graded responses."""

import argparse
import importlib
import inspect
import json
import pkgutil
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import measure
from thinkscale import stats
from thinkscale.data import contracts, tables

# The study's defaults, where an analysis takes them.
SETTINGS = {"confidence": 0.95, "n_boot": 2000, "n_permutations": 5000, "seed": 0}
NATURAL = ("natural", None, None, None)
# name, maximum, minimum, waits
CONDITIONS = (
    NATURAL,
    *((f"max={most}", most, None, None) for most in range(100, 1200, 100)),
    *((f"min={least}", None, least, None) for least in range(500, 1700, 300)),
    *((f"waits={waits}", None, None, waits) for waits in range(1, 5)),
)


def study(models: int, items: int, samples: int, seed: int = 0) -> pd.DataFrame:
    """A graded frame in which harder items get longer thinking and more mistakes."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=items)
    grid = np.indices((models, len(CONDITIONS), items, samples)).reshape(4, -1)
    model, condition, item, sample = grid
    natural = np.exp(
        6 + 0.3 * difficulty[:, None] + rng.normal(0, 0.5, (models, 1, items, samples))
    )
    luck = rng.logistic(size=natural.shape)
    most, least, waits = (
        np.array([np.nan if cell[k] is None else cell[k] for cell in CONDITIONS])[:, None, None]
        for k in (1, 2, 3)
    )
    longer = np.fmax(natural * (1 + np.nan_to_num(waits) / 4), least)
    tokens = np.fmin(longer, most).round()
    ability = np.linspace(-1, 1, models)[:, None, None, None]
    effort = 0.3 * np.log(tokens / natural)
    noise = rng.logistic(0, 0.3, tokens.shape)
    right = (ability + effort - difficulty[:, None] + luck + noise > 0).ravel()
    wrong_label = np.array(list("BCDE"))[rng.integers(0, 4, right.size)]
    strict = right & (rng.random(right.size) > 0.05)
    cells = [named(CONDITIONS, k)[condition] for k in (1, 2, 3)]
    p = 1 / (1 + np.exp(-np.where(right, 1, -1) * rng.exponential(size=right.size)))
    spent = tokens.ravel().astype(int)
    return pd.DataFrame(
        {
            "model": texts("model-{:02}", models, model),
            "item_id": texts("item-{:05}", items, item),
            "sample": sample,
            "condition": pd.Categorical.from_codes(condition, [cell[0] for cell in CONDITIONS]),
            "max_think": cells[0],
            "min_think": cells[1],
            "waits": cells[2],
            "continuation": pd.Categorical.from_codes(np.where(condition > 11, 0, -1), ["Wait"]),
            "truncate": pd.array(np.full(right.size, pd.NA), dtype="Int64"),
            "no_think": False,
            **dict.fromkeys(contracts.LEDGER, 5),
            "think_natural": spent,
            "think_tokens": spent,
            "new_tokens": spent,
            "alone_tokens": spent,
            "stop": "natural",
            "answer_stop": "eos",
            "answer_from": "answer",
            "censored": (tokens < longer).ravel(),
            "seconds": 1.0,
            "engine": "hf",
            "exact_tokens": True,
            "error": None,
            "outcome": np.where(right, "correct", "incorrect"),
            "extracted": np.where(right, "A", wrong_label),
            "difficulty": difficulty[item],
            "response_time": np.exp(difficulty + rng.normal(size=items))[item],
            "cluster_id": None,
            "stem_chars": rng.integers(40, 900, items)[item],
            "n_options": 5,
            "excluded": False,
            "readout_label": np.where(p > 0.5, "A", wrong_label),
            "readout_key": p,
            "readout_confidence": np.maximum(p, 1 - p),
            "readout_entropy": -p * np.log2(p) - (1 - p) * np.log2(1 - p),
            "readout_brier": 2 * (1 - p) ** 2,
            "readout_mass": 0.95,
            "outcome_choice": np.where(right, "correct", "incorrect"),
            "outcome_strict": np.where(strict, "correct", "incorrect"),
        }
    )


def named(conditions: tuple, place: int) -> pd.arrays.IntegerArray:
    return pd.array([cell[place] for cell in conditions], dtype="Int64")


def texts(pattern: str, n: int, codes: np.ndarray) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, [pattern.format(k) for k in range(n)])


def further(models: list[str]) -> dict[str, dict]:
    """What some analyses need besides, by their names."""
    usage = {"parameters": 10**9, "chains": 8000, "peak_memory_bytes": 10**9}
    return {
        "consensus": {"ks": [1, 2, 4, 8]},
        "model_comparison": {"pairs": [(models[0], other) for other in models[1:]]},
        "ledger": {"usage": [{"model": model, **usage} for model in models]},
    }


def analyses() -> Iterator[str]:
    """Every analysis that starts from the graded frame, and takes what `further` has."""
    for module in pkgutil.iter_modules(stats.__path__):
        made = importlib.import_module(f"thinkscale.stats.{module.name}")
        given = inspect.signature(getattr(made, "tabulate", len)).parameters
        needed = {name for name, one in given.items() if one.default is one.empty}
        known = {"graded", "options", *further(["a", "b"]).get(module.name, ())}
        if "graded" in given and needed <= known:
            yield module.name


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=1)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=8, help="of each item")
    parser.add_argument("--only", nargs="+", default=list(analyses()), help="these tables")
    parser.add_argument("--made-from", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.made_from is not None:
        make(options.made_from, options.only[0])
        return
    with tempfile.TemporaryDirectory() as directory:
        graded = Path(directory) / "graded.parquet"
        frame = study(options.models, options.items, options.samples)
        contracts.write(frame, graded, "graded")
        sizes = f"{options.models} models, {options.items:,} items, {options.samples} samples, "
        sizes += f"{len(CONDITIONS)} conditions: {len(frame):,} rows"
        del frame
        measure.publish(section(graded, options.only, options.repetitions, sizes))


def section(graded: Path, names: list[str], repetitions: int, sizes: str) -> measure.Section:
    runs = {name: [run(graded, name) for _ in range(repetitions)] for name in names}
    rows = [
        {
            "table": name,
            "rows": found[0]["rows"],
            "seconds": measure.spread([one["seconds"] for one in found]),
            "of these reading": measure.spread([one["reading"] for one in found]),
            "processor seconds": measure.spread([one["processor"] for one in found]),
            "peak memory, MB": measure.spread([one["peak"] / 1e6 for one in found], digits=4),
        }
        for name, found in runs.items()
    ]
    used = [sum(runs[name][k]["processor"] for name in names) for k in range(repetitions)]
    return measure.Section(
        "analysis",
        "Tables of a large study",
        rows,
        [
            f"{sizes}. Median (range) of {repetitions} runs, each table in a fresh process as its "
            "rule has it: import, reading, checking, counting, writing. Resampling as by default.",
            f"All tables: {measure.spread(used)} processor seconds, of which a machine with two "
            "cores spends half on each.",
        ],
    )


def run(graded: Path, name: str) -> dict[str, float]:
    """Seconds in all, those of reading, of the processor, and the largest memory in bytes."""
    began = time.perf_counter()
    command = [sys.executable, __file__, "--only", name, "--made-from", str(graded)]
    child = subprocess.run(command, stdout=subprocess.PIPE)
    if child.returncode:
        raise SystemExit(f"{name} failed ({child.returncode})")
    found = json.loads(child.stdout.splitlines()[-1])
    return found | {"seconds": time.perf_counter() - began}


def peak() -> int:
    """Largest resident memory of this process in bytes; `ru_maxrss` begins at its parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def make(graded: Path, name: str) -> None:
    began = time.perf_counter()
    analysis = importlib.import_module(f"thinkscale.stats.{name}")
    frame = contracts.read(graded, "graded", getattr(analysis, "READS", None))
    reading = time.perf_counter() - began
    given = inspect.signature(analysis.tabulate).parameters
    settings = SETTINGS if "options" in given else {k: v for k, v in SETTINGS.items() if k in given}
    models = sorted(frame["model"].unique())
    table = analysis.tabulate(frame, **further(models).get(name, {}), **settings)
    tables.write_table(table, graded.with_name(f"{name}.csv"))
    if "torch" in sys.modules:
        raise SystemExit(f"{name} has imported torch")
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "rows": len(table),
        "reading": reading,
        "processor": used.ru_utime + used.ru_stime,
        "peak": peak(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
