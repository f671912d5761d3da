"""How a rule's script ends: what the user reads, and what stays."""

import errno
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.job import importing, job

ROOM = os.strerror(errno.ENOSPC)


def ended(log: Path, error: BaseException) -> str:
    """What the console is told where the work of a rule raises an error."""
    snakemake = SimpleNamespace(log=[str(log)], rule="think", resources={})
    with pytest.raises(SystemExit) as end, job(snakemake):
        raise error
    assert end.value.code  # a text, which is printed, and then exit code 1
    return str(end.value.code)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ThinkscaleError("bank.csv: empty"), "thinkscale: think: bank.csv: empty"),
        (KeyboardInterrupt(), "thinkscale: think: interrupted"),
        (OSError(errno.ENOSPC, ROOM, "a/b.csv"), f"cannot write a/b.csv: {ROOM}; make room and"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "cannot write its results: Disk quota"),
        # pyarrow, and safetensors, say it in words.
        (OSError(f"[Errno 28] Error writing bytes to file. Detail: {ROOM}"), f"results: {ROOM}"),
        (RuntimeError(f"I/O error: {ROOM} (os error 28)"), f"results: {ROOM}"),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero (traceback: "),
    ],
)
def test_the_console_has_one_line_and_the_log_has_it_too(tmp_path, error, expected):
    log = tmp_path / "think.log"
    told = ended(log, error)
    assert expected in told and len(told.splitlines()) == 1
    written = log.read_text()
    traced = isinstance(error, ZeroDivisionError)
    assert ("Traceback" in written) == traced
    assert traced or written == f"{told}\n"


def test_a_log_that_cannot_be_written_hides_nothing(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, ROOM, "think.log")

    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(Path, "open", full)
    assert f"cannot write think.log: {ROOM}" in ended(tmp_path / "think.log", AssertionError())


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs signals")
@pytest.mark.parametrize("times", [1, 2])
def test_the_first_ctrl_c_is_a_wish_and_the_second_an_order(tmp_path, times):
    """In a process of its own, as scripts are: what a signal does is the process's."""
    program = f"""if True:
        import os, signal, sys
        from types import SimpleNamespace
        from thinkscale.jobs.job import job, stopping
        of = SimpleNamespace(log=[{str(tmp_path / "log")!r}], rule="think", resources={{}})
        with job(of, finishes=True):
            assert not stopping()
            for _ in range({times}):
                os.kill(os.getpid(), signal.SIGINT)
            assert stopping()
            print("finished")
    """
    path = os.pathsep.join(map(str, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "thinkscale: finishing what is in flight; Ctrl-C again stops at once" in done.stderr
    assert (done.stdout, done.returncode) == (("finished\n", 0) if times == 1 else ("", 1))
    assert ("thinkscale: think: interrupted" in done.stderr) == (times == 2)
    assert "Traceback" not in done.stderr


def test_large_packages_are_asked_for_and_imported_without_collecting():
    try:
        missing = importing("json", "no_such_package", extra="inference")
        with pytest.raises(ThinkscaleError, match=r"thinkscale\[inference\]"), missing:
            pytest.fail("a package that is missing was not asked for")
        with pytest.raises(ImportError), importing("json", extra="inference"):
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() and gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
