"""The journal's files: finding records in those of every process, writing one of one's own."""

import errno
import os
import re
import socket
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from thinkscale.engines.base import Request
from thinkscale.engines.journal.record import Record, checksum, parse
from thinkscale.errors import ThinkscaleError

_SYNC_SECONDS = 1.0
_SYNC_SHARE = 0.02  # of the time, at most, that goes into telling the disk
_OPEN_FILES = 64
_OFFSET_BITS = 48
_HEAD = re.compile(rb'[0-9a-f]{8} \{"key":"([0-9a-f]{32})",')


@dataclass
class Kept:
    """Where the records of a directory are. Tokens stay on disk until they are asked for: those
    of a large study do not fit in memory beside a model.

    places: by key, each record's file and offset in one number, the latest last.
    """

    paths: list[Path] = field(default_factory=list)
    places: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    opened: dict[int, BinaryIO] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, directory: Path) -> "Kept":
        kept = cls()
        try:
            names = sorted(os.listdir(directory))
        except FileNotFoundError:
            return kept
        except OSError as error:
            raise _unusable(directory, error) from error
        for path in (directory / name for name in names if name.endswith(".jsonl")):
            try:
                kept.add(path, _scan(path))
            except OSError as error:
                raise _unusable(path, error) from error
        return kept

    def add(self, path: Path, records: Iterable[tuple[bytes, int]]) -> None:
        """Note records of a file, each by its key and offset."""
        if not self.paths or self.paths[-1] is not path:
            self.paths.append(path)
        file = len(self.paths) - 1 << _OFFSET_BITS
        for key, offset in records:
            before = self.places.get(key)
            self.places[key] = (file | offset,) if before is None else (*before, file | offset)

    def records(self, key: bytes, request: Request) -> Iterator[Record]:
        """Yield what answers a request of this key, the latest first."""
        for place in reversed(self.places.get(key, ())):
            number, offset = divmod(place, 1 << _OFFSET_BITS)
            record = parse(self._line(number, offset))
            if record is None or record.key != key.hex():
                self._skip(number)
            elif record.answers(request):
                yield record

    def _line(self, number: int, offset: int) -> bytes:
        path = self.paths[number]
        try:
            if number not in self.opened:
                if len(self.opened) == _OPEN_FILES:
                    self.close()
                self.opened[number] = open(path, "rb")  # noqa: SIM115 - closed by `close`
            file = self.opened[number]
            file.seek(offset)
            return file.readline()
        except OSError as error:
            raise _unusable(path, error) from error

    def _skip(self, number: int) -> None:
        if number not in self.skipped:
            self.skipped.add(number)
            _warn(self.paths[number], "some", "with values this version does not know")

    def close(self) -> None:
        for file in self.opened.values():
            file.close()
        self.opened.clear()


class Writer:
    """The file of this process, made when there is something to write.

    The disk is told once a second, less often where that would take more than `_SYNC_SHARE` of
    the time.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.path = directory
        self._directory = directory
        self._name = name
        self._file: int | None = None
        self._size = 0
        self._synced = True
        self._due = 0.0

    def append(self, lines: Sequence[bytes]) -> list[int]:
        """Hand lines to the operating system; returns the offset of each."""
        try:
            if self._file is None:
                self._create()
            *offsets, _ = accumulate(map(len, lines), initial=self._size)
            rest = memoryview(b"".join(lines))
            self._synced = False
            while rest:
                written = os.write(self._file, rest)
                self._size += written
                rest = rest[written:]
        except OSError as error:
            # What follows a line that was cut would be lost with it: this file is done with.
            self._abandon()
            raise _unusable(self.path, error) from error
        return offsets

    def sync_if_due(self) -> None:
        if self._synced or time.monotonic() < self._due:
            return
        began = time.monotonic()
        try:
            os.fsync(self._file)
        except OSError as error:
            self._abandon()
            raise _unusable(self.path, error) from error
        now = time.monotonic()
        self._synced = True
        self._due = now + max(_SYNC_SECONDS, (now - began) / _SYNC_SHARE)

    def close(self) -> None:
        self._due = 0.0
        self.sync_if_due()
        self._abandon()

    def _create(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
        while self._file is None:
            made = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
            self.path = self._directory / f"{self._name}.{made}-{host}-{os.getpid()}.jsonl"
            try:
                self._file = os.open(self.path, flags, 0o666)
            except FileExistsError:
                continue  # the same process number on a host of the same name: time goes on
        self._size = 0
        self._due = time.monotonic() + _SYNC_SECONDS
        _sync_directory(self._directory)

    def _abandon(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._synced = None, True


def _sync_directory(directory: Path) -> None:
    """Have the disk hold the file's name as well."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # this file system has no such thing
            raise
    finally:
        os.close(opened)


def _scan(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield (key, offset) of every record of a file whose checksum holds."""
    damaged = unknown = offset = 0
    with open(path, "rb") as file:
        for line in file:
            head = _HEAD.match(line)
            if line[:8] != checksum(line[9:].rstrip(b"\n")):
                damaged += bool(line.strip())
            elif head is None:
                unknown += 1
            else:
                yield bytes.fromhex(head[1].decode()), offset
            offset += len(line)
    if damaged:
        _warn(path, damaged, "damaged or cut short")
    if unknown:
        _warn(path, unknown, "with values this version does not know")


def _warn(path: Path, count: int | str, what: str) -> None:
    warnings.warn(
        f"{path}: {count} record(s) {what} skipped; what they held is sampled again", stacklevel=3
    )


def _unusable(path: Path, error: OSError) -> ThinkscaleError:
    return ThinkscaleError(
        f"journal {path}: {error.strerror}; make room, or make it readable and writable, and run "
        "again: what it holds is kept"
    )
