"""Responses that were made elsewhere: where their logs lie, and what they call what."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from thinkscale.config import hub_keys
from thinkscale.config.section import Name, NotASwitch, Section, Text, setting

LogSource = Literal["lm_eval", "inspect", "table"]
# By source: the columns in which its records have what a response is made of.
RECORDED: dict[str, dict[str, str]] = {
    "table": {"item": "item_id"},
    "lm_eval": {"item": "doc_id", "sample": "sample", "text": "text", "prompt": "prompt"},
    "inspect": {
        **{name: name for name in ("sample", "prompt", "text", "thinking", "answer", "finish")},
        **{name: name for name in ("prompt_tokens", "think_tokens", "answer_tokens", "seconds")},
        "item": "id",
    },
}


class LogFile(Section):
    """A file of responses."""

    path: Text = setting(..., "The log, from the directory Snakemake runs in.")
    condition: Text = setting(
        "natural",
        "The condition that its responses were made under, where no column says so: named as the "
        "sweep names it (`natural`, `max=512`, `waits=1`), or a name of its own, of which nothing "
        "is known.",
    )


class ResponseColumns(Section):
    """What the columns of a table are called. Of `lm_eval` and `inspect` the package knows them
    (`doc_id` and `id` are the items); a key given here stands instead."""

    item: Text | None = setting(None, "Id of the item. Default, of a table: `item_id`.")
    sample: Text | None = setting(
        None,
        "Number of the sample, from 0. Default: responses of one item and condition are numbered "
        "as they come.",
    )
    condition: Text | None = setting(None, "Name of the condition. Default: the log's.")
    thinking: Text | None = setting(None, "Text of the thinking, where it is apart.")
    answer: Text | None = setting(None, "Text of the answer, where it is apart.")
    text: Text | None = setting(
        None,
        "Instead of both: one text, which `inference.thinking.start` and `end` take apart.",
    )
    prompt: Text | None = setting(None, "Text of the prompt, whose tokens are counted.")
    finish: Text | None = setting(
        None, "Why it ended, as servers say it: `stop`, `length`, `max_tokens` …"
    )
    prompt_tokens: Text | None = setting(None, "Tokens of the prompt, without a `tokenizer`.")
    think_tokens: Text | None = setting(
        None, "Tokens of the thinking, without a `tokenizer`: as a server counted them."
    )
    answer_tokens: Text | None = setting(None, "Tokens of the answer, without a `tokenizer`.")
    seconds: Text | None = setting(None, "How long it took.", "seconds")


class Counter(Section):
    """The tokenizer that tokens are counted with: one of `path`, `hub`."""

    path: Text | None = setting(None, "A `tokenizer.json`, or the directory that holds it.")
    hub: hub_keys.ModelId = None
    revision: hub_keys.Commit = None
    offline: hub_keys.Offline = False


class Recorded(Section):
    """Responses that are read from finished logs and not made here.

    What a log does not say is missing and never guessed.
    """

    source: LogSource = setting(
        ...,
        "`lm_eval`: `samples_*.jsonl` of lm-evaluation-harness (`--log_samples`, tasks that "
        "generate text). `inspect`: logs of inspect_ai, `.eval` or `.json`, read by that package "
        "(`pip install 'thinkscale[inspect]'`). `table`: JSONL, JSON, CSV, TSV, Parquet or a "
        "workbook, a row a response.",
    )
    logs: list[LogFile] = setting(..., "The files.", min_length=1)
    encoding: Text = setting("utf-8", "Encoding of text files.")
    columns: ResponseColumns = setting(ResponseColumns(), "What the columns are called.")
    unmarked: Literal["error", "thinking", "answer", "turn"] = setting(
        "error",
        "What a `text` without any marker is: an `error`; `thinking` that was cut before its end; "
        "an `answer` without thinking; or the whole `turn`, which is both (so in any case where "
        "`inference.thinking.turn_end` is `response`).",
    )
    mismatch: Literal["error", "left_out"] = setting(
        "error",
        "Items of the log that the study has not, and items of the study without a response: an "
        "`error`, or `left_out` and counted in the log of the rule.",
    )
    tokenizer: Counter | None = setting(
        None,
        "Counts the tokens of prompt, thinking and answer over their texts, which is marked as "
        "recounted (`exact_tokens` is false). Default: the log's own numbers.",
    )
    scores: dict[Name, Text] = setting(
        {},
        "Scores of reward models that are there: a scorer of kind `recorded`, and the column that "
        "holds its score of a response, or a list with one of each step.",
    )
    parameters: Annotated[float, Field(gt=0), NotASwitch] | None = setting(
        None, "Parameters of the model, for what strategies cost. Default: unknown.", "parameters"
    )


def recorded_faults(recorded: Recorded, key: str) -> Iterable[str]:
    """Yield what is wrong between keys of the section at `key` that are each well-formed."""
    columns, given = recorded.columns, recorded.tokenizer
    if recorded.source == "table":
        apart = columns.thinking is not None or columns.answer is not None
        if apart == (columns.text is not None):
            found = "both" if apart else "neither"
            yield (
                f"`{key}.columns`: found {found}; expected `text`, or `thinking` and `answer` (or "
                "one of them)"
            )
        if given is None and columns.think_tokens is None:
            yield (
                f"`{key}.tokenizer`: missing; expected one to count thinking tokens with, or the "
                "column `think_tokens`"
            )
    elif recorded.source == "lm_eval" and given is None and columns.think_tokens is None:
        yield f"`{key}.tokenizer`: missing; expected one, as the log has no numbers of tokens"
    if given is not None:
        yield from hub_keys.one_place_faults(given, f"{key}.tokenizer", "path")
        yield from hub_keys.faults(given, f"{key}.tokenizer", "model")
