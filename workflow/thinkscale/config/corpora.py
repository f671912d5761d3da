"""Corpora, and what is asked of them."""

from collections.abc import Iterable, Mapping
from os.path import isdir
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thinkscale.config import hub_keys
from thinkscale.config.section import (
    MOST_GENERATED,
    Name,
    NotASwitch,
    Positive,
    Section,
    Text,
    repeated,
    setting,
)

Role = Literal["question", "reasoning", "response"]
ItemsText = Literal["stem", "stem_and_options", "prompt"]


class Corpus(Section):
    """A corpus to fine-tune on, or only to compare with."""

    name: Name = setting(..., "Name used in tables and figures.")
    source: Text | None = setting(
        None,
        "`calibration` for generated traces, or a path: JSON, JSONL, CSV or TSV (these also as "
        ".gz, .bz2 or .xz), Parquet or a workbook, and for the format `text` any file, packed or "
        "not. Expected unless `hub` is given.",
    )
    hub: hub_keys.DataSetId = None
    revision: hub_keys.Commit = None
    config: hub_keys.Subset = None
    split: hub_keys.Split = None
    offline: hub_keys.Offline = False
    format: Literal["traces", "columns", "messages", "text"] = setting(
        "traces",
        "`traces`: a question, reasoning and a response in three columns, which is what models "
        "are fine-tuned on. `columns`: any columns of text. `messages`: chats, a list of `role` "
        "and `content`, or of `from` and `value` as in ShareGPT's. `text`: a document a line.",
    )
    n: Positive | None = setting(
        None, "Rows to take, from the first. Default: all (1000 of generated traces).", "rows"
    )
    question: str = setting("question", "Column of the question, in `traces`.")
    reasoning: str = setting("reasoning", "Column of the reasoning, in `traces`.")
    response: str = setting("response", "Column of the answer after it, in `traces`.")
    compare: list[Role] = setting(
        ["question", "reasoning", "response"],
        "What of `traces` is compared with the items. All of it is what a model learns from; "
        "`[question]` compares questions with questions. Fine-tuning takes all.",
        min_length=1,
    )
    columns: list[Text] | None = setting(
        None, "Columns that are compared with the items; needed for `columns`."
    )
    messages: Text = setting("messages", "Column of the messages, in `messages`.")
    roles: list[Text] = setting(
        ["user", "assistant"],
        "Whose messages are compared with the items; `user` and `assistant` are also ShareGPT's "
        "`human` and `gpt`.",
        min_length=1,
    )


class Smoothing(Section):
    """How counts of tokens become probabilities."""

    kind: Literal["additive", "floor"] = setting(
        "additive",
        "`additive` adds `value` to every count. `floor` sets frequencies of 0 to `value` and "
        "normalises again, as the first study did.",
    )
    value: Annotated[float, Field(gt=0), NotASwitch] | None = setting(
        None, "Default: 0.5 counts for `additive`, 1e-10 for `floor`."
    )
    support: Literal["observed", "vocabulary"] = setting(
        "observed",
        "What `additive` spreads over: the tokens that occur in corpus or items, or all of the "
        "tokenizer's.",
    )


class NamedTokenizer(Section):
    """A tokenizer that no model of the study has."""

    name: Name = setting(..., "Name used in tables and figures.")
    path: Text | None = setting(None, "A `tokenizer.json`, or the directory that holds it.")
    hub: hub_keys.ModelId = None
    revision: hub_keys.Commit = None
    offline: hub_keys.Offline = False


_ITEMS_TEXT = (
    "What of an item is its text: the stem; stem and options, without their labels; or the prompt, "
    "as the model is asked (a tokenizer of no model sees the first model's)."
)


class Divergence(Section):
    """Comparing the tokens of corpora and items."""

    smoothing: list[Smoothing] = setting(
        [Smoothing(), Smoothing(kind="floor")],
        "Ways to smooth; each has its rows in the table. Figures and the report's list of tokens "
        "show the first.",
        min_length=1,
    )
    items_text: ItemsText = setting("stem_and_options", _ITEMS_TEXT)
    tokenizers: list[NamedTokenizer] = setting(
        [], "Tokenizers to compare over besides those of the models."
    )
    n_permutations: Positive = setting(1000, "Draws of the null.", "times")

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

    n: Positive = setting(13, "Length of the n-grams.", "tokens")
    tokenizer: Name | None = setting(
        None,
        "Whose tokens: a model, or one of `analyses.divergence.tokenizers`. Default: the first "
        "model.",
    )
    items_text: Literal["stem", "stem_and_options"] = setting(
        "stem_and_options",
        "What of an item is looked for: n-grams of the stem, or those of each option too. None "
        "reaches from one into another.",
    )
    exclude_above: Annotated[float, Field(ge=0, lt=1), NotASwitch] | None = setting(
        None,
        "Leave items out of every table of graded responses if a greater share of their n-grams "
        "occurs in a corpus; 0 leaves out all that overlap. Default: none are.",
    )
    corpora: list[Name] | None = setting(
        None, "Corpora that `exclude_above` looks at. Default: all."
    )


def corpus_faults(corpus: Corpus, key: str) -> Iterable[str]:
    """Yield what is wrong between keys of a corpus that are each well-formed."""
    yield from hub_keys.one_place_faults(corpus, key, "source")
    yield from hub_keys.faults(corpus, key, "data set")
    if corpus.format == "columns" and not corpus.columns:
        yield f"`{key}.columns` ({corpus.name}): missing; expected the columns to compare"
    if corpus.columns and corpus.format != "columns":
        yield (
            f"`{key}.columns` ({corpus.name}): found {', '.join(corpus.columns)}; expected it with "
            "`format: columns`"
        )
    if corpus.format == "text" and corpus.hub is not None:
        yield f"`{key}.format` ({corpus.name}): found 'text'; expected rows of a hub data set"
    if corpus.source == "calibration" and (corpus.n or 0) > MOST_GENERATED:
        yield f"`{key}.n` ({corpus.name}): found {corpus.n}; expected at most {MOST_GENERATED}"
    if corpus.format != "traces" and corpus.source == "calibration":
        yield f"`{key}.format` ({corpus.name}): found {corpus.format!r}; expected 'traces'"
    for name in ("compare", "columns", "roles"):
        for value in repeated(getattr(corpus, name) or [])[:1]:
            yield f"`{key}.{name}` ({corpus.name}): {value!r} is repeated; expected each value once"


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
        yield from hub_keys.one_place_faults(entry, key, "path")
        yield from hub_keys.faults(entry, key, "model")
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
    return Path(path, "tokenizer.json") if isdir(path) else Path(path)
