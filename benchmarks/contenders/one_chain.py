"""thinkscale: the whole sweep from one chain per item, journal and all."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ours import run_sweep, sweep_engine


def prepare(work: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    engine = sweep_engine(work)

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as journal:
            done = run_sweep(work, engine, Path(journal))
        texts: dict[str, dict[str, list[str]]] = {}
        columns = done.responses[["condition", "item_id", "think_text", "answer_text"]]
        for condition, item, *said in columns.itertuples(index=False, name=None):
            texts.setdefault(condition, {})[item] = said
        return {"sampled": done.usage.sampled, "responses": texts}

    return run
