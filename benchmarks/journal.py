"""What the journal costs: the sweep with and without it, and the time inside the journal itself."""

import tempfile
from pathlib import Path
from statistics import median

import torch

import measure
from measure import THREADS, Run, Section, in_turns, ratio, seconds, spread
from ours import SweepEngine, Swept, run_sweep, sweep_engine
from work import equally_spaced, sweep_work


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=11)
    parser.add_argument("--items", type=int, default=64, help="items of the bank")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=THREADS, help="torch threads, one table row each"
    )
    options = parser.parse_args()
    measure.quiet()
    work = sweep_work(options.items, equally_spaced(39, 16), waits=(1, 2, 3))
    using = sweep_engine(work)
    rows, notes = [], []
    for threads in options.threads:
        torch.set_num_threads(threads)
        found, notes = compare(work, using, options.repetitions)
        rows += [{"torch threads": threads, **row} for row in found]
    measure.publish(Section("journal", "The journal's share of a sweep", rows, notes))


def compare(
    work: dict, using: SweepEngine, repetitions: int
) -> tuple[list[dict[str, object]], list[str]]:
    """Rows of the table, and what to know of them, with torch's threads as they are set."""
    journaled: list[Swept] = []
    recalled: list[Swept] = []
    sizes: list[int] = []

    def without() -> Run:
        return Run(run_sweep(work, using, None).seconds)

    def first() -> Run:
        with tempfile.TemporaryDirectory() as directory:
            journaled.append(run_sweep(work, using, Path(directory)))
            sizes.append(sum(file.stat().st_size for file in Path(directory).iterdir()))
        return Run(journaled[-1].seconds)

    def again() -> Run:
        with tempfile.TemporaryDirectory() as directory:
            run_sweep(work, using, Path(directory))
            recalled.append(run_sweep(work, using, Path(directory)))
        return Run(recalled[-1].seconds)

    contenders = {"without a journal": without, "with a journal": first, "answered from it": again}
    for warm_up in contenders.values():
        warm_up()
    journaled.clear()
    recalled.clear()
    runs = in_turns(contenders, repetitions)
    plain = seconds(runs["without a journal"])
    inside = {
        "without a journal": "-",
        "with a journal": _percent([done.in_journal / done.seconds for done in journaled]),
        "answered from it": _percent([done.in_journal / done.seconds for done in recalled]),
    }
    rows = [
        {
            "sweep": name,
            "seconds": spread(seconds(found)),
            "times that without": ratio(seconds(found), plain),
            "of it inside the journal": inside[name],
        }
        for name, found in runs.items()
    ]
    sampled, kept = journaled[-1].usage.sampled, len(journaled[-1].responses)
    notes = [
        f"The sweep of `sweep.py`: {len(work['prompts'])} items, {kept} responses, {sampled} "
        f"tokens sampled; its journal has {median(sizes) / 1e3:.0f} kB, on the disk of the "
        "system's temporary files.",
        "Inside the journal: the time in its submit, step, release and close less the time in "
        "the engine's own, and opening it. The model is tiny, so that sampling is as cheap as "
        "it gets; with a larger one the share falls.",
        f"Answered from it: the same sweep again; {recalled[-1].recalled} tokens recalled, "
        f"{recalled[-1].usage.sampled} sampled.",
        f"Median (range) of {repetitions} repetitions, in turns in one run. Ratios are taken "
        "within a repetition.",
    ]
    return rows, notes


def _percent(shares: list[float]) -> str:
    low, mid, high = min(shares), median(shares), max(shares)
    return f"{mid:.1%} ({low:.1%}-{high:.1%})"


if __name__ == "__main__":
    main()
