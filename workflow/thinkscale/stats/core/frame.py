"""The graded frame: check it, order it, and take from it what the analyses need.

Every analysis starts from `prepare`, so that the order of rows in a file changes no number, and
clusters are formed in one place. So is what an item whose prompt did not fit the model's context
means: nothing was thought about it, hence it has no number of tokens, and 0 would be a wrong one;
nothing was answered, hence it is not correct.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from thinkscale.data import contracts
from thinkscale.errors import ThinkscaleError
from thinkscale.stats.core.intervals import Estimate

LIMITS = ["max_think", "truncate", "min_think", "waits"]
CONDITION = ["condition", *LIMITS, "continuation", "no_think"]
KEYS = list(contracts.KEYS["graded"])
ORDER = ["model", "condition", "item_id", "sample"]
NEEDED = [
    *["model", "item_id", "sample", *CONDITION, "think_tokens", "censored", "error", "excluded"],
    *["outcome", "extracted", "difficulty", "response_time", "cluster_id"],
    *["stem_chars", "n_options"],
]
CRITERIA = {"difficulty": "difficulty", "response_time": "response time"}  # of people; in words
OUTCOMES = {"correct", "incorrect", "ungradable"}


def require(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise `ThinkscaleError` naming the columns that `frame` lacks."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ThinkscaleError(
            f"{what}: no column {', '.join(missing)}; found {', '.join(map(str, frame.columns))}."
        )


def prepare(graded: pd.DataFrame) -> pd.DataFrame:
    """Return the graded frame checked, in `ORDER`, with `correct`, `cluster` and `fits`.

    Rows of excluded items are left out. `correct` is outcome == "correct": an ungradable response
    counts as not correct. `cluster` is the item's cluster_id, or the item itself where it has none.
    `fits` is false where the prompt did not fit the context; there `think_tokens` is missing.

    Raises ThinkscaleError for a missing column, an unknown outcome, or two rows of one model,
    item, sample and condition.
    """
    require(graded, NEEDED, "graded responses")
    unknown = set(graded["outcome"].dropna().unique()) - OUTCOMES
    if unknown or graded["outcome"].isna().any():
        found = ", ".join(sorted(map(str, unknown))) or "a missing value"
        raise ThinkscaleError(
            f"graded responses: column outcome holds {found}; "
            f"expected {', '.join(sorted(OUTCOMES))}."
        )
    order, twice = _order(graded)
    if twice is not None:
        row = graded.iloc[twice]
        named = ", ".join(f"{key} {row[key]}" for key in KEYS)
        raise ThinkscaleError(f"graded responses: {named} occurs twice; expected one row for each.")
    out = graded["excluded"].to_numpy(bool)
    frame = graded.take(order[~out[order]]).reset_index(drop=True)
    fits = frame["error"].isna().to_numpy(bool)
    return frame.assign(
        item_id=frame["item_id"].astype(str),
        correct=frame["outcome"].eq("correct").to_numpy(bool),
        censored=frame["censored"].astype(bool),
        fits=fits,
        think_tokens=np.where(fits, frame["think_tokens"].to_numpy(float, na_value=np.nan), np.nan),
        **{name: pd.to_numeric(frame[name]).to_numpy(float, na_value=np.nan) for name in CRITERIA},
        cluster=clusters(frame),
    )


def _order(graded: pd.DataFrame) -> tuple[np.ndarray, int | None]:
    """The rows' places in `ORDER`, and the first row whose keys an earlier one has, if there is."""
    codes, names = zip(*(pd.factorize(graded[key], sort=True) for key in ORDER), strict=True)
    # One whole number for all keys: rows are millions, and each key is looked at once.
    place = np.ravel_multi_index(codes, [max(1, len(own)) for own in names])
    order = np.argsort(place, kind="stable")
    twice = order[1:][np.diff(place[order]) == 0]
    return order, int(twice.min()) if len(twice) else None


def included(graded: pd.DataFrame) -> pd.DataFrame:
    """Rows of the items that the study does not leave out."""
    return where(graded, ~graded["excluded"].astype(bool))


def where(frame: pd.DataFrame, kept: pd.Series) -> pd.DataFrame:
    """The rows that are kept; of all of them the frame as it is, since to copy texts is dear."""
    return frame if kept.all() else frame[kept]


def clusters(frame: pd.DataFrame) -> pd.Series:
    """Of each row the item's cluster, or the item itself where it has none."""
    own = "item:" + frame["item_id"].astype(str)
    if frame["cluster_id"].isna().all():
        return own  # to join millions of texts is dear
    given = "cluster:" + frame["cluster_id"].astype(str)
    return given.where(frame["cluster_id"].notna(), own)


