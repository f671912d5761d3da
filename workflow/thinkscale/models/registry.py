"""Models by content: where a model's files lie, and a fingerprint of what decides its output."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thinkscale.data.digest import combined_sha256, file_sha256
from thinkscale.errors import ThinkscaleError

# Weights, architecture, tokenizer and chat template; nothing pickled, no code.
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
CODE = "*.py"  # wanted only where the model's own code is trusted
_NOT_CONTENT = {"training.json"}  # says how a derived model came about, seconds among it
_SHARD = re.compile(r"[^/\\]+\.safetensors")
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
) -> dict[str, Any]:
    """Return the record of a model directory: its files' SHA-256 and their common fingerprint.

    fingerprint: the one it must have, if any.
    Raises ThinkscaleError if the directory is not what `check_directory` expects, if a file of a
    hub model is not what its commit says, or if the fingerprint is another.
    """
    try:
        check_directory(directory, trust_remote_code)
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


def check_directory(directory: Path, trust_remote_code: bool = False) -> None:
    """Raise ThinkscaleError unless a directory is a whole model that can be loaded safely.

    That is: a config, a tokenizer, safetensors weights with all their shards; nothing that
    transformers would unpickle, add to the weights by itself, or fetch from elsewhere.
    """
    if not (directory / "config.json").is_file():
        raise ThinkscaleError(f"{directory} holds no config.json; expected a model's directory")
    weight_files(directory)
    if not any(directory.glob("tokenizer*")):
        raise ThinkscaleError(f"{directory} holds no tokenizer")
    if (directory / "adapter_config.json").is_file():
        raise ThinkscaleError(
            f"{directory} holds an adapter (adapter_config.json), which would be laid over the "
            "weights unseen; merge it into them first"
        )
    if trust_remote_code:
        for file in ("config.json", "tokenizer_config.json"):
            _refuse_code_elsewhere(directory / file)


def weight_files(directory: Path) -> list[Path]:
    """Return the safetensors files that a model's weights are read from.

    Raises ThinkscaleError if there are none, if a shard is missing, or if the index or config
    names anything else: transformers opens what they name, pickles too.
    """
    named = _json(directory / "config.json").get("transformers_weights")
    names = [str(named)] if named else ["model.safetensors", "model.safetensors.index.json"]
    name = next((name for name in names if (directory / name).is_file()), None)
    if name is None or not re.fullmatch(rf"{_SHARD.pattern}(\.index\.json)?", name):
        found = ", ".join(sorted(p.name for p in directory.iterdir())) or "nothing"
        raise ThinkscaleError(
            f"{directory} holds no .safetensors weights named {' or '.join(names)} (found {found})"
            "; convert them first: pickled weights are never loaded"
        )
    if not name.endswith(".json"):
        return [directory / name]
    shards = sorted({str(file) for file in _json(directory / name).get("weight_map", {}).values()})
    if wrong := [shard for shard in shards if not _SHARD.fullmatch(shard)]:
        raise ThinkscaleError(
            f"{directory / name}: found {wrong[0]!r}; expected names of .safetensors files beside "
            "it (nothing else is ever loaded)"
        )
    if missing := [shard for shard in shards if not (directory / shard).is_file()]:
        raise ThinkscaleError(
            f"{directory} lacks {len(missing)} of the {len(shards)} weight files that {name} "
            f"lists: {', '.join(missing[:3])}{' …' if missing[3:] else ''}; the copy or download "
            "is not complete"
        )
    return [directory / shard for shard in shards]


def tokenizer_digest(record: Mapping[str, Any]) -> str:
    """What models with the same tokenizer share."""
    files: Iterable = record["files"].items()
    return combined_sha256((n, d) for n, d in files if n == "tokenizer.json")


def fetch(hub: str, revision: str, trust_remote_code: bool, offline: bool = False) -> Path:
    """Return the local directory of a hub model at a commit, downloading what is not cached.

    offline: never ask the hub.
    Raises ThinkscaleError if it is neither cached nor reachable, or `revision` is no commit.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    wanted = [*WANTED, CODE] if trust_remote_code else list(WANTED)
    try:
        directory = Path(
            snapshot_download(
                hub,
                revision=revision,
                allow_patterns=wanted,
                # Folders hold the same weights in other formats. A model's code may lie in some.
                ignore_patterns=None if trust_remote_code else ["*/*"],
                local_files_only=offline,
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        if offline:
            reason = "`offline` is true: " + reason.split(" and outgoing traffic")[0]
        raise ThinkscaleError(
            f"hub model {hub} at revision {revision} is not in the local cache and could not be "
            f"downloaded ({reason}); on a machine that reaches the hub run "
            f"`hf download {hub} --revision {revision}` and copy the cache here, or set the "
            "model's `path` to a directory that holds it"
        ) from error
    if directory.name != revision:
        raise ThinkscaleError(
            f"hub model {hub}: revision {revision!r} stands for the commit {directory.name} today "
            "and can stand for another tomorrow; write the commit itself"
        )
    return directory


def _content(directory: Path, trust_remote_code: bool) -> list[Path]:
    """The files that decide what a model says, by name."""
    patterns = [*WANTED, CODE] if trust_remote_code else WANTED
    found = {path for pattern in patterns for path in directory.glob(pattern)}
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


def _refuse_code_elsewhere(file: Path) -> None:
    """A model may name code in another repository, of which no revision would be pinned."""
    for value in _json(file).get("auto_map", {}).values() if file.is_file() else ():
        for reference in value if isinstance(value, list) else [value]:
            if "--" in str(reference):
                raise ThinkscaleError(
                    f"{file}: the model's code ({reference}) lies in another repository, at no "
                    "fixed revision; copy it beside the weights and name it without `--`"
                )


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ThinkscaleError(f"{path}: found no valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise ThinkscaleError(f"{path}: found a {type(values).__name__}; expected a JSON object")
    return values
