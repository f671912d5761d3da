"""What is computed and drawn."""

from typing import Annotated

from pydantic import Field
from pydantic.types import StrictInt

from thinkscale.config.corpora import Contamination, Divergence
from thinkscale.config.section import Colour, Name, NotASwitch, Positive, Section, Share, unit


class Analyses(Section):
    """Settings of the statistics."""

    confidence: Share = Field(0.95, description="Level of every interval.")
    n_boot: Positive = Field(
        2000, description="Bootstrap resamples of items.", json_schema_extra=unit("times")
    )
    n_permutations: Positive = Field(
        5000, description="Permutations per test.", json_schema_extra=unit("times")
    )
    consensus_k: list[Positive] = Field(
        [1, 2, 4, 8],
        min_length=1,
        description="Group sizes k of cons@k and pass@k.",
        json_schema_extra=unit("samples"),
    )
    compare: list[tuple[Name, Name]] | None = Field(
        None,
        description="Pairs of models compared on the same items. Default: each derived model with "
        "its parent.",
    )
    divergence: Divergence = Field(Divergence(), description="Comparing corpora with items.")
    contamination: Contamination = Field(
        Contamination(), description="Items that a model may know from a corpus."
    )


class Figures(Section):
    """The look of every figure."""

    palette: list[Colour] = Field(
        ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
        min_length=1,
        description="Colours of models in the order of the config, as `#rrggbb`, in quotes.",
    )
    width: Annotated[float, Field(ge=2, le=20), NotASwitch] = Field(
        3.5,
        description="Width of figures with one column of panels.",
        json_schema_extra=unit("inches"),
    )
    wide: Annotated[float, Field(ge=2, le=40), NotASwitch] = Field(
        7.0,
        description="Width of figures with several columns of panels.",
        json_schema_extra=unit("inches"),
    )
    height: Annotated[float, Field(ge=0.5, le=20), NotASwitch] = Field(
        2.0, description="Height of one panel.", json_schema_extra=unit("inches")
    )
    font_size: Annotated[float, Field(ge=4, le=30), NotASwitch] = Field(
        8.0, description="Type size.", json_schema_extra=unit("points")
    )
    dpi: Annotated[StrictInt, Field(ge=50, le=1200)] = Field(
        300, description="Resolution of the PNG files.", json_schema_extra=unit("pixels per inch")
    )
