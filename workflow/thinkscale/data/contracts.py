"""The data contracts: one schema for each frame that travels between steps.

The only place that reads and writes parquet. A frame is checked against its contract when it is
written and again when it is read, so that a step never meets a column it does not know.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from thinkscale.data.columns import BOOL, FLOAT, IDS, INT, TEXT, same_kind, to_arrow, to_pandas
from thinkscale.data.files import replacing
from thinkscale.errors import ThinkscaleError

OPTION = pa.struct([pa.field(name, TEXT, nullable=False) for name in ("label", "text")])
SEGMENT = pa.struct([pa.field("kind", TEXT, False), pa.field("token_ids", IDS, False)])


def _contract(columns: dict[str, pa.DataType], nullable: str = "") -> pa.Schema:
    return pa.schema([pa.field(n, kind, n in nullable.split()) for n, kind in columns.items()])


_RESPONSE_KEYS = {"model": TEXT, "item_id": TEXT, "sample": INT, "condition": TEXT}
_SEARCH_KEYS = {"model": TEXT, "item_id": TEXT, "search": TEXT, "n": INT}
LEDGER = (
    *("prompt_tokens", "think_natural", "think_injected", "think_tokens", "forced_end_tokens"),
    *("answer_tokens", "new_tokens", "alone_tokens", "waits_done"),
)

_RESPONSE = {
    **_RESPONSE_KEYS,
    "max_think": INT,
    "min_think": INT,
    "waits": INT,
    "continuation": TEXT,
    "truncate": INT,
    "no_think": BOOL,
    **dict.fromkeys(LEDGER, INT),
    "stop": TEXT,
    "answer_stop": TEXT,
    "answer_from": TEXT,
    "censored": BOOL,
    "think_text": TEXT,
    "answer_text": TEXT,
    "seconds": FLOAT,
    "engine": TEXT,
    "exact_tokens": BOOL,
    "error": TEXT,  # why nothing was asked: the prompt does not fit; null otherwise
}

# Of a response's readout: probabilities among the item's labels, except for the mass on them.
READOUT = (
    *("readout_key", "readout_confidence", "readout_entropy", "readout_brier", "readout_mass"),
)

# Of a response that was made elsewhere not all is known; of one made here all is.
_UNKNOWN = " ".join((*LEDGER, "stop", "answer_stop", "seconds"))

SCHEMAS: dict[str, pa.Schema] = {
    "items": _contract(
        {
            "item_id": TEXT,
            "stem": TEXT,
            "options": pa.list_(OPTION),  # empty for free response
            "key": TEXT,  # label of the right option (`key_labels`); null for free response
            "answer_text": TEXT,
            "difficulty": FLOAT,  # higher = harder
            "difficulty_raw": FLOAT,  # as in the bank
            "response_time": FLOAT,  # seconds
            "cluster_id": TEXT,
            "meta": TEXT,  # JSON object
        },
        nullable="key answer_text difficulty difficulty_raw response_time cluster_id",
    ),
    "chains": _contract(
        {
            "model": TEXT,
            "item_id": TEXT,
            "sample": INT,
            "continuation": TEXT,
            "segments": pa.list_(SEGMENT),
            "natural_end": BOOL,
            "prompt_token_ids": IDS,
        },
        nullable="continuation prompt_token_ids",
    ),
    "responses": _contract(
        _RESPONSE, nullable=f"max_think min_think waits continuation truncate error {_UNKNOWN}"
    ),
    # And for every grader of the study a column of outcomes, and for every number of the bank that
    # it holds constant one more; see FAMILIES.
    "graded": _contract(
        {
            **{name: kind for name, kind in _RESPONSE.items() if not name.endswith("_text")},
            "outcome": TEXT,  # by the study's first grader
            "extracted": TEXT,  # equal answers to an item in one form: what they vote for
            "difficulty": FLOAT,
            "response_time": FLOAT,
            "cluster_id": TEXT,
            "stem_chars": INT,
            "n_options": INT,
            "excluded": BOOL,  # whether the study leaves the item out
            "readout_label": TEXT,  # the most likely
            **dict.fromkeys(READOUT, FLOAT),
        },
        nullable="max_think min_think waits continuation truncate error extracted difficulty "
        f"response_time cluster_id readout_label {_UNKNOWN} " + " ".join(READOUT),
    ),
    "readouts": _contract(
        {
            **_RESPONSE_KEYS,
            "label": TEXT,
            "logprob": FLOAT,  # nats, of the label in any of its spellings
            "mass": FLOAT,  # probability of all labels of the item together
        }
    ),
    "candidates": _contract(
        {
            **_SEARCH_KEYS,
            "candidate": INT,
            "draws": IDS,  # which draw each step was, or which sample the thought is
            "step_tokens": IDS,
            "think_tokens": INT,
            "answer_tokens": INT,
            "answer_from": TEXT,
            "stop": TEXT,
            "answer_stop": TEXT,
            "think_text": TEXT,
            "answer_text": TEXT,
        },
        nullable="step_tokens think_tokens answer_tokens stop answer_stop",
    ),
    "scores": _contract(
        {**_SEARCH_KEYS, "candidate": INT, "scorer": TEXT, "step": INT, "score": FLOAT},
        nullable="score",
    ),
    # The steps that searches drew, whatever became of them; equal ones behind one are one node.
    "nodes": _contract(
        {
            **_SEARCH_KEYS,
            "node": INT,
            "parent": INT,  # the node it was drawn behind; null at the root
            "draws": INT,  # how often
            "tokens": INT,
            "text": TEXT,
            "score": FLOAT,  # of the thought up to it; null where the scorer was not asked
            "candidates": IDS,  # that go through it; none where the branch was given up
        },
        nullable="parent score",
    ),
    # What each candidate's answer votes for, and whether it is right.
    "ballots": _contract(
        {
            **_SEARCH_KEYS,
            "candidate": INT,
            "ballot": TEXT,  # equal answers to an item alike; null where it votes for nothing
            "correct": BOOL,
            "chosen": BOOL,  # whether the search's answer came from it; never of natural samples
        },
        nullable="ballot",
    ),
    "spent": _contract(
        {
            **_SEARCH_KEYS,
            "scorer": TEXT,  # null: no scorer
            "sampled": INT,
            "sampled_new": INT,
            "scored": INT,
            "scored_new": INT,
            "scored_uncached": INT,
            "prompt_tokens": INT,
            "rounds": INT,
            "parameters": INT,
            "scorer_parameters": INT,
            # False: it was given text and counts tokens of its own; null: no scorer
            "scorer_exact_tokens": BOOL,
            "error": TEXT,  # why nothing was searched; null otherwise
        },
        nullable="scorer scorer_exact_tokens error scored scored_new scored_uncached rounds "
        "sampled prompt_tokens parameters scorer_parameters",
    ),
    "searches": _contract(
        {
            "model": TEXT,
            "item_id": TEXT,
            "strategy": TEXT,
            "approach": TEXT,
            "n": INT,
            "length_class": TEXT,  # what n counts, where sizes are classes of length
            "scorer": TEXT,
            "choose": TEXT,
            "answer": TEXT,  # most often chosen
            "share": FLOAT,  # how often, over ties and subsets
            "correct": FLOAT,  # how often the answer chosen is correct, over ties and subsets
            "any_correct": FLOAT,  # how often a candidate is
            "candidates": FLOAT,  # mean number, over subsets
            "unanswered": FLOAT,  # of these without an answer that can be graded
            "unscored": FLOAT,  # of these without a score
            "unmet": FLOAT,  # of these, the share whose thinking is not as long as was asked for
            "think_tokens": FLOAT,  # of a candidate, mean
            "sampled": FLOAT,
            "sampled_new": FLOAT,
            "scored": FLOAT,
            "scored_new": FLOAT,
            "scored_uncached": FLOAT,
            "prompt_tokens": INT,
            "parameters": INT,
            "scorer_parameters": INT,
            "scorer_exact_tokens": BOOL,  # as in `spent`
            "difficulty": FLOAT,
            "cluster_id": TEXT,
            "excluded": BOOL,
            "error": TEXT,
        },
        nullable="length_class scorer scorer_exact_tokens answer think_tokens sampled scored "
        "scored_new scored_uncached prompt_tokens parameters scorer_parameters difficulty "
        "cluster_id error",
    ),
    "grades": _contract(
        {**_RESPONSE_KEYS, "grader": TEXT, "extracted": TEXT, "outcome": TEXT, "detail": TEXT},
        nullable="extracted",
    ),
    "languages": _contract(
        {
            **_RESPONSE_KEYS,
            "kind": TEXT,
            "name": TEXT,  # ISO 639 of a language, ISO 15924 of a script
            "share": FLOAT,  # of the thinking's words
        }
    ),
    "verdicts": _contract(
        {
            **_RESPONSE_KEYS,
            "judge": TEXT,
            "prompt": TEXT,  # all that the judge was given, as its tokens say; null if not asked
            "thinking": TEXT,
            "verdict_text": TEXT,  # all that it said behind its thinking
            "stop": TEXT,
            "answer_stop": TEXT,
            "error": TEXT,  # why nothing was asked; null otherwise
        },
        nullable="prompt error",
    ),
}

# Columns whose values together name a row once.
KEYS = {
    "items": ("item_id",),
    "chains": ("model", "item_id", "sample", "continuation"),
    "responses": ("model", "item_id", "sample", "condition"),
    "graded": ("model", "item_id", "sample", "condition"),
    "readouts": ("model", "item_id", "sample", "condition", "label"),
    "grades": ("model", "item_id", "sample", "condition", "grader"),
    "languages": ("model", "item_id", "sample", "condition", "kind", "name"),
    "verdicts": ("model", "item_id", "sample", "condition", "judge"),
    "candidates": (*_SEARCH_KEYS, "candidate"),
    "scores": (*_SEARCH_KEYS, "candidate", "scorer", "step"),
    "nodes": (*_SEARCH_KEYS, "node"),
    "ballots": (*_SEARCH_KEYS, "candidate"),
    "spent": (*_SEARCH_KEYS, "scorer"),
    "searches": ("model", "item_id", "strategy", "n"),
}

# Closed vocabularies.
_STOPS = ("natural", "budget", "context")
_ANSWER_STOPS = ("eos", "limit", "none")  # none: nothing was asked
# Sampled behind the thinking; the whole turn, thinking and all; or there is none.
_ANSWERS_FROM = ("answer", "turn", "none")
_OUTCOMES = ("correct", "incorrect", "ungradable")
WORDS = {
    ("responses", "stop"): _STOPS,
    ("responses", "answer_stop"): _ANSWER_STOPS,
    ("responses", "answer_from"): _ANSWERS_FROM,
    ("graded", "stop"): _STOPS,
    ("graded", "answer_stop"): _ANSWER_STOPS,
    ("graded", "answer_from"): _ANSWERS_FROM,
    ("languages", "kind"): ("language", "script"),
    ("verdicts", "stop"): (*_STOPS, "none"),
    ("verdicts", "answer_stop"): _ANSWER_STOPS,
    ("grades", "outcome"): _OUTCOMES,
    ("graded", "outcome"): _OUTCOMES,
    ("graded", "outcome_"): _OUTCOMES,
    ("candidates", "stop"): _STOPS,
    ("candidates", "answer_from"): _ANSWERS_FROM,
    ("candidates", "answer_stop"): ("eos", "limit"),
    ("searches", "choose"): ("best", "weighted", "majority"),
}

# Columns a frame may lack when it is written; they become null.
OPTIONAL = {
    "chains": ("prompt_token_ids",),
    "graded": ("readout_label", *READOUT),
    "spent": ("scorer_exact_tokens",),
    "searches": ("scorer_exact_tokens",),
}

# How further columns begin, of which a study has its own, and their kind; they may be null.
FAMILIES = {"graded": {"outcome_": TEXT, "meta_": FLOAT}}


def key_labels(key: str | None, labels: Iterable[str]) -> tuple[str, ...]:
    """Labels of an item's right options: those of its column `key`, which commas join."""
    if key is None:
        return ()
    return (key,) if key in labels else tuple(key.split(","))


