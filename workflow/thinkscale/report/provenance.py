"""Where results come from: versions, commit, configuration, content, hardware."""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thinkscale import __version__
from thinkscale.data.digest import file_sha256


def provenance(
    study: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    data: Sequence[Path],
    repository: Path,
    environments: Mapping[str, Mapping[str, Any]],
    snakemake: str,
) -> dict[str, Any]:
    """Return what a rerun elsewhere would have to match.

    study: the resolved configuration. records: of every model. data: files that went in.
    environments: by name, what `environment` found in each that jobs ran in. snakemake: the version
    that ran them, from an environment that may be none of these.
    """
    canonical = json.dumps(study, sort_keys=True, ensure_ascii=False)
    return {
        "thinkscale": __version__,
        "snakemake": snakemake,
        "study": study["study"],
        "seed": study["seed"],
        "config_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "git": git_state(repository),
        "models": list(records),
        "data": {str(path): file_sha256(path) for path in data},
        "environments": dict(environments),
        "hardware": hardware(),
    }


def git_state(repository: Path) -> dict[str, Any] | None:
    """Return the commit and whether tracked files differ from it; None outside a repository."""
    git = ("git", "-C", str(repository))
    commit = _said_by(*git, "rev-parse", "HEAD")
    changed = _said_by(*git, "status", "--porcelain", "--untracked-files=no")
    return None if None in (commit, changed) else {"commit": commit, "dirty": bool(changed)}


def environment() -> dict[str, Any]:
    """Return this environment's Python, and the version of every package installed in it."""
    # The first of a name is the one that an import finds.
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        found.setdefault(distribution.name.lower().replace("_", "-"), distribution.version)
    return {"python": platform.python_version(), "packages": dict(sorted(found.items()))}


def versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return the packages of a record's environments; a version for each that has one, joined."""
    packages = {"snakemake": [provenance["snakemake"]]}
    for one in provenance["environments"].values():
        for name, version in one["packages"].items():
            packages.setdefault(name, []).append(version)
    return {name: ", ".join(dict.fromkeys(found)) for name, found in packages.items()}


def hardware() -> dict[str, Any]:
    """Describe the machine that wrote the record."""
    ours = hasattr(os, "sched_getaffinity")  # a job may be given fewer cores than there are
    gpus = _said_by("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or ""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if ours else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": [line.strip() for line in gpus.splitlines() if line.strip()],
    }


def _said_by(*command: str) -> str | None:
    """What a command prints; None where it is not installed or fails."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return ran.stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _memory_gib() -> float | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return round(total / 2**30, 1)
