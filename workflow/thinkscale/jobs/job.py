"""What every script of the workflow does first: keep to its environment, log, and end cleanly.

Scripts import what else they need inside `job`, and this module little, so that a package that an
environment lacks is told like any other failure.
"""

import errno
import gc
import importlib
import importlib.util
import json
import os
import signal
import site
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.gpus import own_gpus

_FULL = (errno.ENOSPC, errno.EDQUOT)

# Signals are the process's, and so is whether one asked it to stop.
_asked_to_stop = False


@contextmanager
def job(snakemake, *, finishes: bool = False) -> Iterator[Callable[[str], None]]:
    """Run a rule's work; where it fails, the log says why, the console in one line, and exit 1.

    A ThinkscaleError is a message for the user, as are a disk without room and an interruption. Of
    any other exception the log has the traceback, and the console the log's path. finishes: whether
    the work asks `stopping`, so that only a second Ctrl-C interrupts it. Yields a function that
    says a line, on the console and in the log. In an environment of its own the job imports from
    there alone (`keep_to_environment`).
    """
    keep_to_environment()
    log = Path(snakemake.log[0])

    def note(text: str) -> None:
        # Where there is no room for the log, the console still says why.
        with suppress(OSError), log.open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")

    def say(line: str) -> None:
        print(line, file=sys.stderr)
        note(line)

    def end(what: str) -> None:
        message = f"thinkscale: {snakemake.rule}: {what}"
        note(message)
        sys.exit(message)

    try:
        log.write_text("", encoding="utf-8")
        if finishes:
            signal.signal(signal.SIGINT, _first_interrupt)
        with own_gpus(snakemake.resources.get("gpu", 0)):
            yield say
    except ThinkscaleError as error:
        end(str(error))
    except KeyboardInterrupt:
        end("interrupted")
    except Exception as error:
        if (full := _no_room(error)) is not None:
            end(full)
        note(traceback.format_exc())
        what = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
        sys.exit(f"thinkscale: {snakemake.rule}: {what} (traceback: {log})")


def stopping() -> bool:
    """Whether a first Ctrl-C asked this job to finish what is in flight, and then to end."""
    return _asked_to_stop


def _first_interrupt(number: int, frame: object) -> None:
    global _asked_to_stop
    _asked_to_stop = True
    signal.signal(number, signal.default_int_handler)
    # Print could be interrupted in the midst of itself.
    os.write(2, b"\nthinkscale: finishing what is in flight; Ctrl-C again stops at once\n")


def _no_room(error: Exception) -> str | None:
    """What to say of a full disk, whichever library met it; None of anything else."""
    for number in _FULL:
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            where = getattr(error, "filename", None) or "its results"
            return (
                f"cannot write {where}: {os.strerror(number)}; make room and run again: what is "
                "finished is kept"
            )
    return None


def keep_to_environment() -> None:
    """Let a job that runs in another environment than Snakemake import nothing from outside it.

    Snakemake puts its own search path behind that of a script, for the object `snakemake`: what an
    environment lacks would be taken from there in silence, and so would what the user has
    installed under their home. The library of this checkout stays, and what that object is made of.
    """
    snakemake = sys.modules.get("snakemake")
    behind = snakemake and str(Path(snakemake.__file__).parents[1])
    if behind not in sys.path:  # called by hand
        return
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = [*site.getsitepackages(), site.getusersitepackages(), *given]
    if os.path.realpath(behind) in map(os.path.realpath, found):
        return  # Snakemake runs in the same environment
    # The object imports it whenever it is asked for its parameters.
    importlib.import_module("snakemake.io")
    library = str(Path(__file__).parents[2])
    own = [path for path in sys.path[: sys.path.index(behind)] if path != site.USER_SITE]
    if library not in own:
        own.append(library)
    others = set(sys.path).difference(own)
    sys.path[:] = own
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        kept = name.startswith("snakemake") or not file or _below(file, own)
        if not kept and _below(file, others):
            del sys.modules[name]


def _below(file: str, folders: Iterable[str]) -> bool:
    return any(Path(file).is_relative_to(folder) for folder in folders)


def inputs(
    given,
    columns: Mapping[str, Sequence[str]] | None = None,
    among: Mapping[str, Sequence[Any]] | None = None,
) -> dict[str, Any]:
    """Read a rule's inputs: under their names in the rule, or else under those of their files.

    given: `snakemake.input`. Tables and frames by contract become frames, JSON its values; several
    files under one name are a list. columns: of a contract, those that are read; default: all.
    among: by column, the values of the rows that are read of contracts that have it; default: all.
    """
    named = dict(given.items())
    taken = {path for paths in named.values() for path in _several(paths)}
    read = partial(_read, columns=columns or {}, among=among or {})
    found = {
        name: read(paths) if isinstance(paths, str) else [read(path) for path in paths]
        for name, paths in named.items()
    }
    return found | {Path(path).stem: read(path) for path in given if path not in taken}


def _several(paths: str | Iterable[str]) -> Iterable[str]:
    return [paths] if isinstance(paths, str) else paths


def _read(
    path: str, columns: Mapping[str, Sequence[str]], among: Mapping[str, Sequence[Any]]
) -> Any:
    from thinkscale.data import contracts
    from thinkscale.data.tables import read_table

    match Path(path).suffix:
        case ".csv":
            return read_table(path)
        case ".parquet":
            name = Path(path).stem
            known = contracts.SCHEMAS[name].names if among else ()
            own = {column: values for column, values in among.items() if column in known}
            return contracts.read(path, name, columns.get(name), own)
        case ".json":
            return json.loads(Path(path).read_text(encoding="utf-8"))
        case suffix:
            raise ValueError(f"{path}: no way to read {suffix!r}")


def beside(output: str, path: str) -> Path:
    """A path as seen from an output's folder, without the way there and back: messages name it."""
    return Path(os.path.normpath(Path(output).parent / path))


def require(package: str, extra: str) -> None:
    """Say which extra to install where a package is missing, before anything imports it."""
    if importlib.util.find_spec(package) is None:
        raise ThinkscaleError(
            f"the package {package} is not installed here; install it with "
            f"`pip install 'thinkscale[{extra}]'` (in a checkout: `pip install -e '.[{extra}]'`) "
            "or run snakemake with --use-conda"
        )


@contextmanager
def importing(*packages: str, extra: str) -> Iterator[None]:
    """`require` large packages, and import them within.

    They make a million objects that stay. To look among them for garbage again and again takes half
    a second of the three in which a model's job begins.
    """
    for package in packages:
        require(package, extra)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


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
