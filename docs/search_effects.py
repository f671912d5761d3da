"""Print the table of docs/strategies.md: what search does on the calibration models.

python docs/search_effects.py results/search-effects
"""

import sys
from pathlib import Path

import pandas as pd

from thinkscale.data import contracts
from thinkscale.jobs.search_effects import search_effects


def table(effects: pd.DataFrame) -> str:
    """Effects with their models side by side, as a Markdown table."""
    models = list(dict.fromkeys(effects["model"]))
    head = ["effect", *(f"{model}; n; tokens" for model in models)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for effect, rows in effects.groupby("effect", sort=False):
        by_model = rows.set_index("model")
        cells = (_cell(by_model.loc[m]) if m in by_model.index else "" for m in models)
        lines.append(f"| {effect.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(row: pd.Series) -> str:
    interval = f" [{row['lower']:.3f}, {row['upper']:.3f}]" if pd.notna(row["lower"]) else ""
    return f"{row['estimate']:.3f}{interval}; {row['n_items']}; {row['sampled']:.0f}"


def main(results: str) -> None:
    """Print the table of a study's effects of search."""
    searches = contracts.read(Path(results, "searches.parquet"), "searches")
    searches["model"] = searches["model"].str.removeprefix("calibration-")
    print(table(search_effects(searches)), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
