"""Corpora of reasoning traces to fine-tune on.

A row is a dict with
- `question`: the user's turn, text;
- `reasoning`: the thinking, text or a list of segments {kind: sampled | injected, text};
- `response`: what is written after the thinking, text;
- `ended`: `natural` (also where the corpus does not say), `budget` (thinking was truncated) or
  `open` (no end and no response).
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from thinkscale.corpora.source import CorpusSource, rows, too_few
from thinkscale.errors import ThinkscaleError

COLUMNS = ("question", "reasoning", "response")
_ENDS = ("natural", "budget", "open")
_KINDS = ("sampled", "injected")


def read_traces(source: CorpusSource, columns: Mapping[str, str] | None = None) -> list[dict]:
    """Read the rows of a corpus, its first `source.n` where that is set, and check them.

    columns: what the corpus calls question, reasoning and response (default: just that), e.g.
    ``{"question": "Question", "reasoning": "Complex_CoT", "response": "Response"}``. Raises
    ThinkscaleError that names the place where a row is not as the module describes.
    """
    found = list(traces(source, columns))
    if source.n is not None and len(found) < source.n:
        raise too_few(source.where, source.n, len(found))
    return found


def traces(source: CorpusSource, columns: Mapping[str, str] | None = None) -> Iterator[dict]:
    """Yield the rows of `read_traces` one by one."""
    names = {name: name for name in COLUMNS} | dict(columns or {})
    if unknown := set(names) - set(COLUMNS):
        raise ThinkscaleError(
            f"Corpus column mapping has {sorted(unknown)}; expected only {sorted(COLUMNS)}."
        )
    for number, record in islice(rows(source, [*names.values(), "ended"]), source.n):
        where = f"{source.where}, row {number}"
        if missing := [name for name in names.values() if name not in record]:
            raise ThinkscaleError(
                f"Corpus {where} lacks the column(s) {missing}; it has {list(record)}."
            )
        row = {name: record[column] for name, column in names.items()}
        row["ended"] = record["ended"] if record.get("ended") is not None else "natural"
        _check(row, where)
        yield row


def _check(row: Mapping[str, Any], where: str) -> None:
    for column in ("question", "response"):
        if not isinstance(row[column], str):
            raise ThinkscaleError(
                f"{where}: {column} must be text, found {type(row[column]).__name__}."
            )
    if row["ended"] not in _ENDS:
        raise ThinkscaleError(f"{where}: ended is {row['ended']!r}; expected one of {_ENDS}.")
    reasoning = row["reasoning"]
    if isinstance(reasoning, str):
        return
    if not isinstance(reasoning, list):
        raise ThinkscaleError(
            f"{where}: reasoning must be text or a list of segments, "
            f"found {type(reasoning).__name__}."
        )
    for segment in reasoning:
        good = isinstance(segment, Mapping) and isinstance(segment.get("text"), str)
        if not good or segment.get("kind") not in _KINDS:
            raise ThinkscaleError(
                f"{where}: a segment must have kind (one of {_KINDS}) and text, found {segment!r}."
            )
