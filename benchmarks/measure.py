"""Timing in turns, tables, and the page a benchmark writes: what every section here shares."""

import argparse
import csv
import gc
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
THREADS = (1, 2)


@dataclass(frozen=True)
class Run:
    """One timed run: wall seconds, and the tokens it made (0 where that is not the question)."""

    seconds: float
    tokens: int = 0

    @property
    def rate(self) -> float:
        """Tokens per second."""
        return self.tokens / self.seconds


@dataclass(frozen=True)
class Section:
    """A finished benchmark: a table, and sentences under it."""

    name: str
    title: str
    rows: Sequence[Mapping[str, object]]
    notes: Sequence[str]


def timed(work: Callable[[], int | None]) -> Run:
    """Run `work`, which may return the number of tokens it made, and time it."""
    began = time.perf_counter()
    tokens = work()
    return Run(time.perf_counter() - began, tokens or 0)


def in_turns(contenders: Mapping[str, Callable[[], Run]], repetitions: int) -> dict[str, list[Run]]:
    """Run every contender once per repetition, another one first each time.

    Whatever else the machine does then falls on all of them alike; ratios are taken within a
    repetition (`ratio`). This process's garbage is collected before each run: with torch loaded
    that takes a quarter of a second, and would fall on whichever run fills Python's count.
    """
    runs: dict[str, list[Run]] = {name: [] for name in contenders}
    names = list(contenders)
    for repetition in range(repetitions):
        first = repetition % len(names)
        for name in names[first:] + names[:first]:
            gc.collect()
            runs[name].append(contenders[name]())
    return runs


def best_threads(
    run: Callable[[int], Run], tries: int = 4, least: float = 5.0
) -> tuple[int, float]:
    """The number of threads a contender is fastest with, and its seconds then.

    So many tries of each, and of short runs as many as fill `least` seconds. They warm it up as
    well; the best of them counts.
    """
    choices = [n for n in THREADS if n <= (os.cpu_count() or 1)]
    found = {n: [] for n in choices}
    while len(found[choices[-1]]) < tries or min(map(sum, found.values())) < least:
        for threads in reversed(choices):
            found[threads].append(run(threads).seconds)
    best = min(choices, key=lambda threads: min(found[threads]))
    return best, min(found[best])


def choose_threads(contenders: Mapping[str, Callable[[], Run]]) -> dict[str, tuple[int, float]]:
    """`best_threads` of each contender, torch's."""
    return {name: best_threads(partial(_run, run)) for name, run in contenders.items()}


def at_threads(
    contenders: Mapping[str, Callable[[], Run]], threads: Mapping[str, int]
) -> dict[str, Callable[[], Run]]:
    """The contenders, each made to run with its number of torch threads."""
    return {name: partial(_run, run, threads[name]) for name, run in contenders.items()}


def _run(run: Callable[[], Run], threads: int) -> Run:
    import torch

    torch.set_num_threads(threads)
    return run()


def how(repetitions: int) -> str:
    """The note every table of timings has."""
    return (
        f"Median (range) of {repetitions} repetitions, contenders in turns in one run; each with "
        "the number of torch threads it was fastest with, of one and two. Ratios are taken within "
        "a repetition."
    )


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median and range, e.g. `1.23 (1.20-1.31)`, to significant digits."""
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{_short(mid, digits)} ({_short(low, digits)}-{_short(high, digits)})"


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """Median and range of the ratios within repetitions."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def seconds(runs: Sequence[Run]) -> list[float]:
    return [run.seconds for run in runs]


def rates(runs: Sequence[Run]) -> list[float]:
    return [run.rate for run in runs]


def quiet() -> None:
    """Keep progress bars and advice of the libraries out of the tables."""
    warnings.filterwarnings("ignore", message=".*names no token that ends a turn.*")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def machine() -> list[str]:
    """What the figures were measured on; no names of hosts or people."""
    found = [f"CPU {_cpu_model()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB memory"]
    found.append(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}")
    versions = (f"{name} {_version(name)}" for name in ("torch", "transformers", "tokenizers"))
    found.append(", ".join(versions))
    return found


def publish(section: Section) -> None:
    """Print a section and write it to results/ as a page and as a table."""
    page = as_markdown(section)
    print(page)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{section.name}.md").write_text(page)
    if section.rows:
        with open(RESULTS / f"{section.name}.csv", "w", newline="") as file:
            table = csv.DictWriter(file, fieldnames=list(section.rows[0]))
            table.writeheader()
            table.writerows(section.rows)


def as_markdown(section: Section) -> str:
    lines = [f"## {section.title}", ""]
    if section.rows:
        columns = list(section.rows[0])
        cells = [columns, *[[str(row[column]) for column in columns] for row in section.rows]]
        widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
        texts = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in cells]
        rule = "|".join("-" * (w + 2) for w in widths)
        lines += [f"| {texts[0]} |", f"|{rule}|", *[f"| {text} |" for text in texts[1:]], ""]
    lines += [f"- {note}" for note in section.notes]
    lines += [f"- Measured on: {'; '.join(machine())}.", ""]
    return "\n".join(lines)


def arguments(description: str, repetitions: int) -> argparse.ArgumentParser:
    """A parser with what every section takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        "--repetitions", type=int, default=repetitions, help="timed runs of each contender"
    )
    return parser


def _short(value: float, digits: int) -> str:
    whole = len(str(int(abs(value))))
    return f"{value:.{max(0, digits - whole)}f}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(none)"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
