"""docs/extending.md, followed to the letter in a copy of the project."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from test_study import REPOSITORY, small_study
from thinkscale.data import contracts
from thinkscale.data.tables import read_table

FENCED = r"```\w*\n(.*?)```\n"
NEW = re.compile(rf"^New file `([^`]+)`:\n\n{FENCED}", re.MULTILINE | re.DOTALL)
END = re.compile(rf"^At the end of `([^`]+)`:\n\n{FENCED}", re.MULTILINE | re.DOTALL)
INSERTED = re.compile(
    rf"^(?:In `([^`]+)`, )?(?:and )?below the line\n\n{FENCED}\nadd\n\n{FENCED}",
    re.MULTILINE | re.DOTALL,
)


def follow(page: str, project: Path) -> set[str]:
    """Do what the page says; the files that it touched."""
    touched, file = set(), None
    for path, text in NEW.findall(page):
        assert not (project / path).exists(), path
        (project / path).write_text(text)
        touched.add(path)
    for path, text in END.findall(page):
        with (project / path).open("a") as end:
            end.write(text)
        touched.add(path)
    for path, line, added in INSERTED.findall(page):
        file = project / (path or file)
        text = file.read_text()
        assert text.count(line) == 1, line
        file.write_text(text.replace(line, line + added))
        touched.add(str(file.relative_to(project)))
    return touched


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project, with all that the page adds."""
    copy = tmp_path_factory.mktemp("copy")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    for name in files.stdout.splitlines():
        source, target = REPOSITORY / name, copy / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    page = (copy / "docs/extending.md").read_text()
    touched = follow(page, copy)
    # A module, a rule and a test for the analysis; the same and a caption for the figure; a module,
    # a line in the registry and a test for the grader. And nothing else.
    assert len(touched) == 3 + 4 + 3, touched
    return copy


def run(project: Path, *command: str) -> str:
    program = Path(sys.executable).parent / command[0]
    done = subprocess.run(
        [program, *command[1:]],
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(project / "workflow"), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_tests_it_shows_pass_and_so_does_make_lint(project):
    shown = [*project.glob("tests/unit/*/test_answer_length.py")]
    shown += [*project.glob("tests/unit/*/test_last_letter.py")]
    assert len(shown) == 3
    run(project, "pytest", "-q", "-p", "no:cacheprovider", *map(str, shown))
    assert " 0 broken" in run(project, "lint-imports")
    run(project, "ruff", "check", ".")
    run(project, "ruff", "format", "--check", ".")
    run(project, "snakefmt", "--check", "workflow")


@pytest.mark.dear
def test_a_small_study_has_the_table_the_figure_and_the_graders_column(project):
    study = small_study()
    study["models"] = study["models"][:1]
    study["conditions"] = {"max_think": [0]}
    study["grading"] = {"graders": ["choice", "last_letter"]}
    study["corpora"] = []
    (project / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    command = ["snakemake", "--cores", "2", "--configfile", "study.yaml"]
    planned = run(project, *command, "--dry-run")  # of all that the study makes
    assert {"measure_answers", "draw_answers"} <= {*re.findall(r"rule (\w+):", planned)}
    results = project / "results/small"
    wanted = [
        "tables/answer_length.csv",
        "figures/answer_length.svg",
        "tables/grader_agreement.csv",
    ]
    targets = [str((results / path).relative_to(project)) for path in wanted]
    run(project, *command, "--", *targets)
    table = read_table(results / "tables/answer_length.csv")
    assert table["condition"].tolist() == ["natural", "max=0"] and (table["estimate"] > 0).all()
    assert (results / "figures/answer_length.svg").stat().st_size > 1000
    graded = contracts.read(results / "graded.parquet", "graded")
    assert graded["outcome_last_letter"].isin(["correct", "incorrect"]).mean() > 0.9
    agreement = read_table(results / "tables/grader_agreement.csv")
    assert "last_letter" in set(agreement["grader"])