def by_model(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each model's rows, models in alphabetical order."""
    yield from _parts(frame, "model")


def _parts(frame: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each value of a column, which rise, and its rows.

    Of a frame that is in order they are slices; `groupby` would copy it, which of texts is dear.
    """
    codes, names = pd.factorize(frame[column], sort=True)
    if np.any(np.diff(codes) < 0):
        order = np.argsort(codes, kind="stable")
        codes, frame = codes[order], frame.take(order)
    ends = np.searchsorted(codes, np.arange(len(names) + 1))
    for name, first, last in zip(names, ends, ends[1:], strict=False):
        yield name, frame.iloc[first:last]


def natural(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows in which nothing was forced."""
    return frame[frame["condition"] == "natural"]


def by_condition(frame: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Yield each condition's columns and rows.

    Natural, thinking switched off, then maxima, truncations, minima and waits, each rising. A
    minimum or waits with a maximum come after all without one of the same kind.
    """
    cells = frame.drop_duplicates("condition")[CONDITION].astype(object)
    cells = cells.where(cells.notna(), None).to_dict("records")

    def rank(cell: dict) -> tuple:
        limits = [cell[name] for name in LIMITS]
        given = [*(limit is not None for limit in reversed(limits)), cell["no_think"]]
        values = [-1 if limit is None else int(limit) for limit in limits]
        # The first continuation of the study is not named in the condition.
        named = ";continuation=" in cell["condition"]
        return given, values, named, str(cell["continuation"] or ""), cell["condition"]

    rows = dict(_parts(frame, "condition"))
    for cell in sorted(cells, key=rank):
        yield cell, rows[cell["condition"]]


def per_item(frame: pd.DataFrame) -> pd.DataFrame:
    """One row an item: mean tokens and accuracy over its samples, counts, and its properties.

    `fits` is false for an item with a sample that did not fit the context; `tokens` is missing
    where none did. Numbers of the bank that controls were chosen from (`meta_…`) come along.
    """
    properties = [*CRITERIA, "cluster", "stem_chars", "n_options"]
    properties += [name for name in frame if name.startswith("meta_")]
    return frame.groupby("item_id", sort=True).agg(
        tokens=("think_tokens", "mean"),
        accuracy=("correct", "mean"),
        samples=("correct", "size"),
        correct=("correct", "sum"),
        censored=("censored", "sum"),
        fits=("fits", "all"),
        **{name: (name, "first") for name in properties},
    )


def criteria(items: pd.DataFrame) -> dict[str, str]:
    """What of people thinking is compared with, in words: difficulty; response time if known."""
    known = items["response_time"].notna().any()
    return {name: what for name, what in CRITERIA.items() if name == "difficulty" or known}


def natural_items(graded: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each model and its items (`per_item`) in the natural condition."""
    for model, own in by_model(prepare(natural(graded))):
        yield model, per_item(own)


def unfit_items(frame: pd.DataFrame) -> int:
    """Items with a row that did not fit the context: column `errors` of every table."""
    return int(frame.loc[~frame["fits"], "item_id"].nunique())


def unfit_note(errors: int, what: str) -> str:
    """How `method` says what became of the items that did not fit; nothing if all did."""
    return f"; {errors} items that did not fit the context {what}" if errors else ""


def cells(frame: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Yield every model and condition with its rows, as the first columns of a table's row.

    These are model, the condition's, n_items, n_responses and errors.
    """
    for model, own in by_model(frame):
        for cell, group in by_condition(own):
            sizes = {"n_items": group["item_id"].nunique(), "n_responses": len(group)}
            yield {"model": model, **cell, **sizes, "errors": unfit_items(group)}, group


PER_CONDITION = [
    *["model", *CONDITION, "n_items", "n_responses", "errors", "n_excluded"],
    *["estimate", "lower", "upper", "method"],
]


def per_condition(
    graded: pd.DataFrame, what: str, estimate: Callable[[pd.DataFrame], Estimate]
) -> pd.DataFrame:
    """A table of one estimate for every model and condition, with `PER_CONDITION`.

    estimate: from the prepared responses that fit the context, whose numbers the row gives; the
    others are counted in `errors`. what: what is estimated, in the words of `method`.
    """
    rows = []
    for row, group in cells(prepare(graded)):
        given = where(group, group["fits"])
        sizes = {"n_items": given["item_id"].nunique(), "n_responses": len(given)}
        rows.append({**row, **sizes, **estimate(given).row(f"{what}: ")})
    return table(rows, PER_CONDITION, graded)


def against_natural(graded: pd.DataFrame) -> Iterator[tuple[dict, pd.DataFrame]]:
    """Yield every model and other condition with its pairs with natural, in the way of `cells`.

    Pairs agree in item and sample. Those with one side missing are left out, and so are those with
    a side that did not fit the context, whose items are counted in errors.
    """
    compared = ["correct", "think_tokens", "fits"]
    for model, own in by_model(prepare(graded)):
        # Whole numbers are matched in a fraction of the time that names of items are.
        own = own.assign(pair=own.groupby(["item_id", "sample"]).ngroup())
        before = natural(own)[["pair", "item_id", "cluster", *compared]]
        forced = own.loc[own["condition"] != "natural", ["pair", *CONDITION, *compared]]
        for cell, after in by_condition(forced):
            pairs = before.merge(after[["pair", *compared]], on="pair", suffixes=("_natural", ""))
            pairs["fits"] &= pairs.pop("fits_natural")
            errors, pairs = unfit_items(pairs), where(pairs, pairs["fits"])
            sizes = {"n_items": pairs["item_id"].nunique(), "n_pairs": len(pairs)}
            yield {"model": model, **cell, **sizes, "errors": errors}, pairs


def table(
    rows: list[dict], columns: Sequence[str], graded: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Rows as a frame with exactly `columns`; the condition's limits become nullable integers.

    graded: where `n_excluded`, how many items the study leaves out, is counted from.
    """
    frame = pd.DataFrame(rows, columns=list(columns))
    if graded is not None:
        frame["n_excluded"] = graded.loc[graded["excluded"].astype(bool), "item_id"].nunique()
    for column in LIMITS:
        if column in frame:
            frame[column] = pd.array(frame[column], dtype="Int64")
    return frame
