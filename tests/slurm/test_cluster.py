"""A study on a real Slurm of one node, disturbed on the way; `.ci/slurm` starts the node.

Two GPUs are pretended, and all jobs share two cores: what is tested is who waits for whom, what
goes on after what, and that nothing is sampled twice.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.skipif(
    os.environ.get("THINKSCALE_SLURM") != "ci", reason="needs the node that .ci/slurm starts"
)
REPOSITORY = Path(__file__).parents[2]
PROFILE = REPOSITORY / "profiles/slurm"
MODELS = REPOSITORY / "resources/calibration"
SHARDS = 3
QUICK = ("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5")
KEYS = ["model", "item_id", "sample", "condition"]


def study(name: str, models: list[dict], **inference) -> dict:
    """A study that takes a few seconds a model, a row at a time so that it can be caught at it."""
    return {
        "study": name,
        "seed": 1,
        "items": {"source": "calibration", "bank_size": 100, "n": 30},
        "models": models,
        "inference": {
            "dtype": "float32",
            "batch_size": 1,
            "threads": 1,
            "samples": 4,
            "temperature": 1.0,
            "top_p": 1.0,
            "max_answer_tokens": 8,
            "prompt": {"template": "{stem}\n{options}", "option": " {label}){text}"},
            "thinking": {"answer_prompt": "\n\nAnswer:"},
            **inference,
        },
        "conditions": {"max_think": [8, 24], "waits": [1]},
        "analyses": {"n_boot": 100, "n_permutations": 100},
    }


def reasoner(**own) -> dict:
    return {"name": "reasoner", "path": str(MODELS / "reasoner"), **own}


@contextmanager
def snakemake(folder: Path, values: dict, *arguments: str) -> Iterator[subprocess.Popen]:
    """Snakemake with a study in a folder; what it prints is in `log.txt` there."""
    path = folder / f"{values['study']}.yaml"
    path.write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(path), *arguments]
    # A background process of a shell without job control ignores Ctrl-C, and so would its children.
    restored = ["env", "--default-signal=INT"]
    with open(folder / "log.txt", "w") as log:
        process = subprocess.Popen([*restored, *command], stdout=log, stderr=log, cwd=folder)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def finished(process: subprocess.Popen, folder: Path, *, well: bool = True) -> str:
    """What it printed, once it has ended as it should."""
    code, printed = process.wait(timeout=600), (folder / "log.txt").read_text()
    assert (code == 0) == well, printed
    return printed


def until(found: Callable, what: str, seconds: float = 240):
    """What is found, as soon as there is any."""
    end = time.monotonic() + seconds
    while not (got := found()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s\n{queue()}"
        time.sleep(0.05)
    return got


def queue() -> pd.DataFrame:
    """Slurm's jobs, those that ended among them: id, state, rule and GPUs."""
    form = "JobID:20|,State:20|,Comment:100|,tres-per-job:20"
    out = subprocess.run(["squeue", "--states=all", "-h", "-O", form], stdout=subprocess.PIPE)
    rows = [map(str.strip, line.split("|")) for line in out.stdout.decode().splitlines()]
    return pd.DataFrame(rows, columns=["id", "state", "comment", "gpus"])


def sampling(folder: Path) -> dict[str, tuple[str, int]]:
    """By shard of the reasoner that is sampling: its job in Slurm, and the process that samples."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (entry / "cmdline").read_bytes().decode()
            if str(folder) not in line or not line.rstrip("\0").endswith("think.py"):
                continue
            environment = (entry / "environ").read_bytes().decode()
            job = dict(v.split("=", 1) for v in environment.split("\0") if "=" in v)["SLURM_JOB_ID"]
            jobs = queue().set_index("id")
            shard = jobs.loc[job, "comment"].removeprefix("rule_think_wildcards_reasoner_")
            written = folder.glob(f"results/*/journal/reasoner/{shard}-of-*.jsonl")
            if any(path.read_text().count("\n") > 20 for path in written):
                found[shard] = job, int(entry.name)
    return found


def processes(folder: Path) -> list[str]:
    """Command lines that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(folder) in (line := path.read_bytes().replace(b"\0", b" ").decode()):
                found.append(line)
    return found


def printed_by(folder: Path, job: str) -> str:
    """The log of a job of the study."""
    [path] = folder.glob(f"results/*/logs/{job}.log")
    return path.read_text()


def tokens(folder: Path, name: str) -> Counter:
    """What was sampled, and what was found in the journal, over the shards of the reasoner."""
    usage = [
        json.loads(path.read_text())
        for path in folder.glob(f"results/{name}/inference/reasoner/*.usage.json")
    ]
    kinds = ("sampled_tokens", "recalled_tokens", "chains")
    return Counter({kind: sum(shard[kind] for shard in usage) for kind in kinds})


