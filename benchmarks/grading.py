"""How fast responses are graded: the rule's own reading, judging and writing, from file to file."""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil

import measure
from thinkscale.data import contracts
from thinkscale.grading import grade_study

DRUGS = (
    *("Metformin", "Glyburide", "Acarbose", "Insulin", "Exenatide", "Ceftriaxone", "Azithromycin"),
    *("Vancomycin", "Lisinopril", "Hydrochlorothiazide", "Aspirin", "Clopidogrel", "Warfarin"),
    *("Iron deficiency anemia", "Pulmonary embolism", "Acute myocardial infarction"),
    *("Pericarditis", "Computed tomography of the head", "Lumbar puncture", "Hepatitis B vaccine"),
    *("Vitamin B12", "Disclose the error to the patient and document it in the chart"),
    "Observation",
)
REASONS = (
    "The patient is a {n}-year-old with a glucose of {m} mg/dL and ketones in the urine.",
    "Oral agents act too slowly here, and {m} mg/dL calls for something that acts at once.",
    "Renal function is normal, with a creatinine of {x} mg/dL, so most doses need no change.",
    "The ECG at {n} minutes shows no ST elevation, and troponin is {x} ng/mL.",
    "A history of {n} pack-years makes other causes less likely, although not impossible.",
    "Therefore the next step is treatment rather than another test ({m}).",
)
# How models end, with their share: text with {L} for the letter and {T} for its option's text.
ENDINGS = (
    (14, "Answer: {L}"),
    (12, "The answer is ({L})."),
    (10, "**{L}) {T}**"),
    (8, "\\boxed{{{L}}}"),
    (6, "$\\boxed{{\\text{{{L}}}}}$"),
    (6, "<answer>{L}</answer>"),
    (6, "{T}"),
    (6, "The most likely choice is {T}."),
    (5, "{L}. {T}"),
    (5, "I would choose {L}."),
    (4, '{{"answer": "{L}"}}'),
    (4, "A is too slow. B is unsafe.\n\nSo the final answer is {L} because it fits."),
    (3, "Answer: {L}\n\nWait, let me check the dose.\n\nAnswer: {L}"),
    (3, "{t}"),
    (3, "I cannot give medical advice in this case."),
    (3, "Both {L} and A are possible."),
    (2, "so we should consider"),
)


def bank(items: int, rng: random.Random) -> pd.DataFrame:
    """Items with four to ten options each."""
    rows = []
    for number in range(items):
        texts = rng.sample(DRUGS, rng.choice((4, 5, 5, 5, 6, 10)))
        options = [{"label": "ABCDEFGHIJ"[i], "text": text} for i, text in enumerate(texts)]
        rows.append((f"i{number}", options, rng.choice(options)["label"]))
    return pd.DataFrame(rows, columns=["item_id", "options", "key"]).assign(
        stem="", answer_text=None, difficulty=0.0, difficulty_raw=0.0, response_time=None,
        cluster_id=None, meta="{}",
    )  # fmt: skip


def answers(items: pd.DataFrame, count: int, rng: random.Random) -> Iterator[str]:
    """One answer text a response, all different, item after item."""
    endings, weights = zip(*[(text, share) for share, text in ENDINGS], strict=True)
    for number in range(count):
        options = items["options"].iat[number % len(items)]
        chosen = rng.choice(options)
        values = {"n": rng.randrange(18, 95), "m": number, "x": rng.random()}
        reasons = [r.format(**values) for r in rng.sample(REASONS, rng.randrange(1, 5))]
        reasons[0] = f"Step {number + 1}. {reasons[0]}"
        ending = rng.choices(endings, weights)[0].format(
            L=chosen["label"], T=chosen["text"], t=chosen["text"].lower()[:-1]
        )
        # Some open with the answer, most reason first and close with it.
        parts = [ending, *reasons] if number % 7 == 0 else [*reasons, ending]
        yield rng.choice((" ", "\n", "\n\n")).join(parts)


