"""A study with `--use-conda`: what its environments hold, and what it finds in them.

Run by .ci/conda, with a conda on PATH.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

sys.path.append(str(Path(__file__).parents[1] / "tests/unit/workflow"))

from test_environments import (
    ENVIRONMENTS,
    OPTIONAL,
    RULES_WITH_SCRIPTS,
    WORKFLOW,
    canonical,
    imported,
    pins,
)

REPOSITORY = Path(__file__).parents[1]
STUDY = {
    "study": "conda",
    "items": {"source": "calibration", "bank_size": 40, "n": 6},
    "models": [
        {"name": "base", "path": str(REPOSITORY / "resources/calibration/base")},
        {"name": "tuned", "derive": {"parent": "base", "corpus": "traces", "max_steps": 2}},
    ],
    "corpora": [{"name": "traces", "source": "calibration", "n": 20}],
    "inference": {"samples": 1},
    "conditions": {"max_think": [8]},
}
TARGETS = ("grades.parquet", "tables/divergence.csv", "provenance.json")


def snakemake(folder: Path, *arguments: str) -> Path:
    """Run the study in a folder; where its results are."""
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    results = folder / "results/conda"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "study.yaml")]
    targets = [f"results/conda/{name}" for name in TARGETS]
    subprocess.run([*command, "--cores", "2", *arguments, "--", *targets], check=True)
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    return snakemake(tmp_path_factory.mktemp("with"), "--use-conda")


@pytest.fixture(scope="module")
def prefixes(results) -> dict[str, Path]:
    """Where the environments are, by name."""
    copies = (results.parents[1] / ".snakemake/conda").glob("*.yaml")
    named = {yaml.safe_load(copy.read_text())["name"]: copy.with_suffix("") for copy in copies}
    return {name.removeprefix("thinkscale-"): prefix for name, prefix in named.items()}


def test_every_environment_is_made_and_holds_its_pins(prefixes):
    assert set(prefixes) == {path.stem for path in ENVIRONMENTS}
    for path in ENVIRONMENTS:
        python = prefixes[path.stem] / "bin/python"
        listing = [python, "-m", "pip", "list", "--format", "json"]
        listed = json.loads(subprocess.run(listing, capture_output=True, check=True).stdout)
        found = {canonical(one["name"]): one["version"].partition("+")[0] for one in listed}
        assert found.items() >= pins(path).items(), path
        subprocess.run([python, "-m", "pip", "check"], check=True)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_has_what_its_scripts_import(prefixes, environment):
    packages = set()
    for named, script in RULES_WITH_SCRIPTS.values():
        if environment.name in named[1]:
            packages |= imported(WORKFLOW / "scripts" / script[1], set()) - OPTIONAL
    assert packages
    find = (
        "import sys, importlib.util as i; print(*[p for p in sys.argv[1:] if not i.find_spec(p)])"
    )
    command = [prefixes[environment.stem] / "bin/python", "-I", "-c", find, *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_the_provenance_is_written_from_inside_each_environment(results):
    found = json.loads((results / "provenance.json").read_text())
    assert set(found["environments"]) == {path.stem for path in ENVIRONMENTS}
    packages = {name: set(one["packages"]) for name, one in found["environments"].items()}
    assert {"seaborn", "ftfy"} <= packages["analysis"] and "torch" not in packages["analysis"]
    assert "torch" in packages["inference"] and "trl" not in packages["inference"]
    assert "trl" in packages["training"] and "seaborn" not in packages["training"]
    assert not any("snakemake" in inside for inside in packages.values()) and found["snakemake"]


def test_a_study_finds_the_same_with_conda_and_without(results, tmp_path_factory):
    without = snakemake(tmp_path_factory.mktemp("without"))
    for name in ("responses", "grades"):
        one, other = (pd.read_parquet(where / f"{name}.parquet") for where in (results, without))
        pd.testing.assert_frame_equal(
            *(frame.drop(columns="seconds", errors="ignore") for frame in (one, other))
        )
    table = "tables/divergence.csv"
    assert (results / table).read_bytes() == (without / table).read_bytes()
