"""Models by content: where a model's files lie, and a fingerprint of what decides its output."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from thinkscale.digest import combined_sha256, file_sha256
from thinkscale.errors import ThinkscaleError

# Weights, architecture, tokenizer and chat template; nothing pickled, no code.
WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt")
_NOT_CONTENT = {"training.json"}  # says how a derived model came about, seconds among it


def register(
    name: str,
    directory: Path,
    *,
    hub: str | None = None,
    revision: str | None = None,
    parent: str | None = None,
) -> dict[str, Any]:
    """Return the record of a model directory: its files' SHA-256 and their common fingerprint.

    Raises ThinkscaleError if it lacks a config, a tokenizer or safetensors weights.
    """
    files = sorted({p for pattern in WANTED for p in directory.glob(pattern)})
    names = [path.name for path in files]
    if "config.json" not in names:
        raise ThinkscaleError(f"model {name}: {directory} holds no config.json")
    if not any(path.suffix == ".safetensors" for path in files):
        found = ", ".join(sorted(p.name for p in directory.iterdir())) or "nothing"
        raise ThinkscaleError(
            f"model {name}: {directory} holds no .safetensors weights (found {found}); "
            "convert it first: pickled weights are never loaded"
        )
    if not any(n.startswith("tokenizer") for n in names):
        raise ThinkscaleError(f"model {name}: {directory} holds no tokenizer")
    digests = {path.name: file_sha256(path) for path in files if path.name not in _NOT_CONTENT}
    return {
        "name": name,
        "directory": str(directory),
        "hub": hub,
        "revision": revision,
        "parent": parent,
        "files": digests,
        "fingerprint": combined_sha256(digests.items()),
    }


def tokenizer_digest(record: dict[str, Any]) -> str:
    """What models with the same tokenizer share."""
    files: Iterable = record["files"].items()
    return combined_sha256((n, d) for n, d in files if n == "tokenizer.json")


def fetch(hub: str, revision: str, trust_remote_code: bool) -> Path:
    """Return the local directory of a hub model at a commit, downloading what is not cached.

    Raises ThinkscaleError if it is neither cached nor reachable.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    wanted = [*WANTED, "*.py"] if trust_remote_code else list(WANTED)
    try:
        return Path(snapshot_download(hub, revision=revision, allow_patterns=wanted))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ThinkscaleError(
            f"hub model {hub} at revision {revision} is not in the local cache and could not be "
            f"downloaded ({reason}); on a machine that reaches the hub run "
            f"`hf download {hub} --revision {revision}` and copy the cache here, or set the "
            "model's `path` to a directory that holds it"
        ) from error
