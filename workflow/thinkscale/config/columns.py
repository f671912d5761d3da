"""Which column of an item bank holds what."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, field_validator
from pydantic.types import StrictBool

from thinkscale.config.section import NotASwitch, Section, Text, placeholders, setting


def _names(value: Any) -> Any:
    """One name is a list of one; numbers are names of columns in files without a header."""
    listed = value if isinstance(value, list | tuple) else [value]
    names = [str(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in listed]
    good = names and all(v is None or (isinstance(v, str) and v) for v in names)
    if not good or names[0] is None or None in names[:-1]:
        raise ValueError("a column's name, or a list of names with `null` at most at its end")
    return names


def _one_group(pattern: str) -> str:
    rule = "a regular expression with one group, as in '#### (.+)'"
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{rule}: {error}") from error
    if groups != 1:
        raise ValueError(f"{rule}: it has {groups}")
    return pattern


_TEXT_OR_LIST = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Column = Annotated[list[str | None], BeforeValidator(_names), WithJsonSchema(_TEXT_OR_LIST)]
Pattern = Annotated[str, AfterValidator(_one_group)]

# Ways to say the same: a key that is given takes the place of a preset's others.
_OPTIONS = ("options", "option_columns", "correct_option", "other_options")
_INSTEAD_OF = {
    "stem": ("stem_template",),
    "stem_template": ("stem",),
    "options": _OPTIONS,
    "option_columns": _OPTIONS,
    "correct_option": ("options", "option_columns", "key", "key_counts_from"),
    "other_options": ("options", "option_columns", "key", "key_counts_from"),
}
# Keys that mean nothing without another.
_GO_WITH = {
    "key_counts_from": "key",
    "answer_pattern": "answer_text",
    "difficulty_pattern": "difficulty",
}


class Columns(Section):
    """Which column of a bank holds what. A list of names stands for the first of them that the
    file has; with `null` at its end the file need not have any of them. Where it has none by its
    very name, case and spaces do not count, and `items_report.csv` says which column was taken.
    Items without `options`, `option_columns` or `correct_option` are free response."""

    stem: Column | None = setting(["stem"], "Column of the question's text.")
    stem_template: Text | None = setting(
        None,
        'Instead of `stem`: text with columns in braces, as in `"Title: {title}\\n\\nAbstract: '
        '{abstract}"`. A brace itself is written twice.',
    )
    options: Column | None = setting(
        None,
        "Column holding all options: a list of texts, an object of label and text, or a list of "
        "objects with `label` and `text`; in CSV the same as JSON, or a line each with its label. "
        "Labels that all texts begin with (`A. …`, `(B) …`) are taken off, and reported.",
    )
    option_columns: list[Text] | None = setting(
        None, "Columns holding one option each, in order A, B, C …; blanks are skipped."
    )
    key: Column | None = setting(
        ["key"], "Column of the right option's label, or of its text; of several, as in `A,C`."
    )
    key_counts_from: Annotated[Literal[0, 1], NotASwitch] | None = setting(
        None, "Where the key is the option's number: what the first option counts as."
    )
    correct_option: Column | None = setting(
        None, "Column of the right option's text, where no column holds a key."
    )
    other_options: list[Text] | None = setting(
        None, "Columns of the wrong options; expected with `correct_option`."
    )
    shuffle_options: StrictBool = setting(
        False,
        "Put each item's options in an order drawn from the study's seed and the item's id; "
        "`meta` records it as `option_order`.",
    )
    answer_text: Column | None = setting(
        None, "Column of the reference answer. Default: the right option's text."
    )
    answer_pattern: Pattern | None = setting(
        None,
        "Regular expression whose one group is the answer within `answer_text`; the last place "
        "where it fits counts.",
    )
    solution: Column | None = setting(
        None,
        "Column of a worked solution; what its last `\\boxed{…}` holds is the answer where there "
        "is no column `answer_text`.",
    )
    difficulty: Column | None = setting(
        ["difficulty"],
        "Column of the human difficulty, in the bank's own scale (85% is 0.85); `null` where the "
        "bank has none. NA, `-` and the like are missing.",
    )
    difficulty_pattern: Pattern | None = setting(
        None,
        "Regular expression that the whole cell fits and whose one group is the number, as in "
        "`Level ([0-9])`; where the group takes no part, difficulty is missing.",
    )
    item_id: Column | None = setting(
        None, "Column of unique ids. Default: the file's name and the row number."
    )
    response_time: Column | None = setting(None, "Column of human response time, in seconds.")
    cluster: Column | None = setting(
        None, "Column naming items that belong together (one vignette, one passage)."
    )

    @field_validator("stem_template")
    @classmethod
    def _names_columns(cls, value: str | None) -> str | None:
        rule = "text with columns in braces (a brace itself is written twice)"
        if value is None:
            return None
        if not (found := placeholders(value, rule)):
            raise ValueError(f"{rule}: it names none")
        if any(form or conversion or not field for field, form, conversion in found):
            raise ValueError(f"{rule}: a column's name and nothing else, without a format")
        return value


def default_columns() -> dict[str, Any]:
    return {name: field.default for name, field in Columns.model_fields.items()}


def laid_over(given: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """Every key of `columns`: as given, else as taken unless a given one stands instead."""
    nothing = {**default_columns(), **dict.fromkeys(("stem", "key", "difficulty"))}
    instead = {
        other for name, value in given.items() if value for other in _INSTEAD_OF.get(name, ())
    }
    columns = {**nothing, **{k: v for k, v in taken.items() if k not in instead}, **given}
    if not any(columns[name] for name in _OPTIONS) and "key" not in given:
        columns["key"] = None
    for name, needed in _GO_WITH.items():
        if columns[needed] is None and name not in given:
            columns[name] = None
    return columns


def has_answer(columns: Columns) -> bool:
    names = (*_OPTIONS, "answer_text", "solution")
    return any(getattr(columns, name) for name in names)


def column_faults(columns: Columns) -> Iterable[str]:
    """What a mapping may not be, whatever the file."""

    def mapped(*names: str) -> list[str]:
        return [name for name in names if getattr(columns, name)]

    where = "`items.columns`: found"
    stems = mapped("stem", "stem_template")
    if len(stems) != 1:
        found = "both" if stems else "neither"
        yield f"{where} {found}; expected one of `stem`, `stem_template`"
    ways = mapped("options", "option_columns", "correct_option")
    if len(ways) > 1:
        both = " and ".join(f"`{way}`" for way in ways)
        yield (
            f"{where} {both}; expected one of `options`, `option_columns`, `correct_option` (or "
            "none, for free response)"
        )
    if len(columns.option_columns or []) > 26 or len(columns.other_options or []) > 25:
        yield f"{where} more than 26 options; expected at most 26"
    if bool(columns.correct_option) != bool(columns.other_options):
        name = mapped("correct_option", "other_options")[0]
        yield f"{where} only `{name}`; expected `correct_option` and `other_options` together"
    if mapped("options", "option_columns") and not columns.key:
        yield f"{where} options without a key; expected `key` with them"
    if columns.key and not mapped("options", "option_columns"):
        yield f"{where} `key` without options; expected `options` or `option_columns` with it"
    for name, needed in _GO_WITH.items():
        if getattr(columns, name) is not None and not mapped(needed):
            yield f"{where} `{name}` alone; expected it with `{needed}`"
    if columns.shuffle_options and not mapped(*_OPTIONS):
        yield f"{where} `shuffle_options` alone; expected it with options"
