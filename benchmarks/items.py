"""A large bank to a small subset: seconds and memory of reading, checking and drawing from it."""

import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import measure
from measure import Section, spread

COLUMNS = ["id", "question", *"ABCDE", "answer", "difficulty", "seconds", "passage", "kind"]
SETTINGS = {
    "n": 200,
    "strata": 5,
    "exclude": [{"column": "kind", "values": ["PIX"]}],
    "cleaning": {"missing_key": "drop", "duplicates": "drop"},
    "difficulty_scale": "z",
}
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi")
WORDS = [a + b + c for a in SYLLABLES for b in SYLLABLES for c in ("n", "s", "ra")]


def rows(n: int, seed: int = 1) -> Iterator[list]:
    """Questions of some 60 words with five options; some excluded, repeated, broken or incomplete.

    One in 20 needs a picture, one in 50 has no difficulty, one in 100 mojibake, one in 200 repeats
    the question before, one in 1000 has no key.
    """
    rng = random.Random(seed)
    question, options = "", [""] * 5
    for i in range(n):
        if not i or i % 200:
            question = " ".join(rng.choices(WORDS, k=60)) + f" in case {rng.randrange(10**9)}?"
            options = [f"{a} {b} {k}" for k, (a, b) in enumerate(_pairs(rng))]
        shown = question if i % 100 != 50 else f"{question} 39.0 \u00c2\u00b0C"
        difficulty = "" if i % 50 == 1 else f"{rng.gauss(0, 1):.4f}"
        key = "" if i % 1000 == 3 else rng.choice("ABCDE")
        kind = "PIX" if i % 20 == 7 else "Text"
        seconds = f"{rng.expovariate(1 / 80):.1f}"
        yield [f"q{i}", shown, *options, key, difficulty, seconds, f"p{i // 3}", kind]


def _pairs(rng: random.Random) -> Iterator[tuple[str, str]]:
    words = rng.choices(WORDS, k=10)
    return zip(words[::2], words[1::2], strict=True)


def write(path: Path, n: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows(rows(n))
            return
        for cells in rows(n):
            record = dict(zip(COLUMNS, cells, strict=True))
            record["difficulty"] = float(record["difficulty"]) if record["difficulty"] else None
            record["options"] = {label: record.pop(label) for label in "ABCDE"}
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def settings(path: Path) -> dict:
    """The key `items` of a study on this file."""
    options = {"option_columns": list("ABCDE")} if path.suffix == ".csv" else {"options": "options"}
    columns = {
        **options,
        "item_id": "id",
        "stem": "question",
        "key": "answer",
        "response_time": "seconds",
        "cluster": "passage",
    }
    return {"source": str(path), "columns": columns, **SETTINGS}


def prepare(path: Path) -> None:
    """Prepare the items in this process, and print what it took as JSON."""
    from thinkscale.config.items import Items
    from thinkscale.items.bank import prepare_items

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, busy = time.perf_counter(), time.process_time()
    found = prepare_items(Items(**settings(path)), 1, path.with_suffix(".report"))
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "seconds": seconds,
                "busy": busy,
                "before": before / 1024,
                "peak": peak / 1024,
                "studied": len(found.items),
                "lost": int(found.facts.query("measure in ('excluded', 'dropped')")["n"].sum()),
                "report": sum(1 for _ in path.with_suffix(".report").open(encoding="utf-8")) - 1,
            }
        )
    )


def measured(path: Path, repetitions: int) -> list[dict]:
    """The runs on one file, each in a fresh process."""
    command = [sys.executable, __file__, "--prepare", str(path)]
    done = [subprocess.run(command, check=True, stdout=subprocess.PIPE) for _ in range(repetitions)]
    return [json.loads(run.stdout) for run in done]


def section(sizes: list[int], repetitions: int) -> Section:
    table = []
    with tempfile.TemporaryDirectory() as directory:
        for suffix in (".csv", ".jsonl"):
            for n in sizes:
                path = Path(directory, f"bank{suffix}")
                write(path, n)
                runs = measured(path, repetitions)
                table.append(
                    {
                        "file": suffix[1:],
                        "items": f"{n:,}",
                        "MB": f"{path.stat().st_size / 1e6:.0f}",
                        "seconds": spread([run["seconds"] for run in runs]),
                        "of it the CPU's": spread([run["busy"] for run in runs]),
                        "peak MiB": spread([run["peak"] for run in runs]),
                        "of it imports": spread([run["before"] for run in runs]),
                        "left out": f"{runs[-1]['lost']:,}",
                        "lines of report": f"{runs[-1]['report']:,}",
                    }
                )
                path.unlink()
    return Section(
        "items",
        "A large bank to 200 items",
        table,
        [
            "Questions of some 60 words with five options; 1 in 20 excluded, 1 in 1,000 without a "
            "key and dropped, exact duplicates found and dropped; difficulty as z over the bank, "
            "200 items drawn evenly from fifths of difficulty. Every row is checked.",
            f"Median (range) of {repetitions} runs, each in a fresh process that works on one "
            "core; seconds without imports, memory the peak of the process's resident set. Where "
            "the CPU's share of the seconds is small, the machine was busy with something else.",
        ],
    )


def main() -> None:
    parser = measure.arguments(__doc__, repetitions=3)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 1_000_000], help="rows")
    parser.add_argument("--prepare", type=Path, help="prepare this file and print what it took")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare)
    else:
        measure.publish(section(options.items, options.repetitions))


if __name__ == "__main__":
    main()
