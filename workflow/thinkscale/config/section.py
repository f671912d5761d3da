"""What every section of the configuration is made of: the kinds of values keys may have."""

import string
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.types import StrictInt


def _no_switch(value: Any) -> Any:
    # Pydantic would read true as 1. A number in quotes passes: YAML reads 1e-3 as text.
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def setting(default: Any, meaning: str, unit: str | None = None, **limits: Any) -> Any:
    """A key of a section: its default (`...`: none, it is needed), its meaning and its unit.

    limits: as pydantic's `Field` names them, as `min_length` and `ge`.
    """
    return Field(default, description=meaning, json_schema_extra=unit and {"unit": unit}, **limits)


# The second form is a log's own score.
GRADER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*(:[^\s:/]+)?$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$"
_DEVICE_PATTERN = r"^(auto|cpu|mps|(cuda|xpu)(:[0-9]+)?)$"
URL_PATTERN = r"^https?://[^/\s?#@]+(/[^\s?#]*)?$"
_FINGERPRINT_PATTERN = r"^[0-9a-f]{64}$"
EXPECTED = {
    NAME_PATTERN: "a name: letters, digits, `.`, `_`, `-`, beginning with a letter or digit",
    GRADER_PATTERN: "a grader's name, or a source and a score of a log, as `lm_eval:exact_match`",
    COLOUR_PATTERN: "a colour as '#rrggbb', in quotes",
    _DEVICE_PATTERN: "auto, cpu, cuda, cuda:0 …",
    URL_PATTERN: "a URL as http://127.0.0.1:8000, without a name and password in it",
    _FINGERPRINT_PATTERN: "64 hexadecimal digits",
}

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
GraderName = Annotated[str, StringConstraints(pattern=GRADER_PATTERN)]
Colour = Annotated[str, StringConstraints(pattern=COLOUR_PATTERN)]
Device = Annotated[str, StringConstraints(pattern=_DEVICE_PATTERN)]
Fingerprint = Annotated[str, StringConstraints(pattern=_FINGERPRINT_PATTERN)]
Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]
NotASwitch = BeforeValidator(_no_switch)
Number = Annotated[float, NotASwitch]
Share = Annotated[float, Field(gt=0, lt=1), NotASwitch]
Text = Annotated[str, StringConstraints(min_length=1)]


def _rising(limits: dict[str, int | None]) -> dict[str, int | None]:
    given = [limit for limit in limits.values() if limit is not None]
    if given != sorted(set(given)):
        raise ValueError(f"classes from the shortest to the longest: found the limits {given}")
    return limits


# What thinking of a class has at most (null: no bound), by its name, the shortest first.
LengthClasses = Annotated[
    dict[Name, NonNegative | None], Field(min_length=1), AfterValidator(_rising)
]


def _names_length(text: str) -> str:
    return with_placeholders(text, needed=("message", "length"))


# A user's message that says how long to think.
LengthPrompt = Annotated[str, AfterValidator(_names_length)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def block_in(annotation: Any) -> type[Section] | None:
    """The section that a key of this type holds: itself, or as each entry of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(block_in, get_args(annotation))), None)


def blocks(section: type[Section], path: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Yield (path, section) of a section and of those below it, in the order of the study file."""
    yield path, section
    for name, field in section.model_fields.items():
        # A model's own `inference` is the study's, which comes by itself.
        if (block := block_in(field.annotation)) and not (name == "inference" and path):
            many = "[]" if get_origin(field.annotation) is list else ""
            yield from blocks(block, f"{path}.{name}{many}".removeprefix("."))


def repeated(values: Sequence[Any]) -> list[Any]:
    """The values that are there more than once, each of them once."""
    return list(dict.fromkeys(value for value in values if values.count(value) > 1))


def placeholders(text: str, rule: str) -> list[tuple[str, str, str | None]]:
    """(name, format, conversion) of a template's placeholders.

    Raises ValueError, which begins with the `rule`, if the text is no template.
    """
    try:
        # (literal, name, format, conversion); the name is None in a part without placeholder
        return [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{rule}: {error}") from error


def with_placeholders(text: str, *, needed: Sequence[str], possible: Sequence[str] = ()) -> str:
    """Return a template's text. Raises ValueError unless its placeholders are the ones known."""
    known = [*needed, *possible]
    expected = " and ".join(f"{{{name}}}" for name in needed)
    if possible:
        expected += ", possibly " + ", ".join(f"{{{name}}}" for name in possible) + ","
    rule = f"text with {expected} and no other placeholder (a brace itself is written twice)"
    found = placeholders(text, rule)
    plain = [field for field, form, conversion in found if not form and not conversion]
    if wrong := [field for field, *_ in found if field not in known or field not in plain]:
        raise ValueError(f"{rule}: {{{wrong[0]}}} is not one or has a format")
    if missing := [name for name in needed if name not in plain]:
        raise ValueError(f"{rule}: {{{missing[0]}}} is missing")
    return text
