"""Models brought in from a hub, into its local cache."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thinkscale.data.hub import refusals
from thinkscale.errors import ThinkscaleError
from thinkscale.models.registry import register, wanted


def bring(
    model: Mapping[str, Any],
    made: Path | None,
    *,
    offline: bool,
    trust_remote_code: bool,
    fingerprint: str | None,
    weights: bool = True,
) -> dict[str, Any]:
    """The record of a model as the configuration names it; see `register`.

    made: where the model lies that a recipe of the study makes. weights: whether they are needed
    here. Raises ThinkscaleError as `fetch` and `register` do, and where weights were cut off or a
    tokenizer is none.
    """
    hub, revision, derive = model["hub"], model["revision"], model["derive"]
    if hub is not None:
        directory = fetch(hub, revision, trust_remote_code, offline, weights)
    else:
        directory = Path(model["path"]) if derive is None else made
    record = register(
        model["name"],
        directory,
        hub=hub,
        revision=revision,
        parent=derive and derive["parent"],
        fingerprint=fingerprint,
        trust_remote_code=trust_remote_code,
        weights=weights,
    )
    try:
        _check_readable(directory / name for name in record["files"])
    except ThinkscaleError as error:
        raise ThinkscaleError(f"model {model['name']}: {error}") from error
    return record


def _check_readable(files: Iterable[Path]) -> None:
    """Look at headers of weights, which say how long they are, and at the tokenizer."""
    from safetensors import SafetensorError, safe_open
    from tokenizers import Tokenizer

    for path in files:
        try:
            if path.suffix == ".safetensors":
                with safe_open(path, framework="np"):
                    pass
            elif path.name == "tokenizer.json":
                Tokenizer.from_file(str(path))
        except Exception as error:  # what tokenizers raises has no class of its own
            kind = "weights" if isinstance(error, SafetensorError) else "tokenizer"
            raise ThinkscaleError(
                f"{path}: found no whole {kind} ({error}); is the copy or download complete?"
            ) from error


def config_file(model: Mapping[str, Any], offline: bool) -> Path:
    """Return a model's config.json: what is known without its weights, and all that is fetched.

    model: as the configuration names it, by path or hub. Raises ThinkscaleError as `fetch` does.
    """
    if model["hub"] is None:
        return Path(model["path"], "config.json")
    from huggingface_hub import hf_hub_download

    hub, revision = model["hub"], model["revision"]
    with refusals(f"hub model {hub} at revision {revision}", hub, revision, offline=offline):
        return Path(
            hf_hub_download(hub, "config.json", revision=revision, local_files_only=offline)
        )


def fetch(
    hub: str,
    revision: str,
    trust_remote_code: bool,
    offline: bool = False,
    weights: bool = True,
) -> Path:
    """Return the local directory of a hub model at a commit, downloading what is not cached.

    offline: never ask the hub.
    Raises ThinkscaleError if it is neither cached nor reachable, or `revision` is no commit.
    """
    from huggingface_hub import snapshot_download

    what = f"hub model {hub} at revision {revision}"
    instead = ", or set the model's `path` to a directory that holds it"
    with refusals(what, hub, revision, offline=offline, instead=instead):
        directory = Path(
            snapshot_download(
                hub,
                revision=revision,
                allow_patterns=wanted(trust_remote_code, weights),
                # Folders hold the same weights in other formats. A model's code may lie in some.
                ignore_patterns=None if trust_remote_code else ["*/*"],
                local_files_only=offline,
            )
        )
    if directory.name != revision:
        raise ThinkscaleError(
            f"hub model {hub}: revision {revision!r} stands for the commit {directory.name} today "
            "and can stand for another tomorrow; write the commit itself"
        )
    return directory
