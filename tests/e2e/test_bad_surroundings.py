"""A study in bad surroundings, through Snakemake: one message, nothing lost, and it goes on.

Nothing here goes by the clock: a server holds back its answers until a test has seen what it waits
for, so that a busy machine takes longer and ends alike.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import servers

pytestmark = pytest.mark.dear

REPOSITORY = Path(__file__).parents[2]
REASONER = REPOSITORY / "resources/calibration/reasoner"
ITEMS, AT_ONCE, ANSWERED = 12, 2, 6
RESPONSES = "results/s/inference/one/0.responses.parquet"
FINISHING = "thinkscale: finishing what is in flight; Ctrl-C again stops at once"


@dataclass
class Run:
    """Snakemake at work; log: what it and its jobs print."""

    process: subprocess.Popen
    log: Path

    def until(self, found: Callable[[], object]) -> None:
        """Wait for something that comes before its end; ten minutes are for what never comes."""
        limit = time.monotonic() + 600
        while not found():
            assert self.process.poll() is None and time.monotonic() < limit, self.log.read_text()
            time.sleep(0.05)

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends it to all of the process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self, *, well: bool = False, twice: bool = False) -> str:
        """What it printed, once it has ended as it should.

        twice: after a second Ctrl-C, at which Snakemake may fall over its own feet.
        """
        code, said = self.process.wait(timeout=600), self.log.read_text()
        assert (code == 0) == well and (twice or "Traceback" not in said), said
        return said


@contextmanager
def started(folder: Path, study: dict, target: str, log: str = "log") -> Iterator[Run]:
    """Snakemake in a process group of its own, as a terminal gives it one."""
    (folder / "my.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "my.yaml")]
    with (folder / log).open("w") as file:
        process = subprocess.Popen(
            # Where a shell without job control runs the tests, Ctrl-C is ignored from there on.
            ["env", "--default-signal=INT", *command, "--cores", "1", "--", target],
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield Run(process, folder / log)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def records(folder: Path) -> int:
    files = (folder / "results/s/journal/one").glob("*.jsonl")
    return sum(path.read_bytes().count(b"\n") for path in files)


def drawn(server: servers.Small) -> list[str]:
    """What it was asked to sample, each request as one text, and forgets it."""
    asked = [json.dumps(body, sort_keys=True) for body in server.seen if body.get("stream")]
    server.seen.clear()
    return asked


@pytest.fixture
def server():
    tokenizer = servers.tokenizer()
    said = tokenizer.encode("1 + 1 = 2.</think>A", add_special_tokens=False)
    with servers.running("vllm", script=[*said, tokenizer.eos_token_id]) as small:
        yield small


def test_ctrl_c_once_and_twice_and_another_run_at_the_same_time(tmp_path, server):
    """What was in flight is finished the first time; what was written counts in any case."""
    study = {
        "study": "s",
        "items": {"source": "calibration", "bank_size": 100, "n": ITEMS},
        "models": [{"name": "one", "path": str(REASONER)}],
        "inference": {
            "engine": "completions",
            "server": {"url": server.url, "software": "vllm"},
            "batch_size": AT_ONCE,
            "max_answer_tokens": 8,
        },
    }
    server.faults = deque([*[""] * ANSWERED, *["hold"] * ITEMS])
    with started(tmp_path, study, RESPONSES) as first:
        first.until(lambda: server.holding == AT_ONCE)
        with started(tmp_path, study, RESPONSES, "log of another") as other:
            assert "lock" in other.ended().lower()
        before = records(tmp_path)
        first.interrupt()
        first.until(lambda: FINISHING in first.log.read_text())
        server.faults.clear()
        server.released.set()
        said = first.ended()
    stopped = "thinkscale: think: stopped as asked: what was in flight is finished and kept"
    assert stopped in said
    kept, answered = records(tmp_path), drawn(server)
    assert before < kept and len(answered) >= ANSWERED + AT_ONCE

    server.released.clear()
    server.faults.extend(["hold"] * 2 * ITEMS)
    with started(tmp_path, study, RESPONSES) as second:
        second.until(lambda: server.holding == AT_ONCE)
        second.interrupt()
        second.until(lambda: FINISHING in second.log.read_text())
        second.interrupt()
        said = second.ended(twice=True)
    assert "thinkscale: think: interrupted" in said and stopped not in said
    log = (tmp_path / "results/s/logs/think/one/0.log").read_text()
    assert log.endswith("thinkscale: think: interrupted\n") and "Traceback" not in log
    assert records(tmp_path) == kept and not {*drawn(server)} & {*answered}

    server.faults.clear()
    server.released.set()
    with started(tmp_path, study, RESPONSES) as last:
        last.ended(well=True)
    usage = json.loads((tmp_path / "results/s/inference/one/0.usage.json").read_text())
    assert usage["recalled_tokens"] > 0 and usage["chains"] == ITEMS
    assert not {*drawn(server)} & {*answered}, "asked again of what was known"


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
    study = {
        "study": "s",
        "results": str(small_disk),
        "items": {"source": "bank.csv", "columns": columns},
        "models": [{"name": "one", "path": str(REASONER)}],
    }
    items = small_disk / "s/items.parquet"
    with started(tmp_path, study, str(items)) as run:
        said = run.ended()
    assert "thinkscale: subset_items: cannot write" in said and "No space left on device" in said
    assert not items.exists() and not list(items.parent.glob(".items*"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    with started(tmp_path, study, str(items)) as run:
        run.ended(well=True)
    assert items.exists()
