"""thinkscale's side of every benchmark, in one place."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from transformers import AutoTokenizer

from thinkscale.engines.base import Completion, Engine, Request, Usage, noise_key
from thinkscale.engines.journal import Journaled
from thinkscale.engines.transformers.engine import open_engine, versions
from thinkscale.engines.transformers.loading import Loading, open_checkpoint
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.engines.transformers.stream import Stream
from thinkscale.thinking.budget import Forcing
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.prompts import forcing
from thinkscale.thinking.think import think


def loader(
    directory: Path, batch_size: int, dtype: str = "float32", device: str = "cpu"
) -> Callable[[Sampling], Stream]:
    """Load the weights once; returns what makes a fresh engine on them."""
    checkpoint = open_checkpoint(directory, Loading(dtype=dtype, device=device))
    loaded = open_engine(checkpoint, Sampling(), batch_size)
    return lambda sampling: Stream(loaded.model, replace(loaded.settings, sampling=sampling))


@dataclass(frozen=True)
class SweepEngine:
    """What a sweep is run with; `make` gives a fresh engine on weights that are loaded."""

    make: Callable[[], Engine]
    forcing: Forcing
    decode: Callable[[Sequence[int]], str]


def sweep_engine(work: Mapping[str, Any]) -> SweepEngine:
    """Load what `work.sweep_work` asks for; greedy."""
    path, strings = Path(work["model"]), work["strings"]
    make = loader(path, work["batch_size"])
    tokenizer = AutoTokenizer.from_pretrained(path)
    forced = forcing(
        tokenizer,
        end=[strings["end"]],
        answer_prompt=strings["answer_prompt"],
        continuations=[strings["continuation"]],
        max_answer=work["max_answer"],
        max_swaps=8,
    )
    return SweepEngine(lambda: make(Sampling(temperature=0.0)), forced, tokenizer.decode)


@dataclass(frozen=True)
class Swept:
    """A finished sweep. seconds: of it all. in_journal: of them, spent in the journal's own code.

    recalled: tokens answered from the journal.
    """

    responses: pd.DataFrame
    usage: Usage
    seconds: float
    in_journal: float
    recalled: int


def run_sweep(work: Mapping[str, Any], using: SweepEngine, journal: Path | None) -> Swept:
    """Run the whole sweep with its journal in a directory, or without one."""
    began = perf_counter()
    inner = Timed(using.make())
    engine, kept = inner, None
    if journal is not None:
        opening = perf_counter()
        kept = Journaled(
            lambda: inner,
            journal,
            "benchmark",
            {},
            name=inner.name,
            exact_tokens=True,
            versions=versions(),
        )
        engine = Timed(kept, seconds=perf_counter() - opening)
    thought = think(
        "reasoner",
        {item: tuple(ids) for item, ids in work["prompts"].items()},
        sweep(max_think=work["budgets"], waits=work["waits"]),
        engine,
        using.forcing,
        using.decode,
        context=work["window"],
        samples=1,
        seed=1,
        in_flight=2 * work["batch_size"],
    )
    in_journal, recalled = 0.0, 0
    if kept is not None:
        closing = perf_counter()
        kept.close()
        in_journal = engine.seconds - inner.seconds + perf_counter() - closing
        recalled = kept.recalled
    return Swept(thought.responses, inner.usage(), perf_counter() - began, in_journal, recalled)


def requests(prompts: Sequence[Sequence[int]], lengths: Sequence[int]) -> list[Request]:
    """One row each: continue a prompt by so many tokens."""
    return [
        Request(tuple(prompt), length, (), noise_key(0, str(number), 0), 0)
        for number, (prompt, length) in enumerate(zip(prompts, lengths, strict=True))
    ]


def complete(engine: Engine, asked: Sequence[Request]) -> int:
    """Sample all that is asked and return the number of tokens drawn."""
    for ticket, request in enumerate(asked):
        engine.submit(ticket, request)
    sampled = missing = 0
    missing = len(asked)
    while missing:
        for ticket, completion in engine.step():
            engine.release(asked[ticket].noise)
            sampled += completion.sampled
            missing -= 1
    return sampled


@dataclass
class Timed:
    """An engine, and the seconds spent inside it."""

    engine: Engine
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def exact_tokens(self) -> bool:
        return self.engine.exact_tokens

    def submit(self, ticket: Hashable, request: Request) -> None:
        began = perf_counter()
        self.engine.submit(ticket, request)
        self.seconds += perf_counter() - began

    def step(self) -> list[tuple[Hashable, Completion]]:
        began = perf_counter()
        ended = self.engine.step()
        self.seconds += perf_counter() - began
        return ended

    def release(self, noise: bytes) -> None:
        began = perf_counter()
        self.engine.release(noise)
        self.seconds += perf_counter() - began

    def usage(self) -> Usage:
        return self.engine.usage()
