"""Corpora, and what is asked of them."""

from typing import Annotated

from pydantic import Field

from thinkscale.config.section import Name, NotASwitch, Positive, Section, unit


class Corpus(Section):
    """A corpus of traces to fine-tune on."""

    name: Name = Field(..., description="Name used in tables and figures.")
    source: str = Field(
        ..., description="`calibration` for generated traces, or a path to JSON, JSONL or Parquet."
    )
    n: Positive | None = Field(
        None,
        description="Traces to take, from the first. Default: all (1000 of generated ones).",
        json_schema_extra=unit("traces"),
    )
    question: str = Field("question", description="Column of the question.")
    reasoning: str = Field("reasoning", description="Column of the reasoning.")
    response: str = Field("response", description="Column of the answer after the reasoning.")


class Divergence(Section):
    """Comparing the tokens of corpora and items."""

    smoothing: Annotated[float, Field(gt=0), NotASwitch] = Field(
        0.5,
        description="Added to every token's count before normalising.",
        json_schema_extra=unit("counts"),
    )
    n_permutations: Positive = Field(
        1000, description="Shuffles of documents for the null.", json_schema_extra=unit("times")
    )
    n_boot: Positive = Field(
        500, description="Bootstrap resamples of documents.", json_schema_extra=unit("times")
    )
