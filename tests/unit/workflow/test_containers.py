"""The images are made from the pins that are tested, by the same commands."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[3]
DOCKER = (REPOSITORY / "Dockerfile").read_text().replace("\\\n", "")
APPTAINER = (REPOSITORY / "thinkscale.def").read_text()


def section(name: str) -> list[str]:
    """The lines of a section of the Apptainer definition."""
    text = re.search(rf"^%{name}\n(.*?)(?=^%|\Z)", APPTAINER, flags=re.MULTILINE | re.DOTALL)[1]
    return [line.strip() for line in text.splitlines() if line.strip()]


def spaced(text: str) -> str:
    return " ".join(text.split())


def test_both_images_are_made_alike():
    [base] = re.findall(r"^FROM (.*)$", DOCKER, flags=re.MULTILINE)
    assert f"\nBootstrap: docker\nFrom: {base}\n" in APPTAINER
    runs = re.findall(r"^RUN (.*)$", DOCKER, flags=re.MULTILINE)
    assert [spaced(c) for run in runs for c in run.split("&&")] == section("post")
    assert re.findall(r"^COPY (.*)$", DOCKER, flags=re.MULTILINE) == section("files")
    [entry] = re.findall(r"^ENTRYPOINT (.*)$", DOCKER, flags=re.MULTILINE)
    assert section("runscript") == [f'exec {" ".join(yaml.safe_load(entry))} "$@"']


def test_the_images_have_the_python_of_the_environments_and_the_tested_versions():
    python = re.search(r"^FROM python:(\d\.\d+)-", DOCKER, flags=re.MULTILINE)[1]
    for path in (REPOSITORY / "envs").glob("*.yaml"):
        assert f"python={python}" in yaml.safe_load(path.read_text())["dependencies"], path
    [pip] = [line for line in section("post") if line.startswith("pip install")]
    assert "--constraint /opt/thinkscale/constraints.txt" in pip
    extras = re.search(r"/opt/thinkscale\[([\w,]+)\]", pip)[1].split(",")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])


def test_the_dockerfile_is_linted():
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", REPOSITORY / "Dockerfile"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_catalogue_is_told_how_the_workflow_is_run():
    told = yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert told["software-stack-deployment"]["conda"] is True
    assert told["report"] is True  # `report:` stands in the Snakefile
    assert "\nreport:" in (REPOSITORY / "workflow/Snakefile").read_text()
