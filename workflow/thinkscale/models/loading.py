"""Models brought in from a hub, into its local cache."""

from pathlib import Path

from thinkscale.errors import ThinkscaleError
from thinkscale.models.registry import wanted


def fetch(hub: str, revision: str, trust_remote_code: bool, offline: bool = False) -> Path:
    """Return the local directory of a hub model at a commit, downloading what is not cached.

    offline: never ask the hub.
    Raises ThinkscaleError if it is neither cached nor reachable, or `revision` is no commit.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
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
