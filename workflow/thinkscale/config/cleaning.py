"""What is done to a bank's items before they are studied."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.types import StrictBool

from thinkscale.config.section import NotASwitch, Section, setting


class Cleaning(Section):
    """What is repaired, what is left out and what ends the run. Every change is a row of
    `items_report.csv`, and `tables/items.csv` counts them."""

    mojibake: StrictBool = setting(
        True, "Undo wrong decoding (UTF-8 read as Windows-1252 and the like)."
    )
    whitespace: StrictBool = setting(
        True,
        "One kind of space and line break, none at the ends, no runs of them; indentation is left.",
    )
    empty_options: Literal["drop", "error"] = setting(
        "drop",
        "Options without text: `drop` leaves the option out (never the item). An item needs two "
        "that are left.",
    )
    duplicate_options: Literal["report", "drop_item", "error"] = setting(
        "report",
        "Options of one item that say the same; case and spacing do not count. The report says "
        "where one of them is the key.",
    )
    missing_key: Literal["error", "drop"] = setting(
        "error",
        "Items with options and no key, or free response without a reference answer: end the run, "
        "or leave the item out.",
    )
    unknown_key: Literal["error", "drop"] = setting(
        "error", "Items whose key is none of their options: the same."
    )
    duplicates: Literal["report", "drop", "error"] = setting(
        "report",
        "Items with the stem and the options of an earlier one; case, spacing and the order of "
        "options do not count. `drop` keeps the first of the file.",
    )
    near_duplicates: Annotated[float, Field(ge=50, le=100), NotASwitch] | None = setting(
        None,
        "Least similarity of two items' texts (stem and options) that makes them near duplicates. "
        "Only items that are drawn are compared: each with those drawn before it. Below 80 a "
        "large bank takes long. Default: not looked for.",
        "50 to 100",
    )
    near_duplicates_are: Literal["reported", "dropped"] = setting(
        "reported",
        "What happens to near duplicates; where one is dropped, the next in the subset's order "
        "takes its place.",
    )
