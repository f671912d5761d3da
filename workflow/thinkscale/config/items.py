"""The item bank of a study."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import StringConstraints, model_validator
from pydantic.types import StrictBool

from thinkscale.config import hub_keys
from thinkscale.config.cleaning import Cleaning
from thinkscale.config.columns import Columns, column_faults, default_columns, has_answer, laid_over
from thinkscale.config.presets.banks import DELIMITED, PRESETS, WORKBOOKS, is_delimited
from thinkscale.config.responses import RECORDED, LogSource
from thinkscale.config.section import MOST_GENERATED, Positive, Section, Text, setting

Delimiter = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class Exclusion(Section):
    """Items that are left out; the report lists them."""

    column: Text = setting(..., "Column that decides.")
    values: list[str] = setting(
        ...,
        "Items with one of these texts in the column are left out; `''` is an empty cell.",
        min_length=1,
    )


class Items(Section):
    """The item bank and the part of it that is studied."""

    preset: Literal[tuple(PRESETS)] | None = setting(
        None, "Bank whose columns are known (the table above): fills in what is not given below."
    )
    source: Text | None = setting(
        None,
        "`calibration` for the generated bank, or a path to CSV, TSV, JSON or JSONL (these also as "
        ".gz, .bz2 or .xz), Parquet or a workbook (.xlsx, .xlsm), from the directory Snakemake "
        "runs in. Expected unless `hub` is given.",
    )
    log: LogSource | None = setting(
        None,
        "`source` is a log of responses, which holds each item once or oftener: `lm_eval` (columns "
        "are the keys of `doc`), `inspect` (`input`, `choices`, `target` and the keys of "
        "`metadata`), or a `table` with items beside responses.",
    )
    hub: hub_keys.DataSetId = None
    revision: hub_keys.Commit = None
    config: hub_keys.Subset = None
    split: hub_keys.Split = None
    offline: hub_keys.Offline = False
    delimiter: Delimiter | None = setting(
        None,
        "What separates the cells of a CSV or TSV. Default: what a first line `sep=…` says, else "
        "comma, or tab.",
    )
    encoding: Text = setting("utf-8", "Encoding of a CSV, TSV, JSON or JSONL.")
    header: StrictBool = setting(
        True,
        "Whether the first row of a CSV, a TSV or a workbook names the columns; if not, they are "
        "called 1, 2, 3 …, as is a column without a name.",
    )
    sheet: Text | None = setting(None, "Sheet of a workbook. Default: the first.")
    decimal: Literal[".", ","] | None = setting(
        None,
        "Decimal sign of numbers that are text; the other of point and comma sets off thousands. "
        "Default: what a column's first cells show; where they leave open what a comma is, that "
        "is an error.",
    )
    n: Positive | None = setting(None, "Items to study. Default: all of the bank.", "items")
    bank_size: Positive = setting(
        1000, "Items to generate; only for source `calibration`.", "items", le=MOST_GENERATED
    )
    strata: Positive = setting(
        1, "Difficulty quantile groups to sample evenly from; 1 samples the whole bank.", "groups"
    )
    by_cluster: StrictBool = setting(
        False,
        "Sample evenly from clusters too (`columns.cluster`): from each cluster, or from each "
        "difficulty group of each cluster.",
    )
    difficulty_direction: Literal["higher_is_harder", "higher_is_easier"] = setting(
        "higher_is_harder",
        "What a larger difficulty value means in the bank. `higher_is_easier` flips the sign; the "
        "raw value is kept.",
    )
    difficulty_scale: Literal["raw", "min_max", "z", "logit", "rank"] = setting(
        "raw",
        "Scale of difficulty, over the whole bank after cleaning, so that it does not depend on "
        "`n`; higher is harder on each. `raw`: as in the bank. `min_max`: 0 the easiest, 1 the "
        "hardest. `z`: mean 0, standard deviation 1. `logit`: log(p / (1 - p)) of a share p, "
        "which must lie between 0 and 1; where `higher_is_easier`, of 1 - p. `rank`: 1 the "
        "easiest, mean ranks where equal.",
    )
    columns: Columns = setting(Columns(), "Column mapping of a bank read from a file.")
    exclude: list[Exclusion] = setting(
        [], "Items to leave out, by what a column holds. `[]` keeps a preset's."
    )
    cleaning: Cleaning = setting(Cleaning(), "What is repaired, left out, or ends the run.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        """Lay what is given over the preset, or over the defaults of `columns`."""
        if not isinstance(values, dict) or not isinstance(values.get("columns", {}), dict):
            return values  # a fault that the fields report
        name, source = values.get("preset"), values.get("source")
        preset = PRESETS.get(name) if isinstance(name, str) else None
        source = source if isinstance(source, str) else None
        taken = preset.columns_of(source) if preset else default_columns()
        settings = preset.settings_of(source) if preset else {}
        if isinstance(log := values.get("log"), str) and log in RECORDED:
            taken = {**taken, "item_id": [RECORDED[log]["item"]]}
        return {**settings, **values, "columns": laid_over(values.get("columns", {}), taken)}


def item_faults(items: Items) -> Iterable[str]:
    """Yield what is wrong between keys of `items` that are each well-formed."""
    if unplaced := list(hub_keys.one_place_faults(items, "items", "source")):
        yield from unplaced
    elif items.source == "calibration":
        if items.preset is not None:
            yield (
                f"`items.preset`: found {items.preset!r}; expected none with the generated bank, "
                "or the path of a bank as `items.source`"
            )
        if items.n is not None and items.n > items.bank_size:
            yield (
                f"`items.n`: found {items.n}; expected at most `items.bank_size`, {items.bank_size}"
            )
    else:
        yield from _bank_faults(items)


def _bank_faults(items: Items) -> Iterable[str]:
    yield from hub_keys.faults(items, "items", "data set")
    if items.log is not None and items.source is None:
        yield f"`items.log`: found {items.log!r}; expected it with `source`, the path of a log"
    if items.delimiter is not None and not is_delimited(items.source):
        yield (
            f"`items.delimiter`: found {items.delimiter!r}; expected it with a source that ends in "
            f"{', '.join(DELIMITED)}"
        )
    if items.sheet is not None and not (items.source or "").lower().endswith(WORKBOOKS):
        yield (
            f"`items.sheet`: found {items.sheet!r}; expected it with a source that ends in "
            f"{', '.join(WORKBOOKS)}"
        )
    yield from column_faults(items.columns)
    if items.preset != "open" and not has_answer(items.columns):
        yield (
            "`items.columns`: found neither options nor an answer; expected one of `options`, "
            "`option_columns`, `correct_option`, or `answer_text` for free response (for tasks "
            "with nothing to compare with: `items.preset: open`)"
        )
