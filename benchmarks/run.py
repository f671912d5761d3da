"""Run every benchmark, each in a process of its own, and join their pages."""

import argparse
import subprocess
import sys

import measure

SECTIONS = (
    "sweep",
    "notebook",
    "decode",
    "cpu_kernels",
    "journal",
    "search",
    "search_rate",
    "items",
    "grading",
    "analysis",
    "corpus",
    "gpu",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", default=SECTIONS, help="of " + ", ".join(SECTIONS))
    chosen = parser.parse_args().sections
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; expected {', '.join(SECTIONS)}")
    for name in chosen:
        subprocess.run([sys.executable, measure.HERE / f"{name}.py"], check=True)
    pages = (measure.RESULTS / f"{name}.md" for name in SECTIONS)
    joined = "\n".join(page.read_text() for page in pages if page.exists())
    target = measure.RESULTS / "README.md"
    target.write_text(f"# Benchmarks\n\n{joined}")
    print(f"written to {target}")


if __name__ == "__main__":
    main()
