"""Models by content: where a model's files lie, and a fingerprint of what decides its output."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thinkscale.data.digest import combined_sha256, file_sha256
from thinkscale.engines.transformers.directory import check_directory
from thinkscale.errors import ThinkscaleError

# Weights, architecture, tokenizer and chat template; nothing pickled, no code.
_WEIGHTS = "*.safetensors"
_WANTED = (_WEIGHTS, "*.json", "*.jinja", "*.model", "*.txt")
_CODE = "*.py"  # wanted only where the model's own code is trusted
_NOT_CONTENT = {"training.json"}  # says how a derived model came about, seconds among it
_SHA256 = re.compile(r"[0-9a-f]{64}")


def register(
    name: str,
    directory: Path,
    *,
    hub: str | None = None,
    revision: str | None = None,
    parent: str | None = None,
    fingerprint: str | None = None,
    trust_remote_code: bool = False,
    weights: bool = True,
) -> dict[str, Any]:
    """Return the record of a model directory: its files' SHA-256 and their common fingerprint.

    fingerprint: the one it must have, if any. weights: whether they must be among the files.
    Raises ThinkscaleError if the directory is not what `check_directory` expects, if a file of a
    hub model is not what its commit says, or if the fingerprint is another.
    """
    try:
        check_directory(directory, trust_remote_code, weights)
        files = _content(directory, trust_remote_code)
        digests = {path.name: file_sha256(path) for path in files}
        if hub is not None:
            _check_blobs(files, digests)
    except ThinkscaleError as error:
        raise ThinkscaleError(f"model {name}: {error}") from error
    found = combined_sha256(digests.items())
    if fingerprint not in (None, found):
        raise ThinkscaleError(
            f"model {name}: the files in {directory} have the fingerprint {found}, the config "
            f"expects {fingerprint}: weights or tokenizer are other ones (a fingerprint does not "
            "tell which file differs); find the model that was meant, or change the key "
            "`fingerprint`"
        )
    return {
        "name": name,
        "directory": str(directory),
        "hub": hub,
        "revision": revision,
        "parent": parent,
        "trust_remote_code": trust_remote_code,
        "files": digests,
        "fingerprint": found,
    }


def verify(record: Mapping[str, Any]) -> None:
    """Raise ThinkscaleError unless a registered model's files are still those of its record.

    Time stamps can lie, so every file is read again, the smallest first: about a second for each
    1.5 GB of weights.
    """
    directory, registered = Path(record["directory"]), record["files"]
    present = {path.name: path for path in _content(directory, record["trust_remote_code"])}
    for name in sorted({*present, *registered}, key=lambda n: _size(present.get(n))):
        if name not in present:
            raise _changed(record, name, "went away")
        if name not in registered:
            raise _changed(record, name, "was added")
        if (found := file_sha256(present[name])) != registered[name]:
            expected = registered[name][:12]
            raise _changed(record, name, f"changed (SHA-256 {found[:12]}…, expected {expected}…)")


def _size(path: Path | None) -> int:
    return path.stat().st_size if path else 0


def _changed(record: Mapping[str, Any], file: str, how: str) -> ThinkscaleError:
    path = Path(record["directory"], file)
    return ThinkscaleError(
        f"model {record['name']}: since it was registered, {path} {how}; bring the registered "
        "files back, or run snakemake with `--forcerun register_model` to study the model as it "
        "is now. What was computed stays, and is used where it still applies"
    )


def tokenizer_digest(record: Mapping[str, Any]) -> str:
    """What models with the same tokenizer share."""
    files: Iterable = record["files"].items()
    return combined_sha256((n, d) for n, d in files if n == "tokenizer.json")


def wanted(trust_remote_code: bool, weights: bool = True) -> list[str]:
    """Patterns of the names of files that decide what a model says."""
    names = [*_WANTED, _CODE] if trust_remote_code else list(_WANTED)
    return names if weights else [name for name in names if name != _WEIGHTS]


def _content(directory: Path, trust_remote_code: bool) -> list[Path]:
    """The files that decide what a model says, by name."""
    found = {path for pattern in wanted(trust_remote_code) for path in directory.glob(pattern)}
    return sorted(path for path in found if path.name not in _NOT_CONTENT)


def _check_blobs(files: Iterable[Path], digests: Mapping[str, str]) -> None:
    """Compare large files of the hub's cache with the SHA-256 that their commit gives them.

    The cache links snapshots/<commit>/<file> to blobs/<etag>, and the etag of a file in large-file
    storage is its SHA-256 (small files have a git object id, which is shorter).
    """
    for path in files:
        # Only the first link: a blob may itself be a link into a store with names of another kind.
        etag = Path(os.readlink(path)).name if path.is_symlink() else ""
        if _SHA256.fullmatch(etag) and etag != digests[path.name]:
            raise ThinkscaleError(
                f"{path} is not the file of its commit: its SHA-256 is {digests[path.name][:12]}…, "
                f"expected {etag[:12]}…; delete {path.resolve()} and run again to download it anew"
            )
