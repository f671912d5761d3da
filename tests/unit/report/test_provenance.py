"""Where results come from: stable where nothing changed, honest about git, nothing private."""

import hashlib
import importlib.metadata
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from thinkscale import __version__
from thinkscale.config import parse_study
from thinkscale.report.provenance import environment, git_state, hardware, provenance, versions

STUDY = {"study": "s", "seed": 3, "items": {"n": 5, "source": "bank.csv"}, "models": ["ä"]}


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A directory outside any repository, whatever lies above the tests' own."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def git(where: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(where), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_record_says_what_a_rerun_must_match(outside):
    data = outside / "items.parquet"
    data.write_bytes(b"items")
    models = [{"name": "one", "fingerprint": "f"}]
    ran = {"analysis": environment()}
    found = provenance(STUDY, models, [data], outside, ran, "9.1")
    assert found["thinkscale"] == __version__
    assert (found["study"], found["seed"], found["models"]) == ("s", 3, models)
    assert found["data"] == {str(data): hashlib.sha256(b"items").hexdigest()}
    assert found["git"] is None
    assert (found["environments"], found["snakemake"]) == (ran, "9.1")
    assert json.loads(json.dumps(found)) == found


def digest(study, where) -> str:
    return provenance(study, [], [], where, {}, "9.1")["config_sha256"]


def test_the_config_hash_is_of_the_values_not_their_order(outside):
    turned = {k: STUDY[k] for k in reversed(STUDY)}
    turned["items"] = dict(reversed(STUDY["items"].items()))
    assert list(turned) != list(STUDY)
    assert digest(turned, outside) == digest(STUDY, outside)
    assert digest({**STUDY, "seed": 4}, outside) != digest(STUDY, outside)


def test_keys_left_out_hash_as_their_defaults(outside, monkeypatch):
    repository = Path(__file__).parents[3]
    monkeypatch.chdir(repository)
    demo = yaml.safe_load((repository / "config/config.yaml").read_text())
    said = {**demo, "results": "results"}
    hashes = {digest(parse_study(v, "demo").model_dump(mode="json"), outside) for v in (demo, said)}
    assert len(hashes) == 1


def test_git_says_commit_and_dirtiness(outside):
    assert git_state(outside) is None
    git(outside, "init", "-q")
    assert git_state(outside) is None  # no commit yet
    (outside / "file").write_text("one")
    git(outside, "add", "file")
    git(outside, "commit", "-q", "-m", "one")
    commit = git(outside, "rev-parse", "HEAD")
    assert git_state(outside) == {"commit": commit, "dirty": False}
    (outside / "untracked").write_text("results, as like as not")
    assert git_state(outside) == {"commit": commit, "dirty": False}
    (outside / "file").write_text("two")
    assert git_state(outside) == {"commit": commit, "dirty": True}


def test_git_need_not_be_installed(outside, monkeypatch):
    monkeypatch.setenv("PATH", str(outside))
    assert git_state(outside) is None
    assert hardware()["gpus"] == []


def test_no_environment_variable_leaks(outside, monkeypatch):
    secret = "sesame-1234567890"
    for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "THINKSCALE_ANYTHING"):
        monkeypatch.setenv(name, secret)
    assert secret not in json.dumps(provenance(STUDY, [], [], outside, {}, "9.1"))


def test_an_environment_is_all_that_is_installed_in_it(outside, monkeypatch):
    found = environment()["packages"]
    for name in ("numpy", "scikit-learn", "huggingface-hub"):
        assert found[name] == importlib.metadata.version(name)
    monkeypatch.setattr("sys.path", [str(outside)])
    assert environment()["packages"] == {}


def test_versions_are_joined_over_environments():
    ran = {
        "analysis": {"python": "3.11.1", "packages": {"numpy": "2.1", "scipy": "1.2"}},
        "inference": {"python": "3.11.1", "packages": {"numpy": "2.2", "torch": "2.3"}},
    }
    found = versions(provenance(STUDY, [], [], Path(), ran, "9.1"))
    assert found == {"snakemake": "9.1", "numpy": "2.1, 2.2", "scipy": "1.2", "torch": "2.3"}


def test_the_hardware_is_described():
    machine = hardware()
    assert machine["cores"] >= 1
    assert machine["memory_gib"] is None or machine["memory_gib"] > 0
