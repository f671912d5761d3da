"""Coverage of every interval and size of every test, on studies simulated with a known truth.

Writes docs/calibration-of-statistics.csv and, from it, the page of that name. A setting whose
numbers are there already, from the same code and from as many studies, is not simulated again: what
was stopped goes on where it was.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import simulated
from simulated import Analysis, Reading
from thinkscale.data.digest import combined_sha256, file_sha256, library_digest
from thinkscale.data.files import replacing
from thinkscale.data.seeds import generator

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "workflow" / "thinkscale"
DOCS = HERE.parent / "docs"
PAGE = "calibration-of-statistics"
BLOCK = 25  # studies that a process does at a time
COVERAGE, SIZE = (0.93, 0.97), (0.04, 0.06)
COUNTS = ["studies", "intervals", "below", "above", "width", "tests", "rejected"]
COLUMNS = ["analysis", "setting", "measure", "null", *COUNTS, "code"]

PREFACE = """\
# Calibration of the statistics

How often the intervals of the tables hold the truth, and how often their tests reject what is true,
on studies that are simulated with a known truth. `make calibrate-statistics` makes this page; the
numbers behind it are in [calibration-of-statistics.csv](calibration-of-statistics.csv).

Coverage is of 95 % intervals, size of tests at 5 %; both in per cent, ± their Monte Carlo standard
error. *below* and *above* say in how many studies the truth lay on that side of the interval;
*none* in how many there was no interval, and the table said why. What falls outside 93–97 % or
4–6 % is in **bold**, with the reason under the table; at 1,000 studies chance alone puts a size of
5 % outside now and then. A setting has 2,000 studies, or fewer where one is dear. Where resampling
has fewer draws than the 2,000 and more of a real study, this is named; intervals lose some tenths
of a per cent by it.
"""


def setting_name(setting: dict) -> str:
    """A setting as the page writes it."""
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def code_digest(name: str, analysis: Analysis) -> str:
    """Changes with the code that decides an analysis' numbers; not with what the page says."""
    own = [f"stats/{name}.py"] if (LIBRARY / "stats" / f"{name}.py").exists() else []
    library = library_digest(LIBRARY, [*own, *analysis.code, "stats/core"])
    here = HERE / "simulated"
    shared = [(file.name, file_sha256(file)) for file in here.glob("_*.py")]
    study = (here / f"{name}.py").read_text(encoding="utf-8").partition("\nANALYSIS =")[0]
    return combined_sha256([("library", library), *shared, ("study", study)])[:16]


def simulate(task: tuple[str, int, int, int]) -> dict[tuple[str, bool], Counter]:
    """Counts by measure, and whether its null is true, of studies first..last of one setting."""
    name, place, first, last = task
    analysis = simulated.analyses()[name]
    setting = analysis.settings[place]
    counts: dict[tuple[str, bool], Counter] = defaultdict(Counter)
    for number in range(first, last):
        rng = generator(number, name, setting_name(setting))
        for reading in analysis.study(rng, **setting):
            counts[reading.measure, reading.null].update(count(reading))
    return counts


def count(reading: Reading) -> dict[str, float]:
    """One study's part in a row of the table."""
    found = {"studies": 1}
    if math.isfinite(reading.lower) and math.isfinite(reading.truth):
        slack = 1e-12  # a bound at the truth holds it, however it was rounded
        found |= {
            "intervals": 1,
            "below": int(reading.truth < reading.lower - slack),
            "above": int(reading.truth > reading.upper + slack),
            "width": reading.upper - reading.lower,
        }
    if math.isfinite(reading.p):
        found |= {"tests": 1, "rejected": int(reading.p <= 0.05)}
    return found


def rows(name: str, analysis: Analysis, place: int, counts: dict, code: str) -> Iterator[dict]:
    """The rows of one setting."""
    first = {"analysis": name, "setting": setting_name(analysis.settings[place])}
    for (measure, null), counted in counts.items():
        found = {column: counted.get(column, 0) for column in COUNTS}
        yield {**first, "measure": measure, "null": null, **found, "code": code}


