"""What each of our kernels for a CPU gains: decoding with all of them, and without each in turn."""

import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import torch

import measure
import ours
from decode import made
from measure import Run, Section, in_turns, rates, ratio, spread
from thinkscale.engines.transformers import engine as transformers_engine
from thinkscale.engines.transformers.sampling import Sampling

KERNELS = ("attention", "products", "norms")
# Rows side by side; tokens of each: its prompt, what is new.
SIZES = {"calibration": (64, 64, 128), "80M": (16, 32, 32)}


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=5)
    parser.add_argument("--models", nargs="+", default=list(SIZES), help="of these two")
    options = parser.parse_args()
    measure.quiet()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        rows = [
            row
            for name, path in made(Path(directory), options.models)
            for row in compare(name, path, options.repetitions)
        ]
    sizes = ", ".join("{}: {}, {} and {}".format(name, *SIZES[name]) for name in options.models)
    notes = [
        "fp32, temperature 1. Rows side by side, random tokens of each one's prompt, new tokens: "
        f"{sizes}; prefill counted. Models as in `decode.py`.",
        f"Median (range) of {options.repetitions} repetitions, variants in turns in one run, on "
        "one thread, by its processor time: what others do on the machine counts little. Ratios "
        "are taken within a repetition.",
    ]
    measure.publish(Section("cpu_kernels", "What the kernels for a CPU gain", rows, notes))


def compare(name: str, path: Path, repetitions: int) -> list[dict[str, object]]:
    left_out = {"all kernels": (), **{f"without {kernel}": (kernel,) for kernel in KERNELS}}
    left_out["with none of them"] = KERNELS
    variants = {kind: variant(path, without) for kind, without in left_out.items()}
    for run in variants.values():
        run(4, 8, 2)  # compiles what is to be compiled
    contenders = {kind: lambda run=run: run(*SIZES[name]) for kind, run in variants.items()}
    found = {kind: rates(runs) for kind, runs in in_turns(contenders, repetitions).items()}
    return [
        {
            "model": name,
            "kernels": kind,
            "tokens per second": spread(speeds),
            "all kernels / it": ratio(found["all kernels"], speeds),
        }
        for kind, speeds in found.items()
    ]


def variant(path: Path, without: Collection[str]) -> Callable[[int, int, int], Run]:
    """Load a model without some kernels; returns what times a run of it."""
    kept = transformers_engine.use_onednn, transformers_engine.use_fused_norms
    if "products" in without:
        transformers_engine.use_onednn = lambda model: None
    if "norms" in without:
        transformers_engine.use_fused_norms = lambda model: None
    make = ours.loader(path, 64)
    transformers_engine.use_onednn, transformers_engine.use_fused_norms = kept
    size = make(Sampling()).model.config.vocab_size

    def run(rows: int, prompt: int, new: int) -> Run:
        prompts = np.random.default_rng(1).integers(5, size, (rows, prompt)).tolist()
        stream = make(Sampling(temperature=1.0))
        stream.tree.in_lanes &= "attention" not in without
        began = time.process_time()
        tokens = ours.complete(stream, ours.requests(prompts, [new] * rows))
        return Run(time.process_time() - began, tokens)

    return run


if __name__ == "__main__":
    main()
