"""Who learned last passes alone cannot be made to go on."""

import pytest

from thinkscale.calibration.bank import generate_bank
from thinkscale.config.sweep import Conditions
from thinkscale.grading import grade
from thinkscale.jobs.inference import prepare, run
from thinkscale.models.recipes.settings import Training
from thinkscale.models.recipes.sft import SftSettings, finetune
from thinkscale.models.recipes.traces import TraceFormat
from thinkscale.models.registry import register
from thinkscale.stats.core.intervals import clustered_mean
from writing import MODELS, SETTINGS, written

PROMPT = "\n\nAnswer:"


@pytest.mark.dear
def test_a_forced_wait_costs_a_shortcut_its_answers(tmp_path, one_thread):
    traces = written(tmp_path / "journal", problems=300, samples=3, waits=1, reasoning="last_pass")
    training = Training("full", learning_rate=1e-3, max_steps=150)
    settings = SftSettings(training, form=TraceFormat(answer_prompt=PROMPT))
    finetune(MODELS / "base", traces.rows, tmp_path / "shortcut", settings)
    bank, conditions = generate_bank(80, 5), Conditions(waits=[1]).model_dump()
    record = register("shortcut", tmp_path / "shortcut")
    how = SETTINGS.model_copy(update={"samples": 2})
    prepared = prepare(record, bank, how, conditions, seed=1)
    responses = run(prepared, tmp_path / "journal", 0, 1)[0].responses
    outcome = grade(responses, bank, answer_prompt=PROMPT)["outcome"]
    right = responses.assign(right=(outcome == "correct") * 1.0).pivot(
        index=["item_id", "sample"], columns="condition", values="right"
    )
    change = right["waits=1"] - right["natural"]
    found = clustered_mean(change, change.index.get_level_values("item_id"), confidence=0.99)
    assert right["natural"].mean() > 0.6
    assert found.upper < 0 and found.estimate < -0.1