def read(path: str | Path, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read the parquet file at `path` under contract `name`, all columns or those asked for.

    A name that ends in `_` asks for all columns that begin so, if there are any. Raises
    ThinkscaleError if the file is missing, is not parquet, or breaks the contract; of columns that
    are not asked for, only the names are looked at.
    """
    path = Path(path)
    file = _open(path, name)
    found = file.schema_arrow.names
    schema = _schema(name, found)
    _check_names(found, schema, name, str(path))
    wanted = None
    if columns is not None:
        families = tuple(column for column in columns if column.endswith("_"))
        wanted = [column for column in columns if column not in families]
        wanted += [column for column in found if column.startswith(families)]
    try:
        table = file.read(wanted)
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error
    if wanted is not None:
        schema = pa.schema([schema.field(column) for column in wanted])
    table = _check_table(table, schema, name, str(path))
    return pd.DataFrame(
        {field.name: to_pandas(table.column(field.name), field) for field in table.schema}
    )


def write(frame: pd.DataFrame, path: str | Path, name: str) -> None:
    """Write `frame` to `path` as parquet under contract `name`; whole or not at all.

    Columns may come in any order and are written in the contract's. Raises ThinkscaleError naming
    the column and row (0-based position in the frame) of the first value that breaks the contract.
    """
    schema = _schema(name, frame.columns)
    _check_names(list(frame.columns), schema, name, str(path))
    arrays = [
        to_arrow(frame[field.name], field, f"{path}, {name}")
        if field.name in frame.columns
        else pa.nulls(len(frame), field.type)
        for field in schema
    ]
    table = _check_table(pa.table(arrays, schema=schema), schema, name, str(path))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def count(path: str | Path) -> int:
    """Number of rows of the parquet file at `path`."""
    return _open(Path(path), "").metadata.num_rows


def batches(
    path: str | Path, name: str, columns: Sequence[str], rows: int
) -> Iterator[pd.DataFrame]:
    """Some columns of the file at `path` under contract `name`, at most `rows` rows at a time.

    Of the columns asked for, kinds and values are checked as `read` does. That keys occur once is
    not checked again, for it takes all rows at once.
    """
    schema = _schema(name)
    file = _open(Path(path), name)
    _check_names(file.schema_arrow.names, schema, name, str(path))
    fields = [schema.field(column) for column in columns]
    for batch in file.iter_batches(rows, columns=list(columns)):
        table = pa.Table.from_batches([batch])
        frame = {}
        for field in fields:
            column = _checked(table.column(field.name), field, name, str(path))
            frame[field.name] = to_pandas(column, field)
        yield pd.DataFrame(frame)


def write_batches(frames: Iterable[pd.DataFrame], path: str | Path, name: str) -> None:
    """Write frames one after another to one file, as `write` does; keys are not compared.

    Row numbers in errors count from the frame's beginning.
    """
    schema = _schema(name)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for frame in frames:
            _check_names(list(frame.columns), schema, name, str(path))
            arrays = []
            for field in schema:
                column = to_arrow(frame[field.name], field, f"{path}, {name}")
                if isinstance(column, pa.Array):
                    column = pa.chunked_array([column])
                arrays.append(_checked(column, field, name, str(path)))
            writer.write_table(pa.table(arrays, schema=schema))


def _open(path: Path, name: str) -> pq.ParquetFile:
    if not path.is_file():
        raise ThinkscaleError(f"{path}: no such file; expected the {name} table.")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise ThinkscaleError(f"{path}: not readable as parquet ({error}).") from error


def _checked(column: pa.ChunkedArray, field: pa.Field, name: str, where: str) -> pa.ChunkedArray:
    """`column` in the contract's type, or an error at the first value that breaks it."""
    if not same_kind(column.type, field.type):
        raise ThinkscaleError(
            f"{where}: column {field.name} is {column.type}, expected {field.type}."
        )
    column = column.cast(field.type)
    known = _family(name, field.name) or field.name
    _check_values(column, field, WORDS.get((name, known)), where)
    return column


def _schema(name: str, found: Iterable[str] = ()) -> pa.Schema:
    """The contract, with the columns of its families that a frame or file was found to have."""
    if name not in SCHEMAS:
        raise ThinkscaleError(f"No contract is called {name!r}; there are {', '.join(SCHEMAS)}.")
    families = {column: _family(name, str(column)) for column in found}
    own = [(column, FAMILIES[name][family]) for column, family in families.items() if family]
    return pa.schema([*SCHEMAS[name], *(pa.field(column, kind) for column, kind in own)])


def _family(name: str, column: str) -> str | None:
    return next((begin for begin in FAMILIES.get(name, {}) if column.startswith(begin)), None)


def _check_names(found: list[str], schema: pa.Schema, name: str, where: str) -> None:
    optional = OPTIONAL.get(name, ())
    missing = [n for n in schema.names if n not in found and n not in optional]
    unknown = [str(n) for n in found if n not in schema.names]
    twice = sorted({n for n in found if found.count(n) > 1})
    problems = [
        f"{what}: {', '.join(names)}"
        for what, names in (("missing", missing), ("unknown", unknown), ("repeated", twice))
        if names
    ]
    if problems:
        raise ThinkscaleError(
            f"{where}: columns do not match the {name} contract ({'; '.join(problems)})."
        )


def _check_table(table: pa.Table, schema: pa.Schema, name: str, where: str) -> pa.Table:
    """`table` in the order and types of `schema`, or an error at the first breach."""
    for extra in OPTIONAL.get(name, ()):
        if extra in schema.names and extra not in table.column_names:
            field = schema.field(extra)
            table = table.append_column(field, pa.nulls(len(table), field.type))
    columns = [_checked(table.column(field.name), field, name, where) for field in schema]
    table = pa.table(columns, schema=schema)
    if {*KEYS[name]} <= {*schema.names}:
        _check_keys(table, name, where)
    if {"answer_stop", "error"} <= {*schema.names}:
        _check_errors(table, where)
    return table


def _check_values(
    column: pa.ChunkedArray, field: pa.Field, words: tuple[str, ...] | None, where: str
) -> None:
    if not field.nullable and column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise ThinkscaleError(f"{where}: column {field.name}, row {row} has no value.")
    if pa.types.is_floating(field.type):
        values = column.to_numpy()
        infinite = np.isinf(values)
        if infinite.any():
            row = int(infinite.argmax())
            raise ThinkscaleError(
                f"{where}: column {field.name}, row {row} is {values[row]}; "
                "expected a finite number."
            )
    if words:
        for word in column.drop_null().unique().to_pylist():
            if word not in words:
                row = column.to_pylist().index(word)
                raise ThinkscaleError(
                    f"{where}: column {field.name}, row {row} is {word!r}; "
                    f"expected one of {', '.join(words)}."
                )


def _check_errors(table: pa.Table, where: str) -> None:
    """Nothing was asked exactly where an error says why: else a zero would pass for a count."""
    silent = pc.equal(table["answer_stop"], "none").fill_null(False).to_numpy()
    differ = silent != table["error"].is_valid().to_numpy()
    if differ.any():
        row = int(differ.argmax())
        found = "no error" if silent[row] else f"the error {table['error'][row].as_py()!r}"
        raise ThinkscaleError(
            f"{where}: row {row} has answer_stop {table['answer_stop'][row].as_py()!r} and "
            f"{found}; expected an error where answer_stop is 'none', and nowhere else."
        )


def _check_keys(table: pa.Table, name: str, where: str) -> None:
    keys = table.select(list(KEYS[name])).to_pandas()
    again = keys.duplicated()
    if again.any():
        second = int(again.to_numpy().argmax())
        # Missing equals missing here, as it does for duplicated().
        filled = keys.astype(object).where(keys.notna(), None)
        first = filled.apply(tuple, axis=1).tolist().index(tuple(filled.iloc[second]))
        values = ", ".join(f"{k}={v}" for k, v in keys.iloc[second].items())
        raise ThinkscaleError(
            f"{where}: rows {first} and {second} of {name} have the same key ({values})."
        )
