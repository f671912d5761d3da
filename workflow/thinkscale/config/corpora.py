"""Corpora, and what is asked of them."""

from collections.abc import Iterable, Mapping
from os.path import isdir
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic.types import StrictBool

from thinkscale.config import hub_keys
from thinkscale.config.items import Items, item_faults
from thinkscale.config.section import (
    MOST_GENERATED,
    Name,
    NonNegative,
    NotASwitch,
    Positive,
    Section,
    Text,
    repeated,
    setting,
    with_placeholders,
)

Role = Literal["question", "reasoning", "response"]
ItemsText = Literal["stem", "stem_and_options", "prompt"]


def _tells_the_answer(text: str) -> str:
    return with_placeholders(text, needed=["stem", "answer"], possible=["options"])


class Generate(Section):
    """Traces that a model of the study thinks about items, of which some are kept.

    Sampling, prompt and markers are those of the model's `inference`; forced continuations are the
    first of `conditions.continuations`.
    """

    model: Name = setting(..., "Name of the model that thinks; it may itself be derived.")
    bank: Items | None = setting(
        None,
        "Items it thinks about, none of them the study's. Default: calibration problems that no "
        "bank holds.",
    )
    problems: Positive = setting(1000, "Calibration problems, where there is no `bank`.", "items")
    samples: Positive = setting(4, "Chains thought about each item.", "chains")
    waits: NonNegative = setting(
        0, "Natural ends that are dropped, a continuation put in at each.", "times"
    )
    keep: Literal["correct", "all", "consistent", "shortest", "longest"] = setting(
        "correct",
        "Which traces are kept, of those that ended by themselves and gave an answer: the "
        "`correct` ones, by the study's first grader; `all`; those `consistent` with the answer "
        "that most samples of their item gave; of each item's correct ones the `shortest` or the "
        "`longest`.",
    )
    reasoning: Literal["whole", "last_pass", "none"] = setting(
        "whole",
        "What of the thinking is kept: `whole`, with its corrections; the `last_pass`, behind the "
        "last of `split`; `none`, so that answers alone are learned.",
    )
    split: list[Text] = setting(
        ["Wait"], "Words that begin a new pass, for `last_pass`.", min_length=1
    )
    learn_waits: StrictBool = setting(
        True,
        "Whether continuations that were put in are learned, so that the model writes them itself; "
        "without, they carry no loss.",
    )
    hint: Annotated[str, AfterValidator(_tells_the_answer)] | None = setting(
        None,
        "Rationalization, as in STaR: the user's message, with `{stem}`, `{options}` and "
        "`{answer}`, in which items are asked once more of which nothing was kept. What is then "
        "right is kept with the question that tells no answer, lucky guesses too: the report has "
        "their share. Default: nothing is hinted.",
    )


class Corpus(Section):
    """A corpus to fine-tune on, or only to compare with: one of `source`, `hub`, `generate`."""

    name: Name = setting(..., "Name used in tables and figures.")
    source: Text | None = setting(
        None,
        "`calibration` for generated traces, or a path: JSON, JSONL, CSV or TSV (these also as "
        ".gz, .bz2 or .xz), Parquet or a workbook, and for the format `text` any file, packed or "
        "not.",
    )
    han: Annotated[float, Field(ge=0, le=1), NotASwitch] = setting(
        0.0,
        "For `calibration`: the share of the values in the traces behind whose digit a Han numeral "
        "says them too, a second dialect.",
    )
    generate: Generate | None = setting(None, "Have a model of the study think the traces.")
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
    given = [k for k in ("source", "hub", "generate") if getattr(corpus, k) is not None]
    if len(given) != 1:
        yield (
            f"`{key}` ({corpus.name}): found {', '.join(given) or 'none of them'}; expected "
            "exactly one of `source`, `hub`, `generate`"
        )
    yield from hub_keys.faults(corpus, key, "data set")
    if corpus.generate is not None:
        yield from _generated_faults(corpus, key)
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
    if corpus.han and corpus.source != "calibration":
        yield (
            f"`{key}.han` ({corpus.name}): found {corpus.han:g}; expected it with "
            "`source: calibration`"
        )
    for name in ("compare", "columns", "roles"):
        for value in repeated(getattr(corpus, name) or [])[:1]:
            yield f"`{key}.{name}` ({corpus.name}): {value!r} is repeated; expected each value once"


def _generated_faults(corpus: Corpus, key: str) -> Iterable[str]:
    generate, whose = corpus.generate, f"({corpus.name})"
    if corpus.format != "traces":
        yield f"`{key}.format` {whose}: found {corpus.format!r}; expected 'traces' of a model"
    renamed = {name: getattr(corpus, name) for name in ("question", "reasoning", "response")}
    for name, column in renamed.items():
        if column != name:
            yield f"`{key}.{name}` {whose}: found {column!r}; expected it of a corpus in a file"
    if generate.hint is not None and generate.keep in ("all", "consistent"):
        yield (
            f"`{key}.generate.hint` {whose}: found with `keep: {generate.keep}`; expected it where "
            "right answers are kept"
        )
    if generate.bank is not None:
        for fault in item_faults(generate.bank):
            yield fault.replace("`items", f"`{key}.generate.bank", 1)


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
