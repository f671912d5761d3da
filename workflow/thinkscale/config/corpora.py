"""Corpora, and what is asked of them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.types import StrictBool

from thinkscale.config.section import Name, NotASwitch, Positive, Section, Text, unit

COMMIT = r"[0-9a-f]{40}"
Role = Literal["question", "reasoning", "response"]
ItemsText = Literal["stem", "stem_and_options", "prompt"]


class Corpus(Section):
    """A corpus to fine-tune on, or only to compare with."""

    name: Name = Field(..., description="Name used in tables and figures.")
    source: Text | None = Field(
        None,
        description="`calibration` for generated traces, or a path: JSON, JSONL, CSV, TSV or "
        "Parquet, and for the format `text` any file, `.gz` too. Expected unless `hub` is given.",
    )
    hub: Text | None = Field(
        None, description="Id of a Hugging Face data set, instead of `source`: `owner/name`."
    )
    revision: Text | None = Field(
        None, description="Commit of the hub data set, 40 hexadecimal digits; needed with `hub`."
    )
    config: Text | None = Field(
        None, description="Subset of the hub data set. Default: its only or default one."
    )
    split: Text | None = Field(None, description="Split of the hub data set; needed with `hub`.")
    offline: StrictBool = Field(
        False, description="Read the hub data set from the cache only; never ask the hub."
    )
    format: Literal["traces", "columns", "messages", "text"] = Field(
        "traces",
        description="`traces`: a question, reasoning and a response in three columns, which is "
        "what models are fine-tuned on. `columns`: any columns of text. `messages`: chats, a list "
        "of `role` and `content`. `text`: a document a line.",
    )
    n: Positive | None = Field(
        None,
        description="Rows to take, from the first. Default: all (1000 of generated traces).",
        json_schema_extra=unit("rows"),
    )
    question: str = Field("question", description="Column of the question, in `traces`.")
    reasoning: str = Field("reasoning", description="Column of the reasoning, in `traces`.")
    response: str = Field("response", description="Column of the answer after it, in `traces`.")
    compare: Annotated[list[Role], Field(min_length=1)] = Field(
        ["question", "reasoning", "response"],
        description="What of `traces` is compared with the items. All of it is what a model "
        "learns from; `[question]` compares questions with questions. Fine-tuning takes all.",
    )
    columns: list[Text] | None = Field(
        None, description="Columns that are compared with the items; needed for `columns`."
    )
    messages: Text = Field("messages", description="Column of the messages, in `messages`.")
    roles: Annotated[list[Text], Field(min_length=1)] = Field(
        ["user", "assistant"], description="Whose messages are compared with the items."
    )


class Smoothing(Section):
    """How counts of tokens become probabilities."""

    kind: Literal["additive", "floor"] = Field(
        "additive",
        description="`additive` adds `value` to every count. `floor` sets frequencies of 0 to "
        "`value` and normalises again, as the first study did.",
    )
    value: Annotated[float, Field(gt=0), NotASwitch] | None = Field(
        None, description="Default: 0.5 counts for `additive`, 1e-10 for `floor`."
    )
    support: Literal["observed", "vocabulary"] = Field(
        "observed",
        description="What `additive` spreads over: the tokens that occur in corpus or items, or "
        "all of the tokenizer's.",
    )


class NamedTokenizer(Section):
    """A tokenizer that no model of the study has."""

    name: Name = Field(..., description="Name used in tables and figures.")
    path: Text | None = Field(
        None, description="A `tokenizer.json`, or the directory that holds it."
    )
    hub: Text | None = Field(None, description="Model on the hub whose tokenizer it is.")
    revision: Text | None = Field(
        None, description="Commit of the hub model, 40 hexadecimal digits; needed with `hub`."
    )
    offline: StrictBool = Field(False, description="Never ask the hub; read its cache.")


_ITEMS_TEXT = (
    "What of an item is its text: the stem; stem and options, without their labels; or the prompt, "
    "as the model is asked (a tokenizer of no model sees the first model's)."
)


class Divergence(Section):
    """Comparing the tokens of corpora and items."""

    smoothing: Annotated[list[Smoothing], Field(min_length=1)] = Field(
        [Smoothing(), Smoothing(kind="floor")],
        description="Ways to smooth; each has its rows in the table. Figures and the report's "
        "list of tokens show the first.",
    )
    items_text: ItemsText = Field("stem_and_options", description=_ITEMS_TEXT)
    tokenizers: list[NamedTokenizer] = Field(
        [], description="Tokenizers to compare over besides those of the models."
    )
    n_permutations: Positive = Field(
        1000, description="Draws of the null.", json_schema_extra=unit("times")
    )
    n_boot: Positive = Field(
        500, description="Bootstrap resamples of documents.", json_schema_extra=unit("times")
    )

    @model_validator(mode="before")
    @classmethod
    def _one_way(cls, values: Any) -> Any:
        """A number for `smoothing` is added to the counts; one block is a list of one."""
        if not isinstance(values, Mapping):
            return values
        way = values.get("smoothing")
        if isinstance(way, int | float) and not isinstance(way, bool):
            way = {"value": way}
        return {**values, "smoothing": [way]} if isinstance(way, Mapping) else values


class Contamination(Section):
    """Which items a model may have met in a corpus: n-grams of tokens that both have."""

    n: Positive = Field(13, description="Length of the n-grams.", json_schema_extra=unit("tokens"))
    tokenizer: Name | None = Field(
        None,
        description="Whose tokens: a model, or one of `analyses.divergence.tokenizers`. Default: "
        "the first model.",
    )
    items_text: Literal["stem", "stem_and_options"] = Field(
        "stem_and_options",
        description="What of an item is looked for: n-grams of the stem, or those of each option "
        "too. None reaches from one into another.",
    )
    exclude_above: Annotated[float, Field(ge=0, lt=1), NotASwitch] | None = Field(
        None,
        description="Leave items out of every table of graded responses if a greater share of "
        "their n-grams occurs in a corpus; 0 leaves out all that overlap. Default: none are.",
    )
    corpora: list[Name] | None = Field(
        None, description="Corpora that `exclude_above` looks at. Default: all."
    )


def corpus_faults(corpus: Corpus, key: str) -> Iterable[str]:
    """Yield what is wrong between keys of a corpus that are each well-formed."""
    where = f"{key}` ({corpus.name})"
    if (corpus.source is None) == (corpus.hub is None):
        found = "neither" if corpus.source is None else "both"
        yield f"`{where}: found {found}; expected one of `source`, `hub`"
    if corpus.hub is None:
        for name in ("revision", "config", "split"):
            if (found := getattr(corpus, name)) is not None:
                yield f"`{key}.{name}` ({corpus.name}): found {found!r}; expected it with `hub`"
    else:
        yield from revision_faults(corpus.revision, key, corpus.name, "hub data set")
        if corpus.split is None:
            yield (
                f"`{key}.split` ({corpus.name}): missing; expected the split of the hub data set, "
                "as in `train`"
            )
    if corpus.format == "columns" and not corpus.columns:
        yield f"`{key}.columns` ({corpus.name}): missing; expected the columns to compare"
    if corpus.columns and corpus.format != "columns":
        yield (
            f"`{key}.columns` ({corpus.name}): found {', '.join(corpus.columns)}; expected it with "
            "`format: columns`"
        )
    if corpus.format == "text" and corpus.hub is not None:
        yield f"`{key}.format` ({corpus.name}): found 'text'; expected rows of a hub data set"
    if corpus.format != "traces" and corpus.source == "calibration":
        yield f"`{key}.format` ({corpus.name}): found {corpus.format!r}; expected 'traces'"
    for name in ("compare", "columns", "roles"):
        listed = getattr(corpus, name) or []
        repeated = [value for value in listed if listed.count(value) > 1]
        if repeated:
            yield (
                f"`{key}.{name}` ({corpus.name}): {repeated[0]!r} is repeated; expected each value "
                "once"
            )


def tokenizer_faults(
    divergence: Divergence, contamination: Contamination, models: list[str], corpora: list[str]
) -> Iterable[str]:
    """Yield what is wrong with the tokenizers and corpora that analyses name."""
    taken = list(models)
    for index, entry in enumerate(divergence.tokenizers):
        key = f"analyses.divergence.tokenizers[{index}]"
        if entry.name in taken:
            yield f"`{key}.name`: found {entry.name!r} again; expected a name of its own"
        taken.append(entry.name)
        if (entry.path is None) == (entry.hub is None):
            found = "neither" if entry.path is None else "both"
            yield f"`{key}` ({entry.name}): found {found}; expected one of `path`, `hub`"
        if entry.hub is not None:
            yield from revision_faults(entry.revision, key, entry.name, "hub model")
        elif entry.revision is not None:
            yield (
                f"`{key}.revision` ({entry.name}): found {entry.revision!r}; expected it with `hub`"
            )
    asked = contamination.tokenizer
    if asked is not None and asked not in taken:
        yield (
            f"`analyses.contamination.tokenizer`: found {asked!r}; expected one of "
            f"{', '.join(taken)}"
        )
    for name in contamination.corpora or []:
        if name not in corpora:
            yield (
                f"`analyses.contamination.corpora`: found {name!r}; expected one of "
                f"{', '.join(corpora) or 'none, as there are no `corpora`'}"
            )
    if contamination.exclude_above is not None and not corpora:
        yield (
            f"`analyses.contamination.exclude_above`: found {contamination.exclude_above:g}; "
            "expected it with `corpora`"
        )


def tokenizer_file(path: str) -> Path:
    """The tokenizer.json that a path means: itself, or the one in the directory."""
    return Path(path, "tokenizer.json") if Path(path).is_dir() else Path(path)


def revision_faults(revision: str | None, key: str, name: str, what: str) -> Iterable[str]:
    if revision is None:
        yield f"`{key}.revision` ({name}): missing; expected the commit of the {what}"
    elif not re.fullmatch(COMMIT, revision):
        yield (
            f"`{key}.revision` ({name}): found {revision!r}; expected a commit of the {what}, 40 "
            "hexadecimal digits (a branch or tag can stand for another tomorrow)"
        )
