"""What each of our kernels for a CPU gains: decoding with all of them, and without each in turn."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

import measure
import ours
from decode import BATCH, PROMPT, made
from measure import Run, Section, in_turns, rates, ratio, spread, timed
from thinkscale.engines.transformers import engine as transformers_engine
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.engines.transformers.stream import Stream

# New tokens of each row: enough that a row's columns are what attention mostly reads.
LENGTHS = {"calibration": 256, "80M": 64}
KERNELS = ("attention", "products", "norms")


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=5)
    parser.add_argument("--models", nargs="+", default=list(LENGTHS), help="of these two")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    options = parser.parse_args()
    measure.quiet()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as directory:
        rows = [
            row
            for name, path in made(Path(directory), options.models)
            for row in compare(name, path, options.repetitions)
        ]
    notes = [
        f"fp32, batch {BATCH}, prompts of {PROMPT} random tokens, temperature 1, torch threads: "
        f"{options.threads}. New tokens of each row: "
        + ", ".join(f"{LENGTHS[name]} ({name})" for name in options.models)
        + ". Models as in `decode.py`.",
        f"Median (range) of {options.repetitions} repetitions, variants in turns in one run. "
        "Ratios are taken within a repetition.",
    ]
    measure.publish(Section("cpu_kernels", "What the kernels for a CPU gain", rows, notes))


def compare(name: str, path: Path, repetitions: int) -> list[dict[str, object]]:
    lengths = [LENGTHS[name]] * BATCH
    runs: dict[str, Callable[[], Run]] = {"all kernels": variant(path, lengths, ())}
    runs |= {f"without {kernel}": variant(path, lengths, [kernel]) for kernel in KERNELS}
    runs["with none of them"] = variant(path, lengths, KERNELS)
    for warm_up in runs.values():
        warm_up()
    found = {kind: rates(done) for kind, done in in_turns(runs, repetitions).items()}
    return [
        {
            "model": name,
            "kernels": kind,
            "tokens per second": spread(speeds),
            "all kernels / it": ratio(found["all kernels"], speeds),
        }
        for kind, speeds in found.items()
    ]


def variant(path: Path, lengths: list[int], without: Iterable[str]) -> Callable[[], Run]:
    """Load a model without some kernels; returns what times a run of it."""
    kept = transformers_engine.use_onednn, transformers_engine.use_fused_norms
    if "products" in without:
        transformers_engine.use_onednn = lambda model: None
    if "norms" in without:
        transformers_engine.use_fused_norms = lambda model: None
    make = ours.loader(path, BATCH)
    size = make(Sampling()).model.config.vocab_size
    prompts = np.random.default_rng(1).integers(5, size, (BATCH, PROMPT)).tolist()
    asked = ours.requests(prompts, lengths)
    transformers_engine.use_onednn, transformers_engine.use_fused_norms = kept

    def run() -> Run:
        stream: Stream = make(Sampling(temperature=1.0))
        stream.tree.in_lanes &= "attention" not in without
        return timed(lambda: ours.complete(stream, asked))

    return run


if __name__ == "__main__":
    main()
