"""A whole sweep: thinkscale's one chain per item against one full run per condition.

The same model, 64 items, natural thinking, 16 budgets and one to three waits, greedy, so that all
contenders do comparable work. lm-evaluation-harness is installed into an environment of its own
beside this file.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import measure
from contenders.process import Contender, contender
from measure import HERE, Run, Section, in_turns, ratio, seconds, spread
from work import MAX_ANSWER, equally_spaced, sweep_work

OURS = "thinkscale, one chain"
TITLES = {
    "one_chain": OURS,
    "generate": "model.generate, dynamic cache",
    "generate_static": "model.generate, static cache",
    "lm_eval_two_calls": "lm-eval, think and answer",
    "lm_eval_one_call": "lm-eval, one call",
}
LM_EVAL = "lm_eval[hf]==0.4.13"
ENVIRONMENT = HERE / ".venv-lm-eval"


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=9)
    parser.add_argument("--items", type=int, default=64, help="items of the bank")
    parser.add_argument("--budgets", type=int, default=16, help="equally spaced budgets")
    parser.add_argument("--contenders", nargs="+", default=list(TITLES), help="any of these")
    options = parser.parse_args()
    measure.quiet()
    names = list(dict.fromkeys(["one_chain", *options.contenders]))
    pythons = {name: Path(sys.executable) for name in names}
    if missing := [name for name in names if name.startswith("lm_eval")]:
        pythons |= dict.fromkeys(missing, lm_eval_python())

    lengths = natural_lengths(options.items)
    longest = quantiles(lengths, n=20)[-1]
    work = sweep_work(options.items, equally_spaced(longest, options.budgets), waits=(1, 2, 3))
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(contender(name, pythons[name], work)) for name in names
        }
        measure.publish(section(started, work, lengths, options.repetitions))


def natural_lengths(items: int) -> list[int]:
    """Tokens of natural thinking, by item."""
    from transformers import AutoTokenizer

    work = sweep_work(items)
    tokenizer = AutoTokenizer.from_pretrained(work["model"])
    with contender("one_chain", sys.executable, work) as ours:
        natural = ours.run(1)["responses"]["natural"]
    return [
        len(tokenizer(thinking, add_special_tokens=False).input_ids)
        for thinking, _ in natural.values()
    ]


def section(
    started: Mapping[str, Contender],
    work: Mapping[str, Any],
    lengths: Sequence[int],
    repetitions: int,
) -> Section:
    last: dict[str, dict[str, Any]] = {}

    def run(name: str, threads: int) -> Run:
        last[name] = started[name].run(threads)
        return Run(last[name]["seconds"])

    threads = {name: measure.best_threads(partial(run, name))[0] for name in started}
    runs = in_turns({n: partial(run, n, threads[n]) for n in started}, repetitions)
    ours = seconds(runs["one_chain"])
    conditions = 1 + len(work["budgets"]) + len(work["waits"])
    rows = []
    for name, found in runs.items():
        same_thinking, same_answers = identical(last["one_chain"], last[name])
        startup, alone = started[name].startup, 1 if name == "one_chain" else conditions
        rows.append(
            {
                "contender": TITLES[name],
                "threads": threads[name],
                "seconds": spread(seconds(found)),
                "it / thinkscale": ratio(seconds(found), ours),
                "tokens sampled": last[name]["sampled"] or "not told",
                "thinking as ours": same_thinking,
                "answers as ours": same_answers,
                "start-up, s": f"{startup:.1f}",
                "whole process, s": f"{startup + median(seconds(found)):.1f}",
                "a process each, s": f"{alone * startup + median(seconds(found)):.0f}",
            }
        )
    title = f"A sweep of {conditions} conditions"
    return Section("sweep", title, rows, notes(work, lengths, repetitions))


def identical(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[str, str]:
    """Shares of (condition, item) with the same thinking, and with the same answer, by text."""
    if not theirs["responses"]:
        return "not asked", "not asked"
    pairs = [
        (mine, theirs["responses"][condition][item])
        for condition, found in ours["responses"].items()
        for item, mine in found.items()
    ]
    thinking = sum(mine[0] == other[0] for mine, other in pairs) / len(pairs)
    answers = sum(mine[1].strip() == other[1].strip() for mine, other in pairs) / len(pairs)
    return f"{thinking:.1%}", f"{answers:.1%}"


def notes(work: Mapping[str, Any], lengths: Sequence[int], repetitions: int) -> list[str]:
    budgets = work["budgets"]
    return [
        f"Calibration reasoner (0.6 million parameters), fp32, {len(lengths)} items, batch "
        f"{work['batch_size']}, greedy, answers of at most {MAX_ANSWER} tokens. Conditions: "
        f"natural (median {median(lengths):.0f} thinking tokens, longest {max(lengths)}); "
        f"{len(budgets)} budgets up to the 95th percentile of that ({budgets[0]} to "
        f"{budgets[-1]}); 1, 2 and 3 waits.",
        "thinkscale: `think()` with its journal in a fresh directory, responses as frames. "
        "generate: for each condition, think with the stop token, append what is forced, answer; "
        "batched, left-padded, with cache. lm-eval: its own HFLM.generate_until, twice per "
        "condition (more for waits).",
        "lm-eval, one call: does less than the sweep. One generate_until per condition with the "
        "budget as its limit; nothing is forced, a wait is a natural run.",
        "Seconds are of generation alone. Start-up: from starting the process to the model being "
        "loaded. Whole process: both, all conditions in one process. A process each: a process "
        "per condition, as from a command line (start-ups computed from the one measured).",
        "Tokens sampled: each row's up to its end. Thinking, answers as ours: share of all "
        "conditions and items whose text equals thinkscale's. lm-eval tokenises text again, and "
        "cannot tell thinking that ended exactly at its budget from thinking that was cut.",
        f"lm-eval {LM_EVAL.partition('==')[2]}, same torch and transformers.",
        measure.how(repetitions),
    ]


def lm_eval_python() -> Path:
    """The Python of an environment with lm-eval and the very torch that runs here."""
    python = ENVIRONMENT / "bin" / "python"
    done = ENVIRONMENT / ".installed"
    if not done.exists():
        print(f"installing lm-evaluation-harness into {ENVIRONMENT} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        # The exact build: where this one is for CPUs, no GPU build comes in.
        exact = [f"{name}=={version(name)}" for name in ("torch", "transformers", "tokenizers")]
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = ["--constraint", HERE.parent / "constraints.txt", *exact, LM_EVAL]
        subprocess.run([*install, *wanted], check=True)
        done.touch()
    return python


if __name__ == "__main__":
    main()
