"""vLLM, offline: one chain per item against s1's way, a run per condition, on the same engine.

With `--model calibration` on a CPU, in the environment that `make test-vllm` makes; with
`--model 1.5B` on a GPU, where tokens per second by rows are measured as well. The 1.5B model has
random weights: a token in 500 is taken for the end of its thinking.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import measure
from measure import Run, Section, in_turns, ratio, seconds, spread, timed
from thinkscale.engines.base import Engine, Ids, Request, Sampling, noise_key
from thinkscale.engines.drive import Asking, drive
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.vllm import open_engine, versions
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import Condition, sweep
from thinkscale.thinking.prompts import forcing
from thinkscale.thinking.think import think

WAITS = (1, 2, 3)
END_EVERY = 500  # tokens, of the random model


@dataclass(frozen=True)
class Study:
    """What both ways do. budgets, waits: those of the conditions, with the natural one."""

    prompts: Mapping[str, Ids]
    conditions: Mapping[str, Condition]
    forcing: Forcing
    context: int

    def tokens(self, engine: Engine, conditions: Mapping[str, Condition]) -> int:
        """Think about every item under these conditions; returns the tokens sampled."""
        before = engine.usage().sampled
        think(
            "model", self.prompts, conditions, engine, self.forcing, lambda ids: "",
            context=self.context, samples=1, seed=1, in_flight=len(self.prompts),
        )  # fmt: skip
        return engine.usage().sampled - before

    def alone(self, engine: Engine, condition: Condition) -> int:
        """Run one condition by itself, its thinking no longer than its budget."""
        if condition.max_think is None:
            return self.tokens(engine, {"alone": condition})
        before = engine.usage().sampled
        rows = (
            (item, self._cut(prompt, noise_key(1, item, 0), condition.max_think))
            for item, prompt in self.prompts.items()
        )
        for _ in drive(rows, engine, len(self.prompts)):
            pass
        return engine.usage().sampled - before

    def _cut(self, prompt: Ids, noise: bytes, budget: int) -> Asking[None]:
        forced = self.forcing
        [said] = yield [Request(prompt, budget, forced.think_end, noise, 0)]
        cut = said.stop == "length"
        end = forced.forced_end(said.ids) if cut else forced.think_end[0]
        yield [Request(prompt + said.ids + end, forced.max_answer, (), noise, said.sampled)]


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--model", choices=("calibration", "1.5B"), default="calibration")
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--budgets", type=int, default=16, help="equally spaced budgets")
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="measure decoding of these")
    parser.add_argument("--option", nargs="*", default=[], help="of vLLM's EngineArgs, name=value")
    options = parser.parse_args()
    measure.quiet()
    chosen = dict(option.split("=", 1) for option in options.option)
    with tempfile.TemporaryDirectory() as directory:
        if options.model == "calibration":
            study, path = calibration(options.items, options.budgets)
            how = ("float32", "cpu", 0.0)
        else:
            study, path = random_weights(options.items, options.budgets, Path(directory))
            how = ("bfloat16", "cuda", 1.0)
        began = time.perf_counter()
        engine = opened(path, *how, study.context, max([options.items, *options.rows]), chosen)
        start = time.perf_counter() - began
        if options.rows:
            measure.publish(decoding(engine, path, options.rows, options.repetitions))
        measure.publish(one_chain(engine, study, options.model, options.repetitions, start))


def opened(
    path: Path, dtype: str, device: str, temperature: float, context: int, rows: int, chosen: dict
) -> Engine:
    checkpoint = open_checkpoint(path, Loading(dtype=dtype, device=device), context)
    own = {"tensor_parallel": 1, "pipeline_parallel": 1, "memory_share": 0.85}
    settings = {
        "memory": None,
        "trust_remote_code": False,
        "vllm": {**own, "sequences": rows, "options": chosen},
    }
    return open_engine(checkpoint, Sampling(temperature=temperature), settings)


def calibration(items: int, budgets: int) -> tuple[Study, Path]:
    """The sweep of `sweep.py`, on the calibration reasoner."""
    from transformers import AutoTokenizer

    from work import equally_spaced, sweep_work

    work = sweep_work(items, equally_spaced(90, budgets), WAITS)
    strings, path = work["strings"], Path(work["model"])
    forced = forcing(
        AutoTokenizer.from_pretrained(path), end=[strings["end"]],
        answer_prompt=strings["answer_prompt"], continuations=[strings["continuation"]],
        max_answer=work["max_answer"], max_swaps=8,
    )  # fmt: skip
    conditions = sweep(max_think=work["budgets"], waits=work["waits"])
    prompts = {item: tuple(ids) for item, ids in work["prompts"].items()}
    return Study(prompts, conditions, forced, work["window"]), path


def random_weights(items: int, budgets: int, directory: Path) -> tuple[Study, Path]:
    """Budgets up to 1,024 tokens, prompts of 128 and answers of 32."""
    import torch

    from shapes import QWEN2_1_5B, random_model
    from work import equally_spaced

    with torch.device("cuda"):
        random_model(QWEN2_1_5B, directory, "bfloat16")
    torch.cuda.empty_cache()
    vocabulary = QWEN2_1_5B["vocab_size"]
    rng = np.random.default_rng(0)
    ends = rng.choice(vocabulary, vocabulary // END_EVERY, replace=False).tolist()
    prompts = {f"item {n}": tuple(rng.integers(0, vocabulary, 128).tolist()) for n in range(items)}
    forced = Forcing(
        think_end=tuple((token,) for token in ends), newline=(1,), answer_prompt=(2, 3),
        continuations={"Wait": (4,)}, ends_in_newline=lambda ids: False, max_answer=32,
        max_swaps=8,
    )  # fmt: skip
    conditions = sweep(max_think=equally_spaced(1024, budgets), waits=WAITS)
    return Study(prompts, conditions, forced, 4096), directory


def one_chain(engine: Engine, study: Study, model: str, repetitions: int, start: float) -> Section:
    """start: seconds that opening the engine took, which each process of s1's way spends again."""

    def at_once() -> int:
        return study.tokens(engine, study.conditions)

    def run_by_run() -> int:
        return sum(study.alone(engine, condition) for condition in study.conditions.values())

    forget = engine.engine.reset_prefix_cache
    contenders = {"one chain": at_once, "a run per condition": run_by_run}

    def run(work: Any) -> Run:
        forget()
        return timed(work)

    run(at_once)
    found = in_turns({n: lambda w=work: run(w) for n, work in contenders.items()}, repetitions)
    fewest = seconds(found["one chain"])
    starts = {"one chain": start, "a run per condition": start * len(study.conditions)}
    whole = {name: [one + starts[name] for one in seconds(runs)] for name, runs in found.items()}
    rows = [
        {
            "way": name,
            "seconds": spread(seconds(runs)),
            "it / one chain": ratio(seconds(runs), fewest),
            "tokens sampled": runs[-1].tokens,
            "tokens / one chain": f"{runs[-1].tokens / found['one chain'][-1].tokens:.2f}",
            "seconds with starts": spread(whole[name]),
            "with starts / one chain": ratio(whole[name], whole["one chain"]),
        }
        for name, runs in found.items()
    ]
    title = f"vLLM: {len(study.conditions)} conditions of {len(study.prompts)} items, {model}"
    return Section(
        f"vllm-{model}",
        title,
        rows,
        [
            f"{device_name()}; {versions()}. Natural thinking, "
            f"{sum(c.max_think is not None for c in study.conditions.values())} equally spaced "
            f"budgets and {len(WAITS)} numbers of waits; all rows in flight.",
            "A run per condition, as s1 does it: each thinks from the prompt to its budget or its "
            "end and answers, on the same engine, warm and with prefix caching; the cache is "
            f"emptied before each repetition. Opening the engine took {start:.1f} s: once for one "
            "chain, and once a run where each is a process of its own, as s1's commands are.",
            f"Median (range) of {repetitions} repetitions, in turns in one run.",
        ],
    )


