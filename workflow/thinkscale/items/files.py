"""Text files as they lie: packed or not, and in whatever encoding."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from thinkscale.config.presets.banks import PACKED
from thinkscale.errors import ThinkscaleError

UNPACK = dict(zip(PACKED, (gzip.open, bz2.open, lzma.open), strict=True))


def unpacked(path: Path) -> Path:
    """The file's name without the suffix that says how it is packed."""
    return path.with_suffix("") if path.suffix.lower() in UNPACK else path


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file as bytes, unpacked. Raises ThinkscaleError where it cannot be read."""
    try:
        with UNPACK.get(path.suffix.lower(), open)(path, "rb") as file:
            yield file
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ThinkscaleError(f"{path}: cannot be read ({error}).") from error


@contextmanager
def decoded(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    """The file as text, its line ends as they are; bytes that are none are named by their line."""
    try:
        "a".encode(encoding)
    except (LookupError, UnicodeError) as error:
        raise ThinkscaleError(
            f"{path}: `encoding` is {encoding!r}, which is no encoding of text; expected one as "
            "utf-8, utf-16, latin-1 or cp1252."
        ) from error
    # A byte-order mark is no part of the first column's name.
    with_mark = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
    codec = "utf-8-sig" if with_mark else encoding
    try:
        with opened(path) as file, io.TextIOWrapper(file, codec, newline="") as text:
            yield text
    except UnicodeError as error:
        raise ThinkscaleError(
            f"{path}, line {_undecodable_line(path, codec)}: found bytes that are not {encoding} "
            f"({error.reason}); save it as UTF-8 (or, of an item bank, name its `items.encoding`)."
        ) from error


def _undecodable_line(path: Path, codec: str) -> int:
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(codec)
            except UnicodeError:
                return number
    return 1  # encodings whose line ends are not single bytes
