"""Tokens per second of thinkscale's engine and of `model.generate`, rows alike and rows unlike."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

import measure
import ours
from measure import Run, Section, in_turns, rates, ratio, spread, timed
from shapes import LLAMA_80M, random_model, without_ends
from thinkscale.engines.transformers.sampling import Sampling
from work import REASONER

BATCH = 64
PROMPT = 64
SHORT = 16
OURS = "thinkscale"
CACHES = {"dynamic": {}, "static": {"cache_implementation": "static"}}


@dataclass(frozen=True)
class Case:
    """lengths: new tokens of each row. temperature: 0 is greedy."""

    model: str
    rows: str
    lengths: tuple[int, ...]
    temperature: float

    @property
    def sampling(self) -> str:
        return "greedy" if self.temperature == 0 else f"temperature {self.temperature:g}"


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--models", nargs="+", default=["calibration", "80M"], help="of these two")
    options = parser.parse_args()
    measure.quiet()
    with tempfile.TemporaryDirectory() as directory:
        models = dict(made(Path(directory), options.models))
        rows = [
            row
            for name, path in models.items()
            for row in compare(path, cases(name), options.repetitions)
        ]
    measure.publish(section(rows, options.repetitions))


def made(directory: Path, names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        path = directory / name
        if name == "80M":
            random_model(LLAMA_80M, path)
        else:
            without_ends(REASONER, path)
        yield name, path


def cases(model: str) -> list[Case]:
    alike = (128,) * BATCH
    unlike = log_normal(128, most=128) if model == "80M" else log_normal(256, most=512)
    return [
        Case(model, "64, all alike", alike, 0.0),
        Case(model, "64, all alike", alike, 1.0),
        Case(model, f"{len(unlike)}, log-normal", unlike, 1.0),
    ]


def log_normal(rows: int, most: int) -> tuple[int, ...]:
    """Lengths as thinking has them: log-normal, sigma 0.8, median an eighth of the longest."""
    drawn = np.random.default_rng(0).lognormal(np.log(most / 8), 0.8, rows)
    return tuple(int(length) for length in np.clip(drawn, 1, most))


def compare(path: Path, tried: Sequence[Case], repetitions: int) -> list[dict[str, object]]:
    """A table row for each case and contender; threads are chosen on a short case."""
    make = ours.loader(path, BATCH)
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()

    def contenders(case: Case, caches: Sequence[str]) -> dict[str, Callable[[], Run]]:
        prompts = _prompts(len(case.lengths), model.config.vocab_size)
        others = {cache: _generate(model, prompts, case, CACHES[cache]) for cache in caches}
        return {OURS: _ours(make, prompts, case), **others}

    short = Case("", "", (SHORT,) * BATCH, 0.0)
    chosen = measure.choose_threads(contenders(short, list(CACHES)))
    threads = {name: found for name, (found, _) in chosen.items()}
    caches = list(CACHES)
    rows = []
    for case in tried:
        print(f"{case.model}: {case.rows}, {case.sampling} …", file=sys.stderr, flush=True)
        runs = in_turns(measure.at_threads(contenders(case, caches), threads), repetitions)
        mine = rates(runs[OURS])
        # The slower cache is shown once; it would take most of the time there is.
        caches = [max(caches, key=lambda name: median(rates(runs[name])))]
        rows += [
            {
                "model": case.model,
                "rows": case.rows,
                "sampling": case.sampling,
                "contender": name if name == OURS else f"generate, {name} cache",
                "threads": threads[name],
                "tokens per second": spread(rates(found)),
                "thinkscale / it": ratio(mine, rates(found)),
            }
            for name, found in runs.items()
        ]
    return rows


def section(rows: Sequence[dict[str, object]], repetitions: int) -> Section:
    return Section(
        "decode",
        "Tokens per second against model.generate",
        rows,
        [
            f"fp32, batch {BATCH}, prompts of {PROMPT} random tokens; prefill counted. Models "
            "never end by themselves, so all sample the same number of tokens.",
            "generate: with both caches in a model's first case, then with the faster one.",
            "calibration: the calibration reasoner (0.6 million parameters). 80M: a Llama of 16 "
            "layers, hidden size 512, vocabulary 32,000, random weights. All alike: 128 new "
            "tokens each.",
            "log-normal: sigma 0.8, median an eighth of the longest, which is 512 (calibration) or "
            "128 tokens (80M). generate takes the rows in batches, in the order given, and each "
            "batch runs to its longest row; what it samples beyond a row's length is not counted.",
            measure.how(repetitions),
        ],
    )


def _prompts(rows: int, vocabulary: int) -> list[list[int]]:
    return np.random.default_rng(1).integers(5, vocabulary, (rows, PROMPT)).tolist()


def _ours(make: Callable, prompts: Sequence[Sequence[int]], case: Case) -> Callable[[], Run]:
    asked = ours.requests(prompts, case.lengths)

    def run() -> Run:
        engine = make(Sampling(temperature=case.temperature))
        return timed(lambda: ours.complete(engine, asked))

    return run


def _generate(
    model: PreTrainedModel, prompts: Sequence[Sequence[int]], case: Case, extra: dict
) -> Callable[[], Run]:
    how = {"do_sample": False}
    if case.temperature:
        how = {"do_sample": True, "temperature": case.temperature, "top_k": 0, "top_p": 1.0}

    def all_batches() -> int:
        for start in range(0, len(prompts), BATCH):
            ids = torch.tensor(prompts[start : start + BATCH])
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max(case.lengths[start : start + BATCH]),
                pad_token_id=0,
                **how,
                **extra,
            )
        return sum(case.lengths)

    return lambda: timed(all_batches)


if __name__ == "__main__":
    main()
