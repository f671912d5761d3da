"""Conda where no channel can be reached: real packages, a real solver and real prefixes, on disk.

    python local_conda.py build DIR

writes under DIR a channel with what `envs/*.yaml` take from conda, python and pip, both made of the
Python that runs this, and `bin/conda` and `bin/activate`: as much of conda as Snakemake calls. The
packages that the environments take from pip come from where pip finds them. Needs py-rattler,
py-rattler-build and PyYAML.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from itertools import pairwise
from pathlib import Path

VERSION = "26.9.4"  # of the conda that this stands in for; Snakemake asks for 24.7.1 at least
PYTHON = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def build(root: Path) -> None:
    from rattler.index import index_fs

    channel, bin_ = root / "channel", root / "bin"
    for folder in (channel / "linux-64", channel / "noarch", bin_):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as files:
        package_python(Path(files, "python"), channel / "linux-64")
        package_pip(Path(files, "pip"), channel / "linux-64")
    asyncio.run(index_fs(channel))
    called = f'exec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n'
    Path(bin_, "conda").write_text(f'#!/bin/sh\nexport CONDA_ROOT="{root}"\n{called}')
    Path(bin_, "conda").chmod(0o755)
    # Sourced with the prefix as its argument, as conda's own.
    activate = 'export CONDA_PREFIX="$1"\nexport PATH="$1/bin:$PATH"\n'
    Path(bin_, "activate").write_text(activate)


def package_python(files: Path, channel: Path) -> None:
    base = Path(sys.base_prefix)
    (files / "bin").mkdir(parents=True)
    shutil.copy2(base / "bin" / PYTHON, files / "bin")
    for name in ("python", "python3"):
        (files / "bin" / name).symlink_to(PYTHON)
    left_out = ("site-packages", "test", "tests", "config-*", "__pycache__", "idlelib")
    shutil.copytree(
        base / "lib" / PYTHON,
        files / "lib" / PYTHON,
        ignore=shutil.ignore_patterns(*left_out),
        symlinks=True,
    )
    site = files / "lib" / PYTHON / "site-packages"
    site.mkdir()
    (site / "README.txt").write_text("Packages are installed here.\n")  # an empty folder is dropped
    for library in (base / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, files / "lib", follow_symlinks=False)
    package("python", sys.version.split()[0], files, channel, depends=[])


def package_pip(files: Path, channel: Path) -> None:
    site = files / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True)
    bundled = Path(sys.base_prefix, "lib", PYTHON, "ensurepip", "_bundled")
    [wheel] = bundled.glob("pip-*.whl")
    zipfile.ZipFile(wheel).extractall(site)
    depends = [f"python {PYTHON.removeprefix('python')}.*"]
    package("pip", wheel.name.split("-")[1], files, channel, depends=depends)


def package(name: str, version: str, files: Path, channel: Path, depends: list[str]) -> None:
    from rattler_build import assemble_package

    assemble_package(
        name, version, "linux-64", "0", channel, files_dir=files, license="PSF-2.0",
        depends=depends, compression_level=1,
    )  # fmt: skip


def create(file: Path, prefix: Path) -> None:
    """What `conda env create` does: solve, link, and let pip do its part."""
    import rattler
    import yaml

    root = Path(os.environ["CONDA_ROOT"])
    listed = yaml.safe_load(file.read_text())["dependencies"]
    specs = [entry for entry in listed if isinstance(entry, str)]
    wheels = [wheel for entry in listed if isinstance(entry, dict) for wheel in entry["pip"]]

    async def link() -> list:
        records = await rattler.solve(
            [(root / "channel").as_uri()],
            specs,
            platforms=["linux-64", "noarch"],
            virtual_packages=rattler.VirtualPackage.detect(),
        )
        await rattler.install(
            records, target_prefix=prefix, cache_dir=root / "pkgs", show_progress=False
        )
        return records

    for record in asyncio.run(link()):
        print(record.name.normalized, record.version, flush=True)
    alone = {"PYTHONNOUSERSITE": "1", "PYTHONPATH": ""}
    pip = [prefix / "bin/python", "-m", "pip", "install", "--no-input", "--quiet"]
    subprocess.run([*pip, *wheels], check=True, env={**os.environ, **alone})


def main(arguments: list[str]) -> None:
    match arguments:
        case ["build", root]:
            build(Path(root).resolve())
        case ["--version"]:
            print("conda", VERSION)
        case ["info", *_]:
            root = os.environ["CONDA_ROOT"]
            print(json.dumps({"conda_prefix": root, "platform": "linux-64"}))
        case ["config", "--get", "channel_priority", *_]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", *options]:
            given = dict(pairwise(options))
            create(Path(given["--file"]), Path(given["--prefix"]))
        case ["clean", *_]:
            pass  # no tarball is kept
        case _:
            sys.exit(f"local_conda.py: it is not known here what `conda {arguments}` does")


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # rattler's threads may crash an interpreter that winds down
