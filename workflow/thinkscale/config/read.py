"""Read and check a configuration before anything is built or loaded."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from thinkscale.config.contradictions import contradictions, missing_files
from thinkscale.config.model import Study
from thinkscale.config.section import (
    COLOUR_PATTERN,
    DEVICE_PATTERN,
    FINGERPRINT_PATTERN,
    NAME_PATTERN,
)
from thinkscale.errors import ThinkscaleError


def load_study(path: Path) -> Study:
    """Read a YAML file. Raises ThinkscaleError as `parse_study` and `refuse_repeated_keys` do."""
    refuse_repeated_keys(path)
    return parse_study(yaml.safe_load(Path(path).read_text(encoding="utf-8")), str(path))


def refuse_repeated_keys(path: Path) -> None:
    """Raise ThinkscaleError if a YAML file cannot be read or has a key twice in one mapping.

    YAML forbids that, but loaders take the last one without a word, and a study would silently
    run with half of what its file says.
    """
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ThinkscaleError(f"{path}: cannot read the config: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ThinkscaleError(
            f"{path}: found no valid YAML: {' '.join(str(error).split())}; expected a study file"
        ) from error
    if repeated := list(_repeated_keys(root, ())):
        raise ThinkscaleError("\n".join(f"{path}: {problem}" for problem in repeated))


def _repeated_keys(node: yaml.Node | None, location: tuple[str | int, ...]) -> Iterable[str]:
    if isinstance(node, yaml.SequenceNode):
        for index, inner in enumerate(node.value):
            yield from _repeated_keys(inner, (*location, index))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for name, inner in node.value:
            here, line = (*location, str(name.value)), name.start_mark.line + 1
            if here[-1] in first:
                where = f"lines {first[here[-1]]} and {line}"
                yield f"`{_key(here)}`: found twice (on {where}); expected each key once"
            first[here[-1]] = line
            yield from _repeated_keys(inner, here)


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
    """Lay each model's own `inference` keys over the study's, the judge's over those it is of."""
    shared, models = values.get("inference", {}), values.get("models")
    if not isinstance(shared, Mapping) or not isinstance(models, list):
        return dict(values)
    laid = [
        {
            **model,
            "inference": _overlay(_beside_preset(shared, model), model.get("inference") or {}),
        }
        if isinstance(model, Mapping)
        else model
        for model in models
    ]
    return _with_judge({**values, "models": laid}, shared)


def _with_judge(values: dict[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the judge, which may be one of the models."""
    grading = values.get("grading")
    judge = grading.get("judge") if isinstance(grading, Mapping) else None
    model = judge.get("model") if isinstance(judge, Mapping) else None
    if not isinstance(model, Mapping):
        return values
    if model.get("path") is None and model.get("hub") is None:
        same = [m for m in values["models"] if _name_of(m) == model.get("name")]
        shared = same[0]["inference"] if same else shared
    own = model.get("inference") or {}
    base = _beside_preset(shared, model) if isinstance(shared, Mapping) else shared
    judge = {**judge, "model": {**model, "inference": _overlay(base, own)}}
    return {**values, "grading": {**grading, "judge": judge}}


def _name_of(model: Any) -> Any:
    return model.get("name") if isinstance(model, Mapping) else None


def _beside_preset(shared: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The study's `inference` without its strings of thinking, where the model names a preset.

    They are meant for another family; only the model's own keys stand beside its preset.
    """
    own = model.get("inference")
    thinking = own.get("thinking") if isinstance(own, Mapping) else None
    if not isinstance(thinking, Mapping) or thinking.get("preset") is None:
        return shared
    return {key: value for key, value in shared.items() if key != "thinking"}


def _overlay(base: Any, top: Any) -> Any:
    if not isinstance(base, Mapping) or not isinstance(top, Mapping):
        return top
    return {**base, **{key: _overlay(base.get(key), value) for key, value in top.items()}}


_PATTERNS = {
    NAME_PATTERN: "a name: letters, digits, `.`, `_`, `-`, beginning with a letter or digit",
    COLOUR_PATTERN: "a colour as '#rrggbb', in quotes",
    DEVICE_PATTERN: "auto, cpu, cuda, cuda:0 …",
    FINGERPRINT_PATTERN: "64 hexadecimal digits",
}


def _inherited(location: tuple, located: Iterable[tuple]) -> bool:
    """Whether a model's or the judge's fault is in what it inherits, reported there already."""
    if location[:4] == ("grading", "judge", "model", "inference"):
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
    key, kind, limits = _key(location), detail["type"], detail.get("ctx", {})
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
        expected = _PATTERNS.get(limits["pattern"], f"text like {limits['pattern']}")
    expected = _EXPECTED.get(kind, expected)
    return f"`{key}`: found {'nothing' if found is None else repr(found)}; expected {expected}"


def _suggestion(location: tuple[str | int, ...]) -> str:
    """The nearest key of the section; else where the very key belongs; else the nearest at all."""
    known, name = _known_keys(location[:-1]), str(location[-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    elsewhere = [key for key in _all_keys(Study) if key.rpartition(".")[2] == name]
    if not near and elsewhere:
        return f"did you mean `{elsewhere[0]}`? (known here: {', '.join(known)})"
    near = near or difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"did you mean `{near[0]}`? (known: {', '.join(known)})"


def _all_keys(section: type[BaseModel], above: str = "") -> Iterable[str]:
    """Paths of every key, the study's own blocks before the copies models may override."""
    inner = []
    for name, field in section.model_fields.items():
        below = _sections_in(field.annotation)
        listed = get_origin(field.annotation) is list
        yield above + name
        if below is not None:
            inner.append((listed, below, f"{above}{name}{'[…]' if listed else ''}."))
    for _, below, path in sorted(inner, key=lambda found: found[0]):
        yield from _all_keys(below, path)


def _key(location: Iterable[str | int]) -> str:
    key = ""
    for part in location:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    return key


def _section(location: Iterable[str | int]) -> type[BaseModel]:
    """The section a location lies in."""
    section = Study
    for part in location:
        if isinstance(part, str) and part in section.model_fields:
            section = _sections_in(section.model_fields[part].annotation) or section
    return section


def _sections_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_sections_in(part) for part in getattr(annotation, "__args__", ()))
    return next((section for section in inner if section), None)


def _known_keys(location: Iterable[str | int]) -> list[str]:
    return list(_section(location).model_fields)


def _description(location: tuple[str | int, ...]) -> str:
    field = _section(location[:-1]).model_fields.get(str(location[-1]))
    return (field.description or "").rstrip(".") if field else "see config/README.md"
