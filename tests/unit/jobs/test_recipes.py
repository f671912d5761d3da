"""Known effects of what a model learns from traces that a model wrote."""

from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.sweep import Conditions
from thinkscale.grading import grade
from thinkscale.jobs.inference import prepare, run
from thinkscale.models.recipes.sft import SftSettings, finetune
from thinkscale.models.recipes.traces import TraceFormat
from thinkscale.models.recipes.training import Training
from thinkscale.models.registry import register
from thinkscale.stats.core.intervals import clustered_share
from writing import MODELS, SETTINGS, written

FORM = TraceFormat(answer_prompt="\n\nAnswer:")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, one_thread):
    """By model, natural accuracy and that after a Wait: shares with intervals, and their change."""
    root = tmp_path_factory.mktemp("recipes")
    bank = generate_bank(80, 5)

    @cache
    def of(name: str, steps: int, **asked) -> pd.DataFrame:
        traces = written(root / "journal", problems=150, samples=2, waits=1, **asked)
        training = Training("full", learning_rate=1e-3, max_steps=steps)
        settings = SftSettings(training, form=FORM)
        finetune(MODELS / "base", traces.rows, root / name, settings)
        settings = SETTINGS.model_copy(update={"samples": 2})
        conditions = Conditions(waits=[1]).model_dump()
        prepared = prepare(register(name, root / name), bank, settings, conditions, seed=1)
        responses = run(prepared, Path(root / "journal"), 0, 1)[0].responses
        outcome = grade(responses, bank, answer_prompt=FORM.answer_prompt)["outcome"]
        right = responses.assign(right=(outcome == "correct") * 1.0)
        return right.pivot(index=["item_id", "sample"], columns="condition", values="right")

    return of


@pytest.mark.dear
def test_who_learns_answers_alone_guesses(measured):
    right = measured("answers", 40, reasoning="none")["natural"]
    share = clustered_share(right, right.index.get_level_values("item_id"), 0.99)
    assert share.lower < 0.2 < share.upper  # one of five options
