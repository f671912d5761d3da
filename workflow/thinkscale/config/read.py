"""Read and check a configuration before anything is built or loaded."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from thinkscale.config.contradictions import contradictions, missing_files
from thinkscale.config.section import EXPECTED, Section, block_in, blocks
from thinkscale.config.study import Study
from thinkscale.config.yaml_file import dotted, read_yaml
from thinkscale.errors import ThinkscaleError


def load_study(path: Path) -> Study:
    """Read a YAML file. Raises ThinkscaleError as `read_yaml` and `parse_study` do."""
    return parse_study(read_yaml(Path(path)), str(path))


def parse_study(values: Mapping[str, Any], where: str, made_here: Iterable[str] = ()) -> Study:
    """Check the values of a configuration file and return the study.

    where: the file's name, for messages. made_here: directories a rule makes, so that a model
    `path` below one of them need not exist yet.
    Raises ThinkscaleError naming every faulty key, what was found and what was expected.
    """
    if not isinstance(values, Mapping):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise ThinkscaleError(
            f"{where}: found {found}; expected keys: `study`, `items`, `models` …"
        )
    try:
        study = Study.model_validate(_with_inherited_inference(values))
    except ValidationError as error:
        details = error.errors()
        located = {detail["loc"] for detail in details}
        problems = [_problem(d) for d in details if not _inherited(d["loc"], located)]
        raise ThinkscaleError("\n".join(f"{where}: {p}" for p in dict.fromkeys(problems))) from None
    if problems := [*contradictions(study), *missing_files(study, tuple(made_here))]:
        raise ThinkscaleError("\n".join(f"{where}: {problem}" for problem in problems))
    return study


def _with_inherited_inference(values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay each model's own `inference` keys over the study's, a judge's over those it is of."""
    shared, models = values.get("inference", {}), values.get("models")
    if not isinstance(shared, Mapping) or not isinstance(models, list):
        return dict(values)
    laid = [_laid_over(shared, model) for model in models]
    inherited, grading = {**values, "models": laid}, values.get("grading")
    judge = grading.get("judge") if isinstance(grading, Mapping) else None
    if isinstance(judge, Mapping):
        judge = _with_own_model(judge, shared, laid)
        inherited["grading"] = {**grading, "judge": judge}
    if isinstance(scorers := values.get("scorers"), list):
        inherited["scorers"] = [_with_own_model(scorer, shared, laid) for scorer in scorers]
    return inherited


def _with_own_model(part: Any, shared: Mapping, models: list) -> Any:
    """A judge or scorer whose model's `inference` keys are laid over those of its model's."""
    model = part.get("model") if isinstance(part, Mapping) else None
    if not isinstance(model, Mapping):
        return part
    if model.get("path") is None and model.get("hub") is None:
        named = [m for m in models if isinstance(m, Mapping)]
        same = [m for m in named if m.get("name") == model.get("name")]
        shared = same[0]["inference"] if same else shared
    return {**part, "model": _laid_over(shared, model)}


def _laid_over(shared: Any, model: Any) -> Any:
    """A model with its own `inference` keys laid over the shared ones."""
    if not isinstance(model, Mapping):
        return model
    own = {} if model.get("inference") is None else model["inference"]
    thinking = own.get("thinking") if isinstance(own, Mapping) else None
    preset = thinking.get("preset") if isinstance(thinking, Mapping) else None
    if preset is not None and isinstance(shared, Mapping):
        # Shared strings of thinking are meant for another family than the model's preset.
        shared = {key: value for key, value in shared.items() if key != "thinking"}
    return {**model, "inference": _overlay(shared, own)}


def _overlay(base: Any, top: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(top, Mapping):
        return top
    return {**base, **{key: _overlay(base.get(key), value) for key, value in top.items()}}


def _inherited(location: tuple, located: Iterable[tuple]) -> bool:
    """Whether a model's or the judge's fault is in what it inherits, reported there already."""
    of_judge = location[:4] == ("grading", "judge", "model", "inference")
    if of_judge or (location[0] == "scorers" and location[2:4] == ("model", "inference")):
        above = {place[2:] if place[0] == "models" else place for place in located}
        return location[3:] in above
    return location[0] == "models" and location[2:3] == ("inference",) and location[2:] in located


# What pydantic's own words do not say in a form that follows "expected".
_EXPECTED = {
    "list_type": "a list, as in [1, 2]",
    "string_type": "text (in quotes if YAML reads it as something else)",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "model_type": "keys below it",
    "tuple_type": "a list of two names",
}


def _problem(detail: Mapping[str, Any]) -> str:
    """Say one of pydantic's findings in our words."""
    location, found = detail["loc"], detail["input"]
    key, kind, limits = dotted(location), detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return f"`{key}`: unknown key; {_suggestion(location)}"
    if kind == "missing":
        return f"`{key}`: missing; expected a value ({_description(location)})"
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if kind in ("too_short", "too_long"):
        size = limits.get("min_length", limits.get("max_length"))
        expected = f"at {'least' if kind == 'too_short' else 'most'} {size} in the list"
    elif kind == "string_too_short":
        expected = "text that is not empty"
    elif kind == "string_pattern_mismatch":
        expected = EXPECTED.get(limits["pattern"], f"text like {limits['pattern']}")
    expected = _EXPECTED.get(kind, expected)
    return f"`{key}`: found {'nothing' if found is None else repr(found)}; expected {expected}"


def _suggestion(location: tuple[str | int, ...]) -> str:
    """The nearest key of the section; else where the very key belongs; else the nearest at all."""
    known, name = list(_section(location[:-1]).model_fields), str(location[-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    paths = [path for path, section in blocks(Study) if name in section.model_fields]
    if not near and paths:
        # The study's own blocks come before those of entries of lists.
        key = f"{min(paths, key=lambda path: '[]' in path)}.{name}".removeprefix(".")
        return f"did you mean `{key}`? (known here: {', '.join(known)})"
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"did you mean `{near[0]}`? (known: {', '.join(known)})"


def _section(location: Iterable[str | int]) -> type[Section]:
    """The section a location lies in."""
    section = Study
    for part in location:
        if isinstance(part, str) and part in section.model_fields:
            section = block_in(section.model_fields[part].annotation) or section
    return section


def _description(location: tuple[str | int, ...]) -> str:
    field = _section(location[:-1]).model_fields.get(str(location[-1]))
    return (field.description or "").rstrip(".") if field else "see config/README.md"