def write_study(folder: Path, items: int, count: int) -> None:
    """items.parquet and responses.parquet of a study with `count` responses."""
    rng = random.Random(0)
    asked = bank(items, rng)
    contracts.write(asked, folder / "items.parquet", "items")
    texts = list(answers(asked, count, rng))
    names = asked["item_id"].tolist()
    ledger = dict.fromkeys(contracts.LEDGER, 1)
    frame = pd.DataFrame(
        {
            "model": "m",
            "item_id": [names[n % items] for n in range(count)],
            "sample": [n // items for n in range(count)],
            "condition": "natural",
            **dict.fromkeys(("max_think", "min_think", "waits", "continuation", "truncate")),
            "no_think": False,
            **ledger,
            "stop": "natural",
            "answer_stop": "eos",
            "answer_from": "answer",
            "censored": False,
            "think_text": "Let me think.",
            "answer_text": texts,
            "seconds": 1.0,
            "engine": "hf",
            "exact_tokens": True,
            "error": None,
        }
    )
    contracts.write(frame, folder / "responses.parquet", "responses")


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--responses", type=int, default=1_000_000, help="responses to grade")
    parser.add_argument("--items", type=int, default=1000, help="items they answer")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2], help="that grade")
    parser.add_argument("--study", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.study is not None:
        grade(options.study, options.processes[0])
        return
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_study(folder, options.items, options.responses)
        measure.publish(section(folder, options.processes, options.repetitions))


def section(folder: Path, processes: list[int], repetitions: int) -> measure.Section:
    rows = []
    for count in processes:
        runs = [run(folder, count) for _ in range(repetitions)]
        grades = contracts.read(folder / "grades.parquet", "grades")
        seconds = [seconds for seconds, _, _ in runs]
        rows.append(
            {
                "processes": count,
                "responses": f"{len(grades):,}",
                "seconds": measure.spread(seconds),
                "processor seconds": measure.spread([used for _, used, _ in runs]),
                "responses/s": measure.spread([len(grades) / s for s in seconds]),
                "peak memory, MB": measure.spread([peak / 1e6 for _, _, peak in runs]),
            }
        )
    shares = grades["outcome"].value_counts(normalize=True)
    texts = contracts.read(folder / "responses.parquet", "responses", ["answer_text"])
    length = texts["answer_text"].str.len().mean()
    distinct = texts["answer_text"].nunique()
    outcomes = ", ".join(f"{100 * share:.0f}% {outcome}" for outcome, share in shares.items())
    return measure.Section(
        "grading",
        "Grading multiple choice",
        rows,
        [
            f"Median (range) of {repetitions} runs of a fresh process each, from start to end: "
            "import, reading items and responses, judging by `choice`, writing grades.",
            f"{distinct:,} distinct answers of {length:.0f} characters on average, "
            f"{len(ENDINGS)} ways of ending; {outcomes}.",
            "Memory is the sum over the process and its children of resident memory, looked at "
            "every 50 ms; pages that processes share count in each.",
        ],
    )


def run(folder: Path, processes: int) -> tuple[float, float, int]:
    """Seconds, processor seconds of all processes, and the largest memory in bytes."""
    command = [sys.executable, __file__, "--study", folder, "--processes", str(processes)]
    began = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)))
    watched, peak, used = psutil.Process(child.pid), 0, {}
    while child.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(process.memory_info().rss for process in family))
            used |= {process.pid: sum(process.cpu_times()[:2]) for process in family}
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.05)
    seconds = time.perf_counter() - began
    if child.returncode:
        raise SystemExit(f"grading failed ({child.returncode})")
    return seconds, sum(used.values()), peak


def grade(folder: Path, processes: int) -> None:
    grade_study(
        folder / "responses.parquet",
        contracts.read(folder / "items.parquet", "items"),
        folder / "grades.parquet",
        {"graders": ["choice"]},
        {"m": "Final Answer:"},
        processes=processes,
    )


if __name__ == "__main__":
    main()
