"""The studies that come with the repository can be planned as they are, and run with stand-ins."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stand_ins import REPOSITORY, study_with_stand_ins
from thinkscale.data.tables import read_table

STUDIES = sorted((REPOSITORY / "config/studies").glob("*.yaml"))


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


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_it_can_be_planned(clone, study):
    assert "rule think:" in snakemake(clone, study, "--dry-run")


def test_the_first_study_runs(clone):
    study = study_with_stand_ins(REPOSITORY / "config/studies/first-study.yaml", clone / "models")
    study["items"]["n"] = 6
    config = clone / "study.yaml"
    config.write_text(yaml.safe_dump(study, sort_keys=False))
    snakemake(clone, config)
    results = clone / "results" / "first-study"
    accuracy = read_table(results / "tables/accuracy.csv")
    names = [model["name"] for model in study["models"]]
    assert list(dict.fromkeys(accuracy["model"])) == names
    assert (accuracy["n_items"] == 6).all()
    assert set(read_table(results / "tables/divergence.csv")["corpus"]) == {"medical-o1"}
    assert (results / "report.html").stat().st_size > 100_000
