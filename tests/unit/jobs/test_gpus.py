"""Jobs side by side on one machine each see GPUs of their own."""

import os
import subprocess
import sys

import pytest

from thinkscale.jobs.gpus import own_gpus


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with three GPUs; its /dev. Locks lie in a folder of the test."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is put back behind the test
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    for name in ("nvidia0", "nvidia1", "nvidia2", "nvidiactl"):
        (tmp_path / name).touch()
    return tmp_path


def seen(monkeypatch) -> str | None:
    """What the job now sees; forgotten, as the next job is another process."""
    found = os.environ.get("CUDA_VISIBLE_DEVICES")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return found


def test_jobs_side_by_side_hold_different_gpus_and_give_them_back(machine, monkeypatch):
    with own_gpus(1, devices=machine):
        assert seen(monkeypatch) == "0"
        with own_gpus(2, devices=machine):
            assert seen(monkeypatch) == "1,2"
            with own_gpus(1, devices=machine):
                assert seen(monkeypatch) is None, "none is left: nothing is promised"
        with own_gpus(1, devices=machine):
            assert seen(monkeypatch) == "1"
    with own_gpus(1, devices=machine):
        assert seen(monkeypatch) == "0"


def test_only_gpus_that_may_be_used_are_given_out(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-8932")
    with own_gpus(1, devices=machine):
        assert seen(monkeypatch) == "2"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-8932")
        with own_gpus(1, devices=machine):
            assert seen(monkeypatch) == "GPU-8932"


@pytest.mark.parametrize("wanted", [0, 3])
def test_who_wants_none_or_all_is_left_alone(machine, monkeypatch, wanted):
    with own_gpus(wanted, devices=machine):
        assert seen(monkeypatch) is None


def test_what_slurm_gave_is_left_as_it_is(machine, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with own_gpus(1, devices=machine):
        assert seen(monkeypatch) is None


def test_a_job_that_was_killed_holds_nothing(machine, monkeypatch):
    killed = (
        "import os, pathlib, tempfile; from thinkscale.jobs.gpus import own_gpus\n"
        f"here = pathlib.Path({str(machine)!r}); tempfile.tempdir = str(here)\n"
        "with own_gpus(1, devices=here): print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True);"
        " os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", killed], env=environment, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (-9, b"0\n")
    with own_gpus(1, devices=machine):
        assert seen(monkeypatch) == "0"
