"""What the Hugging Face hub refuses, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from thinkscale.errors import ThinkscaleError


@contextmanager
def refusals(
    where: str,
    repository: str,
    revision: str,
    *,
    kind: str = "model",
    file: str = "",
    offline: bool = False,
    instead: str = "",
) -> Iterator[None]:
    """Raise ThinkscaleError where what the block asks for cannot be had, with what to do about it.

    where: what is asked for, as the message begins. kind: "model" or "data set". file: the one that
    is wanted of the repository; else all are. offline: the block reads the cache only. instead:
    what else there is to do, behind "copy the cache here".
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise ThinkscaleError(
            f"{where}: the {kind} is gated; accept its conditions on the hub and log in with "
            "`hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ThinkscaleError(
            f"{where}: there is no {kind} {repository} on the hub, or it is private; expected its "
            "id as `owner/name`"
        ) from error
    except RevisionNotFoundError as error:
        raise ThinkscaleError(
            f"{where}: the {kind} has no commit {revision}; expected one of its own"
        ) from error
    except HFValidationError as error:
        raise ThinkscaleError(f"{where}: {in_short(error)}") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = f"the hub cannot be reached: {in_short(error)}"
        if offline:
            reason = f"`offline` is true: {in_short(error).split(' and outgoing traffic')[0]}"
        options = {"model": "", "data set": " --repo-type dataset"}[kind]
        command = f"hf download {repository}{file and f' {file}'}{options} --revision {revision}"
        raise ThinkscaleError(
            f"{where} is not in the local cache and could not be downloaded ({reason}); on a "
            f"machine that reaches the hub run `{command}` and copy the cache here{instead}"
        ) from error


def in_short(error: Exception) -> str:
    """The beginning of what an error says, on one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 300 else said[:297] + "..."
