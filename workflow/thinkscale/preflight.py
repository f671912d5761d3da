"""Checks of the world around a configuration, made before anything is built."""

import tempfile
from pathlib import Path

from thinkscale.config import Study
from thinkscale.errors import ThinkscaleError


def check_writable(directory: Path) -> None:
    """Raise ThinkscaleError unless files can be made in `directory`, or where it would be made."""
    existing = directory
    try:
        while not existing.exists():
            existing = existing.parent
        with tempfile.TemporaryFile(dir=existing):
            return
    except OSError as error:
        raise ThinkscaleError(
            f"`results`: cannot write to {existing} ({error.strerror}); expected a directory this "
            "user may write to"
        ) from error


def check_bank(study: Study, items: Path) -> None:
    """Read a bank that was not yet turned into `items`, so that its errors come first.

    Raises ThinkscaleError naming the file, row and column at fault, or a bank with too few items.
    """
    source = Path(study.items.source)
    if study.items.source == "calibration":
        return
    if items.exists() and items.stat().st_mtime >= source.stat().st_mtime:
        return
    from thinkscale.bank import prepare_items

    prepare_items(study.items, study.seed)