def responses(folder: Path, name: str) -> pd.DataFrame:
    """All that shards of the reasoner answered, whoever came to sample it."""
    shards = folder.glob(f"results/{name}/inference/reasoner/*.responses.parquet")
    frame = pd.concat(map(pd.read_parquet, shards))
    return frame.drop(columns="seconds").sort_values(KEYS, ignore_index=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The reasoner's responses from one process that nobody disturbs, and its tokens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    values = study("undisturbed", [reasoner()], device="cpu", batch_size=128)
    target = "results/undisturbed/inference/reasoner/0.responses.parquet"
    with snakemake(folder, values, "--cores", "1", "--", target) as process:
        finished(process, folder)
    return responses(folder, "undisturbed"), tokens(folder, "undisturbed")


def test_disturbed_jobs_go_on_and_others_finish(tmp_path, undisturbed):
    base = {"name": "base", "path": str(MODELS / "base")}
    values = study("disturbed", [reasoner(inference={"shards": SHARDS}), base])
    in_the_way = tmp_path / "results/disturbed/journal/base"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where its journal is to be: this model fails")
    shards = [f"results/disturbed/inference/reasoner/{n}.responses.parquet" for n in range(SHARDS)]
    targets = [*shards, "results/disturbed/inference/base/0.responses.parquet"]
    arguments = ("--profile", str(PROFILE), *QUICK, "--retries", "1", "--", *targets)
    disturbances = {
        "cancelled": lambda job, process: subprocess.run(["scancel", job], check=True),
        "killed": lambda job, process: os.kill(process, signal.SIGKILL),
        "out of time": lambda job, process: subprocess.run(
            ["scontrol", "update", f"JobId={job}", "EndTime=now"], check=True
        ),
    }
    held, disturbed = set(), {}
    with snakemake(tmp_path, values, *arguments) as process:
        while process.poll() is None:
            jobs = queue()
            thinking = jobs["comment"].str.startswith("rule_think")
            held.add(int((thinking & (jobs["state"] == "RUNNING")).sum()))
            for shard, (job, worker) in sampling(tmp_path).items():
                if shard not in disturbed and disturbances:
                    os.kill(worker, signal.SIGSTOP)  # so that it is caught in the middle
                    what = next(iter(disturbances))
                    disturbances.pop(what)(job, worker)
                    disturbed[shard] = what, job
            time.sleep(0.1)
        printed = finished(process, tmp_path, well=False)

    assert max(held) == 2, "two GPUs, two jobs"
    assert set(queue()["gpus"]) == {"gres:gpu:1"}
    assert len(disturbed) == SHARDS and not disturbances
    states = queue().set_index("id")["state"]
    ended = {what: states[job] for what, job in disturbed.values()}
    expected = {"cancelled": "CANCELLED", "killed": "FAILED", "out of time": "TIMEOUT"}
    assert ended == expected, printed
    assert str(in_the_way.relative_to(tmp_path)) in printed_by(tmp_path, "think/base/0")

    answers, spent = undisturbed
    pd.testing.assert_frame_equal(responses(tmp_path, "disturbed"), answers)
    done = tokens(tmp_path, "disturbed")
    assert done["recalled_tokens"] > 0
    assert done["recalled_tokens"] + done["sampled_tokens"] == spent["sampled_tokens"]
    assert done["chains"] == spent["chains"]


def test_control_c_leaves_nothing_behind_and_the_study_goes_on(tmp_path, undisturbed):
    values = study("stopped", [reasoner(inference={"shards": SHARDS})])
    targets = [f"results/stopped/inference/reasoner/{n}.responses.parquet" for n in range(SHARDS)]
    arguments = ("--profile", str(PROFILE), *QUICK, "--", *targets)
    with snakemake(tmp_path, values, *arguments) as process:
        until(lambda: sampling(tmp_path), "a job that samples")
        process.send_signal(signal.SIGINT)
        finished(process, tmp_path, well=False)
    until(lambda: not processes(tmp_path), "an end of all processes", 30)
    going = queue()["state"].isin(["PENDING", "RUNNING", "COMPLETING"])
    assert not going.any(), queue()
    assert not (tmp_path / targets[-1]).exists(), "it was stopped before its end"

    with snakemake(tmp_path, values, *arguments) as process:
        finished(process, tmp_path)
    answers, spent = undisturbed
    pd.testing.assert_frame_equal(responses(tmp_path, "stopped"), answers)
    done = tokens(tmp_path, "stopped")
    assert done["recalled_tokens"] > 0
    assert done["recalled_tokens"] + done["sampled_tokens"] == spent["sampled_tokens"]


def test_analyses_are_submitted_in_groups(tmp_path):
    values = study("grouped", [reasoner()], device="cpu", batch_size=128)
    targets = [f"results/grouped/{path}" for path in ("tables/accuracy.csv", "tables/sweeps.csv")]
    targets += [f"results/grouped/figures/accuracy_vs_{what}.svg" for what in ("budget", "waits")]
    before = queue()["id"]
    with snakemake(tmp_path, values, "--profile", str(PROFILE), *QUICK, "--", *targets) as process:
        finished(process, tmp_path)
    assert all((tmp_path / target).stat().st_size for target in targets)
    jobs = queue()
    jobs = jobs[~jobs["id"].isin(before)]
    kinds = Counter(comment.split("_")[1] for comment in jobs["comment"])
    assert kinds == {"think": 1, "gather": 1, "grade": 1, "tabulate": 1, "draw": 1}
    assert not jobs["gpus"].str.contains("gpu").any(), "the study says `device: cpu`"
