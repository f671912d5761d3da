"""What every script of the workflow does first: log, and end cleanly on a user's error."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from thinkscale.errors import ThinkscaleError


@contextmanager
def job(snakemake) -> Iterator[None]:
    """Run a rule's work; a ThinkscaleError becomes one message, in the log too, and exit code 1."""
    log = Path(snakemake.log[0])
    log.write_text("", encoding="utf-8")
    try:
        yield
    except ThinkscaleError as error:
        message = f"thinkscale: {snakemake.rule}: {error}"
        log.write_text(message + "\n", encoding="utf-8")
        sys.exit(message)


def progress(rows: Iterable, total: int, label: str, unit: str) -> Iterable:
    """Wrap `rows` in a progress bar on stderr; without a terminal, one line every 20 seconds."""
    from tqdm import tqdm

    interval = 0.2 if sys.stderr.isatty() else 20
    return tqdm(
        rows, total=total, desc=label, unit=unit, mininterval=interval, maxinterval=interval
    )


def share_library(library: Path) -> None:
    """Let every process started from here import the library from this checkout."""
    found = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = dict.fromkeys([str(library.parent), *filter(None, found)])
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
