"""The workflow as a module of another, and what two workflows share through a cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
STUDY = {
    "study": "one",
    "items": {"source": "calibration", "bank_size": 40, "n": 6},
    "models": [
        {
            "name": "base",
            "path": str(REPOSITORY / "resources/calibration/base"),
            "inference": {"shards": 2},
        },
        {"name": "tuned", "derive": {"parent": "base", "corpus": "traces", "max_steps": 2}},
    ],
    "corpora": [{"name": "traces", "source": "calibration", "n": 20}],
    "inference": {"samples": 1},
    "conditions": {"max_think": [8]},
}
SHARDS = [f"inference/{shard}.responses.parquet" for shard in ("base/0", "base/1", "tuned/0")]
OUTER = """\
configfile: "outer.yaml"

module thinkscale:
    snakefile: WHERE
    config: config["thinking"]

use rule * from thinkscale as thinkscale_*

rule shard:  # a wildcard that has a meaning of its own in the module
    output: "{shard}.txt"
    shell: "echo {wildcards.shard} > {output}"

rule count:
    input: "elsewhere/two/grades.parquet", "first.txt"
    output: "graded.txt"
    shell: "ls {input} > {output}"

rule everything:
    default_target: True
    input: rules.count.output, rules.thinkscale_all.input
"""


def snakemake(folder: Path, cache: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "SNAKEMAKE_OUTPUT_CACHE": str(cache)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(tmp_path_factory, cache) -> Path:
    """Results of a workflow that fills the cache."""
    folder = tmp_path_factory.mktemp("first")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    what = ["--snakefile", REPOSITORY / "Snakefile", "--configfile", folder / "study.yaml"]
    target = "results/one/responses.parquet"
    snakemake(folder, cache, *what, "--cache", "derive_model", "think", "--", target)
    return folder / "results/one"


@pytest.fixture(scope="module")
def second(tmp_path_factory) -> Path:
    """Another workflow, with a study of another name and another grader as a module."""
    folder = tmp_path_factory.mktemp("second")
    study = {**STUDY, "study": "two", "results": "elsewhere", "grading": {"graders": ["article"]}}
    (folder / "outer.yaml").write_text(yaml.safe_dump({"thinking": study, "its own": 1}))
    where = repr(str(REPOSITORY / "workflow/Snakefile"))
    (folder / "Snakefile").write_text(OUTER.replace("WHERE", where))
    return folder


@pytest.mark.dear
def test_a_module_takes_models_and_chains_from_the_cache_of_another_workflow(first, second, cache):
    rules = ("thinkscale_derive_model", "thinkscale_think")
    snakemake(second, cache, "--cache", *rules, "--", "graded.txt")
    results = second / "elsewhere/two"
    assert (results / "models/tuned/model.safetensors").resolve().is_relative_to(cache)
    assert len(pd.read_parquet(results / "grades.parquet")) == 2 * 6 * 2
    assert not (results / "journal").exists()  # it has thought nothing
    for shard in SHARDS:
        assert (results / shard).resolve().is_relative_to(cache)
        assert (results / shard).samefile(first / shard)
    one, other, whole = ({*pd.read_parquet(first / shard)["item_id"]} for shard in SHARDS)
    assert one and other and not one & other and one | other == whole


@pytest.mark.dear
def test_what_decides_an_output_is_not_taken_from_the_cache(first, second, cache):
    outer = yaml.safe_load((second / "outer.yaml").read_text())
    outer["thinking"].update(study="three", conditions={"max_think": [4]})
    (second / "three.yaml").write_text(yaml.safe_dump(outer))
    rules = ("thinkscale_derive_model", "thinkscale_think")
    target = "elsewhere/three/responses.parquet"
    what = ["--configfile", "three.yaml", "--cache", *rules, "--", target]
    plan = snakemake(second, cache, "--dry-run", *what)
    said = dict(re.findall(r"Output file (\S+) will be (\w+) (?:from|to) global", plan))
    assert {path.removeprefix("elsewhere/three/"): how for path, how in said.items()} == {
        "models/tuned": "obtained",
        **{shard.replace("responses", "chains"): "written" for shard in SHARDS},
    }


def test_a_module_is_the_whole_study(second, cache):
    plan = snakemake(second, cache, "--dry-run")
    rules = set(re.findall(r"^ *(?:local)?rule (\w+):$", plan, flags=re.MULTILINE))
    own = {"shard", "count", "everything"}
    assert own <= rules
    assert all(rule.startswith("thinkscale_") for rule in rules - own)
    assert {"thinkscale_grade", "thinkscale_write_report", "thinkscale_render_report"} <= rules


def test_a_module_may_be_read_out_of_a_repository(second, cache, tmp_path):
    clone = tmp_path / "clone"
    for name in ("workflow", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, clone / name, ignore=ignored)
    someone = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init"], ["add", "."], [*someone, "commit", "-m", "all"]):
        subprocess.run(["git", *command], cwd=clone, check=True, capture_output=True)
    said = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True)
    commit = said.stdout.strip()
    where = f'gitfile("{clone}", path="workflow/Snakefile", commit="{commit}")'
    (tmp_path / "Snakefile").write_text(OUTER.replace("WHERE", where))
    (tmp_path / "outer.yaml").write_bytes((second / "outer.yaml").read_bytes())
    snakemake(tmp_path, cache, "--", "elsewhere/two/items.parquet")
    copy = tmp_path / ".snakemake/thinkscale" / commit / "workflow"
    assert (copy / "thinkscale/errors.py").exists()
    assert len(pd.read_parquet(tmp_path / "elsewhere/two/items.parquet")) == 6
