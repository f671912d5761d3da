"""Nothing sampled is lost, nothing is sampled twice, and nothing else changes."""

import json
import math
import os
import resource
import warnings
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from scripted import PROMPT, Scripted, forcing, ids, passes
from thinkscale.engines.base import Completion, Request, Usage, noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.journal import Journaled, files
from thinkscale.engines.journal.record import checksum, line, parse
from thinkscale.errors import ThinkscaleError
from thinkscale.thinking.budget import respond
from thinkscale.thinking.conditions import sweep

FEW = sweep(max_think=[2], waits=[1])
MORE = sweep(max_think=[2, 3], waits=[1, 2])
REQUEST = Request(ids("Q<\nab"), 9, (ids("|"), ids("||")), b"a row", 2)


def journal(directory, engine=None, identity=None, writer="0-of-1", **options):
    engine = engine or Scripted(passes)
    identity = identity or {"model": "m"}
    return Journaled(
        lambda: engine, directory, writer, identity, name="m", exact_tokens=True, **options
    )


def asked(conditions, rows, **changes):
    for n in range(rows):
        key = noise_key(1, str(n), 0)
        yield n, respond(ids(PROMPT), key, conditions, forcing(**changes), 1000)


def run(
    directory, conditions=FEW, rows=3, identity=None, script=passes, writer="0-of-1", **changes
):
    """Answer `rows` rows through a journal; return the results by row, and the engine."""
    engine = Scripted(script)
    with journal(directory, engine, identity, writer) as journaled:
        return dict(drive(asked(conditions, rows, **changes), journaled, 2)), engine


def only_file(directory) -> Path:
    [path] = directory.glob("*.jsonl")
    return path


def without_warnings(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run(*arguments, **options)


def test_a_second_run_opens_nothing_and_answers_the_same(tmp_path):
    first, engine = run(tmp_path)

    def open_engine():
        raise AssertionError("opened")

    again = Journaled(open_engine, tmp_path, "0", {"model": "m"}, name="m", exact_tokens=True)
    assert dict(drive(asked(FEW, 3), again, 2)) == first
    assert again.recalled == engine.sampled > 0
    assert again.usage() == Usage()
    again.close()
    assert len(list(tmp_path.iterdir())) == 1  # nor was anything written


@pytest.mark.parametrize(
    ("conditions", "rows", "new"),
    [
        (FEW, 5, 2 * (5 + 3 + 2 * 3)),  # two rows more: abcd| and ef|, then X $ three times
        (sweep(max_think=[2, 3], waits=[1]), 3, 3 * 2),  # X $ behind abc
        (sweep(max_think=[2, 50], waits=[1]), 3, 0),  # a budget that thinking does not reach
        (sweep(max_think=[2], waits=[1, 2]), 3, 3 * (2 + 2)),  # g| and X $
        (sweep(max_think=[2], waits=[1], continuations=["Wait", "Hmm"]), 3, 3 * (3 + 2)),
    ],
)
def test_a_larger_study_samples_only_what_is_new(tmp_path, conditions, rows, new):
    run(tmp_path)
    extended, engine = run(tmp_path, conditions, rows)
    assert engine.sampled == new
    assert extended == run(tmp_path / "alone", conditions, rows)[0]


def test_other_weights_or_sampling_share_nothing(tmp_path):
    _, first = run(tmp_path, identity={"model": "m", "temperature": 0.0})
    _, second = run(tmp_path, identity={"model": "m", "temperature": 1.0})
    assert second.sampled == first.sampled > 0


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": ids("Q<\nac")},
        {"prompt": ids("Q<\nab\0")},
        {"stops": (ids("|"),)},
        {"stops": (ids("|||"),)},
        {"noise": b"another row"},
        {"position": 3},
    ],
)
def test_all_that_decides_tokens_is_in_the_key(tmp_path, change):
    with journal(tmp_path) as journaled:
        journaled.submit("a", REQUEST)
        journaled.step()
        assert journaled.find(REQUEST) is not None
        assert journaled.find(replace(REQUEST, **change)) is None


def test_known_answers_come_first_and_leave_the_engine_alone(tmp_path):
    run(tmp_path, rows=1)
    engine = Scripted(passes)
    journaled = journal(tmp_path, engine)
    known = Request(ids(PROMPT), 988, (ids("|"),), noise_key(1, "0", 0), 0)
    assert journaled.find(known) == Completion(ids("abcd"), ids("|"), "marker")
    journaled.submit("new", REQUEST)
    journaled.submit("known", known)
    assert journaled.step() == [("known", Completion(ids("abcd"), ids("|"), "marker"))]
    assert engine.sampled == 0
    [(ticket, completion)] = journaled.step()
    assert ticket == "new" and engine.sampled == completion.sampled == journaled.usage().sampled
    journaled.release(known.noise)
    journaled.release(REQUEST.noise)
    assert engine.released == [REQUEST.noise]  # it never heard of the other row
    journaled.close()


