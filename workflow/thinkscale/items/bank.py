"""The items of a study: from its bank, or from the generator of one.

A bank is read as a stream, two or three times: once to check every item (survey.py), once more for
candidates of exact duplicates if there are any, and for the items that are drawn. So only these are
ever held.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from thinkscale.config.items import Items
from thinkscale.errors import ThinkscaleError
from thinkscale.items import sources
from thinkscale.items.cleaning import clean
from thinkscale.items.difficulty import disagreement, scaled, spearman, turned
from thinkscale.items.duplicates import compared_text, near_duplicates
from thinkscale.items.item import Cleaned, Note, Origin, RawItem
from thinkscale.items.report import Report, facts, reporting
from thinkscale.items.subset import drawing_order, place_hash, strata_of
from thinkscale.items.survey import Read, Survey, survey

RENAMED = "column found in spite of case or spaces"
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
    """Read, clean and subset a bank; the items come in the order in which they are drawn.

    report_path: a CSV file for the report, written as it comes (a report of a bank of a million
    items may be long). Raises ThinkscaleError naming the file, row and column at fault, or that
    items are too few.
    """
    source = sources.Source(settings, seed)
    read = partial(sources.raw_items, source)
    return prepare(read, origin_of(source), settings, seed, report_path)


def origin_of(source: sources.Source) -> Origin:
    """What messages call a source and its columns."""
    found = sources.columns_of(source)
    several = found.option_columns[0] + " and after" if found.option_columns else None
    names = {
        "stem": found.stem or next(iter(found.template_columns), None),
        "options": found.options or several or found.correct_option,
        "key": found.key or found.correct_option,
        "answer_text": found.answer_text or found.solution,
        **{name: getattr(found, name) for name in ("difficulty", "response_time", "item_id")},
    }
    columns = {name: column for name, column in names.items() if column is not None}
    counts_from = source.settings.columns.key_counts_from
    return Origin(str(source), columns, counts_from, found.renamed)


def prepare(
    read: Read, origin: Origin, settings: Items, seed: int, report_path: Path | None = None
) -> Prepared:
    """`prepare_items` of the bank that `read` yields."""
    found = survey(read, settings.cleaning, origin, seed)
    surveyed = _Surveyed(read, found, settings, origin)
    bank = np.flatnonzero(found.stays)
    raw, direction = found.difficulty[bank], settings.difficulty_direction
    harder, where = turned(raw, direction), origin.where
    difficulty = scaled(raw, direction, settings.difficulty_scale, found.row[bank], where)
    # Strata do not depend on the scale, and so the subset does not.
    clusters = found.cluster[bank] if settings.by_cluster else None
    strata = strata_of(harder, settings.strata, clusters, where)
    order = bank[drawing_order(found.hash[bank], strata)]
    n = len(order) if settings.n is None else settings.n
    if n > len(order):
        raise _too_few(n, len(order), surveyed)

    with reporting(report_path) as report:
        drawn, near = _draw(surveyed, order, n, report)
        notes = [note for item in drawn for note in item.notes]
        notes += [note for _, note in near or ()]
        notes += [Note("", 0, "columns", RENAMED, *names) for names in origin.renamed]
        report.add(sorted(notes, key=lambda note: note.row))
        dropped_near = sum(dropped for dropped, _ in near or ())
        if settings.n is not None and len(drawn) < n:
            raise _too_few(n, len(drawn), surveyed, dropped_near)
    at = np.searchsorted(found.row[bank], [item.raw.row for item in drawn])
    items = _frame(drawn, difficulty[at])
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
        renamed=origin.renamed,
    )
    warning = disagreement(spearman(harder, found.response_time[bank]), direction)
    return Prepared(items, None if report_path else report.frame(), table, warning)


def prepare_generated(
    bank: pd.DataFrame, settings: Items, seed: int, report_path: Path | None = None
) -> Prepared:
    """`prepare_items` of a generated bank (contract `items`), which has nothing to clean."""
    made = bank["difficulty"].to_numpy(float)
    rows, where = np.arange(1, len(bank) + 1), "the calibration bank"
    # The generator's difficulties are higher for harder items; its raw values are not meant here.
    difficulty = scaled(made, "higher_is_harder", settings.difficulty_scale, rows, where)
    hashes = np.array([place_hash(seed, i) for i in bank["item_id"]], dtype=np.uint64)
    clusters = np.zeros(len(bank)) if settings.by_cluster else None
    order = drawing_order(hashes, strata_of(made, settings.strata, clusters, where))
    items = bank.assign(difficulty=difficulty).iloc[order[: settings.n]].reset_index(drop=True)
    with reporting(report_path) as report:
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


@dataclass(frozen=True)
class _Surveyed:
    """A bank that can be read again, and what is known of it."""

    read: Read
    found: Survey
    settings: Items
    origin: Origin

    def load(self, wanted: np.ndarray, report: Report | None = None) -> dict[int, Cleaned]:
        """The items at these places, by place. What is left out on the way goes into `report`."""
        found = self.found
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
        for raw in self.read(set(rows.tolist()) if len(rows) < len(needed) / 10 else None):
            place = int(np.searchsorted(found.row, raw.row))
            if originals[place]:
                ids[place] = raw.item_id
            if needed[place]:
                held[place] = clean(raw, self.settings.cleaning, self.origin)
            if reported[place]:
                report.add([_left_out(raw, place, found, ids)])
        return held


def _draw(
    surveyed: _Surveyed, order: np.ndarray, n: int, report: Report
) -> tuple[list[Cleaned], list[tuple[bool, Note]] | None]:
    """The first n items of the order, and (dropped, note) of near duplicates on the way.

    Where near duplicates are dropped the order is walked until n are left. The report gets what it
    says of items that are not drawn.
    """
    cleaning = surveyed.settings.cleaning
    least, dropping = cleaning.near_duplicates, cleaning.near_duplicates_are == "dropped"
    wanted = order[:n]
    held = surveyed.load(wanted, report)
    if least is None:
        return [held[place] for place in wanted.tolist()], None

    walked: list[Cleaned] = []

    def texts() -> Iterator[str]:
        nonlocal held, wanted
        while wanted.size:
            for place in wanted.tolist():
                walked.append(held.pop(place))
                yield compared_text(walked[-1])
            wanted = order[len(walked) : 2 * len(walked)]
            held = surveyed.load(wanted) if wanted.size else {}

    drawn: list[Cleaned] = []
    near: list[tuple[bool, Note]] = []
    matches = near_duplicates(texts(), least, dropped=dropping)
    for place, match in enumerate(matches):
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


def _too_few(n: int, left: int, surveyed: _Surveyed, near: int = 0) -> ThinkscaleError:
    found, where = surveyed.found, surveyed.origin.where
    lost = [f"{count} {kind} ({why})" for (kind, why), count in found.lost().items()]
    lost += [f"{near} dropped ({NEAR_DUPLICATE})"] if near else []
    of = f" of {len(found.row)}, after {', '.join(lost)}" if lost else ""
    return ThinkscaleError(
        f"{where}: asked for {n} items, but it has {left}{of}; ask for fewer, or leave `items.n` "
        "out to take all."
    )
