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

PACKAGES = (
    "accelerate",
    "ftfy",
    "matplotlib",
    "numpy",
    "pandas",
    "peft",
    "pingouin",
    "pyarrow",
    "pydantic",
    "rapidfuzz",
    "safetensors",
    "scikit-learn",
    "scipy",
    "snakemake",
    "statsmodels",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)


def provenance(
    study: Mapping[str, Any],
    records: Sequence[Mapping[str, Any]],
    data: Sequence[Path],
    repository: Path,
) -> dict[str, Any]:
    """Return what a rerun elsewhere would have to match.

    study: the resolved configuration. records: of every model. data: files that went in.
    """
    canonical = json.dumps(study, sort_keys=True, ensure_ascii=False)
    return {
        "thinkscale": __version__,
        "study": study["study"],
        "seed": study["seed"],
        "config_sha256": hashlib.sha256(canonical.encode()).hexdigest(),
        "git": git_state(repository),
        "models": list(records),
        "data": {str(path): file_sha256(path) for path in data},
        "python": platform.python_version(),
        "packages": installed(PACKAGES),
        "hardware": hardware(),
    }


def git_state(repository: Path) -> dict[str, Any] | None:
    """Return the commit and whether tracked files differ from it; None outside a repository."""
    try:
        commit = _git(repository, "rev-parse", "HEAD")
        changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(changed)}


def installed(packages: Sequence[str]) -> dict[str, str | None]:
    """Return installed versions; None where a package is not installed."""
    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def hardware() -> dict[str, Any]:
    """Describe the machine that wrote the record."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
    }


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _memory_gib() -> float | None:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return round(total / 2**30, 1)


def _gpus() -> list[str]:
    try:
        command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line.strip() for line in listed.splitlines() if line.strip()]