def test_what_a_step_returns_is_already_written(tmp_path):
    journaled = journal(tmp_path)
    journaled.submit("a", REQUEST)
    [(_, completion)] = journaled.step()
    assert journal(tmp_path).find(REQUEST) == completion
    journaled.close()


def test_every_process_has_a_file_of_its_own_and_reads_all(tmp_path):
    first, second = journal(tmp_path), journal(tmp_path)
    for n, journaled in enumerate((first, second, first)):
        journaled.submit("a", replace(REQUEST, position=n))
        journaled.step()
    first.close()
    second.close()
    assert len(list(tmp_path.glob("0-of-1.*Z-*.jsonl"))) == 2
    only = next(tmp_path.glob("*.jsonl"))
    only.rename(tmp_path / "0-of-1.jsonl")  # what earlier versions called it
    found = [journal(tmp_path).find(replace(REQUEST, position=n)) for n in range(4)]
    assert [completion is not None for completion in found] == [True, True, True, False]


def test_a_cut_answer_is_sampled_again_under_another_limit_and_a_whole_one_is_not(tmp_path):
    long = partial(passes, answer="abcdefg")
    run(tmp_path, script=long, rows=1)
    result, engine = run(tmp_path, script=long, rows=1, max_answer=20)
    assert engine.sampled == 3 * 8  # each of the three answers, to its EOS
    assert result[0].answers["natural"].completion.stop == "eos"
    for limit in (30, 5):  # and the cut ones are still there
        _, engine = run(tmp_path, script=long, rows=1, max_answer=limit)
        assert engine.sampled == 0


def test_a_record_cut_short_anywhere_costs_that_record_only(tmp_path):
    expected, _ = run(tmp_path / "whole", rows=1)
    whole = only_file(tmp_path / "whole").read_bytes()
    last = len(whole.rstrip(b"\n").rsplit(b"\n", 1)[-1]) + 1
    for cut in range(1, last, 7):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / "0.jsonl").write_bytes(whole[:-cut])
        result, engine = without_warnings(directory, rows=1)
        assert result == expected
        assert engine.sampled in (0, 2)  # at most the one answer: X $
        assert without_warnings(directory, rows=1)[1].sampled == 0  # and what followed was kept


def test_a_changed_byte_anywhere_is_never_taken_for_an_answer(tmp_path):
    expected, _ = run(tmp_path / "whole", rows=1)
    whole = only_file(tmp_path / "whole").read_bytes()
    for place in range(0, len(whole), 5):
        directory = tmp_path / str(place)
        directory.mkdir()
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        (directory / "0.jsonl").write_bytes(changed)
        result, engine = without_warnings(directory, rows=1)
        assert result == expected
        assert engine.sampled > 0


def test_damage_is_said_aloud_once_for_a_file(tmp_path):
    run(tmp_path, rows=1)
    path = only_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    zeros = b"\0" * 5000 + b"\n"
    path.write_bytes(b"".join([lines[0].replace(b'"ids":[', b'"ids":[7,'), zeros, *lines[1:]]))
    with pytest.warns(UserWarning) as said:
        journal(tmp_path)
    [warning] = said
    assert str(warning.message) == (
        f"{path}: 2 record(s) damaged or cut short skipped; what they held is sampled again"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"stop": "tired"},
        {"stop": "length"},  # though it has an end
        {"end_ids": []},  # though it ended
        {"ids": [1, -2]},
        {"ids": [2**31]},
        {"ids": [1.5]},
        {"ids": ["1"]},
        {"ids": "12"},
        {"ids": [1] * 40},  # beyond its limit
        {"max_new": None},
        {"seconds": -1.0},
        {"seconds": "1"},
        {"later": True},
        {"logprobs": [0.5]},
        {"logprobs": [math.nan]},
        {"key": "00" * 16},
        {"key": "0"},
        {"key": 7},
    ],
)
def test_values_of_another_version_are_skipped_with_a_warning(tmp_path, change):
    with journal(tmp_path) as journaled:
        for ticket in range(2):
            journaled.submit(ticket, replace(REQUEST, position=ticket))
        journaled.step()
    path = only_file(tmp_path)
    first, second = path.read_bytes().splitlines(keepends=True)
    text = json.dumps({**json.loads(first[9:]), **change}, separators=(",", ":")).encode()
    path.write_bytes(checksum(text) + b" " + text + b"\n" + second)
    if change == {"key": "00" * 16}:
        assert parse(path.read_bytes().splitlines(keepends=True)[0])  # sound, and another's
        assert journal(tmp_path).find(replace(REQUEST, position=1)) is None
        return
    with pytest.warns(UserWarning, match="values this version does not know"):
        read = journal(tmp_path)
        assert read.find(replace(REQUEST, position=1)) is None
    assert read.find(replace(REQUEST, position=0)) is not None


