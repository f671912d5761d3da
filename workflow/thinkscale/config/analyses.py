"""What is computed and drawn."""

from typing import Literal

from pydantic.types import StrictBool, StrictInt

from thinkscale.config.corpora import Contamination, Divergence
from thinkscale.config.section import Colour, Name, Number, Positive, Section, Share, Text, setting


class Analyses(Section):
    """Settings of the statistics."""

    confidence: Share = setting(0.95, "Level of every interval.")
    n_boot: Positive = setting(2000, "Bootstrap resamples of items.", "times")
    n_permutations: Positive = setting(5000, "Permutations per test.", "times")
    consensus_k: list[Positive] = setting(
        [1, 2, 4, 8], "Group sizes k of cons@k and pass@k.", "samples", min_length=1
    )
    controls: list[Text] = setting(
        ["stem_chars", "n_options"],
        "What partial correlations hold constant: `stem_chars`, `n_options`, or columns of numbers "
        "that the bank has and `items.columns` maps to nothing. Items without one are left out.",
        min_length=1,
    )
    equivalence_margin: Share = setting(
        0.05, "Difference of accuracy from natural that does not matter.", "share"
    )
    power_items: list[Positive] = setting(
        [50, 100, 200, 500, 1000], "Study sizes to plan for.", "items", min_length=1
    )
    power_samples: list[Positive] = setting(
        [1, 4, 16], "The same, of each item.", "samples", min_length=1
    )
    compare: list[tuple[Name, Name]] | None = setting(
        None,
        "Pairs of models compared on the same items. Default: each derived model with its parent.",
    )
    levels: Literal["difficulty", "accuracy"] = setting(
        "difficulty",
        "By what strategies are compared at equal difficulty, in fifths of the items: the bank's "
        "`difficulty`, or each model's own `accuracy` on natural samples that nothing else is "
        "measured on (those of `inference.samples` beyond what strategies draw).",
    )
    languages: StrictBool = setting(
        False,
        "Tell languages and scripts of all thinking, sentence by sentence with mathematics left "
        "out, and how far they are mixed.",
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
    width: Number = setting(
        3.5, "Width of figures with one column of panels.", "inches", ge=2, le=20
    )
    wide: Number = setting(
        7.0, "Width of figures with several columns of panels.", "inches", ge=2, le=40
    )
    height: Number = setting(2.0, "Height of one panel.", "inches", ge=0.5, le=20)
    font_size: Number = setting(8.0, "Type size.", "points", ge=4, le=30)
    dpi: StrictInt = setting(300, "Resolution of the PNG files.", "pixels per inch", ge=50, le=1200)
