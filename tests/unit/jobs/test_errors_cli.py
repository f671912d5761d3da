"""What a user sees of a mistake: one message, exit code 1, no traceback, through Snakemake."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[3]
MODEL = REPOSITORY / "resources/calibration/reasoner"

BANK = """\
id,question,a,b,answer,p
q1,Is it?,yes,no,A,0.1
q2,Was it?,yes,no,B,0.2
q3,Will it?,yes,no,A,0.3
"""
COLUMNS = {
    "item_id": "id",
    "stem": "question",
    "option_columns": ["a", "b"],
    "key": "answer",
    "difficulty": "p",
}

# Hides a package from import and from find_spec, as if it were not installed.
HIDING = """\
import importlib.abc, importlib.machinery, sys

class PathFinder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [
    PathFinder if f is importlib.machinery.PathFinder else f for f in sys.meta_path
]
"""


def run(folder: Path, study: dict | str, *arguments: str, **environment: str):
    """Run Snakemake on a study in `folder`; return its exit code and all it said."""
    text = study if isinstance(study, str) else yaml.safe_dump(study)
    (folder / "my.yaml").write_text(text)
    where = ["--configfile", str(folder / "my.yaml")]
    return snakemake(folder, where, *(arguments or ["--dry-run"]), **environment)


def snakemake(folder: Path, study: list[str], *what: str, **environment: str):
    """The same; study: how it is named, or nothing where it is in its usual place."""
    where = [*study, "--directory", str(folder), "--cores", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile"), *where, *what],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    return done.returncode, done.stdout + done.stderr


def study(**changes) -> dict:
    base = {
        "study": "s",
        "items": {"source": "bank.csv", "columns": COLUMNS},
        "models": [{"name": "one", "path": str(MODEL)}],
    }
    return {**base, **changes}


def check(outcome, *expected: str):
    code, said = outcome
    assert code != 0
    assert "Traceback" not in said, said
    for part in expected:
        assert part in said, said


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bank.csv").write_text(BANK)
    return tmp_path


def test_faults_of_the_study_file(folder):
    """Each is told, and no rule ran: nothing was written."""
    faulty = study(conditions={"max_think": [8, -8], "wait": [1]}, gradeing={})
    check(
        run(folder, faulty, "all"),
        "thinkscale: ",
        "my.yaml: `conditions.max_think[1]`: found -8; expected greater than or equal to 0",
        "my.yaml: `conditions.wait`: unknown key; did you mean `waits`?",
        "my.yaml: `gradeing`: unknown key; did you mean `grading`?",
    )
    assert not (folder / "results").exists()


def test_contradictions_of_the_study_file(folder):
    models = [
        {"name": "one", "path": "no/model"},
        {"name": "two", "derive": {"parent": "two", "corpus": "traces"}},
        {"name": "three", "path": str(MODEL)},
        {"name": "three", "derive": {"parent": "four", "corpus": "traces"}},
    ]
    faulty = study(
        models=models,
        corpora=[{"name": "traces", "source": "calibration"}],
        conditions={"max_think": [8, 8]},
        items={"source": "banck.csv", "columns": COLUMNS},
    )
    check(
        run(folder, faulty),
        "`models[0].path` (one): no/model holds no config.json; expected the directory of a model",
        "a model cannot derive from itself (two from two)",
        "there is no model 'four'",
        "the name 'three' is used 2 times",
        "`conditions.max_think`: 8 is repeated",
        "`items.source`: there is no file banck.csv",
    )


def test_a_file_that_is_no_yaml(folder):
    """Snakemake reads what is named behind it before any rule; what is not, we read first."""
    faulty = "study: s\nitems:\n\tsource: calibration\n"
    check(run(folder, faulty), "not valid JSON or YAML")
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(faulty)
    check(
        snakemake(folder, [], "--dry-run"),
        "thinkscale: config/config.yaml, line 3: found no valid YAML",
    )


BANKS = {
    "repeated ids": (
        BANK.replace("q3", "q1"),
        {},
        ["bank.csv, rows 2 and 4, column id: both have the item id 'q1'"],
    ),
    "key that is no option": (
        BANK.replace("no,B", "no,C"),
        {},
        ["bank.csv, row 3, column answer has the key 'C'", "expected one of A, B"],
    ),
    "missing column": (
        BANK.replace("question", "questions"),
        {},
        ["bank.csv: no column 'question' (mapped as stem); did you mean 'questions'?"],
    ),
    "too few items, options in one column": (
        'question,choices,answer\nIs it?,"[""yes"", ""no""]",A\n',
        {
            "n": 5,
            "columns": {
                "stem": "question",
                "options": "choices",
                "key": "answer",
                "difficulty": None,
            },
        },
        ["bank.csv: asked for 5 items, but it has 1"],
    ),
}


@pytest.mark.parametrize("fault", BANKS)
def test_faults_of_the_bank(folder, fault):
    text, settings, expected = BANKS[fault]
    (folder / "bank.csv").write_text(text)
    items = {"source": "bank.csv", "columns": COLUMNS, **settings}
    check(run(folder, study(items=items)), "thinkscale: ", *expected)


def test_results_that_cannot_be_written(folder):
    (folder / "results").write_text("a file, where a directory has to be")
    check(run(folder, study()), "`results`: cannot write to results (Not a directory)", "expected")


def test_torch_missing_where_a_rule_needs_it(folder):
    """Everything before is done without it; the rule that needs it says what to install."""
    (folder / "hiding").mkdir()
    (folder / "hiding/sitecustomize.py").write_text(HIDING)
    outcome = run(
        folder,
        study(),
        "results/s/inference/one/0.responses.parquet",
        PYTHONPATH=str(folder / "hiding"),
    )
    message = "thinkscale: think: the package torch is not installed here"
    check(outcome, message, "pip install 'thinkscale[inference]'")
    assert message in (folder / "results/s/logs/think/one/0.log").read_text()
    assert (folder / "results/s/items.parquet").exists()


def test_a_fault_at_run_time_is_said_once_by_its_rule(folder):
    """A context beyond the model's window: only the model's own files can tell."""
    faulty = study(inference={"context": 7000, "max_answer_tokens": 8, "device": "cpu"})
    outcome = run(folder, faulty, "results/s/inference/one/0.responses.parquet")
    check(outcome, "thinkscale: think: ", "`context` is 7000, the model's window is 512")


def test_the_traceback_of_any_other_failure_is_in_the_rules_log(tmp_path):
    """Here a package that the environment lacks, met by an import of the script itself."""
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding/sitecustomize.py").write_text(HIDING.replace('"torch"', '"ftfy"'))
    target = "results/s/items.parquet"
    hidden = {"PYTHONPATH": str(tmp_path / "hiding")}
    code, said = run(tmp_path, study(items={"source": "calibration"}), target, **hidden)
    assert code != 0 and "Traceback" not in said
    line = "thinkscale: subset_items: ModuleNotFoundError: No module named 'ftfy' (traceback: "
    assert said.count(line) == 1 and f"{line}results/s/logs/subset_items.log)" in said
    log = (tmp_path / "results/s/logs/subset_items.log").read_text()
    assert log.startswith("Traceback") and "import ftfy" in log
    assert log.rstrip().endswith("No module named 'ftfy'")
