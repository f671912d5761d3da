"""The studies that come with the repository can be planned as they are, and run with stand-ins."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stand_ins import REPOSITORY, study_with_stand_ins
from thinkscale.data import contracts
from thinkscale.data.tables import read_table

STUDIES = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.dear] * (path.stem != "first-study"))
    for path in sorted((REPOSITORY / "config/studies").glob("*.yaml"))
]


def snakemake(directory: Path, config: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(directory), "--configfile", str(config), "--cores", "2"]
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def clone(tmp_path) -> Path:
    """A directory in which the paths of a study are those of the repository."""
    (tmp_path / "resources").symlink_to(REPOSITORY / "resources")
    return tmp_path


@pytest.mark.parametrize("study", STUDIES)
def test_it_can_be_planned(clone, study):
    assert "rule think:" in snakemake(clone, study, "--dry-run")


@pytest.mark.dear
def test_the_first_study_runs(clone):
    study = study_with_stand_ins(REPOSITORY / "config/studies/first-study.yaml", clone / "models")
    study["items"]["n"] = 6
    config = clone / "study.yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    tables = [f"results/first-study/tables/{name}.csv" for name in ("accuracy", "divergence")]
    snakemake(clone, config, *tables)
    results = clone / "results" / "first-study"
    accuracy = read_table(results / "tables/accuracy.csv")
    names = [model["name"] for model in study["models"]]
    assert list(dict.fromkeys(accuracy["model"])) == names
    assert (accuracy["n_items"] == 6).all()
    assert set(read_table(results / "tables/divergence.csv")["corpus"]) == {"medical-o1"}


SEARCH = REPOSITORY / "config/studies/math500-search.yaml"


def test_what_cannot_be_downloaded_is_planned_as_far_as_it_goes(clone):
    said = snakemake(clone, SEARCH, "plan")
    plan = read_table(clone / "results/math500-search/plan.csv")
    assert plan["part"].tolist()[:2] == ["thinking", "search"]
    assert plan["responses"].tolist() == [12 * 64 * 5, 0, 12 * 64 * 5]
    assert plan["rows"].tolist() == [12 * 64, 12, 12 * 64 + 12]
    assert plan["left_at_most"].isna().all()
    why = "not there: hub model Qwen/Qwen2.5-Math-7B-Instruct at revision ef9926d7"
    assert plan["note"].str.startswith(why)[:2].all() and why in said


@pytest.mark.dear
def test_the_search_with_a_process_reward_model_runs(clone):
    """Random weights in both architectures, and the format that the reward model is given."""
    study = study_with_stand_ins(SEARCH, clone / "models")
    study["items"]["n"] = 4
    config = clone / "study.yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    results = clone / "results/math500-search"
    tables = [f"results/math500-search/tables/{name}.csv" for name in ("strategies", "ledger")]
    snakemake(clone, config, *tables)

    searches = contracts.read(results / "searches.parquet", "searches")
    sizes = {(s["approach"], n) for s in study["strategies"] for n in s["n"]}
    assert set(zip(searches["strategy"], searches["n"], strict=True)) == sizes
    assert len(searches) == 4 * len(sizes) and searches["error"].isna().all()
    judged = searches[searches["scorer"].notna()]
    assert (judged["unscored"] == 0).all() and (judged["scored"] > judged["prompt_tokens"]).all()
    scores = contracts.read(results / "scores.parquet", "scores")
    assert scores["score"].between(0, 1).all() and scores["score"].nunique() > 50
    assert scores.groupby(["item_id", "search", "n", "candidate"])["step"].max().max() > 0
    spent = contracts.read(results / "spent.parquet", "spent")
    record = json.loads((results / "models/Qwen2.5-Math-PRM-7B.json").read_text())
    assert set(spent["scorer"].dropna()) == {"qwen-prm"} and record["fingerprint"]
    found = read_table(results / "tables/strategies.csv")
    whole = found[(found["level"] == 0) & (found["approach"] != "budget_forcing")]
    assert set(zip(whole["strategy"], whole["n"], strict=True)) == sizes
    assert whole["estimate"].between(0, 1).all() and (whole["compute"] > 0).all()

    # What was run is what a plan would have run.
    snakemake(clone, config, "plan")
    plan = read_table(results / "plan.csv")
    assert (plan["rows_known"] == plan["rows"]).all() and (plan["left_expected"] == 0).all()
    alone = spent[spent["scorer"].isna()]
    search = plan[plan["part"] == "search"].iloc[0]
    assert search["sampled_known"] == alone["sampled_new"].sum() > 0
    assert search["read_known"] > 0
