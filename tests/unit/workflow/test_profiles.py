"""Profiles say what Snakemake and its plugins know, and each entry is explained."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
PROFILES = REPOSITORY / "workflow/profiles"
NAMES = sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))


def profile(name: str) -> dict:
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text())


def test_both_names_are_one_place():
    """Snakemake finds `default` beside the Snakefile, users find all in the workflow."""
    assert (REPOSITORY / "profiles").resolve() == PROFILES


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_explained_and_nothing_else(name):
    readme = (PROFILES / "README.md").read_text()
    [own] = re.findall(rf"^## `{name}`\n(.*?)(?=^## |\Z)", readme, flags=re.MULTILINE | re.DOTALL)
    [table] = re.findall(
        r"^\| entry \| why \|\n(.*?)\n\n", own + "\n", flags=re.MULTILINE | re.DOTALL
    )
    cells = re.findall(r"^\| (`[^|]*`) \|", table + "\n", flags=re.MULTILINE)
    entries = {key.strip("`").split(":")[0] for cell in cells for key in cell.split(", ")}
    assert entries == set(profile(name))


@pytest.fixture(scope="module")
def slurm():
    return pytest.importorskip("snakemake_executor_plugin_slurm")


def test_the_slurm_profile_passes_the_plugins_own_validation(slurm):
    entries = profile("slurm")
    own = {
        key.removeprefix("slurm-").replace("-", "_"): value
        for key, value in entries.items()
        if key.startswith("slurm-")
    }
    settings = slurm.ExecutorSettings(**own)  # raises at what it does not know or take
    assert settings.requeue, "preempted jobs go back into the queue"
    from snakemake_executor_plugin_slurm.validation import validate_slurm_extra

    for asked in [*entries.get("set-resources", {}).values(), entries.get("default-resources", {})]:
        validate_slurm_extra(SimpleNamespace(resources=SimpleNamespace(**asked)))


STUDY = """
study: s
seed: 1
items: {source: calibration, n: 10}
models:
  - {name: reasoner, path: resources/calibration/reasoner, inference: {device: auto, shards: 2}}
  - {name: slow, path: resources/calibration/base, inference: {device: cpu}}
  - {name: large, hub: a/b, revision: 0123456789012345678901234567890123456789}
  - {name: tuned, derive: {parent: reasoner, corpus: traces}}
corpora:
  - {name: traces, source: calibration, n: 10}
  - {name: written, generate: {model: reasoner}}
inference: {temperature: 1.0, max_answer_tokens: 8}
conditions: {max_think: [8]}
strategies: [{approach: majority, n: [1]}]
"""


@pytest.fixture(scope="module")
def planned(slurm, tmp_path_factory) -> str:
    """What Snakemake says it would submit of that study."""
    folder = tmp_path_factory.mktemp("planned")
    (folder / "study.yaml").write_text(STUDY + f"results: {folder}/results\n")
    command = [sys.executable, "-m", "snakemake", "--profile", str(PROFILES / "slurm"), "--dry-run"]
    command += ["--configfile", str(folder / "study.yaml"), "--nolock"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_is_short_is_submitted_in_four_groups_and_what_waits_for_shards_in_none(planned):
    """Of a group that waits for many jobs Snakemake counts them all whenever one of them ends."""
    assert re.findall(r"Group job (\w+) ", planned) == ["compare", "grade", "tabulate", "draw"]
    alone = set(re.findall(r"^(?:local)?rule (\w+):", planned, flags=re.MULTILINE))
    where_snakemake_runs = {"register_model", "subset_items", "write_corpus", "summarize"}
    where_snakemake_runs |= {"write_report", "render_report", "study"}
    models = {"think", "search", "derive_model", "generate_corpus"}
    assert alone - where_snakemake_runs - models == {"gather_responses", "gather_searches"}


def test_every_job_is_asked_for_what_it_needs(slurm, planned):
    """The plugin's own command for every job that a study would submit."""
    asked = {}
    for text in re.split(r"\n\n|\n(?=\[)", planned):
        rule = re.search(r"^ *(?:local)?rule (\w+):", text, flags=re.MULTILINE)
        wildcards = re.search(r"wildcards: (.*)", text)
        resources = re.search(r"resources: (.*)", text)
        if rule and resources:
            pairs = [pair.split("=", 1) for pair in resources[1].split(", ")]
            asked[rule[1], wildcards[1] if wildcards else ""] = dict(pairs)

    def of(rule, model, shard="0"):
        wildcards = f"model={model}" + (f", shard={shard}" if rule == "think" else "")
        return asked[rule, wildcards]

    weights = (REPOSITORY / "resources/calibration/reasoner/model.safetensors").stat().st_size
    near = str(4_000 + 2 * (weights // 10**6))
    assert (of("think", "reasoner")["mem_mb"], of("think", "reasoner")["gpu"]) == (near, "1")
    assert of("think", "reasoner", "1") == of("think", "reasoner")
    assert "gpu" not in of("think", "slow"), "the study says `device: cpu`"
    assert of("think", "large")["mem_mb"] == "32000", "not downloaded yet"
    assert of("derive_model", "tuned")["gpu"] == "1"
    assert asked["generate_corpus", "corpus=written"]["gpu"] == "1"
    del asked["study", ""]  # a name for what is to be made
    assert all({"mem_mb", "runtime"} <= set(own) for own in asked.values())
    for (rule, _), own in asked.items():
        numbers = {k: int(own[k]) for k in ("mem_mb", "runtime", "gpu") if k in own}
        call = sbatch(slurm, numbers)
        assert f"-t {numbers['runtime']} " in call and f"--mem {numbers['mem_mb']} " in call, rule
        assert ("--gpus=1" in call) == ("gpu" in numbers), rule


def sbatch(slurm, resources: dict) -> str:
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    class Resources(dict):
        __getattr__ = dict.__getitem__

    job = SimpleNamespace(resources=Resources(resources), threads=1)
    names = ("run_uuid", "slurm_logfile", "comment_str", "account", "partition", "workdir")
    call = get_submit_command(job, dict.fromkeys(names, "x"), failed_nodes=None)
    return shlex.join(shlex.split(call + set_gres_string(job)))
