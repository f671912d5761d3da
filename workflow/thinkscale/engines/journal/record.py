"""A line of the journal: a checksum, and a completion as JSON."""

import zlib
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from thinkscale.engines.base import Completion, Request

_Token = Annotated[int, Field(ge=0, lt=2**31)]


@dataclass(frozen=True)
class Record:
    """A completion by its request's key, and the limit it was sampled under.

    versions: of the libraries that computed it; None where a line does not say. They stand in each
    line, so that lines keep theirs wherever they are copied to.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    key: str
    max_new: int
    stop: Literal["marker", "eos", "length"]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    end_ids: tuple[_Token, ...]
    ids: tuple[_Token, ...]
    versions: str | None = None
    logprobs: tuple[Annotated[float, Field(le=0)], ...] = ()

    @property
    def completion(self) -> Completion:
        return Completion(self.ids, self.end_ids, self.stop, self.seconds, self.logprobs)

    def answers(self, request: Request) -> bool:
        """Whether sampling `request` would give this completion.

        One that ended by itself is the same under every limit it fits in; one that was cut is the
        same under the same limit only.
        """
        if len(self.logprobs) != len(request.read):
            return False
        if self.stop == "length":
            return self.max_new == request.max_new
        return self.completion.sampled <= request.max_new


_RECORD = TypeAdapter(Record)


def line(key: bytes, max_new: int, completion: Completion, versions: str) -> bytes:
    values = {
        "key": key.hex(),
        "versions": versions,
        "max_new": max_new,
        "stop": completion.stop,
        "seconds": completion.seconds,
        "end_ids": completion.end_ids,
        "ids": completion.ids,
    }
    if completion.logprobs:
        values["logprobs"] = completion.logprobs
    text = to_json(values)
    return checksum(text) + b" " + text + b"\n"


def parse(line: bytes) -> Record | None:
    """The record of a line; None if it is not what this version writes."""
    text = line[9:].rstrip(b"\n")
    if line[:8] != checksum(text):
        return None
    try:
        record = _RECORD.validate_json(text)
    except ValidationError:
        return None
    cut = record.stop == "length"
    sensible = cut != bool(record.end_ids) and record.completion.sampled <= max(record.max_new, 0)
    return record if sensible else None


def checksum(text: bytes) -> bytes:
    return f"{zlib.crc32(text):08x}".encode()
