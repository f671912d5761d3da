"""The items of a study: from its bank, or from the generator of one.

A bank is read as a stream, two or three times: once to check every item (survey.py), once more for
candidates of exact duplicates if there are any, and for the items that are drawn. So only these are
ever held.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items import sources
from thinkscale.items.cleaning import Cleaned, Note, Origin, clean
from thinkscale.items.difficulty import disagreement, scaled, spearman, turned
from thinkscale.items.duplicates import compared_text, near_duplicates
from thinkscale.items.facts import facts
from thinkscale.items.raw import RawItem
from thinkscale.items.report import Report
from thinkscale.items.subset import drawing_order, place_hash, strata_of
from thinkscale.items.survey import Read, Survey, survey

NEAR_DUPLICATE = "near duplicate of an item drawn before"


@dataclass(frozen=True)
class Prepared:
    """A study's items (contract `items`), what cleaning changed, and the facts about the bank.

    report: columns of items_report.csv; None where it went to a file. warning: what a user should
    know before going on, None if nothing.
    """

    items: pd.DataFrame
    report: pd.DataFrame | None
    facts: pd.DataFrame
    warning: str | None = None


def prepare_items(settings: Items, seed: int, report_path: Path | None = None) -> Prepared:
    """Read, clean and subset a study's bank; the items come in the order in which they are drawn.

    report_path: a CSV file for the report, written as it comes (a report of a bank of a million
    items may be long). Raises ThinkscaleError naming the file, row and column at fault, or that
    items are too few.
    """
    if settings.source == "calibration":
        return _generated(settings, seed, report_path)
    source = sources.source_of(settings, seed)

    def read(rows):
        return sources.raw_items(source, rows)

    return prepare(read, origin_of(source), settings, seed, report_path)


def origin_of(source: sources.Source) -> Origin:
    """What messages call a source and its columns."""
    found = sources.columns_of(source)
    several = found.option_columns[0] + " and after" if found.option_columns else None
    names = {
        "stem": found.stem or next((c for _, c in found.template if c is not None), None),
        "options": found.options or several or found.correct_option,
        "key": found.key or found.correct_option,
        "answer_text": found.answer_text or found.solution,
        **{name: getattr(found, name) for name in ("difficulty", "response_time", "item_id")},
    }
    columns = {name: column for name, column in names.items() if column is not None}
    return Origin(str(source), columns, source.columns.key_counts_from)


def prepare(
    read: Read, origin: Origin, settings: Items, seed: int, report_path: Path | None = None
) -> Prepared:
    """`prepare_items` of the bank that `read` yields."""
    cleaning, direction = settings.cleaning, settings.difficulty_direction
    found = survey(read, cleaning, origin, seed)
    bank = np.flatnonzero(found.stays)
    harder = turned(found.difficulty[bank], direction)
    difficulty = scaled(
        found.difficulty[bank], direction, settings.difficulty_scale, found.row[bank], origin.where
    )
    # Strata do not depend on the scale, and so the subset does not.
    clusters = found.cluster[bank] if settings.by_cluster else None
    strata = strata_of(harder, settings.strata, clusters, origin.where)
    order = bank[drawing_order(found.hash[bank], strata)]
    n = len(order) if settings.n is None else settings.n
    if n > len(order):
        raise _too_few(n, len(order), found, origin)

    with Report(report_path) as report:
        drawn, near = _draw(read, found, order, n, settings, origin, report)
        notes = [note for item in drawn for note in item.notes]
        if near is not None:
            notes += [note for _, note in near]
        report.add(sorted(notes, key=lambda note: note.row))
        dropped_near = sum(dropped for dropped, _ in near or ())
        if settings.n is not None and len(drawn) < n:
            raise _too_few(n, len(drawn), found, origin, dropped_near)
    at = np.searchsorted(found.row[bank], [item.raw.row for item in drawn])
    items = _frame(drawn, difficulty[at])
    with_time = spearman(harder, found.response_time[bank])
    lost = found.lost() | ({("dropped", NEAR_DUPLICATE): dropped_near} if dropped_near else {})
    table = facts(
        in_file=len(found.row),
        lost=lost,
        difficulty=harder,
        response_time=found.response_time[bank],
        stem_chars=found.stem_chars[bank].astype(float),
        studied=items["difficulty"].to_numpy(float),
        notes=notes,
        duplicates=len(found.duplicate_of),
        near_duplicates=None if near is None else len(near),
    )
    return Prepared(
        items,
        None if report_path else report.frame(),
        table,
        disagreement(with_time, direction),
    )


def _draw(
    read: Read,
    found: Survey,
    order: np.ndarray,
    n: int,
    settings: Items,
    origin: Origin,
    report: Report,
) -> tuple[list[Cleaned], list[tuple[bool, Note]] | None]:
    """The first n items of the order, and (dropped, note) of near duplicates on the way.

    Where near duplicates are dropped the order is walked until n are left. The report gets what it
    says of items that are not drawn.
    """
    cleaning = settings.cleaning
    least, dropping = cleaning.near_duplicates, cleaning.near_duplicates_are == "dropped"
    wanted = order[:n]
    held = _load(read, found, wanted, settings, origin, report)
    if least is None:
        return [held[place] for place in wanted.tolist()], None

    walked: list[Cleaned] = []

    def texts() -> Iterator[str]:
        nonlocal held, wanted
        while True:
            for place in wanted.tolist():
                walked.append(held.pop(place))
                yield compared_text(walked[-1])
            wanted = order[len(walked) : 2 * len(walked)]
            if not wanted.size:
                return
            held = _load(read, found, wanted, settings, origin, None)

    drawn: list[Cleaned] = []
    near: list[tuple[bool, Note]] = []
    for place, match in enumerate(near_duplicates(texts(), least, dropped=dropping)):
        item = walked[place]
        if match is not None:
            other, similarity = walked[match[0]].raw.item_id, match[1]
            done = "dropped" if dropping else "kept"
            action = f"{done}, near duplicate of item {other} (similarity {similarity:.1f})"
            near.append((dropping, Note(item.raw.item_id, item.raw.row, "item", action, item.stem)))
        if match is None or not dropping:
            drawn.append(item)
        if len(drawn) == n:
            break
    return drawn, near


def _load(
    read: Read,
    found: Survey,
    wanted: np.ndarray,
    settings: Items,
    origin: Origin,
    report: Report | None,
) -> dict[int, Cleaned]:
    """The items at the wanted places, by place. What is left out on the way goes into `report`."""
    needed = np.zeros(len(found.row), dtype=bool)
    needed[wanted] = True
    reported, originals = np.zeros_like(needed), np.zeros_like(needed)
    if report is not None:
        reported = ~found.stays
        reported[list(found.duplicate_of)] = True
        originals[list(found.duplicate_of.values())] = True
    rows = found.row[needed | reported | originals]
    ids: dict[int, str] = {}
    held: dict[int, Cleaned] = {}
    # A set of most of a large bank's rows would take more memory than reading all of them.
    for raw in read(set(rows.tolist()) if len(rows) < len(needed) / 10 else None):
        place = int(np.searchsorted(found.row, raw.row))
        if originals[place]:
            ids[place] = raw.item_id
        if needed[place]:
            held[place] = clean(raw, settings.cleaning, origin)
        if reported[place]:
            report.add([_left_out(raw, place, found, ids)])
    return held


def _left_out(raw: RawItem, place: int, found: Survey, ids: Mapping[int, str]) -> Note:
    """What the report says of an item that is left out, or repeats another."""
    kind, why = found.reasons[found.fate[place]]
    original = found.duplicate_of.get(place)
    action = f"{kind}: {why}"
    if original is not None:
        action = f"{kind or 'kept'}, duplicate of item {ids[original]}"
    return Note(raw.item_id, raw.row, "item", action, raw.stem)


def _frame(drawn: list[Cleaned], difficulty: np.ndarray) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "item_id": [item.raw.item_id for item in drawn],
            "stem": [item.stem for item in drawn],
            "options": [[{"label": a, "text": t} for a, t in item.options] for item in drawn],
            "key": [item.key for item in drawn],
            "answer_text": [item.answer_text for item in drawn],
            "difficulty": difficulty,
            "difficulty_raw": [item.raw.difficulty for item in drawn],
            "response_time": [item.raw.response_time for item in drawn],
            "cluster_id": [item.raw.cluster_id for item in drawn],
            "meta": [item.raw.meta for item in drawn],
        }
    )
    text = ("item_id", "stem", "key", "answer_text", "cluster_id", "meta")
    number = ("difficulty", "difficulty_raw", "response_time")
    return frame.astype(dict.fromkeys(text, "str") | dict.fromkeys(number, "float64"))


def _generated(settings: Items, seed: int, report_path: Path | None) -> Prepared:
    from thinkscale.calibration.bank import generate_bank

    bank = generate_bank(settings.bank_size, seed)
    made = bank["difficulty"].to_numpy(float)
    rows, where = np.arange(1, len(bank) + 1), "the calibration bank"
    # The generator's difficulties are higher for harder items; its raw values are not meant here.
    difficulty = scaled(made, "higher_is_harder", settings.difficulty_scale, rows, where)
    hashes = np.array([place_hash(seed, i) for i in bank["item_id"]], dtype=np.uint64)
    clusters = np.zeros(len(bank)) if settings.by_cluster else None
    order = drawing_order(hashes, strata_of(made, settings.strata, clusters, where))
    items = bank.assign(difficulty=difficulty).iloc[order[: settings.n]].reset_index(drop=True)
    with Report(report_path) as report:
        pass
    times = bank["response_time"].to_numpy(float)
    table = facts(
        in_file=len(bank),
        lost={},
        difficulty=made,
        response_time=times,
        stem_chars=bank["stem"].str.len().to_numpy(float),
        studied=items["difficulty"].to_numpy(float),
    )
    warning = disagreement(spearman(made, times), None)
    return Prepared(items, None if report_path else report.frame(), table, warning)


def _too_few(n: int, left: int, found: Survey, origin: Origin, near: int = 0) -> ThinkscaleError:
    lost = [f"{count} {kind} ({why})" for (kind, why), count in found.lost().items()]
    lost += [f"{near} dropped ({NEAR_DUPLICATE})"] if near else []
    of = f" of {len(found.row)}, after {', '.join(lost)}" if lost else ""
    return ThinkscaleError(
        f"{origin.where}: asked for {n} items, but it has {left}{of}; ask for fewer, or leave "
        "`items.n` out to take all."
    )
