"""A job in a conda environment imports from there alone, whatever else is installed."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]

# What Snakemake calls of conda; an environment is Python and nothing else.
CONDA = """\
#!/bin/sh
case "$1 $2" in
"--version ") echo conda 26.9.4;;
"info --json") echo '{"conda_prefix": "ROOT", "platform": "linux-64"}';;
"config --get") echo '{"get": {"channel_priority": "strict"}}';;
"env create") eval prefix=\\${$#}; PYTHON -m venv --without-pip "$prefix";;
esac
"""
SNAKEFILE = """\
import sys
sys.path.insert(0, "LIBRARY")

rule all:
    input: expand("{name}.json", name=["own", "host", "home", "path"])

rule say:
    output: "{name}.json"
    log: "{name}.log"
    params: packages={"host": "tqdm", "home": "athome", "path": "onpath", "own": "json"}
    conda: "bare.yaml"
    script: "say.py"
"""
SCRIPT = """\
import json, sys
from thinkscale.jobs.job import job

with job(snakemake):
    from importlib import import_module
    from thinkscale.data.digest import file_sha256
    found = import_module(snakemake.params.packages[snakemake.wildcards.name])
    with open(snakemake.output[0], "w") as file:
        json.dump({"prefix": sys.prefix, "from": found.__file__}, file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A workflow whose jobs import something of their own, of Snakemake's, and of the user's."""
    folder = tmp_path_factory.mktemp("conda")
    bin_ = folder / "bin"
    bin_.mkdir()
    text = CONDA.replace("ROOT", str(folder)).replace("PYTHON", sys.executable)
    (bin_ / "conda").write_text(text)
    (bin_ / "conda").chmod(0o755)
    (bin_ / "activate").write_text('export PATH="$1/bin:$PATH"\n')
    (folder / "bare.yaml").write_text("dependencies: [python]\n")
    library = str(REPOSITORY / "workflow")
    (folder / "Snakefile").write_text(SNAKEFILE.replace("LIBRARY", library))
    (folder / "say.py").write_text(SCRIPT)
    user = {"userbase": str(folder / ".local")}
    for module, where in (
        ("athome", Path(sysconfig.get_path("purelib", "posix_user", user))),
        ("onpath", folder / "elsewhere"),
    ):
        where.mkdir(parents=True)
        (where / f"{module}.py").write_text("")
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--keep-going", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "elsewhere"),
        },
    )
    return done.returncode, done.stdout + done.stderr


def test_a_job_imports_nothing_from_outside_its_environment(folder):
    code, said = run(folder, "--use-conda")
    assert code == 1
    for name, package in (("host", "tqdm"), ("home", "athome"), ("path", "onpath")):
        assert f"thinkscale: say: ModuleNotFoundError: No module named '{package}'" in said, said
        assert not (folder / f"{name}.json").exists()
    found = json.loads((folder / "own.json").read_text())
    assert Path(found["prefix"]).is_relative_to(folder / ".snakemake" / "conda")


def test_without_conda_a_job_has_what_snakemake_has(folder):
    code, said = run(folder, "host.json", "path.json")
    assert code == 0, said
    assert json.loads((folder / "host.json").read_text())["prefix"] == sys.prefix
