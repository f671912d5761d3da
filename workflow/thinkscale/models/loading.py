"""Models brought in from a hub, into its local cache."""

from collections.abc import Mapping
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
    here. Raises ThinkscaleError as `fetch`
    and `register` do.
    """
    hub, revision, derive = model["hub"], model["revision"], model["derive"]
    if hub is not None:
        directory = fetch(hub, revision, trust_remote_code, offline, weights)
    else:
        directory = Path(model["path"]) if derive is None else made
    return register(
        model["name"],
        directory,
        hub=hub,
        revision=revision,
        parent=derive and derive["parent"],
        fingerprint=fingerprint,
        trust_remote_code=trust_remote_code,
        weights=weights,
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
