"""Tokens per second of best-of-N and beam search, against plain sampling on the same engine.

200 items in flight; by each kind of scorer. And how often a reward model reads a token.
"""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

import measure
from measure import Run, Section, in_turns, rates, ratio, spread
from ours_search import SCORERS, Searched, Searching, searching
from work import random_judge, search_work

PLAIN = ("plain sampling", None)
IN_FLIGHT = 200
Case = tuple[str, str | None]


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--items", type=int, default=IN_FLIGHT, help="items of the bank")
    parser.add_argument("--n", type=int, default=8, help="samples, and beams")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--scorers", nargs="+", default=list(SCORERS), help="any of these")
    options = parser.parse_args()
    measure.quiet()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as directory:
        work = search_work(options.items, random_judge(Path(directory)), [options.n])
        # A job has twice as many items in flight as rows.
        ready = searching(work, IN_FLIGHT // 2)
        cases = strategies(options.n, options.scorers)
        last: dict[Case, Searched] = {}
        runs = in_turns(
            {case: partial(run, ready, case, how, last) for case, how in cases.items()},
            options.repetitions,
        )
        measure.publish(section(runs, last, work, options.n))


def strategies(n: int, scorers: list[str]) -> dict[Case, dict[str, Any]]:
    found: dict[Case, dict[str, Any]] = {PLAIN: {"approach": "majority", "n": [n]}}
    for title, approach in (("best-of-N", "best_of_n"), ("beam search", "beam_search")):
        for scorer in scorers:
            found[title, scorer] = {"approach": approach, "n": [n], "scorer": scorer}
    return found


def run(ready: Searching, case: Case, strategy: Mapping[str, Any], last: dict) -> Run:
    last[case] = done = ready.run([strategy])
    return Run(done.seconds, done.usage.sampled)


def section(
    runs: Mapping[Case, list[Run]], last: Mapping[Case, Searched], work: Mapping[str, Any], n: int
) -> Section:
    plain = rates(runs[PLAIN])
    rows = []
    for (title, scorer), found in runs.items():
        done = last[title, scorer]
        bills = done.spent[done.spent["scorer"].notna()]
        distinct, uncached = bills["scored"].sum(), bills["scored_uncached"].sum()
        rows.append(
            {
                "strategy": title,
                "scorer": scorer or "-",
                "tokens per second": spread(rates(found)),
                "it / plain": ratio(rates(found), plain),
                "sampled": done.usage.sampled,
                "a pass": f"{done.usage.sampled / done.usage.passes:.0f}",
                "run / sampled": f"{done.usage.fed / done.usage.sampled:.2f}",
                "to judge": distinct,
                "run by the reward model": done.read or "-",
                "without a cache": uncached,
            }
        )
    return Section("search_rate", "Search beside plain sampling", rows, notes(work, runs, n))


def notes(work: Mapping[str, Any], runs: Mapping[Case, list[Run]], n: int) -> list[str]:
    return [
        f"{work['items']} items, at most {IN_FLIGHT} in flight in {IN_FLIGHT // 2} rows; N = {n}, "
        f"M = {work['beam_width']}; the calibration reasoner, fp32, temperature 1, "
        f"{torch.get_num_threads()} torch threads. Seconds are of a study's job: loading the "
        "models, sampling, judging, journals in a fresh directory, and frames.",
        "Tokens per second: those sampled. Stated quality reads no model: what it leaves of plain "
        "sampling's rate says how well batches stay filled. A likelihood runs the reasoner again, "
        "and the reward model, of the same shape with random weights, costs as much for every "
        "token it reads: that is work and not waiting.",
        "A pass: tokens sampled in a pass of the model. Run / sampled: tokens run through the "
        "model, prompts and what is put in among them; a likelihood's too. To judge: different "
        "beginnings that the scorer was to read, each one token more than another. Without a "
        "cache: tokens that reading each judged beginning anew would run.",
        f"Median (range) of {len(runs[PLAIN])} repetitions, in turns in one run. Ratios are taken "
        "within a repetition.",
    ]


if __name__ == "__main__":
    main()
