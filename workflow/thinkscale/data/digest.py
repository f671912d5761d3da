"""Content hashes: of library code, of model files, of anything that must be named by content."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def combined_sha256(digests: Iterable[tuple[str, str]]) -> str:
    """Return one SHA-256 over (name, digest) pairs, in order of name."""
    lines = "".join(f"{name} {digest}\n" for name, digest in sorted(digests))
    return hashlib.sha256(lines.encode()).hexdigest()


def library_digest(library: Path, modules: Iterable[str]) -> str:
    """Return a short digest of modules and packages of the library, by their source.

    modules: paths below the library without suffix, such as `budget` or `stats/divergence`.
    """
    digests = []
    for module in modules:
        path = library / module
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        digests += [(str(file.relative_to(library)), file_sha256(file)) for file in files]
    return combined_sha256(digests)[:16]
