"""Decoding on a GPU against the bound that memory bandwidth sets, by batch size.

A step has to read every weight once, and the keys and values of every row. A model of 1.5 billion
parameters (the shape of Qwen2.5-1.5B) with random weights in bfloat16.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import measure
import ours
from measure import Run, Section, in_turns, seconds, spread, timed
from shapes import QWEN2_1_5B, QWEN2_TINY, random_model
from thinkscale.engines.transformers.sampling import Sampling

PROMPT = 128
NEW = 256
BYTES = 2  # of a bfloat16
SHAPES = {"1.5B": QWEN2_1_5B, "tiny": QWEN2_TINY}


@dataclass(frozen=True)
class Bound:
    """bandwidth: bytes a second of a large copy, read and written. weights: bytes a step reads."""

    bandwidth: float
    weights: int
    token: int

    def step(self, batch: int, context: float) -> float:
        """Seconds that reading weights, keys and values takes at least."""
        return (self.weights + batch * context * self.token) / self.bandwidth


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--device", default="cuda", help="cpu only to see that this runs")
    parser.add_argument("--shape", default="1.5B", choices=SHAPES, help="of the model")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64, 256])
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("## Decoding on a GPU\n\n- Skipped: torch sees no GPU here.\n")
        return
    measure.quiet()
    shape = SHAPES[options.shape]
    with tempfile.TemporaryDirectory() as directory:
        with torch.device(options.device):
            parameters = random_model(shape, Path(directory), "bfloat16")
        bound = Bound(bandwidth(options.device), parameters * BYTES, key_value_bytes(shape))
        rows = [
            row(Path(directory), options.device, batch, bound, shape, options.repetitions)
            for batch in options.batches
        ]
    measure.publish(section(rows, bound, parameters, options.device, options.repetitions))


def bandwidth(device: str, size: int = 2**30) -> float:
    """Bytes a second that a large copy moves, read and written, the best of ten."""
    source = torch.zeros(size if device == "cuda" else size // 4, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)

    def copy() -> float:
        _wait(device)
        began = time.perf_counter()
        target.copy_(source)
        _wait(device)
        return time.perf_counter() - began

    return 2 * source.numel() / min(copy() for _ in range(10))


def key_value_bytes(shape: dict) -> int:
    """Bytes that the keys and values of one token take."""
    size = shape["hidden_size"] // shape["num_attention_heads"]
    return 2 * shape["num_hidden_layers"] * shape["num_key_value_heads"] * size * BYTES


def row(
    directory: Path, device: str, batch: int, bound: Bound, shape: dict, repetitions: int
) -> dict[str, object]:
    make = ours.loader(directory, batch, dtype="bfloat16", device=device)
    prompts = np.random.default_rng(0).integers(0, shape["vocab_size"], (batch, PROMPT)).tolist()

    def run(new: int) -> Run:
        engine = make(Sampling(temperature=1.0))
        asked = ours.requests(prompts, [new] * batch)
        return timed(lambda: ours.complete(engine, asked))

    def decoding() -> Run:
        """Without the prompts' own pass."""
        first, whole = run(1), run(NEW)
        return Run(whole.seconds - first.seconds, whole.tokens - first.tokens)

    run(8)
    found = in_turns({"ours": decoding}, repetitions)["ours"]
    steps = [time / (NEW - 1) for time in seconds(found)]
    least = bound.step(batch, PROMPT + NEW / 2)
    busy = gpu_busy(lambda: run(32)) if device == "cuda" else None
    return {
        "batch": batch,
        "tokens per second": spread([run.rate for run in found]),
        "bound": f"{batch / least:.0f}",
        "of the bound": f"{least / np.median(steps):.0%}",
        "step, ms": spread([1e3 * step for step in steps]),
        "GPU busy": "not told" if busy is None else f"{busy:.0%}",
        "limited by": limited_by(least / float(np.median(steps)), busy),
    }


def gpu_busy(work: Callable[[], object]) -> float:
    """Share of the wall time in which the GPU runs a kernel; profiling itself slows the host."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        _wait("cuda")
        began = time.perf_counter()
        work()
        _wait("cuda")
        wall = time.perf_counter() - began
    kernels = sum(event.self_device_time_total for event in profiled.key_averages())
    return kernels / 1e6 / wall


def limited_by(reached: float, busy: float | None) -> str:
    if busy is None:
        return "not told"
    if busy < 0.8:
        return "the host: the GPU waits for Python to launch its next kernel"
    return "memory bandwidth" if reached > 0.6 else "kernels that do not fill the GPU"


def section(
    rows: Sequence[dict[str, object]], bound: Bound, parameters: int, device: str, repetitions: int
) -> Section:
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    return Section(
        "gpu",
        "Decoding on a GPU",
        rows,
        [
            f"{name}; {parameters / 1e9:.2f} billion parameters, bfloat16, random weights, "
            f"temperature 1; prompts of {PROMPT} tokens, {NEW} new ones a row, the prompts' own "
            "pass subtracted.",
            f"Bound: {bound.weights / 1e9:.2f} GB of weights a step and {bound.token / 1e3:.1f} kB "
            f"of keys and values a token of context, at {bound.bandwidth / 1e9:.0f} GB/s (a copy "
            "of 1 GiB, bytes read and written, the best of ten).",
            "GPU busy: kernel time over wall time of a short run under torch's profiler.",
            f"Median (range) of {repetitions} repetitions.",
        ],
    )


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
