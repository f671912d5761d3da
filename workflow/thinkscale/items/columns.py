"""Which of a mapping's columns a bank has: from `items.columns` to the names in one file."""

import string
from collections.abc import Collection
from dataclasses import dataclass

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
    excluding: the columns that `items.exclude` looks at, in its order. renamed: (name in the
    configuration, name in the bank) where they differ in case or spaces.
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
    excluding: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

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

    Where a bank has none of them by its very name, case and spaces do not count; `renamed` tells.
    settled: what was found among fewer names; it stays. Raises ThinkscaleError for a column that
    is mapped and not there, or if none of the columns that may hold the answer is.
    """
    mapping = settings.columns
    renamed = dict(settled.renamed if settled else ())
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), []).append(name)

    def find(field: str, *wanted: str) -> str | None:
        for name in wanted:
            if name in names:
                return name
        for name in wanted:
            found = alike.get(_folded(name), [])
            if len(found) > 1:
                raise ThinkscaleError(
                    f"{where}: no column {name!r} (mapped as {field}), and both {found[0]!r} and "
                    f"{found[1]!r} are like it; expected the name of one of them."
                )
            if found:
                renamed[name] = found[0]
                return found[0]
        return None

    def found(field: str, name: str) -> str:
        column = find(field, name)
        if column is None:
            raise _missing(where, field, [name], names)
        return column

    single = {}
    for field in SINGLE:
        listed = getattr(mapping, field) or []
        wanted = [name for name in listed if name is not None]
        single[field] = getattr(settled, field, None) or find(field, *wanted)
        if wanted and single[field] is None and None not in listed:
            raise _missing(where, field, wanted, names)
    if single["answer_text"] is not None:
        single["solution"] = None
    if not any(single[field] for field in _ANSWERS):
        mapped = [name for field in _ANSWERS for name in getattr(mapping, field) or [] if name]
        if mapped:
            raise _missing(where, "the answer", mapped, names)
    template = string.Formatter().parse(mapping.stem_template or "")
    return Found(
        **single,
        template=tuple(
            (text, None if name is None else found("stem_template", name))
            for text, name, *_ in template
        ),
        option_columns=tuple(found("option_columns", n) for n in mapping.option_columns or ()),
        other_options=tuple(found("other_options", n) for n in mapping.other_options or ()),
        excluding=tuple(found("exclude", rule.column) for rule in settings.exclude),
        renamed=tuple(renamed.items()),
    )


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()


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
