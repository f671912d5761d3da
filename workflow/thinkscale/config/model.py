"""A study's configuration: every key with its type, default, unit and meaning.

`config/README.md` and `config/schema.json` are written from these descriptions.
"""

import string
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.types import StrictBool, StrictInt

from thinkscale.presets import PRESETS


def _no_switch(value: Any) -> Any:
    # Pydantic would read true as 1. A number in quotes passes: YAML reads 1e-3 as text.
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
COLOUR_PATTERN = r"^#[0-9a-fA-F]{6}$"
DEVICE_PATTERN = r"^(auto|cpu|mps|(cuda|xpu)(:[0-9]+)?)$"
FINGERPRINT_PATTERN = r"^[0-9a-f]{64}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Colour = Annotated[str, StringConstraints(pattern=COLOUR_PATTERN)]
Device = Annotated[str, StringConstraints(pattern=DEVICE_PATTERN)]
Fingerprint = Annotated[str, StringConstraints(pattern=FINGERPRINT_PATTERN)]
Positive = Annotated[StrictInt, Field(ge=1)]
NonNegative = Annotated[StrictInt, Field(ge=0)]
_NotASwitch = BeforeValidator(_no_switch)
Share = Annotated[float, Field(gt=0, lt=1), _NotASwitch]
Text = Annotated[str, StringConstraints(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# Arguments of `apply_chat_template` that prompts are made with.
_RENDERING = {
    *("conversation", "messages", "tokenize", "add_generation_prompt", "continue_final_message"),
    *("chat_template", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
    *("tokenizer_kwargs", "return_assistant_tokens_mask"),
}


class Columns(_Section):
    """Which column of a bank holds what. Give `options` or `option_columns`."""

    stem: str = Field("stem", description="Column of the question's text.")
    options: str | None = Field(
        None, description="Column holding all options: a list, or a JSON object of label and text."
    )
    option_columns: list[str] | None = Field(
        None, description="Columns holding one option each, in order A, B, C …; blanks are skipped."
    )
    key: str = Field("key", description="Column of the right option's label, or of its text.")
    difficulty: str | None = Field(
        "difficulty",
        description="Column of the human difficulty, in the bank's own scale; `null` where the "
        "bank has none.",
    )
    item_id: str | None = Field(
        None, description="Column of unique ids. Default: the file's name and the row number."
    )
    answer_text: str | None = Field(
        None, description="Column of the right answer's text. Default: the right option's text."
    )
    response_time: str | None = Field(
        None, description="Column of human response time, in seconds."
    )
    cluster: str | None = Field(
        None, description="Column naming items that belong together (one vignette, one passage)."
    )


class Items(_Section):
    """The item bank and the part of it that is studied."""

    source: str = Field(
        ...,
        description="`calibration` for the generated bank, or a path to CSV, TSV, JSON, JSONL or "
        "Parquet, from the directory Snakemake runs in.",
    )
    n: Positive | None = Field(
        None,
        description="Items to study. Default: all of the bank.",
        json_schema_extra=_unit("items"),
    )
    bank_size: Positive = Field(
        1000,
        description="Items to generate; only for source `calibration`.",
        json_schema_extra=_unit("items"),
    )
    strata: Positive = Field(
        1,
        description="Difficulty quantile groups to sample evenly from; 1 samples the whole bank.",
        json_schema_extra=_unit("groups"),
    )
    difficulty_direction: Literal["higher_is_harder", "higher_is_easier"] = Field(
        "higher_is_harder",
        description="What a larger difficulty value means in the bank. `higher_is_easier` flips "
        "the sign; the raw value is kept.",
    )
    columns: Columns = Field(Columns(), description="Column mapping of a bank read from a file.")


class Example(_Section):
    """An earlier turn that shows the model what is asked."""

    user: Text = Field(..., description="The question, in full: as the template would fill it in.")
    assistant: Text = Field(..., description="The answer, with the thinking it should show.")


class Prompt(_Section):
    """How an item becomes the user's turn."""

    system: str | None = Field(None, description="System message. Default: none.")
    template: str = Field(
        "{stem}\n\n{options}\n\nChoose the best option. End with the line `Answer: ` and its "
        "letter.",
        description="User message; `{stem}` and `{options}` are filled in, both are needed. A "
        "brace itself is written twice.",
    )
    option: str = Field(
        "{label}. {text}", description="One option; `{label}` and `{text}` are filled in."
    )
    separator: str = Field("\n", description="Text between options.")
    examples: list[Example] = Field(
        [],
        description="Turns before the item's, for few-shot prompts. Templates of reasoning models "
        "leave the thinking of earlier turns out.",
    )

    @field_validator("template", "option")
    @classmethod
    def _holds_its_placeholders(cls, value: str, info: ValidationInfo) -> str:
        needed = {"template": ["stem", "options"], "option": ["label", "text"]}[info.field_name]
        expected = " and ".join(f"{{{name}}}" for name in needed)
        rule = f"text with {expected} and no other placeholder (a brace itself is written twice)"
        try:
            # (literal, field, format, conversion); field is None in a part without placeholder
            found = [part[1:] for part in string.Formatter().parse(value) if part[1] is not None]
        except ValueError as error:
            raise ValueError(f"{rule}: {error}") from error
        plain = [field for field, form, conversion in found if not form and not conversion]
        if wrong := [field for field, *_ in found if field not in needed or field not in plain]:
            raise ValueError(f"{rule}: {{{wrong[0]}}} is not one or has a format")
        if missing := [name for name in needed if name not in plain]:
            raise ValueError(f"{rule}: {{{missing[0]}}} is missing")
        return value


class Thinking(_Section):
    """The strings that delimit thinking, and those budget forcing puts in."""

    preset: Literal["deepseek-r1", "qwen3", "s1", "instruct"] | None = Field(
        None,
        description="Family of models whose strings are taken for the keys below that are not "
        "given; `instruct` is any model without markers of thinking, asked for its steps.",
    )
    start: str = Field(
        "<think>\n",
        description="Opens thinking; appended where the chat template does not already do so.",
    )
    end: list[Text] = Field(
        ["</think>"],
        min_length=1,
        description="Strings that end thinking; they are not counted as thinking. The first is the "
        "one put in at a budget. The end of the turn ends thinking too.",
    )
    answer_prompt: str = Field(
        "\n\nFinal Answer:",
        description="Put in behind the end marker where thinking was cut.",
    )
    template_options: dict[str, Any] = Field(
        {},
        description="What the chat template reads besides the messages, as in "
        "`{enable_thinking: true}`; laid over the preset's.",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_from_preset(cls, values: Any) -> Any:
        name = values.get("preset") if isinstance(values, dict) else None
        if not isinstance(name, str) or name not in PRESETS:
            return values  # nothing to take, or a fault that the field reports
        preset, own = PRESETS[name].values(), values.get("template_options", {})
        options = {**preset["template_options"], **own} if isinstance(own, dict) else own
        return {**preset, **values, "template_options": options}

    @field_validator("template_options")
    @classmethod
    def _leaves_the_message_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_RENDERING.intersection(value)):
            raise ValueError(f"no key `{taken[0]}`, which is set here: only what a template reads")
        return value


class Inference(_Section):
    """How a model is run."""

    engine: Literal["transformers"] = Field("transformers", description="What runs the model.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number type of the weights; `auto` takes the checkpoint's."
    )
    device: Device = Field("auto", description="`auto` (a GPU if there is one), `cpu`, `cuda:0` …")
    device_map: Literal["auto"] | None = Field(
        None,
        description="`auto` spreads a model too large for one GPU over all there are, the rest in "
        "the CPU's memory; `device` must then be `auto`. Default: all on one device.",
    )
    quantization: Literal["8bit", "4bit"] | None = Field(
        None,
        description="Quantize the weights while loading, through bitsandbytes: `8bit` is LLM.int8 "
        "(what it says can depend on which rows share a batch), `4bit` is NF4. Default: not.",
    )
    attention: Literal["eager", "sdpa"] = Field(
        "sdpa",
        description="Attention implementation. Only these two can express the masks by which the "
        "conditions of a chain share its keys and values.",
    )
    trust_remote_code: StrictBool = Field(
        False, description="Run code that comes with the model. Leave off unless you have read it."
    )
    offline: StrictBool = Field(
        False,
        description="Never ask the hub: a model that is not in the local cache is an error that "
        "says what to download.",
    )
    batch_size: Positive = Field(
        32,
        description="Rows (samples of items) run side by side, at most; fewer where memory "
        "does not suffice.",
        json_schema_extra=_unit("rows"),
    )
    memory: Annotated[float, Field(gt=0), _NotASwitch] | None = Field(
        None,
        description="Memory that keys and values may take. Default: what is free, less a fifth.",
        json_schema_extra=_unit("GiB"),
    )
    context: Positive | None = Field(
        None,
        description="Tokens of prompt, thinking and answer together. Default: the model's window.",
        json_schema_extra=_unit("tokens"),
    )
    samples: Positive = Field(1, description="Chains per item.", json_schema_extra=_unit("chains"))
    temperature: Annotated[float, Field(ge=0), _NotASwitch] = Field(
        0.6, description="Sampling temperature; 0 takes the likeliest token."
    )
    top_p: Annotated[float, Field(gt=0, le=1), _NotASwitch] = Field(
        0.95,
        description="Sample from the likeliest tokens that together have this probability; 1 from "
        "all.",
    )
    top_k: NonNegative = Field(
        0,
        description="Sample from the k likeliest tokens; 0 from all.",
        json_schema_extra=_unit("tokens"),
    )
    max_answer_tokens: Positive = Field(
        64, description="Tokens an answer may have.", json_schema_extra=_unit("tokens")
    )
    threads: Positive = Field(
        4, description="CPU threads a job of this model may use; at most what `--cores` allows."
    )
    shards: Positive = Field(
        1,
        description="Jobs the items of a model are split into; each loads the model once.",
        json_schema_extra=_unit("jobs"),
    )
    prompt: Prompt = Field(Prompt(), description="How an item becomes the user's turn.")
    thinking: Thinking = Field(Thinking(), description="Markers of thinking and forced strings.")

    @field_validator("device_map")
    @classmethod
    def _leaves_the_device_to_the_map(cls, value: str | None, info: ValidationInfo) -> str | None:
        device = info.data.get("device", "auto")
        if value is not None and device != "auto":
            raise ValueError(f"no device map beside `device: {device}`, or that key as `auto`")
        return value


class Derivation(_Section):
    """Supervised fine-tuning of another model of the study on a corpus of traces."""

    parent: Name = Field(..., description="Name of the model it starts from.")
    corpus: Name = Field(..., description="Name of the corpus it learns from.")
    method: Literal["lora", "full"] = Field(
        "lora", description="`lora` trains an adapter and merges it; `full` trains all weights."
    )
    rank: Positive = Field(8, description="Rank of the LoRA adapter.")
    alpha: Positive = Field(16, description="Scale of the LoRA adapter (alpha / rank).")
    learning_rate: Annotated[float, Field(gt=0), _NotASwitch] = Field(
        1e-4, description="Peak learning rate."
    )
    max_steps: Positive = Field(
        300, description="Optimizer steps.", json_schema_extra=_unit("steps")
    )
    batch_size: Positive = Field(
        16, description="Traces per batch.", json_schema_extra=_unit("traces")
    )
    threads: Positive = Field(
        4, description="CPU threads training may use; at most what `--cores` allows."
    )
    gradient_accumulation: Positive = Field(
        1, description="Batches whose gradients make one optimizer step."
    )
    gradient_checkpointing: StrictBool = Field(
        False, description="Recompute activations instead of keeping them: slower, less memory."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="Number type of weights and gradients while training."
    )
    max_length: Positive = Field(
        4096,
        description="Longest trace; longer ones are left out, counted and reported.",
        json_schema_extra=_unit("tokens"),
    )


class Model(_Section):
    """A model of the study: exactly one of `path`, `hub`, `derive`."""

    name: Name = Field(..., description="Name used in every table and figure.")
    path: str | None = Field(
        None,
        description="Directory of a model (config, tokenizer, safetensors), from the directory "
        "Snakemake runs in.",
    )
    hub: str | None = Field(
        None, description="Model id on the Hugging Face hub, as `organisation/name`."
    )
    revision: str | None = Field(
        None,
        description="Commit of the hub model, all 40 digits. Needed with `hub`, so that a rerun is "
        "a rerun.",
    )
    fingerprint: Fingerprint | None = Field(
        None,
        description="What the content of the weights and the tokenizer must be: `fingerprint` in "
        "`results/<study>/models/<name>.json`. Default: whatever is found, which is recorded.",
    )
    derive: Derivation | None = Field(None, description="Make the model from another model.")
    inference: Inference = Field(
        Inference(), description="Keys given here override the study's `inference`."
    )


class Corpus(_Section):
    """A corpus of traces to fine-tune on."""

    name: Name = Field(..., description="Name used in tables and figures.")
    source: str = Field(
        ..., description="`calibration` for generated traces, or a path to JSON, JSONL or Parquet."
    )
    n: Positive | None = Field(
        None,
        description="Traces to take, from the first. Default: all (1000 of generated ones).",
        json_schema_extra=_unit("traces"),
    )
    question: str = Field("question", description="Column of the question.")
    reasoning: str = Field("reasoning", description="Column of the reasoning.")
    response: str = Field("response", description="Column of the answer after the reasoning.")


class Combination(_Section):
    """A maximum budget together with waits or with a minimum budget."""

    max_think: Positive = Field(
        ...,
        description="Maximum budget: it bounds thinking as a whole, the text put in included.",
        json_schema_extra=_unit("thinking tokens"),
    )
    min_think: Positive | None = Field(
        None,
        description="Minimum budget, at most the maximum.",
        json_schema_extra=_unit("thinking tokens"),
    )
    waits: Positive | None = Field(
        None,
        description="Number of natural ends that are dropped, as far as the maximum allows.",
        json_schema_extra=_unit("times"),
    )


class Conditions(_Section):
    """The sweep. The natural condition is always there; unset keys add none."""

    max_think: list[NonNegative] | None = Field(
        None,
        min_length=1,
        description="Maximum budgets: thinking is cut there and the answer asked for. "
        "0 is no thinking.",
        json_schema_extra=_unit("thinking tokens"),
    )
    min_think: list[Positive] | None = Field(
        None,
        min_length=1,
        description="Minimum budgets: natural ends before are dropped and a continuation put in.",
        json_schema_extra=_unit("thinking tokens"),
    )
    waits: list[Positive] | None = Field(
        None,
        min_length=1,
        description="Numbers of natural ends that are dropped, a continuation put in at each.",
        json_schema_extra=_unit("times"),
    )
    combine: list[Combination] = Field(
        [],
        description="Combinations, as in `[{waits: 2, max_think: 64}]`: where the maximum is "
        "spent, thinking ends, whatever minimum or number of waits is not reached.",
    )
    continuations: list[str] = Field(
        ["Wait"],
        min_length=1,
        description="Strings put in at a natural end to think on: words, sentences, or the empty "
        "string, which tables call `(nothing)`.",
    )
    continuation_choice: Literal["each", "drawn"] = Field(
        "each",
        description="`each` makes every condition once for each string; `drawn` makes it once, and "
        "draws a string from the list at every natural end, by the study's seed, item and sample.",
    )
    max_swaps: Positive = Field(
        16,
        description="Natural ends a minimum budget may pass before it gives up.",
        json_schema_extra=_unit("times"),
    )


class ChoiceGrader(_Section):
    """The default grader of multiple-choice answers."""

    threshold: Annotated[float, Field(ge=0, le=100), _NotASwitch] = Field(
        90.0,
        description="Least similarity of answer and option text that counts as naming the option.",
        json_schema_extra=_unit("0 to 100"),
    )
    margin: Annotated[float, Field(ge=0, le=100), _NotASwitch] = Field(
        5.0,
        description="Least lead in similarity over the second-best option; less is ungradable.",
        json_schema_extra=_unit("0 to 100"),
    )


class Grading(_Section):
    """How answers are judged."""

    graders: list[Literal["choice", "article"]] = Field(
        ["choice"],
        min_length=1,
        description="Graders to apply; the first is the one analyses use. `article` is the first "
        "study's substring rule, for comparison only.",
    )
    choice: ChoiceGrader = Field(ChoiceGrader(), description="Settings of the choice grader.")


class Divergence(_Section):
    """Comparing the tokens of corpora and items."""

    smoothing: Annotated[float, Field(gt=0), _NotASwitch] = Field(
        0.5,
        description="Added to every token's count before normalising.",
        json_schema_extra=_unit("counts"),
    )
    n_permutations: Positive = Field(
        1000, description="Shuffles of documents for the null.", json_schema_extra=_unit("times")
    )
    n_boot: Positive = Field(
        500, description="Bootstrap resamples of documents.", json_schema_extra=_unit("times")
    )


class Analyses(_Section):
    """Settings of the statistics."""

    confidence: Share = Field(0.95, description="Level of every interval.")
    n_boot: Positive = Field(
        2000, description="Bootstrap resamples of items.", json_schema_extra=_unit("times")
    )
    n_permutations: Positive = Field(
        5000, description="Permutations per test.", json_schema_extra=_unit("times")
    )
    consensus_k: list[Positive] = Field(
        [1, 2, 4, 8],
        min_length=1,
        description="Group sizes k of cons@k and pass@k.",
        json_schema_extra=_unit("samples"),
    )
    compare: list[tuple[Name, Name]] | None = Field(
        None,
        description="Pairs of models compared on the same items. Default: each derived model with "
        "its parent.",
    )
    divergence: Divergence = Field(Divergence(), description="Comparing corpora with items.")


class Figures(_Section):
    """The look of every figure."""

    palette: list[Colour] = Field(
        ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"],
        min_length=1,
        description="Colours of models in the order of the config, as `#rrggbb`, in quotes.",
    )
    width: Annotated[float, Field(ge=2, le=20), _NotASwitch] = Field(
        3.5,
        description="Width of figures with one column of panels.",
        json_schema_extra=_unit("inches"),
    )
    wide: Annotated[float, Field(ge=2, le=40), _NotASwitch] = Field(
        7.0,
        description="Width of figures with several columns of panels.",
        json_schema_extra=_unit("inches"),
    )
    height: Annotated[float, Field(ge=0.5, le=20), _NotASwitch] = Field(
        2.0, description="Height of one panel.", json_schema_extra=_unit("inches")
    )
    font_size: Annotated[float, Field(ge=4, le=30), _NotASwitch] = Field(
        8.0, description="Type size.", json_schema_extra=_unit("points")
    )
    dpi: Annotated[StrictInt, Field(ge=50, le=1200)] = Field(
        300, description="Resolution of the PNG files.", json_schema_extra=_unit("pixels per inch")
    )


class Study(_Section):
    """One study: everything under `results/<study>/` follows from it."""

    study: Name = Field(..., description="Name of the study and of its directory.")
    seed: NonNegative = Field(0, description="Seed of every random choice.")
    results: str = Field("results", description="Directory that holds `<study>/`.")
    items: Items = Field(..., description="The item bank.")
    models: list[Model] = Field(..., min_length=1, description="The models, in display order.")
    inference: Inference = Field(
        Inference(), description="How models are run, unless a model says otherwise."
    )
    corpora: list[Corpus] = Field([], description="Corpora to fine-tune on and to compare with.")
    conditions: Conditions = Field(Conditions(), description="The sweep over thinking.")
    grading: Grading = Field(Grading(), description="How answers are judged.")
    analyses: Analyses = Field(Analyses(), description="Settings of the statistics.")
    figures: Figures = Field(Figures(), description="The look of every figure.")
