"""Best-of-N and beam search: one job that shares all it can, against a call for each step.

The same model, reward model, bank and sizes. What the contenders do: `contenders/step_calls.py`.
"""

import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import measure
from contenders.process import Contender, contender
from measure import Run, Section, in_turns, ratio, seconds, spread
from work import random_judge, search_work

TITLES = {
    "shared_search": "thinkscale, one job",
    "step_calls": "a call per step, one question at a time",
    "step_calls_wide": "a call per step, 25 questions at a time",
}


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--items", type=int, default=50, help="items of the bank")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16], help="N of each")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of each contender")
    parser.add_argument("--contenders", nargs="+", default=list(TITLES), help="any of these")
    options = parser.parse_args()
    measure.quiet()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        work = search_work(options.items, random_judge(Path(directory)), options.sizes)
        started = {
            name: stack.enter_context(contender(name, sys.executable, work))
            for name in dict.fromkeys(["shared_search", *options.contenders])
        }
        measure.publish(section(started, work, options.repetitions, options.threads))


def section(
    started: Mapping[str, Contender], work: Mapping[str, Any], repetitions: int, threads: int
) -> Section:
    last: dict[str, dict[str, Any]] = {}
    cpu: dict[str, list[float]] = {name: [] for name in started}

    def run(name: str) -> Run:
        last[name] = started[name].run(threads)
        cpu[name].append(last[name]["cpu"])
        return Run(last[name]["seconds"])

    runs = in_turns({name: partial(run, name) for name in started}, repetitions)
    ours = seconds(runs["shared_search"])
    rows = [
        {
            "contender": TITLES[name],
            "seconds": spread(seconds(found)),
            "it / thinkscale": ratio(seconds(found), ours),
            "CPU seconds, the same": ratio(cpu[name], cpu["shared_search"]),
            "tokens sampled": last[name]["sampled"],
            "run through the model": last[name]["run"],
            "run through the reward model": last[name]["read"],
        }
        for name, found in runs.items()
    ]
    return Section("search", "Search against a call for each step", rows, notes(work, runs))


def notes(work: Mapping[str, Any], runs: Mapping[str, list[Run]]) -> list[str]:
    sizes = ", ".join(map(str, work["sizes"]))
    repetitions = len(runs["shared_search"])
    return [
        f"Best-of-N and beam search (M = {work['beam_width']}, {work['rounds']} rounds at most) at "
        f"N = {sizes}, all together; {work['items']} items; the calibration reasoner, and a reward "
        "model of the same shape with random weights, both of 0.6 million parameters; fp32, "
        "temperature 1.",
        "thinkscale: the job of a study, with loading both models, its journals in a fresh "
        f"directory, and frames; {work['batch_size']} rows side by side. The best of 4 and of 8 "
        "are chosen from the 16 samples.",
        "A call per step: as its-hub and search-and-learn do it, on transformers; each N is a run "
        "of its own, best-of-N takes 25 questions at a time and beam search one; the reward model "
        "reads four texts at a time, each whole. 25 questions at a time: what neither does; the "
        "reward model reads 64 texts at a time.",
        "CPU seconds, the same: the ratio of the processes' CPU time, on which it tells less what "
        "else the machine does. Tokens run: padding counted, where there is any. Random weights "
        "judge at random: which beams are kept differs between contenders, what a beam costs does "
        "not.",
        f"Median (range) of {repetitions} repetitions, contenders in turns in one run, each on the "
        "same number of torch threads. Ratios are taken within a repetition.",
    ]


if __name__ == "__main__":
    main()
