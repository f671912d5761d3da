"""What every section of the configuration is made of: the kinds of values keys may have."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.types import StrictInt


def _no_switch(value: Any) -> Any:
    # Pydantic would read true as 1. A number in quotes passes: YAML reads 1e-3 as text.
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


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