def decoding(engine: Engine, path: Path, counts: list[int], repetitions: int) -> Section:
    """Tokens per second by rows, as `gpu.py` measures the transformers engine."""
    import ours  # only now: vLLM for CPUs does not open beside numba, which this brings in
    from gpu import NEW, PROMPT, Bound, bandwidth, key_value_bytes
    from shapes import QWEN2_1_5B

    weights = sum(file.stat().st_size for file in path.glob("*.safetensors"))
    bound = Bound(bandwidth("cuda", 2**28), weights, key_value_bytes(QWEN2_1_5B))
    rng, rows = np.random.default_rng(0), []
    for count in counts:

        def run(new: int, count: int = count) -> Run:
            prompts = rng.integers(0, QWEN2_1_5B["vocab_size"], (count, PROMPT)).tolist()
            asked = ours.requests(prompts, [new] * count)
            return timed(lambda: ours.complete(engine, asked))

        run(8)
        found = []
        for _ in range(repetitions):
            first, whole = run(1), run(NEW)
            found.append(Run(whole.seconds - first.seconds, whole.tokens - first.tokens))
        steps = [one / (NEW - 1) for one in seconds(found)]
        least = bound.step(count, PROMPT + NEW / 2)
        rows.append(
            {
                "rows": count,
                "tokens per second": spread([one.rate for one in found]),
                "bound": f"{count / least:.0f}",
                "of the bound": f"{least / np.median(steps):.0%}",
                "step, ms": spread([1e3 * step for step in steps]),
            }
        )
    notes = [
        f"{device_name()}; {versions()}; the 1.5B shape, bfloat16, random weights, temperature 1 "
        f"with a seed for each row; prompts of {PROMPT} tokens, {NEW} new ones a row, the prompts' "
        "own pass subtracted. The bound is that of `gpu.py`.",
        f"Median (range) of {repetitions} repetitions.",
    ]
    return Section("vllm-decoding", "vLLM: decoding on a GPU", rows, notes)


def device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


if __name__ == "__main__":
    main()
