"""Print the table of docs/phantom.md: known effects beside what the demo study found.

python docs/known_effects.py resources/calibration/manifest.json results/calibration
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.data import contracts
from thinkscale.jobs.known_effects import known_effects


def beside(known: pd.DataFrame, found: pd.DataFrame) -> str:
    """The manifest's effects and what a study found of them, as a Markdown table."""
    merged = known.merge(found, on=["effect", "model"], how="left", suffixes=("", "_study"))
    head = "| effect | model | known | n | must be | the demo study found |"
    lines = [head, "|---|---|---|---|---|---|"]
    for row in merged.to_dict("records"):
        limits = {
            "at_least": "at least {:g}",
            "at_most": "at most {:g}",
            "clear_of": "clear of {:g}",
        }
        must = ", ".join(text.format(row[k]) for k, text in limits.items() if pd.notna(row[k]))
        cells = (_cell(row, ""), str(row["n_items"]), must, _cell(row, "_study"))
        lines.append(f"| {row['effect']} | {row['model']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], suffix: str) -> str:
    value, lower, upper = (row[name + suffix] for name in ("estimate", "lower", "upper"))
    if pd.isna(value):
        return "not asked"
    count = f", n = {row['n_items_study']:.0f}" if suffix else ""
    interval = f" [{lower:.3f}, {upper:.3f}]" if pd.notna(lower) else ""
    return (f"{value:.3f}" if interval else f"{value:g}") + interval + count


def main(manifest_file: str, results: str) -> None:
    """Print the table of docs/phantom.md, from a manifest and the results of the demo study."""
    known = pd.DataFrame(json.loads(Path(manifest_file).read_text())["effects"])
    graded = contracts.read(Path(results, "graded.parquet"), "graded")
    graded["model"] = graded["model"].str.removeprefix("calibration-")
    items = contracts.read(Path(results, "items.parquet"), "items")
    print(beside(known, known_effects(graded, items)), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
