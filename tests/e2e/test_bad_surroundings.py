"""A study in bad surroundings, through Snakemake: one message, nothing lost, and it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.dear

REPOSITORY = Path(__file__).parents[2]
REASONER = REPOSITORY / "resources/calibration/reasoner"
RESPONSES = "results/s/inference/one/0.responses.parquet"
USAGE = "results/s/inference/one/0.usage.json"


def study(**changes) -> dict:
    base = {
        "study": "s",
        "items": {"source": "calibration", "bank_size": 400},
        "models": [{"name": "one", "path": str(REASONER)}],
        "inference": {"device": "cpu", "threads": 1, "batch_size": 4, "samples": 2},
    }
    return {**base, **changes}


def started(folder: Path, content, *arguments: str) -> subprocess.Popen:
    """Snakemake at work on a study, in a process group of its own as a terminal gives it."""
    text = content if isinstance(content, (str, bytes)) else yaml.safe_dump(content)
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "my.yaml").write_bytes(data)
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "my.yaml")]
    return subprocess.Popen(
        [*command, "--cores", "1", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def said(process: subprocess.Popen) -> str:
    out, _ = process.communicate(timeout=240)
    assert "Traceback" not in out, out
    return out


def refused(process: subprocess.Popen) -> str:
    out = said(process)
    assert process.returncode != 0, out
    return out


def records(folder: Path) -> int:
    files = (folder / "results/s/journal/one").glob("*.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in files)


def wait_for_records(folder: Path, number: int, process: subprocess.Popen) -> None:
    begun = time.monotonic()
    while records(folder) < number:
        assert process.poll() is None and time.monotonic() - begun < 200, process.communicate()
        time.sleep(0.05)


def interrupt(process: subprocess.Popen) -> None:
    """Ctrl-C: a terminal sends it to all of the group."""
    os.killpg(process.pid, signal.SIGINT)


def test_ctrl_c_once_twice_and_another_run_at_the_same_time(tmp_path):
    """What was in flight is finished the first time; what was written counts in any case."""
    first = started(tmp_path, study(), RESPONSES)
    wait_for_records(tmp_path, 20, first)
    assert "lock" in refused(started(tmp_path, study(), RESPONSES)).lower()
    interrupt(first)
    out = refused(first)
    assert "thinkscale: finishing what is in flight; Ctrl-C again stops at once" in out
    assert "thinkscale: think: stopped as asked: what was in flight is finished and kept" in out

    kept = records(tmp_path)
    second = started(tmp_path, study(), RESPONSES)
    wait_for_records(tmp_path, kept + 8, second)
    interrupt(second)
    time.sleep(0.01)
    interrupt(second)
    out = refused(second)
    assert "thinkscale: think: interrupted" in out or "stopped as asked" in out

    kept = records(tmp_path)
    few = study(items={"source": "calibration", "bank_size": 400, "n": 30})
    last = started(tmp_path, few, RESPONSES)
    assert said(last) and last.returncode == 0
    usage = json.loads((tmp_path / USAGE).read_text())
    assert usage["recalled_tokens"] > 0 and records(tmp_path) >= kept


TABS = "study: s\nitems:\n\tsource: calibration\n"
STUDIES = {
    "unknown key": (study(wait=[1]), "my.yaml: `wait`: unknown key; did you mean"),
    "braces": (study(results="a{b}"), "`results`: found 'a{b}'; expected a path without braces"),
    "long name": (study(study="x" * 300), "`study`: found 'xxx"),
    "no results": (study(results=""), "`results`: found ''; expected text that is not empty"),
    "a bank of a billion": (
        study(items={"source": "calibration", "bank_size": 10**12}),
        "`items.bank_size`: found 1000000000000; expected",
    ),
    "aliases": (
        "a: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)),
        "values once its aliases (`*`) are written out",
    ),
    "a corpus cut off": (
        study(corpora=[{"name": "c", "source": "corpus.jsonl"}]),
        "`corpora[0]` (c): corpus.jsonl, line 2: found",
    ),
    "no tokenizer": (
        study(models=[{"name": "one", "path": "model"}]),
        "`models[0].path` (one): model holds no tokenizer",
    ),
}


@pytest.mark.parametrize("kind", STUDIES)
def test_studies_at_fault(tmp_path, kind):
    """Before anything runs; all that can be at fault is a table in the unit tests."""
    content, expected = STUDIES[kind]
    row = {"question": "q", "reasoning": "r", "response": "s"}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(row) + '\n{"question": "q", "reas')
    (tmp_path / "model").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "model" / name).write_bytes((REASONER / name).read_bytes())
    assert expected in refused(started(tmp_path, content, "--dry-run"))
    assert not (tmp_path / "results").exists()


def checked(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "thinkscale.config", *arguments]
    path = os.pathsep.join([str(REPOSITORY / "workflow"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )


def test_make_looks_at_the_file_before_snakemake_reads_it(tmp_path):
    """Snakemake names neither file nor line, and waits for a pipe for ever."""
    (tmp_path / "my.yaml").write_text(TABS)
    os.mkfifo(tmp_path / "pipe.yaml")
    done = checked(tmp_path, "--cores", "2", "--configfile", "my.yaml", "--", "all")
    assert done.returncode == 1
    assert done.stderr.startswith("thinkscale: my.yaml, line 3: found no valid YAML")
    assert "found a pipe" in checked(tmp_path, "--configfile", "pipe.yaml").stderr
    assert "config/config.yaml: cannot read" in checked(tmp_path, "--cores", "2").stderr
    assert checked(REPOSITORY, "--cores", "2").returncode == 0
    rules = (REPOSITORY / "Makefile").read_text()
    assert rules.count("@python -m thinkscale.config $(ARGS)\n\tsnakemake") == 2


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small file system, where it is allowed to")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk(tmp_path, small_disk):
    """Told by the rule whose output does not fit; with more room it goes on."""
    words = (os.urandom(30_000).hex() for _ in range(100))  # which no packing makes smaller
    rows = "".join(f"{text},yes,no,A,{n}\n" for n, text in enumerate(words))
    (tmp_path / "bank.csv").write_text(f"q,a,b,k,d\n{rows}")
    columns = {"stem": "q", "option_columns": ["a", "b"], "key": "k", "difficulty": "d"}
    full = study(results=str(small_disk), items={"source": "bank.csv", "columns": columns})
    target = str(small_disk / "s/items.parquet")
    out = refused(started(tmp_path, full, target))
    assert "thinkscale: subset_items: cannot write" in out and "No space left on device" in out
    assert not Path(target).exists() and not list(Path(target).parent.glob(".items*"))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(2**20 + 2**19))
    out = refused(started(tmp_path, full, target))
    assert "`results`: cannot write to" in out and "No space left on device" in out
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = started(tmp_path, full, target)
    assert said(again) is not None and again.returncode == 0 and Path(target).exists()
