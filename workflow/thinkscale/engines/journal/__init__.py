"""The journal: what was sampled or read is kept at once, by content, and not computed again.

It stands between budget forcing and an engine. A killed run replays from it; a study with one
more budget, wait, sample or item finds there all it shares with the study before.

Every process writes a file of its own and nothing writes into a file of another, so nothing is
locked; readers see all files of the directory. A line is a record: a checksum, and JSON.

A key holds what decides tokens by design. The versions of the libraries under an engine change
last bits, and by those now and then a token: they are no part of a key but written beside it, and
whoever opens the journal says whether records of other versions count.

What is lost when: a record is handed to the operating system in the step in which it ended, so
that killing the process, with any signal, costs only what was still being sampled. The disk is
told to hold it at most a second later (later where telling takes the disk long, see `Writer`),
so that a power cut may cost the last second as well.
"""

import hashlib
import json
from collections.abc import Callable, Hashable
from itertools import count
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from thinkscale.engines.base import Completion, Engine, Request, Usage
from thinkscale.engines.journal.files import Kept, Writer
from thinkscale.engines.journal.record import Record, line
from thinkscale.errors import ThinkscaleError

_VERSION = 5  # of what a key means


class Journaled:
    """An engine that remembers; see `Engine`.

    open_engine makes the engine that samples (it loads the weights); called at the first request
    that the journal cannot answer, and never without one. directory: where the journal's files
    are. writer: how the name of this process's file begins. identity: what decides tokens apart
    from the request (the weights' fingerprint, number type, sampling), as JSON values. versions:
    of the libraries that compute it. others: whether records of other versions are used too,
    where there is none of these. stop: asked whether to end: what the engine has is then sampled to
    its end and written, and nothing more is begun. recalled: tokens answered from the journal so
    far.

    Use it as a context, or call `close`. Raises ThinkscaleError where it was told to stop, or where
    the directory cannot be read or written; what it holds stays readable.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        directory: Path,
        writer: str,
        identity: dict[str, Any],
        *,
        name: str,
        exact_tokens: bool,
        versions: str = "",
        others: bool = False,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.exact_tokens = exact_tokens
        self.versions = versions
        self.others = others
        self.stop = stop
        self.recalled = 0
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._kept = Kept.of(directory)
        self._writer = Writer(directory, writer)
        # By number what the engine is asked: for whom (None: nobody waits), key, limit.
        self._asked: dict[int, tuple[Hashable | None, bytes, int]] = {}
        self._numbers = count()
        self._rows: set[bytes] = set()  # noise of rows the engine knows of
        self._ready: list[tuple[Hashable, Completion]] = []
        text = json.dumps([_VERSION, identity], sort_keys=True)
        self._identity = hashlib.blake2b(text.encode(), digest_size=32).digest()

    def submit(self, ticket: Hashable, request: Request) -> None:
        """See `Engine.submit`; only what the journal lacks reaches the engine."""
        key = self._key(request)
        known = self._find(key, request)
        if known is not None:
            self.recalled += known.sampled
            self._ready.append((ticket, known))
            return
        if self._engine is None and not self.stop():
            self._engine = self._open_engine()
        if self.stop():
            return  # `step` ends the run before anybody waits for this
        number = next(self._numbers)
        self._asked[number] = ticket, key, request.max_new
        self._rows.add(request.noise)
        self._engine.submit(number, request)

    def step(self) -> list[tuple[Hashable, Completion]]:
        """See `Engine.step`; the engine rests while there are answers from the journal."""
        if self.stop() and all(ticket is None for ticket, *_ in self._asked.values()):
            raise ThinkscaleError(
                "stopped as asked: what was in flight is finished and kept; run again to go on"
            )
        if self._ready:
            ended, self._ready = self._ready, []
            return ended
        ended = self._engine.step()
        told = []
        if ended:
            keys, lines = [], []
            for number, completion in ended:
                ticket, key, max_new = self._asked.pop(number)
                keys.append(key)
                lines.append(line(key, max_new, completion, self.versions))
                if ticket is not None:
                    told.append((ticket, completion))
            offsets = self._writer.append(lines)
            self._kept.add(self._writer.path, zip(keys, offsets, strict=True))
        self._writer.sync_if_due()
        return told

    def release(self, noise: bytes) -> None:
        """See `Engine.release`."""
        if noise in self._rows:
            self._rows.remove(noise)
            self._engine.release(noise)

    def abandon(self) -> None:
        """Wait for nothing that is under way; what ends of it all the same is kept."""
        self._asked = {number: (None, *asked) for number, (_, *asked) in self._asked.items()}
        self._ready.clear()
        for noise in [*self._rows]:
            self.release(noise)

    def usage(self) -> Usage:
        """What the engine did; nothing, where it was not needed."""
        return Usage() if self._engine is None else self._engine.usage()

    def find(self, request: Request) -> Completion | None:
        """The completion of a request, if the journal has one that is used."""
        return self._find(self._key(request), request)

    def records(self, request: Request) -> list[Record]:
        """All that answers a request, used or not: see `_records`."""
        return self._records(self._key(request), request)

    def uses(self, versions: str | None) -> bool:
        """Whether records of these versions answer requests."""
        return self.others or versions == self.versions

    def close(self) -> None:
        """Tell the disk to hold what was written."""
        self._kept.close()
        self._writer.close()

    def __enter__(self) -> "Journaled":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, key: bytes, request: Request) -> Completion | None:
        used = (r for r in self._records(key, request) if self.uses(r.versions))
        return next((record.completion for record in used), None)

    def _records(self, key: bytes, request: Request) -> list[Record]:
        """Records of these versions first, then the latest first."""
        found = self._kept.records(key, request)
        return sorted(found, key=lambda record: record.versions != self.versions)

    def _key(self, request: Request) -> bytes:
        """Name a request by what decides its tokens, but for its limit, and by what it reads."""
        asked = (request.noise.hex(), request.position, request.stops, request.prompt)
        asked += (request.read,) if request.read else ()
        asked += ("greedy",) if request.greedy else ()
        return hashlib.blake2b(self._identity + to_json(asked), digest_size=16).digest()
