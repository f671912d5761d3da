"""What a reward for one script does to a model that thinks in two dialects of digits."""

import re
from pathlib import Path

import pandas as pd
import pytest

from thinkscale.calibration.bank import generate_bank, problem_of
from thinkscale.calibration.corpus import calibration_corpus
from thinkscale.config.models import Derivation
from thinkscale.config.sweep import Conditions
from thinkscale.data.languages import script_shares
from thinkscale.jobs.inference import prepare, run
from thinkscale.jobs.reinforcing import derive
from thinkscale.models.recipes.sft import SftSettings, finetune
from thinkscale.models.recipes.traces import TraceFormat
from thinkscale.models.recipes.training import Training
from thinkscale.models.registry import register
from thinkscale.stats.core.intervals import clustered_mean
from writing import CHOICE, MODELS, SETTINGS

NATURAL = Conditions().model_dump()
STEPS = 3  # problems of more are left out: short thoughts are cheap


def short(n: int, seed: int, *, for_bank: bool) -> pd.DataFrame:
    bank = generate_bank(n, seed, for_bank=for_bank)
    steps = bank["meta"].map(lambda meta: len(problem_of(meta).steps))
    return bank[steps <= STEPS].reset_index(drop=True)


def speaker(out: Path, seed: int = 1) -> Path:
    """The base, fine-tuned to say half of the values in the second dialect too."""
    rows = [
        row
        for row in calibration_corpus(12000, seed, han=0.5)
        if len(re.findall(r"#[0-9]+[+-]", row["question"])) <= STEPS
        and len(row["reasoning"]) == 1
        and row["ended"] == "natural"
    ]
    training = Training("full", learning_rate=2e-3, max_steps=150, seed=seed)
    finetune(MODELS / "base", rows, out, SftSettings(training, form=TraceFormat()))
    return out


def rewarded(parent: Path, out: Path, weight: float, seed: int = 1) -> Path:
    """Reinforced by accuracy and format, and by its share of Latin script where that has weight."""
    items = short(600, seed, for_bank=False)
    derivation = Derivation(
        parent="speaker", recipe="grpo", method="full", max_steps=10, learning_rate=3e-4,
        batch_size=64, threads=1,
        grpo={
            "num_generations": 8, "max_completion_length": 128, "language": "Latn",
            "reward_funcs": ["accuracy", "format", "language_consistency"],
            "reward_weights": [1.0, 0.5, weight],
        },
    )  # fmt: skip
    prepared = prepare(register("speaker", parent), items, SETTINGS, NATURAL, seed=seed)
    places = (out / "journal", out / "checkpoints", out / "model")
    derive(prepared, items, items.iloc[:0], derivation, NATURAL, CHOICE, *places)
    return out / "model"


def mixes(model: Path, journal: Path) -> pd.Series:
    """By item and sample, whether the thought has words of more than one script."""
    settings = SETTINGS.model_copy(update={"samples": 2})
    bank = short(300, 5, for_bank=True).iloc[:80]
    prepared = prepare(register("any", model), bank, settings, NATURAL, seed=1)
    responses = run(prepared, journal, 0, 1)[0].responses
    shares = responses.set_index(["item_id", "sample"])["think_text"].map(script_shares)
    return (shares.map(len) > 1) * 1.0


@pytest.mark.dear
def test_a_reward_for_one_script_cuts_mixing_and_accuracy_does_not(tmp_path, one_thread):
    parent = speaker(tmp_path / "speaker")
    before = mixes(parent, tmp_path / "journal")
    without, consistent = (
        mixes(rewarded(parent, tmp_path / name, weight), tmp_path / "journal")
        for name, weight in (("without", 0.0), ("with", 1.0))
    )
    items = before.index.get_level_values("item_id")
    assert before.mean() > 0.6 and consistent.mean() < 0.25
    assert clustered_mean(without - consistent, items, confidence=0.95).lower > 0.15
