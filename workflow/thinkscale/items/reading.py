"""From one record of a bank to an item, through the columns that were found in it."""

import json
import re
from collections.abc import Callable, Mapping

from thinkscale.config.columns import Columns
from thinkscale.config.items import Items
from thinkscale.items.cells import as_json, last_boxed, problem, shown, text
from thinkscale.items.columns import Found
from thinkscale.items.item import Note, Options, RawItem
from thinkscale.items.numbers import Notation, is_missing, number
from thinkscale.items.options import lettered, listed, moved_key, shuffled, without_labels


def reader(
    where: str,
    name: str,
    found: Found,
    notations: Mapping[str | None, Notation],
    settings: Items,
    seed: int,
) -> Callable[[int, dict[str, object]], RawItem]:
    """A function from a record (row, cells) to its item, for a bank with these columns.

    where: what messages call the bank. name: what items without an id are called after. notations:
    how columns of numbers write them. What does not change between records is done once, here.
    The function raises ThinkscaleError.
    """
    mapping, used = settings.columns, found.used()
    get_stem, get_options = _stem(where, found), _options(where, found)
    get_answer = _answer(where, found, mapping)
    level = re.compile(mapping.difficulty_pattern) if mapping.difficulty_pattern else None
    values = [frozenset(rule.values) for rule in settings.exclude]
    rules = list(zip(found.excluding, values, strict=True))
    options_column = found.options or next(iter(found.option_columns), None)

    def cell(row: int, cells: dict[str, object], column: str | None) -> str | None:
        """The text of a cell; None if it is blank, or its column not mapped."""
        if column is None:
            return None
        value = text(where, row, column, cells.get(column))
        return value if value and not value.isspace() else None

    def measured(
        field: str, column: str | None, row: int, cells: dict[str, object], notes: list
    ) -> float | None:
        """The number of a cell; what is noted of it goes to `notes`."""
        if column is None:
            return None
        said, notation = cells.get(column), notations[column]
        if field == "difficulty" and level is not None:
            said = _level(where, row, column, said, level)
        value, noted = number(where, row, column, said, notation)
        if noted is not None:
            notes.append((field, noted, str(said), None if value is None else repr(value)))
        return value

    def read(row: int, cells: dict[str, object]) -> RawItem:
        item_id = f"{name}-{row}"
        if found.item_id is not None:
            item_id = (cell(row, cells, found.item_id) or "").strip()
            if not item_id:
                raise problem(where, row, found.item_id, "is empty; expected an id")
        for column, values in rules:
            held = text(where, row, column, cells.get(column)).strip()
            if held in values:
                stem, reason = get_stem(row, cells, True), f"{column} is {held or 'empty'}"
                return RawItem(row, item_id, stem, (), None, None, None, None, None, "{}", reason)
        notes: list[tuple[str, str, str, str | None]] = []
        stem = get_stem(row, cells, False)
        meta = {c: v for c, v in cells.items() if v is not None and c not in used}
        if found.correct_option is not None:
            options, key, origins = _right_first(where, row, cells, found)
        else:
            brought = get_options(row, cells) if get_options else ()
            options = without_labels(where, row, options_column, brought)
            if options is not brought:
                both = zip(brought, options, strict=True)
                notes += [
                    (f"option {a}", "its own label taken off", b, c) for (a, b), (_, c) in both
                ]
            held, origins = cells.get(found.key), None
            several = isinstance(held, list)
            key = (
                json.dumps(held, ensure_ascii=False, default=str)
                if several
                else cell(row, cells, found.key)
            )
        if mapping.shuffle_options and options:
            order = shuffled(seed, item_id, len(options))
            key = moved_key(key, options, order, mapping.key_counts_from)
            labels = [label for label, _ in options]
            meta["option_order"] = [(origins or labels)[i] for i in order]
            options = tuple((labels[i], options[j][1]) for i, j in enumerate(order))
        answer = get_answer(row, cells) if get_answer else None
        difficulty = measured("difficulty", found.difficulty, row, cells, notes)
        seconds = measured("response_time", found.response_time, row, cells, notes)
        if seconds is not None and seconds < 0:
            what = f"is {seconds}; expected seconds >= 0"
            raise problem(where, row, found.response_time, what)
        return RawItem(
            row,
            item_id,
            stem,
            options,
            key,
            answer,
            difficulty,
            seconds,
            (cell(row, cells, found.cluster) or "").strip() or None,
            as_json(meta),
            notes=tuple(Note(item_id, row, *said) for said in notes),
        )

    return read


def _right_first(
    where: str, row: int, cells: dict[str, object], found: Found
) -> tuple[Options, str | None, list[str]]:
    """The right option and the wrong ones that there are, the key, and the columns they are from.

    A missing right option is a missing key, whatever the wrong ones are.
    """
    columns = (found.correct_option, *found.other_options)
    texts = [text(where, row, column, cells.get(column)) for column in columns]
    present = [i for i, option in enumerate(texts) if option.strip()]
    key = "A" if 0 in present else None
    return lettered([texts[i] for i in present]), key, [columns[i] for i in present]


def _stem(where: str, found: Found) -> Callable[[int, dict[str, object], bool], str]:
    """A function to a record's stem; only of an excluded item may it be empty."""
    parts = found.template or (("", found.stem),)

    def stem(row: int, cells: dict[str, object], excluded: bool) -> str:
        pieces = []
        for literal, column in parts:
            pieces.append(literal)
            if column is not None:
                value = text(where, row, column, cells.get(column))
                if not excluded and (not value or value.isspace()):
                    raise problem(where, row, column, "is empty; expected the item's stem")
                pieces.append(value)
        return "".join(pieces)

    return stem


def _options(where: str, found: Found) -> Callable | None:
    """A function to a record's options, where columns hold them in order."""
    if found.options is not None:
        return lambda row, cells: listed(where, row, found.options, cells.get(found.options))
    if not found.option_columns:
        return None

    def options(row: int, cells: dict[str, object]) -> Options:
        # Most cells are text; looking before calling saves a tenth of the time of a large bank.
        return lettered(
            [
                cell if (cell := cells.get(c)).__class__ is str else text(where, row, c, cell)
                for c in found.option_columns
            ]
        )

    return options


def _answer(where: str, found: Found, mapping: Columns) -> Callable | None:
    """A function to a record's reference answer."""
    column = found.answer_text or found.solution
    if column is None:
        return None
    pattern = re.compile(mapping.answer_pattern) if mapping.answer_pattern else None

    def answer(row: int, cells: dict[str, object]) -> str | None:
        value = text(where, row, column, cells.get(column))
        if not value or value.isspace():
            return None
        if column == found.solution:
            held, expected = last_boxed(value), "a solution with \\boxed{…}"
        elif pattern is not None:
            held = next(reversed(pattern.findall(value)), None)
            expected = f"text with {mapping.answer_pattern!r}"
        else:
            return value
        if held is None or not held.strip():
            raise problem(where, row, column, f"is {shown(value)}; expected {expected}")
        return held.strip()

    return answer


def _level(where: str, row: int, column: str, cell: object, pattern: re.Pattern) -> object:
    """What the pattern's group holds of a text, None where it takes no part."""
    if is_missing(cell) or not isinstance(cell, str):
        return cell
    match = pattern.fullmatch(cell.strip())
    if match is None:
        what = f"is {shown(cell)}; expected text like {pattern.pattern!r}"
        raise problem(where, row, column, what)
    return match[1]
