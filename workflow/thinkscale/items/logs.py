"""Finished logs of other harnesses as records: one a response, with what is known of its item.

A record is flat, as a row of a table is, so that banks and responses are read from logs by the
same mapping of columns as from any table. `config.responses.RECORDED` says what they call what.
"""

import importlib.util
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from thinkscale.config.responses import RECORDED
from thinkscale.errors import ThinkscaleError
from thinkscale.items.cells import shown
from thinkscale.items.records import Record, read_records

# What a record of lm-evaluation-harness has beside its metrics.
_LM_EVAL = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps")


def log_records(path: str | Path, source: str, encoding: str = "utf-8") -> Iterator[Record]:
    """Yield (row, cells) of each response in a finished log; rows as a reader of the file counts.

    source: `lm_eval`, a `samples_*.jsonl` of lm-evaluation-harness; `inspect`, a log of inspect_ai;
    `table`, a file that holds responses in rows. Raises ThinkscaleError if the file is missing or
    is not of that kind.
    """
    if source == "inspect":
        return _inspect_records(Path(path))
    records = read_records(path, encoding=encoding)
    return _lm_eval_records(str(path), records) if source == "lm_eval" else records


def items_once(records: Iterator[Record], source: str, ids: Collection[str]) -> Iterator[Record]:
    """The records of a log as those of a bank: each item once, without what is of its responses.

    ids: names that the column of ids may have. A record without an id stays, for the bank to tell.
    """
    response = {*RECORDED[source].values(), "error"} - {RECORDED[source]["item"]}
    seen = set()
    for row, cells in records:
        item = next((str(cells[name]) for name in ids if cells.get(name) is not None), None)
        if item is None or item not in seen:
            yield row, {name: cell for name, cell in cells.items() if name not in response}
        seen.add(item)


def _lm_eval_records(where: str, records: Iterator[Record]) -> Iterator[Record]:
    """A record for each of a document's responses; a line is a document by one of the filters.

    `sample` counts a document's responses, `text` is one, `prompt` what was asked; the document's
    own keys stand beside them, `doc.text` where it has such a key itself. A metric is a column,
    behind its name that of its filter where it has one (`exact_match,strict-match`), and what it
    was of is in `<metric>.answer`. Metrics of several responses together are of none of them, and
    are left out.
    """
    lines: dict[Any, list[Record]] = {}
    for row, line in records:
        if missing := [name for name in ("doc_id", "doc", "resps") if name not in line]:
            raise ThinkscaleError(
                f"{where}, line {row}: found no {', '.join(missing)}, but {', '.join(line)}; "
                "expected a line of lm-evaluation-harness' samples_*.jsonl (--log_samples)."
            )
        lines.setdefault(line["doc_id"], []).append((row, line))
    for document, own in lines.items():
        row, line = own[0]
        texts = _generated(where, row, line["resps"])
        said = line["doc"] if isinstance(line["doc"], dict) else {"doc": line["doc"]}
        cells: dict[str, object] = {"doc_id": document, "target": line.get("target")}
        cells |= {"prompt": _asked(line.get("arguments"))}
        if len(texts) == 1:
            for _, other in own:
                by, kept = other.get("filter", "none"), other.get("filtered_resps")
                suffix = "" if by == "none" else f",{by}"
                for name, value in _metrics(other).items():
                    cells[f"{name}{suffix}"] = value
                    cells[f"{name}{suffix}.answer"] = kept[0] if isinstance(kept, list) else kept
        for sample, text in enumerate(texts):
            record = {**cells, "sample": sample, "text": text}
            yield row, _beside(said, record, "doc")


def _generated(where: str, row: int, resps: object) -> list[str]:
    """The texts of the one request that a document of a generating task makes."""
    if isinstance(resps, list) and len(resps) == 1 and isinstance(resps[0], list):
        texts = resps[0]
        if texts and all(isinstance(text, str) for text in texts):
            return texts
    raise ThinkscaleError(
        f"{where}, line {row}: resps is {shown(resps)}; expected one request with its texts (a "
        "task of output_type generate_until: log-likelihoods hold no thinking)."
    )


def _metrics(line: Mapping[str, object]) -> dict[str, object]:
    named = line.get("metrics")
    names = named if isinstance(named, list) else [n for n in line if n not in _LM_EVAL]
    return {name: line[name] for name in names if name in line}


