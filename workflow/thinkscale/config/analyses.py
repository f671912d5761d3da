"""What is computed and drawn."""

from typing import Annotated

from pydantic import Field
from pydantic.types import StrictInt

from thinkscale.config.corpora import Contamination, Divergence
from thinkscale.config.section import Colour, Name, NotASwitch, Positive, Section, Share, setting


class Analyses(Section):
    """Settings of the statistics."""

    confidence: Share = setting(0.95, "Level of every interval.")
    n_boot: Positive = setting(2000, "Bootstrap resamples of items.", "times")
    n_permutations: Positive = setting(5000, "Permutations per test.", "times")
    consensus_k: list[Positive] = setting(
        [1, 2, 4, 8], "Group sizes k of cons@k and pass@k.", "samples", min_length=1
    )
    compare: list[tuple[Name, Name]] | None = setting(
        None,
        "Pairs of models compared on the same items. Default: each derived model with its parent.",
    )
    divergence: Divergence = setting(Divergence(), "Comparing corpora with items.")
    contamination: Contamination = setting(
        Contamination(), "Items that a model may know from a corpus."
    )


class Figures(Section):
    """The look of every figure."""

    palette: list[Colour] = setting(
        ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
        "Colours of models in the order of the config, as `#rrggbb`, in quotes.",
        min_length=1,
    )
    width: Annotated[float, Field(ge=2, le=20), NotASwitch] = setting(
        3.5, "Width of figures with one column of panels.", "inches"
    )
    wide: Annotated[float, Field(ge=2, le=40), NotASwitch] = setting(
        7.0, "Width of figures with several columns of panels.", "inches"
    )
    height: Annotated[float, Field(ge=0.5, le=20), NotASwitch] = setting(
        2.0, "Height of one panel.", "inches"
    )
    font_size: Annotated[float, Field(ge=4, le=30), NotASwitch] = setting(
        8.0, "Type size.", "points"
    )
    dpi: Annotated[StrictInt, Field(ge=50, le=1200)] = setting(
        300, "Resolution of the PNG files.", "pixels per inch"
    )
