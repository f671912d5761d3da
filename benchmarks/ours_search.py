"""thinkscale's side of the benchmarks of search: the job that a study runs, journal and all."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd

from thinkscale.calibration.bank import generate_bank
from thinkscale.calibration.tokens import ANSWER_PROMPT
from thinkscale.config.inference import Inference
from thinkscale.config.strategies import Scorer, Strategy
from thinkscale.config.sweep import Conditions
from thinkscale.engines.base import Usage
from thinkscale.jobs.inference import prepare
from thinkscale.jobs.searching import search_items
from thinkscale.models.registry import register

SCORERS: dict[str, dict[str, Any]] = {
    "stated-quality": {"kind": "calibration", "d_prime": 2.0},
    "likelihood": {"kind": "likelihood"},
    "reward-model": {"kind": "prm", "model": {"name": "judge"}},
}


@dataclass(frozen=True)
class Searched:
    """A finished search. usage: of the model. read: tokens run through a reward model. spent: by
    its contract."""

    seconds: float
    usage: Usage
    read: int
    spent: pd.DataFrame


@dataclass(frozen=True)
class Searching:
    """A bank, and the records of the model that thinks about it and of the one that judges."""

    items: pd.DataFrame
    reasoner: Mapping[str, Any]
    judge: Mapping[str, Any]
    settings: Inference
    step_end: str

    def run(self, strategies: Sequence[Mapping[str, Any]]) -> Searched:
        """Run strategies as a study's job does, weights loaded and with a fresh journal."""
        names = dict.fromkeys(s["scorer"] for s in strategies if s.get("scorer"))
        scorers = [Scorer(name=name, **SCORERS[name]) for name in names]
        with tempfile.TemporaryDirectory() as journals:
            began = perf_counter()
            conditions = Conditions().model_dump()
            found, did = search_items(
                prepare(self.reasoner, self.items, self.settings, conditions, seed=1),
                self.items,
                [Strategy(**strategy).model_dump() for strategy in strategies],
                [scorer.model_dump(exclude={"model"}) for scorer in scorers],
                {s.name: (self.judge, self.settings) for s in scorers if s.model},
                self.step_end,
                Path(journals, "reasoner"),
                shard=0,
                shards=1,
            )
            seconds = perf_counter() - began
        return Searched(seconds, did["usage"], did["read"].get("reward-model", 0), found.spent)


def searching(work: Mapping[str, Any], batch_size: int) -> Searching:
    """Make ready to do what `work.search_work` asks for. batch_size: rows side by side."""
    settings = Inference(
        dtype="float32",
        device="cpu",
        temperature=1.0,
        top_p=1.0,
        max_answer_tokens=work["max_answer"],
        batch_size=batch_size,
        prompt={"template": "{stem}\n{options}", "option": " {label}){text}", "separator": ""},
        thinking={"answer_prompt": ANSWER_PROMPT, "step_end": work["step_end"]},
    )
    records = (register(name, Path(work[name])) for name in ("model", "judge"))
    return Searching(generate_bank(work["items"], 1), *records, settings, work["step_end"])


def strategies(work: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The strategies of `work.search_work`."""
    shared = {"n": work["sizes"], "scorer": "reward-model"}
    beams = {"beam_width": work["beam_width"], "num_iterations": work["rounds"]}
    return [{"approach": "best_of_n", **shared}, {"approach": "beam_search", **shared, **beams}]
