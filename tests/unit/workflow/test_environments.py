"""Each conda environment holds what the scripts of its rules import, at the tested versions."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[3]
WORKFLOW = REPOSITORY / "workflow"
RULE = re.compile(r"^(?:rule|checkpoint) (\w+):\n(.*?)(?=^\S|\Z)", flags=re.MULTILINE | re.DOTALL)

# Of an extra that no environment has: who reads or writes its logs is told what to install.
# vLLM has an environment of its own, since it pins other versions.
OPTIONAL = {"inspect_ai", "vllm"}
NAMED_MODULE = re.compile(r'"(thinkscale(?:\.\w+)+)"')  # in a registry
# Of these Snakemake takes no time: what may come from a cache, and what it hands over.
UNTIMED = {"think", "derive_model", "derive_reward_model", "render_report", "plan"}
ANY_MODULE = re.compile(r'import_module\(f"thinkscale\.(\w+)\.')  # whichever a rule's name says


def rules() -> dict[str, str]:
    """Text of every rule by name, from all rule files."""
    files = [*WORKFLOW.glob("rules/*.smk")]
    return dict(match for file in files for match in RULE.findall(file.read_text()))


def pins(environment: Path) -> dict[str, str]:
    listed = yaml.safe_load(environment.read_text())["dependencies"]
    [packages] = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return {canonical(name): version for name, version in (p.split("==") for p in packages)}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path, seen: set[Path]) -> set[str]:
    """Top-level packages a file imports, itself or through the library, anywhere in it."""
    if path in seen:
        return set()
    seen.add(path)
    found: set[str] = set()
    text = path.read_text()
    for room in ANY_MODULE.findall(text):
        for module in WORKFLOW.glob(f"thinkscale/{room}/**/*.py"):
            found |= imported(module, seen)
    for name in NAMED_MODULE.findall(text):
        for module in library_files(name):
            found |= imported(module, seen)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] != "thinkscale":
                found.add(name.split(".")[0])
            for module in library_files(name):
                found |= imported(module, seen)
    return found - set(sys.stdlib_module_names)


def library_files(name: str) -> list[Path]:
    """The files behind a dotted name of the library, packages on the way included."""
    parts = name.split(".")
    if parts[0] != "thinkscale":
        return []
    paths = [WORKFLOW.joinpath(*parts[: i + 1]) for i in range(len(parts))]
    files = [p / "__init__.py" for p in paths] + [p.with_suffix(".py") for p in paths]
    return [file for file in files if file.is_file()]


def closure(packages: set[str]) -> set[str]:
    """Distributions that come with the given ones."""
    known, waiting = set(), {canonical(p) for p in packages}
    while waiting:
        name = waiting.pop()
        known.add(name)
        for text in importlib.metadata.requires(name) or []:
            needed = Requirement(text)
            wanted = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if wanted and canonical(needed.name) not in known:
                waiting.add(canonical(needed.name))
    return known


RULES_WITH_SCRIPTS = {
    name: (
        re.search(r'"\.\./\.\./(envs/[\w{}]+\.yaml)"', text),
        re.search(r"scripts/(\w+\.py)", text),
    )
    for name, text in rules().items()
    if "script:" in text
}
ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))


def test_every_rule_that_runs_something_has_an_environment_log_and_benchmark():
    for name, text in rules().items():
        directives = set(re.findall(r"^    (\w+):", text, flags=re.MULTILINE))
        if directives & {"script", "shell"}:
            assert "log" in directives, name
            assert directives & {"conda", "handover"}, name
            assert ("benchmark" in directives) == (name not in UNTIMED), name


@pytest.mark.parametrize("name", sorted(RULES_WITH_SCRIPTS))
def test_environment_holds_what_the_script_imports(name):
    environment, script = RULES_WITH_SCRIPTS[name]
    distributions = importlib.metadata.packages_distributions()
    for path in REPOSITORY.glob(environment[1].replace("{environment}", "*")):
        available = closure(set(pins(path)))
        for package in imported(WORKFLOW / "scripts" / script[1], set()) - OPTIONAL:
            brought_by = {canonical(d) for d in distributions.get(package, [package])}
            assert brought_by & available, f"{name}: {path} lacks {package}"


def test_every_environment_has_rules_that_run_in_it():
    named = {environment[1] for environment, _ in RULES_WITH_SCRIPTS.values()}
    assert {f"envs/{path.name}" for path in ENVIRONMENTS} == named - {"envs/{environment}.yaml"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_pin_the_tested_versions(environment):
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    tested = {
        canonical(name): version
        for name, _, version in (line.partition("==") for line in lines if "==" in line)
    }
    for name, version in pins(environment).items():
        assert tested[name] == version, name


def test_what_a_script_imports_by_name_is_looked_at():
    assert "statsmodels" in imported(WORKFLOW / "scripts/tabulate.py", set())
    assert "matplotlib" in imported(WORKFLOW / "scripts/draw.py", set())


def test_analysis_rules_do_not_import_torch():
    for name, (environment, script) in RULES_WITH_SCRIPTS.items():
        if environment[1] == "envs/analysis.yaml":
            found = imported(WORKFLOW / "scripts" / script[1], set())
            assert not found & {"torch", "transformers"}, name
