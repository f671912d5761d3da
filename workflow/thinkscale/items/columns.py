"""Which of a mapping's columns a bank has: from `items.columns` to the names in one file."""

import string
from collections.abc import Collection
from dataclasses import dataclass, replace

from rapidfuzz import process

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown

# Fields that hold one column, as a list of candidates.
SINGLE = (
    "stem",
    "options",
    "key",
    "correct_option",
    "answer_text",
    "solution",
    "difficulty",
    "response_time",
    "cluster",
    "item_id",
)
_NOT_NEEDED = ("difficulty", "response_time", "cluster", "item_id", "answer_text")
_ANSWERS = ("key", "correct_option", "answer_text", "solution")


@dataclass(frozen=True)
class Found:
    """The columns of a bank by what they hold; None or () for what it has not.

    template: the parts of a stem made from several columns: (text, column after it or None).
    """

    stem: str | None = None
    template: tuple[tuple[str, str | None], ...] = ()
    options: str | None = None
    option_columns: tuple[str, ...] = ()
    key: str | None = None
    correct_option: str | None = None
    other_options: tuple[str, ...] = ()
    answer_text: str | None = None
    solution: str | None = None
    difficulty: str | None = None
    response_time: str | None = None
    cluster: str | None = None
    item_id: str | None = None

    @property
    def template_columns(self) -> list[str]:
        return [column for _, column in self.template if column is not None]

    def used(self) -> frozenset[str | None]:
        """The columns that are not left for `meta`."""
        single = (getattr(self, name) for name in SINGLE)
        listed = (*self.template_columns, *self.option_columns, *self.other_options)
        return frozenset((*single, *listed))


def find_columns(
    settings: Items, names: Collection[str], where: str, settled: Found | None = None
) -> Found:
    """Choose, for each field of `items.columns`, the first of its candidates among `names`.

    settled: what was found among fewer names; it stays. Raises ThinkscaleError for a column that
    is mapped and not there, or if none of the columns that may hold the answer is.
    """
    mapping, single = settings.columns, {}
    for field in SINGLE:
        listed = getattr(mapping, field) or []
        wanted = [name for name in listed if name is not None]
        single[field] = getattr(settled, field, None) or next(
            (name for name in wanted if name in names), None
        )
        if wanted and single[field] is None and None not in listed:
            raise _missing(where, field, wanted, names)
    found = Found(
        **single,
        template=_template(mapping.stem_template),
        option_columns=tuple(mapping.option_columns or ()),
        other_options=tuple(mapping.other_options or ()),
    )
    if found.answer_text is not None:
        found = replace(found, solution=None)
    several = {
        "stem_template": found.template_columns,
        "option_columns": found.option_columns,
        "other_options": found.other_options,
        "exclude": [exclusion.column for exclusion in settings.exclude],
    }
    for field, columns in several.items():
        for column in columns:
            if column not in names:
                raise _missing(where, field, [column], names)
    mapped = [name for field in _ANSWERS for name in getattr(mapping, field) or [] if name]
    if mapped and not any(single[field] for field in _ANSWERS):
        raise _missing(where, "the answer", mapped, names)
    return found


def _template(text: str | None) -> tuple[tuple[str, str | None], ...]:
    parsed = string.Formatter().parse(text or "")
    return tuple((literal, column) for literal, column, *_ in parsed)


def _missing(where: str, field: str, columns: list[str], names: Collection[str]) -> ThinkscaleError:
    present = list(names)
    matches = (
        process.extractOne(column, present, processor=str.casefold, score_cutoff=60)
        for column in columns
    )
    near = next(filter(None, matches), None)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(present) == 1:
        hint += "The file has only one column: is the delimiter right? "
    listed = ", ".join(shown(name) for name in present[:20])
    more = f" and {len(present) - 20} more" if len(present) > 20 else ""
    unmap = ""
    if field == "exclude":
        unmap = " If nothing is to be left out, set `items.exclude: []`."
    elif not hint and field in _NOT_NEEDED:
        unmap = f" If the bank has none, set `items.columns.{field}: null`."
    return ThinkscaleError(
        f"{where}: no column {' or '.join(map(repr, columns))} (mapped as {field}); "
        f"{hint or 'the file '}{'It ' if hint else ''}has {listed}{more}.{unmap}"
    )