@pytest.mark.parametrize("logprobs", [(), (-(0.1 + 0.2), -5e-324, 0.0, -1e308, -math.inf)])
def test_a_record_reads_as_it_was_written(logprobs):
    completion = Completion((0, 5, 151_935), (151_643,), "eos", 0.1 + 0.2, logprobs)
    record = parse(line(b"k" * 16, 7, completion, "torch 2"))
    assert (record.completion, record.max_new) == (completion, 7)
    assert record.versions == "torch 2"


def test_what_was_read_is_kept_by_what_was_asked(tmp_path):
    request = Request(ids("Q<\nab"), 0, (), b"a row", 0, read=(ids("A"), ids(" A")))
    engine = Scripted(passes, logprob=lambda so_far, ids: -0.1 * len(so_far) - len(ids))
    with journal(tmp_path, engine) as journaled:
        journaled.submit("read", request)
        [(_, completion)] = journaled.step()
    assert completion.logprobs == (-1.5, -2.5)
    again = journal(tmp_path)
    assert again.find(request) == completion
    assert again.find(replace(request, read=request.read[::-1])) is None
    assert again.find(replace(request, read=())) is None


def test_requests_that_read_nothing_have_the_keys_they_always_had(tmp_path):
    journaled = journal(tmp_path, identity={"model": "m"})
    assert journaled._key(REQUEST).hex() == "568b1797c64cda716f1db209bfed3eeb"
    assert b"logprobs" not in line(b"k" * 16, 7, Completion((1,), (2,), "eos"), "")


OLD, NEW = "torch 2, transformers 5", "torch 3, transformers 5"


def sample(directory, versions, script=passes, requests=(REQUEST,), **options) -> Scripted:
    """Have requests answered through a journal; what was sampled for it is the engine's."""
    engine = Scripted(script)
    with journal(directory, engine, versions=versions, **options) as journaled:
        for ticket, request in enumerate(requests):
            journaled.submit(ticket, request)
            journaled.step()
    return engine


def test_records_of_other_versions_are_used_where_that_is_asked_for(tmp_path):
    assert sample(tmp_path, OLD).sampled
    assert sample(tmp_path, NEW, others=True).sampled == 0
    again = sample(tmp_path, NEW, lambda so_far: "x")  # the new version says something else
    assert again.sampled == REQUEST.max_new
    for versions, others in [(NEW, False), (NEW, True), (OLD, False), (OLD, True)]:
        kept = journal(tmp_path, versions=versions, others=others)
        # Its own come first, whichever was written last.
        assert (kept.find(REQUEST).ids == ids("x") * 9) == (versions == NEW)
        assert [record.versions for record in kept.records(REQUEST)] == (
            [NEW, OLD] if versions == NEW else [OLD, NEW]
        )
    third = journal(tmp_path, versions="torch 4", others=True)
    assert third.find(REQUEST).ids == ids("x") * 9  # of others, the latest
    assert journal(tmp_path, versions="torch 4").find(REQUEST) is None


def test_records_keep_their_versions_wherever_they_are_copied(tmp_path):
    for n, versions in enumerate((OLD, NEW)):
        sample(tmp_path / versions, versions, requests=[replace(REQUEST, position=n)])
    files = [only_file(tmp_path / versions) for versions in (OLD, NEW)]
    (tmp_path / "joined.jsonl").write_bytes(b"".join(file.read_bytes() for file in files))
    kept = journal(tmp_path, versions=NEW)
    assert [kept.find(replace(REQUEST, position=n)) is None for n in range(2)] == [True, False]


def test_lines_that_name_no_versions_are_of_unknown_ones(tmp_path, recwarn):
    sample(tmp_path, NEW)
    path = only_file(tmp_path)
    values = json.loads(path.read_bytes()[9:])
    assert values.pop("versions") == NEW
    text = json.dumps(values, separators=(",", ":")).encode()
    path.write_bytes(checksum(text) + b" " + text + b"\n")
    kept = journal(tmp_path, versions=NEW)
    assert [record.versions for record in kept.records(REQUEST)] == [None]
    assert kept.find(REQUEST) is None
    assert journal(tmp_path, versions=NEW, others=True).find(REQUEST) is not None
    assert not [warning for warning in recwarn if "skipped" in str(warning.message)]