def outdated(
    table: pd.DataFrame, name: str, analysis: Analysis, code: str, studies: int
) -> list[int]:
    """Places of the settings whose numbers are not there."""
    mine = table[(table["analysis"] == name) & (table["code"] == code)]
    done = mine.groupby("setting")["studies"].max()
    names = [setting_name(setting) for setting in analysis.settings]
    return [place for place, known in enumerate(names) if done.get(known, 0) < studies]


def run(names: list[str], studies: int | None, processes: int, to: Path) -> None:
    """Simulate what is not there yet, and write it after each setting."""
    known, file = simulated.analyses(), to / f"{PAGE}.csv"
    table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=COLUMNS)
    codes = {name: code_digest(name, known[name]) for name in names}
    work = []
    for name in names:
        wanted = studies or known[name].studies
        for place in outdated(table, name, known[name], codes[name], wanted):
            ends = range(0, wanted, BLOCK)
            work += [(name, place, first, min(first + BLOCK, wanted)) for first in ends]
    left, counts = Counter(task[:2] for task in work), {}
    with Pool(processes) as pool, tqdm(total=len(work), unit="block", mininterval=5) as bar:
        for task, found in zip(work, pool.imap(simulate, work), strict=True):
            name, place = task[:2]
            bar.set_description(f"{name}: {setting_name(known[name].settings[place])}")
            bar.update()
            whole = counts.setdefault((name, place), defaultdict(Counter))
            for key, counted in found.items():
                whole[key].update(counted)
            left[name, place] -= 1
            if not left[name, place]:
                found = rows(name, known[name], place, whole, codes[name])
                new = pd.DataFrame(found, columns=COLUMNS)
                old = (table["analysis"] == name) & (table["setting"] == new["setting"].iloc[0])
                table = pd.concat([table[~old], new], ignore_index=True) if len(table) else new
                write(in_order(table, known), known, to)
    write(in_order(table, known), known, to)


def in_order(table: pd.DataFrame, known: dict[str, Analysis]) -> pd.DataFrame:
    """Rows in the order of analyses and settings; those that there are no more are left out."""
    order = [(name, setting_name(setting)) for name in known for setting in known[name].settings]
    place = {key: number for number, key in enumerate(order)}
    keys = [place.get(key, -1) for key in zip(table["analysis"], table["setting"], strict=True)]
    table = table.assign(place=keys)[[key >= 0 for key in keys]]
    return table.sort_values("place", kind="stable", ignore_index=True)[COLUMNS]


def write(table: pd.DataFrame, known: dict[str, Analysis], to: Path) -> None:
    """The numbers, and the page made of them."""
    with replacing(to / f"{PAGE}.csv") as path:
        table.to_csv(path, index=False)
    with replacing(to / f"{PAGE}.md") as path:
        Path(path).write_text(page(table, known), encoding="utf-8")


