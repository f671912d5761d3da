"""Models brought in from a hub, into its local cache."""

from pathlib import Path

from thinkscale.data.hub import refusals
from thinkscale.errors import ThinkscaleError
from thinkscale.models.registry import wanted


def fetch(hub: str, revision: str, trust_remote_code: bool, offline: bool = False) -> Path:
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
                allow_patterns=wanted(trust_remote_code),
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