@contextmanager
def small_files(most):
    """A place where a file cannot grow beyond `most` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_place_that_is_full_is_named_and_what_was_there_stays(tmp_path):
    expected, whole = run(tmp_path / "whole")
    size = only_file(tmp_path / "whole").stat().st_size
    with (
        small_files(size // 2),
        pytest.raises(ThinkscaleError, match=r"journal .*jsonl: .* run again: what it holds is"),
    ):
        run(tmp_path / "full")
    result, rest = without_warnings(tmp_path / "full")
    assert result == expected
    assert 0 < rest.sampled < whole.sampled


def test_a_writer_that_failed_goes_on_in_another_file(tmp_path):
    journaled = journal(tmp_path)
    a, b, c = (replace(REQUEST, position=n) for n in range(3))
    journaled.submit("a", a)
    journaled.step()
    journaled.submit("b", b)
    with small_files(only_file(tmp_path).stat().st_size + 9), pytest.raises(ThinkscaleError):
        journaled.step()
    journaled.submit("c", c)
    journaled.step()
    journaled.close()
    with pytest.warns(UserWarning, match=r": 1 record\(s\) damaged or cut short"):
        read = journal(tmp_path)
    assert [read.find(request) is not None for request in (a, b, c)] == [True, False, True]


def test_places_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(ThinkscaleError, match=r"journal .*file: Not a directory"):
        journal(tmp_path / "file")
    (tmp_path / "odd" / "0.jsonl").mkdir(parents=True)
    with pytest.raises(ThinkscaleError, match=r"journal .*0\.jsonl: Is a directory"):
        journal(tmp_path / "odd")
    late = journal(tmp_path / "late" / "m")
    (tmp_path / "late").write_text("made in between")
    late.submit("a", REQUEST)
    with pytest.raises(ThinkscaleError, match=r"journal .*late/m: "):
        late.step()


def test_the_disk_is_told_about_once_a_second_and_at_the_end(tmp_path, monkeypatch):
    told, clock = [], [100.0]
    monkeypatch.setattr(files.os, "fsync", lambda fd: told.append(clock[0]))
    monkeypatch.setattr(files.time, "monotonic", lambda: clock[0])
    journaled = journal(tmp_path)
    for n in range(40):  # one completion each tenth of a second
        journaled.submit(n, replace(REQUEST, position=n))
        journaled.step()
        clock[0] += 0.1
    assert len(told) == 1 + 3  # the directory's entry, then each second
    journaled.close()
    assert len(told) == 1 + 3 + 1
    journaled.close()
    assert len(told) == 1 + 3 + 1


def test_many_files_are_read_with_few_open(tmp_path):
    for n in range(70):
        with journal(tmp_path) as journaled:
            journaled.submit(n, replace(REQUEST, position=n))
            journaled.step()
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    read = journal(tmp_path)
    assert all(read.find(replace(REQUEST, position=n)) for n in [*range(70), *range(70)])
    if before:
        assert len(os.listdir("/proc/self/fd")) - before <= 64
    read.close()


def test_told_to_stop_it_finishes_what_the_engine_has_and_begins_nothing(tmp_path):
    """Both rows in flight are asked their first request; the next ones are left for another run."""
    told = []
    engine = Scripted(passes)
    step = engine.step

    def stopped_meanwhile():
        told.append(True)
        return step()

    engine.step = stopped_meanwhile
    with (
        journal(tmp_path, engine, stop=lambda: bool(told)) as journaled,
        pytest.raises(ThinkscaleError, match="what was in flight is finished and kept"),
    ):
        dict(drive(asked(FEW, 5), journaled, 2))
    assert len(engine.asked) == 2 and not engine.waiting
    assert only_file(tmp_path).read_text().count("\n") == 2
    results, again = run(tmp_path, rows=5)
    assert results == run(tmp_path / "untouched", rows=5)[0]
    assert all(request not in again.asked for request in engine.asked)


def test_told_to_stop_before_it_began_it_loads_nothing(tmp_path):
    def open_engine():
        raise AssertionError("opened")

    stopped = Journaled(
        open_engine, tmp_path, "0", {}, name="m", exact_tokens=True, stop=lambda: True
    )
    with pytest.raises(ThinkscaleError, match="stopped as asked"):
        dict(drive(asked(FEW, 2), stopped, 2))
