"""Nothing sampled is lost, nothing is sampled twice, and nothing else changes."""

import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import pytest

from scripted import Scripted, forcing, ids
from test_budget import PROMPT, passes
from thinkscale.budget import respond
from thinkscale.conditions import sweep
from thinkscale.engines.base import Request, noise_key
from thinkscale.engines.drive import drive
from thinkscale.errors import ThinkscaleError
from thinkscale.journal import Journaled, read

FEW = sweep(max_think=[2], waits=[1])
MORE = sweep(max_think=[2, 3], waits=[1, 2])


def run(directory, conditions=FEW, rows=3, identity=None, script=passes, shard="0", **changes):
    """Answer `rows` rows through a journal; return the results by row, and the engine."""
    engine = Scripted(script)
    journaled = Journaled(engine, Path(directory, f"{shard}.jsonl"), identity or {"model": "m"})
    asked = (
        (n, respond(ids(PROMPT), noise_key(1, str(n), 0), conditions, forcing(**changes), 1000))
        for n in range(rows)
    )
    return dict(drive(asked, journaled, 2)), engine


def test_a_second_run_samples_nothing_and_answers_the_same(tmp_path):
    first, _ = run(tmp_path)
    second, engine = run(tmp_path)
    assert engine.sampled == 0
    assert second == first


def test_a_larger_sweep_samples_only_what_is_new(tmp_path):
    run(tmp_path)
    extended, engine = run(tmp_path, MORE)
    # For each of three rows: the second wait's g and |, and X $ for max=3 and for waits=2.
    assert engine.sampled == 3 * (2 + 2 + 2)
    assert extended == run(tmp_path / "alone", MORE)[0]


def test_more_rows_sample_only_themselves(tmp_path):
    _, whole = run(tmp_path / "alone", rows=5)
    _, part = run(tmp_path, rows=3)
    _, rest = run(tmp_path, rows=5)
    assert part.sampled + rest.sampled == whole.sampled


def test_shards_read_each_other(tmp_path):
    run(tmp_path, shard="0")
    _, engine = run(tmp_path, shard="1")
    assert engine.sampled == 0


def test_other_weights_or_sampling_share_nothing(tmp_path):
    _, first = run(tmp_path, identity={"model": "m", "temperature": 0.0})
    _, second = run(tmp_path, identity={"model": "m", "temperature": 1.0})
    assert second.sampled == first.sampled > 0


def test_a_cut_answer_is_sampled_again_under_another_limit_and_a_whole_one_is_not(tmp_path):
    long = partial(passes, answer="abcdefg")
    run(tmp_path, script=long, rows=1)
    result, engine = run(tmp_path, script=long, rows=1, max_answer=20)
    assert engine.sampled == 3 * 8  # each of the three answers, to its EOS
    assert result[0].answers["natural"].completion.stop == "eos"
    _, engine = run(tmp_path, script=long, rows=1, max_answer=30)
    assert engine.sampled == 0


def test_a_record_cut_short_anywhere_costs_that_record_only(tmp_path):
    expected, _ = run(tmp_path, rows=1)
    whole = (tmp_path / "0.jsonl").read_bytes()
    last = len(whole.rstrip(b"\n").rsplit(b"\n", 1)[-1]) + 1
    for cut in range(1, last, 7):
        (tmp_path / "0.jsonl").write_bytes(whole[:-cut])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result, engine = run(tmp_path, rows=1)
        assert result == expected
        assert engine.sampled in (0, 2)  # at most the one answer: X $
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert run(tmp_path, rows=1)[1].sampled == 0  # and what followed it was kept


def test_damage_is_said_aloud(tmp_path):
    run(tmp_path, rows=1)
    path = tmp_path / "0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join([lines[0].replace(b'"ids":[', b'"ids":[7,'), b"\x00\xff\n", *lines[1:]])
    )
    with pytest.warns(UserWarning, match=r"0\.jsonl: 2 damaged"):
        assert len(list(read(path))) == len(lines) - 1


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "journal").write_text("a file, not a directory")
    with pytest.raises(ThinkscaleError, match=r"journal .*: what it holds is kept"):
        run(tmp_path / "journal")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named_and_keeps_what_was_there(tmp_path):
    run(tmp_path, rows=1)
    kept = dict(read(tmp_path / "0.jsonl"))
    (tmp_path / "full").symlink_to("/dev/full")
    journaled = Journaled(Scripted(passes), tmp_path / "full", {"model": "m"})
    request = Request(ids(PROMPT), 5, (ids("|"),), b"new", 0)
    with pytest.raises(ThinkscaleError, match="No space left"):
        list(journaled.complete([request]))
    assert dict(read(tmp_path / "0.jsonl")) == kept


SLOW = """
import sys, time
sys.path[:0] = {paths!r}
from test_budget import passes
import test_journal
def slow(so_far):
    time.sleep(0.002)
    return passes(so_far)
test_journal.run({directory!r}, test_journal.MORE, rows=12, script=slow)
print("done")
"""


def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path):
    expected, undisturbed = run(tmp_path / "undisturbed", MORE, rows=12)
    program = SLOW.format(paths=[p for p in sys.path if p], directory=str(tmp_path / "killed"))
    for attempt in range(8):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        time.sleep(0.5 + 0.17 * (attempt % 5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result, last = run(tmp_path / "killed", MORE, rows=12)
    assert result == expected
    assert last.sampled < undisturbed.sampled