def _asked(arguments: object) -> str | None:
    """The prompt among the arguments of a document's request, in either form they are logged in."""
    if isinstance(arguments, dict):
        arguments = arguments.get("gen_args_0")
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list):
        arguments = arguments[0]
    first = (
        arguments.get("arg_0") if isinstance(arguments, dict) else next(iter(arguments or ()), None)
    )
    return first if isinstance(first, str) else None


def _inspect_records(path: Path) -> Iterator[Record]:
    """What inspect_ai itself reads of its log; samples that failed have their `error`."""
    if not path.is_file():
        raise ThinkscaleError(f"{path}: there is no such file.")
    if importlib.util.find_spec("inspect_ai") is None:
        raise ThinkscaleError(
            f"{path}: logs of inspect_ai are read by inspect_ai, which is not installed here; "
            "install it with `pip install 'thinkscale[inspect]'` (in a checkout: `pip install -e "
            "'.[inspect]'`), or write the log as a table and name `source: table`."
        )
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(str(path), resolve_attachments=True)
    except Exception as error:  # of the library, of zip files and of pydantic
        why = str(error).strip().splitlines()
        raise ThinkscaleError(
            f"{path}: inspect_ai cannot read it ({why[0] if why else type(error).__name__}); "
            "expected an .eval or .json log of its own."
        ) from error
    for row, sample in enumerate(log.samples or (), start=1):
        yield row, inspect_record(sample.model_dump(mode="json", exclude={"events", "store"}))


def inspect_record(sample: Mapping[str, Any]) -> dict[str, object]:
    """The record of a sample of a log of inspect_ai.

    `sample` counts epochs from 0. `thinking` and `answer` are the message's reasoning and its text;
    what a provider kept to itself is no thinking that could be read. Of a message without reasoning
    all is `text`, in which markers may tell it. A scorer's value is in the column of its name, what
    it extracted in `<name>.answer`; an item's metadata in columns of their names, or in
    `metadata.answer` where the record has such a column itself.
    """
    output = sample.get("output") or {}
    choice = next(iter(output.get("choices") or ()), {})
    content = (choice.get("message") or {}).get("content") or ""
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    reasoned = [part for part in content if part["type"] == "reasoning"]
    thought = [part["reasoning"] for part in reasoned if not part.get("redacted")]
    answer = "".join(part["text"] for part in content if part["type"] == "text")
    asked = [m["content"] for m in sample.get("messages") or () if m.get("source") == "input"]
    usage = output.get("usage") or {}
    reasoning = usage.get("reasoning_tokens")
    apart = bool(reasoned) or reasoning is not None
    scores: dict[str, object] = {}
    for name, score in (sample.get("scores") or {}).items():
        scores |= {name: score.get("value"), f"{name}.answer": score.get("answer")}
    record = {
        "id": sample["id"],
        "input": sample["input"] if isinstance(sample["input"], str) else _text(sample["input"]),
        "choices": sample.get("choices"),
        "target": sample.get("target"),
        **scores,
        "sample": sample["epoch"] - 1,
        "prompt": "\n\n".join(map(_said, asked)) or None,
        "thinking": "\n\n".join(thought) if thought or reasoning == 0 else None,
        "answer": answer if apart else None,
        "text": None if apart else answer,
        "finish": choice.get("stop_reason"),
        "seconds": output.get("time"),
        "prompt_tokens": usage.get("input_tokens"),
        "think_tokens": reasoning,
        "answer_tokens": None if reasoning is None else usage["output_tokens"] - reasoning,
        "error": (sample.get("error") or {}).get("message"),
    }
    return _beside(sample.get("metadata") or {}, record, "metadata")


def _beside(
    told: Mapping[str, object], record: Mapping[str, object], kind: str
) -> dict[str, object]:
    """What is told of an item beside its record, under `kind.` and its name where both have it."""
    apart = {f"{kind}.{name}" if name in record else name: value for name, value in told.items()}
    return {**apart, **record}


def _text(messages: list[Mapping[str, Any]]) -> str:
    return "\n\n".join(_said(m["content"]) for m in messages if m["role"] == "user")


def _said(content: str | list[Mapping[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")
