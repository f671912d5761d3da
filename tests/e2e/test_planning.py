"""A plan through Snakemake: it trains nothing, repeats itself, and what it sampled is not lost."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from test_study import ITEMS, SAMPLES, planned, small_study, snakemake
from thinkscale.data.tables import read_table

pytestmark = pytest.mark.dear

ROWS = ITEMS * SAMPLES


# Steps of 16 completions; 4 items before, after two steps, and after the last; 6 problems, twice.
LEARNED = {"reinforcement": 4 * 16, "held-out items": 3 * 4, "corpus own": 6 * 2}


def study() -> dict:
    """One more model learns by rewards, and writes a corpus."""
    whole = {**small_study(), "study": "planned"}
    derive = {"parent": "calibration-base", "recipe": "grpo", "max_steps": 4, "eval_steps": 2}
    derive |= {"batch_size": 16, "grpo": {"problems": 6}, "held_out": {"n": 4}}
    whole["models"] = [*whole["models"], {"name": "zero", "derive": derive}]
    own = {"name": "own", "generate": {"model": "zero", "problems": 6, "samples": 2}}
    return {**whole, "corpora": [*whole["corpora"], own]}


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("plan")


@pytest.fixture(scope="module")
def said(directory) -> str:
    return snakemake(directory, study(), "plan")


def plan(directory: Path, part: str = "thinking"):
    """That part of the plan, and the total, by model."""
    found = read_table(directory / "results" / "planned" / "plan.csv")
    return found[found["part"].isin([part, ""]) | found["part"].isna()].set_index("model")


def test_it_says_what_is_there_and_trains_nothing(directory, said):
    assert "Plan of the study planned" in said
    found = plan(directory)
    assert found.index.tolist() == [
        "calibration-reasoner", "calibration-base", "calibration-sft", "zero", "total",
    ]  # fmt: skip
    learned = sum(LEARNED.values())
    total = ROWS * 20 + learned + LEARNED["held-out items"]  # naturally and with a Wait
    assert found["responses"].tolist() == [ROWS * 5] * 4 + [total]
    assert found["note"]["calibration-sft"] == "not made yet; timed as calibration-base"
    assert found["sampled_at_most"]["calibration-sft"] == found["sampled_at_most"].iloc[0] > 0
    searches = plan(directory, "search")
    assert searches.index.tolist() == found.index.tolist()
    trained = plan(directory, "training").loc[["calibration-sft", "zero"]]
    assert trained["rows"].tolist() == [64, 64] and (trained["hours_at_most"] > 0).all()
    rows = 4 * (ROWS + ITEMS) + learned + trained["rows"].sum()
    assert searches["rows"].tolist() == [ITEMS] * 4 + [rows]
    note = searches["note"]["calibration-sft"]
    assert note == "not made yet" and searches["left_at_most"]["calibration-sft"] > 0
    for part, rows in LEARNED.items():
        line = plan(directory, part).loc["zero"]
        assert line["rows"] == rows and line["sampled_at_most"] > rows
        assert line["tokens_per_second"] == found["tokens_per_second"]["calibration-base"]
    models = directory / "results" / "planned" / "models"
    assert sorted(path.name for path in models.iterdir()) == [
        "calibration-base.json", "calibration-reasoner.json",
    ]  # fmt: skip


def test_asked_again_it_knows_what_it_sampled(directory, said):
    assert "Loading weights" in said
    before = plan(directory)
    known = before["rows_known"]["calibration-base"]
    assert known == ROWS  # so few rows are all done in a calibration
    again = snakemake(directory, study(), "plan")
    assert "Plan of the study planned" in again and "Loading weights" not in again
    assert "the journal held" not in said  # there was none yet
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "transformers"))
    count = r"calibration-base: .*the journal held completions: [\d,]+ of "
    assert re.search(count + re.escape(f"{versions} (used)") + "$", again, re.MULTILINE)
    assert plan(directory)["sampled_known"].equals(before["sampled_known"])
    searches = plan(directory, "search")
    assert searches["rows_known"]["calibration-base"] == ITEMS
    assert searches["sampled_known"]["calibration-base"] > 0


def test_the_study_samples_only_the_rest_and_a_plan_reruns_nothing(directory, said):
    job = "results/planned/inference/calibration-base/1.responses.parquet"
    snakemake(directory, study(), job)
    usage = json.loads((directory / job.replace("responses.parquet", "usage.json")).read_text())
    assert usage["sampled_tokens"] == 0 and usage["recalled_tokens"] > 0
    rest = planned(directory, study())
    snakemake(directory, study(), "plan")
    assert planned(directory, study()) == rest