def page(table: pd.DataFrame, known: dict[str, Analysis]) -> str:
    """The page in Markdown: a summary, and a section an analysis."""
    parts = [PREFACE, "## Summary\n", markdown(summary(table))]
    if missing := ", ".join(name for name in known if name not in set(table["analysis"])):
        parts += [f"Simulated in `benchmarks/simulated`, but without numbers yet: {missing}.\n"]
    for name, own in table.groupby("analysis", sort=False):
        shown = pd.DataFrame([shown_row(row) for row in own.to_dict("records")])
        shown = shown.loc[:, (shown != "").any()]
        parts += [f"## {name}\n", known[name].says + "\n", markdown(shown)]
        parts += [reasons(own, known[name].reasons)]
    parts += ["## Tables that share an estimate with these\n"]
    parts += [f"- *{name}*: {by}." for name, by in simulated.COVERED.items()]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each measure of an analysis: in how many settings it holds, and its range."""
    found = []
    for (name, measure), own in table.groupby(["analysis", "measure"], sort=False):
        row = {"analysis": name, "measure": measure}
        for title, values, within in (
            ("coverage", coverage(own), COVERAGE),
            ("size", size(own), SIZE),
        ):
            values = values.dropna()
            row[f"settings within {100 * within[0]:g}–{100 * within[1]:g} %"] = (
                f"{values.between(*within).sum()} of {len(values)}" if len(values) else ""
            )
            extremes = f"{100 * values.min():.1f} to {100 * values.max():.1f}"
            row[f"{title} from … to"] = extremes if len(values) else ""
        found.append(row)
    return pd.DataFrame(found)


def coverage(table: pd.DataFrame) -> pd.Series:
    """Share of intervals that hold the truth; NaN where there are none."""
    held = table["intervals"] - table["below"] - table["above"]
    return (held / table["intervals"].replace(0, math.nan)).astype(float)


def size(table: pd.DataFrame) -> pd.Series:
    """Share of true nulls rejected; NaN where the null is not true or nothing was tested."""
    rate = (table["rejected"] / table["tests"].replace(0, math.nan)).astype(float)
    return rate.where(table["null"].astype(bool))


def shown_row(row: dict) -> dict[str, str]:
    """A row as the page shows it."""
    one = pd.DataFrame([row])
    held, false = coverage(one).iloc[0], size(one).iloc[0]
    power = row["rejected"] / row["tests"] if row["tests"] and not row["null"] else math.nan
    some = row["intervals"]
    return {
        "setting": row["setting"],
        "measure": row["measure"],
        "studies": f"{row['studies']:.0f}",
        "coverage": per_cent(held, some, COVERAGE),
        "below": f"{100 * row['below'] / some:.1f}" if some else "",
        "above": f"{100 * row['above'] / some:.1f}" if some else "",
        "mean width": f"{row['width'] / some:.3g}" if some else "",
        "none": f"{row['studies'] - some:.0f}" if 0 < some < row["studies"] else "",
        "size": per_cent(false, row["tests"], SIZE),
        "power": per_cent(power, row["tests"], (0, 1)),
    }


def per_cent(share: float, n: float, within: tuple[float, float]) -> str:
    """A share with its Monte Carlo error, in bold if it is not within; empty if it is missing."""
    if math.isnan(share):
        return ""
    text = f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / n):.1f}"
    return text if within[0] <= share <= within[1] else f"**{text}**"


def reasons(own: pd.DataFrame, known: dict[str, str]) -> str:
    """Why some numbers are in bold, a paragraph a reason."""
    held, false = coverage(own), size(own)
    off = ~held.dropna().between(*COVERAGE)
    off = off.reindex(own.index, fill_value=False)
    off |= (~false.dropna().between(*SIZE)).reindex(own.index, fill_value=False)
    said = defaultdict(list)
    for measure in dict.fromkeys(own.loc[off, "measure"]):
        said[known.get(measure, known.get("", "No reason is known."))].append(measure)
    return "".join(f"*{', '.join(names)}*: {why}\n\n" for why, names in said.items())


def markdown(table: pd.DataFrame) -> str:
    """A table in Markdown; numbers are right-aligned."""
    if table.empty:
        return ""
    left = {"analysis", "setting", "measure"}
    lines = [list(table), [":--" if name in left else "--:" for name in table]]
    lines += table.to_numpy().tolist()
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Read the command line and run."""
    known = simulated.analyses()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--studies", type=int, help="a setting (default: each analysis' own)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--to", type=Path, default=DOCS, help="folder of page and numbers")
    parser.add_argument("--page", action="store_true", help="simulate nothing, write the page anew")
    asked = parser.parse_args()
    names = [] if asked.page else asked.only or list(known)
    run(names, asked.studies, asked.processes, asked.to)


if __name__ == "__main__":
    main()
