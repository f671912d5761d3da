"""The journal: what was sampled is kept as it is sampled, by content, and not sampled again.

It stands between budget forcing and an engine. A killed run replays from it; a study with one
more budget, wait, sample or item finds there all it shares with the study before. Files are only
appended to, one for each process; readers see all of them.
"""

import hashlib
import json
import os
import time
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from thinkscale.engines.base import Completion, Engine, Request
from thinkscale.errors import ThinkscaleError

_SYNC_SECONDS = 1.0  # most work that a power cut may cost; a killed process loses none
_VERSION = 1  # of what a key means


@dataclass(frozen=True)
class Record:
    """A completion, and the limit it was sampled under."""

    completion: Completion
    max_new: int

    def answers(self, request: Request) -> bool:
        """Whether sampling `request` would give this completion.

        One that ended by itself is the same under every limit it fits in; one that was cut is the
        same under the same limit only.
        """
        if self.completion.stop == "length":
            return self.max_new == request.max_new
        return self.completion.sampled <= request.max_new


@dataclass(frozen=True)
class Journaled:
    """An engine that remembers.

    path: the file to append to; every `*.jsonl` beside it is read. identity: what decides tokens
    apart from the request (the weights' fingerprint, number type, sampling), as JSON values.
    Raises ThinkscaleError if the directory cannot be read or written.
    """

    engine: Engine
    path: Path
    identity: dict[str, Any]
    known: dict[str, Record] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            files = sorted(self.path.parent.glob("*.jsonl"))
            object.__setattr__(self, "known", {k: r for f in files for k, r in read(f)})
        except OSError as error:
            raise _unusable(self.path.parent, error) from error

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def exact_tokens(self) -> bool:
        return self.engine.exact_tokens

    @property
    def context(self) -> int:
        return self.engine.context

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """See `Engine.complete`; only what the journal lacks reaches the engine."""
        keys = [self.key(request) for request in requests]
        missing = []
        for index, (key, request) in enumerate(zip(keys, requests, strict=True)):
            record = self.known.get(key)
            if record is not None and record.answers(request):
                yield index, record.completion
            else:
                missing.append(index)
        if not missing:
            return
        with _appending(self.path) as append:
            for place, completion in self.engine.complete([requests[i] for i in missing]):
                index = missing[place]
                record = Record(completion, requests[index].max_new)
                append(_line(keys[index], record))
                self.known[keys[index]] = record
                yield index, completion

    def key(self, request: Request) -> str:
        """Name a request by all that decides its tokens, but for its limit."""
        content = [
            _VERSION,
            self.identity,
            request.prompt,
            request.stops,
            request.noise.hex(),
            request.position,
        ]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def read(path: Path) -> Iterator[tuple[str, Record]]:
    """Yield (key, record) of a journal file; damaged lines are skipped with one warning."""
    damaged = 0
    with open(path, "rb") as file:
        for line in file:
            checksum, _, text = line.rstrip(b"\n").partition(b" ")
            if checksum != _checksum(text):
                damaged += bool(line.strip())
                continue
            values = json.loads(text)
            ids, end_ids = tuple(values.pop("ids")), tuple(values.pop("end_ids"))
            key, max_new = values.pop("key"), values.pop("max_new")
            yield key, Record(Completion(ids, end_ids, **values), max_new)
    if damaged:
        warnings.warn(
            f"{path}: {damaged} damaged record(s) skipped; what they held is sampled again",
            stacklevel=2,
        )


def _line(key: str, record: Record) -> bytes:
    values = {"key": key, "max_new": record.max_new, **asdict(record.completion)}
    text = json.dumps(values, separators=(",", ":")).encode()
    return _checksum(text) + b" " + text + b"\n"


def _checksum(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode()


@contextmanager
def _appending(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Append lines, each handed to the system at once and to the disk every second."""
    try:
        file = open(path, "ab+")  # noqa: SIM115 - closed below, with its own errors
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            file.write(b"\n")  # a record that a crash cut short must not swallow the next
    except OSError as error:
        raise _unusable(path, error) from error
    synced = time.monotonic()

    def append(line: bytes) -> None:
        nonlocal synced
        try:
            file.write(line)
            file.flush()
            if time.monotonic() - synced >= _SYNC_SECONDS:
                os.fsync(file.fileno())
                synced = time.monotonic()
        except OSError as error:
            raise _unusable(path, error) from error

    try:
        yield append
    finally:
        try:
            file.flush()
            os.fsync(file.fileno())
            file.close()
        except OSError as error:
            raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> ThinkscaleError:
    return ThinkscaleError(
        f"journal {path}: {error.strerror}; make room or make it writable and run again: what it "
        "holds is kept"
    )
