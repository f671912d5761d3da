"""The item bank of a study."""

from typing import Literal

from pydantic import Field

from thinkscale.config.section import Positive, Section, unit


class Columns(Section):
    """Which column of a bank holds what. Give `options` or `option_columns`."""

    stem: str = Field("stem", description="Column of the question's text.")
    options: str | None = Field(
        None, description="Column holding all options: a list, or a JSON object of label and text."
    )
    option_columns: list[str] | None = Field(
        None, description="Columns holding one option each, in order A, B, C …; blanks are skipped."
    )
    key: str = Field("key", description="Column of the right option's label, or of its text.")
    difficulty: str | None = Field(
        "difficulty",
        description="Column of the human difficulty, in the bank's own scale; `null` where the "
        "bank has none.",
    )
    item_id: str | None = Field(
        None, description="Column of unique ids. Default: the file's name and the row number."
    )
    answer_text: str | None = Field(
        None, description="Column of the right answer's text. Default: the right option's text."
    )
    response_time: str | None = Field(
        None, description="Column of human response time, in seconds."
    )
    cluster: str | None = Field(
        None, description="Column naming items that belong together (one vignette, one passage)."
    )


class Items(Section):
    """The item bank and the part of it that is studied."""

    source: str = Field(
        ...,
        description="`calibration` for the generated bank, or a path to CSV, TSV, JSON, JSONL or "
        "Parquet, from the directory Snakemake runs in.",
    )
    n: Positive | None = Field(
        None,
        description="Items to study. Default: all of the bank.",
        json_schema_extra=unit("items"),
    )
    bank_size: Positive = Field(
        1000,
        description="Items to generate; only for source `calibration`.",
        json_schema_extra=unit("items"),
    )
    strata: Positive = Field(
        1,
        description="Difficulty quantile groups to sample evenly from; 1 samples the whole bank.",
        json_schema_extra=unit("groups"),
    )
    difficulty_direction: Literal["higher_is_harder", "higher_is_easier"] = Field(
        "higher_is_harder",
        description="What a larger difficulty value means in the bank. `higher_is_easier` flips "
        "the sign; the raw value is kept.",
    )
    columns: Columns = Field(Columns(), description="Column mapping of a bank read from a file.")
