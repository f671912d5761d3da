"""The graded frame: one row a response, with what every analysis starts from.

It is joined once, from responses, grades and items, by the contract `graded`: keys, condition,
ledger, the outcome by every grader (`outcome_<grader>`), that of the study's first with what it
extracted (`outcome`, `extracted`), the item's properties, with the numbers of the bank that the
study's `analyses.controls` name (`meta_<name>`), and whether the study leaves the item
out; and what was read of the labels' probabilities (`readout_…`), null where nothing was. It holds
no texts of items, thinking or answers. Answers that are equal are extracted alike here, so that
whatever compares them counts them as one; `grades` has them as they were read.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from thinkscale.data import contracts
from thinkscale.data.readouts import by_response
from thinkscale.errors import ThinkscaleError

KEYS = list(contracts.KEYS["responses"])
ROWS = 100_000  # joined at a time
_ANSWER = ["item_id", "outcome", "extracted"]
COUNTED = ("stem_chars", "n_options")  # of each item, by `join`
# What is read of the responses: all of the contract but texts.
RESPONSE_COLUMNS = [
    name
    for name in contracts.SCHEMAS["responses"].names
    if name in contracts.SCHEMAS["graded"].names
]


def join(
    responses: pd.DataFrame,
    grades: pd.DataFrame,
    items: pd.DataFrame,
    graders: Sequence[str],
    excluded: Sequence[str] = (),
    readouts: pd.DataFrame | None = None,
    same: Callable[[str, str], bool] | None = None,
    controls: Sequence[str] = (),
) -> pd.DataFrame:
    """Join grades and the items' facts to the responses, which keep their order.

    graders: the study's, its first the one that analyses go by. excluded: ids of items that the
    study leaves out (`contaminated`). readouts: by the contract, where some model has them. same:
    whether that grader takes two answers for one (`in_one_form`). controls: which properties of
    items analyses hold constant. Adds stem_chars (characters of the stem), n_options, and what else
    the controls name (`bank_numbers`). Raises ThinkscaleError if no item is left.
    """
    facts, forms = _facts(items, excluded, controls), {}
    if same is not None:
        forms = equal_forms(grades.loc[grades["grader"] == graders[0], _ANSWER], same)
    joined = _joined(responses, grades, facts, graders, forms)
    return joined if readouts is None else _with_readouts(joined, readouts, items)


def join_study(
    responses: str | Path,
    grades: str | Path,
    items: pd.DataFrame,
    graders: Sequence[str],
    excluded: Sequence[str] = (),
    readouts: str | Path | None = None,
    same: Callable[[str, str], bool] | None = None,
    controls: Sequence[str] = (),
    *,
    rows: int = ROWS,
) -> Iterator[pd.DataFrame]:
    """What `join` returns, from files and so many rows at a time, however many there are."""
    facts, forms = _facts(items, excluded, controls), {}
    if same is not None:
        parts = contracts.batches(grades, "grades", ["grader", *_ANSWER], rows)
        distinct = [part[part["grader"] == graders[0]].drop_duplicates() for part in parts]
        forms = equal_forms(pd.concat(distinct)[_ANSWER], same)
    for batch in contracts.batches(responses, "responses", RESPONSE_COLUMNS, rows):
        among = {name: batch[name].unique() for name in ("model", "item_id")}
        own = contracts.read(grades, "grades", [*KEYS, "grader", "outcome", "extracted"], among)
        joined = _joined(batch, own, facts, graders, forms)
        if readouts is not None:
            labels = contracts.read(readouts, "readouts", among=among)
            joined = _with_readouts(joined, labels, items)
        yield joined


def _facts(items: pd.DataFrame, excluded: Sequence[str], controls: Sequence[str]) -> pd.DataFrame:
    """What analyses need of items; raises as `join` does."""
    facts = items[["item_id", "difficulty", "response_time", "cluster_id"]].assign(
        stem_chars=items["stem"].str.len(),
        n_options=items["options"].map(len),
        excluded=items["item_id"].isin(excluded),
        **bank_numbers(items, controls),
    )
    if len(facts) and facts["excluded"].all():
        raise ThinkscaleError(
            f"`analyses.contamination.exclude_above` leaves out all {len(facts)} items; raise it, "
            "or look at tables/overlap.csv for what overlaps"
        )
    return facts


def _joined(
    responses: pd.DataFrame,
    grades: pd.DataFrame,
    facts: pd.DataFrame,
    graders: Sequence[str],
    forms: Mapping[tuple[str, str, str], str],
) -> pd.DataFrame:
    judged = grades.pivot(index=KEYS, columns="grader", values="outcome")[list(graders)]
    first = grades.loc[grades["grader"] == graders[0], [*KEYS, "outcome", "extracted"]]
    if forms:
        first = first.assign(extracted=_formed(first, forms))
    return (
        responses[RESPONSE_COLUMNS]
        .merge(first, on=KEYS, how="left", validate="one_to_one")
        .merge(facts, on="item_id", how="left", validate="many_to_one")
        .merge(judged.add_prefix("outcome_").reset_index(), on=KEYS, how="left")
    )


def _with_readouts(
    joined: pd.DataFrame, readouts: pd.DataFrame, items: pd.DataFrame
) -> pd.DataFrame:
    return joined.merge(by_response(readouts, items), on=KEYS, how="left", validate="one_to_one")


def control_column(name: str) -> str:
    """The column of the graded frame that holds a property of items named in the configuration."""
    return name if name in COUNTED else f"meta_{name}"


def bank_numbers(items: pd.DataFrame, controls: Sequence[str]) -> dict[str, list[float]]:
    """By column of the graded frame, what a bank's own columns hold for the controls among them.

    They come from `meta`, one number an item, NaN where it has none. Raises ThinkscaleError naming
    the control, and the first item that holds no number or the columns there are.
    """
    names = [name for name in controls if name not in COUNTED]
    meta = [json.loads(text) for text in items["meta"]] if names else []
    numbers = {}
    for name in names:
        if not any(name in cells for cells in meta):
            there = ", ".join([*COUNTED, *sorted({column for cells in meta for column in cells})])
            raise ThinkscaleError(
                f"`analyses.controls`: the bank has no column {name!r}; expected one of {there}"
            )
        numbers[control_column(name)] = values = []
        for item, cells in zip(items["item_id"], meta, strict=True):
            found = cells.get(name)
            try:
                values.append(math.nan if found in (None, "") else float(found))
            except (TypeError, ValueError):
                values.append(math.inf)
            if math.isinf(values[-1]):
                raise ThinkscaleError(
                    f"`analyses.controls`: column {name!r} of item {item!r} is {found!r}; "
                    "expected a number"
                )
    return numbers


def in_one_form(grades: pd.DataFrame, same: Callable[[str, str], bool]) -> pd.DataFrame:
    """Grades by one grader in which the equal answers to an item are extracted alike.

    See `equal_forms`. What is ungradable stays as it was read.
    """
    return grades.assign(extracted=_formed(grades, equal_forms(grades[_ANSWER], same)))


def equal_forms(
    answers: pd.DataFrame, same: Callable[[str, str], bool]
) -> dict[tuple[str, str, str], str]:
    """By item, outcome and answer, the answer that stands for all that are equal to it.

    An item's distinct answers are gone through from the shortest on, in alphabetical order: each
    takes the form of the first that it is the `same` as, so that nothing depends on the order of
    the rows. All that are correct are one answer, equal to the reference, and need no comparison;
    n others in c forms take at most n * c. What is ungradable has no form.
    """
    forms: dict[tuple[str, str, str], str] = {}
    answers = answers.loc[answers["outcome"] != "ungradable"].dropna().drop_duplicates()
    for (item, outcome), own in answers.groupby(_ANSWER[:2])["extracted"]:
        found: list[str] = []
        for answer in sorted(own, key=lambda text: (len(text), text)):
            equal = (form for form in found if outcome == "correct" or same(form, answer))
            forms[item, outcome, answer] = form = next(equal, answer)
            if form is answer:
                found.append(answer)
    return forms


def _formed(grades: pd.DataFrame, forms: Mapping[tuple[str, str, str], str]) -> pd.Series:
    rows = zip(*(grades[name].tolist() for name in _ANSWER), strict=True)
    return pd.Series([forms.get(row, row[2]) for row in rows], grades.index, dtype="str")


def contaminated(
    overlap: pd.DataFrame, exclude_above: float, corpora: Sequence[str] | None = None
) -> list[str]:
    """Ids of the items of whose n-grams more than this share (0..1) occurs in one of the corpora.

    overlap: the table of that name. corpora: None for all of them.
    """
    counts = overlap["share"] > exclude_above
    if corpora is not None:
        counts &= overlap["corpus"].isin(corpora)
    return sorted(overlap.loc[counts, "item_id"].unique())


def in_study_order(table: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Put a table's models in the order of `models`; within a model nothing moves."""
    if "model" not in table.columns:
        return table
    place = {model: index for index, model in enumerate(models)}
    return table.sort_values("model", key=lambda names: names.map(place), kind="stable")
