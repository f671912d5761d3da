"""What every section of the configuration is made of: the kinds of values keys may have."""

import string
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.types import StrictInt


def _no_switch(value: Any) -> Any:
    # Pydantic would read true as 1. A number in quotes passes: YAML reads 1e-3 as text.
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def setting(default: Any, meaning: str, unit: str | None = None, **limits: Any) -> Any:
    """A key of a section: its default (`...`: none, it is needed), its meaning and its unit.

    limits: as pydantic's `Field` names them, `min_length` for one.
    """
    return Field(default, description=meaning, json_schema_extra=unit and {"unit": unit}, **limits)


def unit(name: str) -> dict[str, Any]:
    """What a key is counted in, for its documentation."""
    return {"unit": name}


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$"
DEVICE_PATTERN = r"^(auto|cpu|mps|(cuda|xpu)(:[0-9]+)?)$"
FINGERPRINT_PATTERN = r"^[0-9a-f]{64}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Colour = Annotated[str, StringConstraints(pattern=COLOUR_PATTERN)]
Device = Annotated[str, StringConstraints(pattern=DEVICE_PATTERN)]
Fingerprint = Annotated[str, StringConstraints(pattern=FINGERPRINT_PATTERN)]
Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]
NotASwitch = BeforeValidator(_no_switch)
Share = Annotated[float, Field(gt=0, lt=1), NotASwitch]
Text = Annotated[str, StringConstraints(min_length=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def repeated(values: Sequence[Any]) -> list[Any]:
    """The values that are there more than once, each of them once."""
    return list(dict.fromkeys(value for value in values if values.count(value) > 1))


def with_placeholders(text: str, *, needed: Sequence[str], possible: Sequence[str] = ()) -> str:
    """Return a template's text. Raises ValueError unless its placeholders are the ones known."""
    known = [*needed, *possible]
    expected = " and ".join(f"{{{name}}}" for name in needed)
    if possible:
        expected += ", possibly " + ", ".join(f"{{{name}}}" for name in possible) + ","
    rule = f"text with {expected} and no other placeholder (a brace itself is written twice)"
    try:
        # (literal, field, format, conversion); field is None in a part without placeholder
        found = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{rule}: {error}") from error
    plain = [field for field, form, conversion in found if not form and not conversion]
    if wrong := [field for field, *_ in found if field not in known or field not in plain]:
        raise ValueError(f"{rule}: {{{wrong[0]}}} is not one or has a format")
    if missing := [name for name in needed if name not in plain]:
        raise ValueError(f"{rule}: {{{missing[0]}}} is missing")
    return text
