"""How models are run: prompts, thinking, sampling."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic.types import StrictBool

from thinkscale.config import hub_keys
from thinkscale.config.presets.families import PRESETS
from thinkscale.config.section import (
    URL_PATTERN,
    Device,
    NonNegative,
    NotASwitch,
    Positive,
    Section,
    Text,
    setting,
    with_placeholders,
)

# Arguments of `apply_chat_template` that prompts are made with.
_RENDERING = {
    *("conversation", "messages", "tokenize", "add_generation_prompt", "continue_final_message"),
    *("chat_template", "padding", "truncation", "max_length", "return_tensors", "return_dict"),
    *("tokenizer_kwargs", "return_assistant_tokens_mask"),
}


class Example(Section):
    """An earlier turn that shows the model what is asked."""

    user: Text = setting(..., "The question, in full: as the template would fill it in.")
    assistant: Text = setting(..., "The answer, with the thinking it should show.")


class Prompt(Section):
    """How an item becomes the user's turn."""

    system: str | None = setting(None, "System message. Default: none.")
    system_role: Literal["system", "user"] = setting(
        "system",
        "Whose message the system text is: `user` puts it before the first message of the user, "
        "for templates that refuse a system message.",
    )
    template: str | None = setting(
        None,
        "User message; `{stem}` and `{options}` are filled in, the first is needed, the second "
        "where items have options. A brace itself is written twice. Default: the stem, the "
        "options if there are any, and the request to end with a line `Answer: ` and the option's "
        "letter or the answer.",
    )
    option: str = setting("{label}. {text}", "One option; `{label}` and `{text}` are filled in.")
    separator: str = setting("\n", "Text between options.")
    examples: list[Example] = setting(
        [],
        "Turns before the item's, for few-shot prompts. Templates of reasoning models leave the "
        "thinking of earlier turns out.",
    )

    @field_validator("template", "option")
    @classmethod
    def _holds_its_placeholders(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if info.field_name == "option":
            return with_placeholders(value, needed=["label", "text"])
        return with_placeholders(value, needed=["stem"], possible=["options"])


class Thinking(Section):
    """The strings that delimit thinking, and those budget forcing puts in."""

    preset: Literal["deepseek-r1", "qwen3", "s1", "instruct"] | None = setting(
        None,
        "Family of models whose strings are taken for the keys below that are not given; "
        "`instruct` is any model without markers of thinking, asked for its steps.",
    )
    start: str = setting(
        "<think>\n", "Opens thinking; appended where the chat template does not already do so."
    )
    end: list[Text] = setting(
        ["</think>"],
        "Strings that end thinking; they are not counted as thinking. The first is the one put in "
        "at a budget. The end of the turn ends thinking too.",
        min_length=1,
    )
    turn_end: Literal["thinking", "response"] = setting(
        "thinking",
        "What the model ends with its turn where it wrote none of `end`: `thinking`, so that the "
        "first of them is put in and the model answers; or its `response`, so that nothing is put "
        "in and the answer is read from what it wrote. The latter is for models that reason in "
        "their answer, without markers: their thinking is all they write before an answer line "
        "or, without one, the whole turn. Budgets and waits force as ever.",
    )
    answer_prompt: str = setting(
        "\n\nFinal Answer:", "Put in behind the end marker where thinking was cut."
    )
    step_end: Text = setting(
        "\n\n",
        "What ends a step of thinking, for strategies that search by steps: every token whose text "
        "ends in this, or the tokens it is written with. It must not stand within an `end`.",
    )
    off: str | None = setting(
        None,
        "What the prompt ends in, instead of `start`, where thinking is switched off "
        "(`conditions.no_think`); appended where the chat template does not already do so. "
        "Default: an empty thought, `start` and the first `end`.",
    )
    off_options: dict[str, Any] = setting(
        {}, "Laid over `template_options` where thinking is switched off, and over the preset's."
    )
    template_options: dict[str, Any] = setting(
        {},
        "What the chat template reads besides the messages, as in `{enable_thinking: true}`; laid "
        "over the preset's.",
    )

    @model_validator(mode="before")
    @classmethod
    def _take_from_preset(cls, values: Any) -> Any:
        name = values.get("preset") if isinstance(values, dict) else None
        if not isinstance(name, str) or name not in PRESETS:
            return values  # nothing to take, or a fault that the field reports
        preset = PRESETS[name].values()
        laid_over = {
            key: {**preset[key], **own}
            for key in ("template_options", "off_options")
            if isinstance(own := values.get(key, {}), dict)
        }
        return {**preset, **values, **laid_over}

    @field_validator("template_options", "off_options")
    @classmethod
    def _leaves_the_message_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_RENDERING.intersection(value)):
            raise ValueError(f"no key `{taken[0]}`, which is set here: only what a template reads")
        return value

    @field_validator("template_options")
    @classmethod
    def _leaves_thinking_on(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        off = info.data.get("off_options")
        if off and all(key in value and value[key] == own for key, own in off.items()):
            raise ValueError(
                "thinking switched on: answers without it are `conditions.no_think: true`"
            )
        return value

    @property
    def closed(self) -> str:
        """What the prompt ends in where thinking is switched off."""
        return f"{self.start.rstrip()}\n\n{self.end[0]}\n\n" if self.off is None else self.off


class Vllm(Section):
    """How vLLM runs a model, where it is the engine."""

    tensor_parallel: Positive = setting(1, "GPUs that share every layer.", "GPUs")
    pipeline_parallel: Positive = setting(
        1, "Groups of GPUs that layers are spread over.", "groups"
    )
    memory_share: Annotated[float, Field(gt=0, le=1), NotASwitch] = setting(
        0.9, "Share of each GPU's memory for weights, keys and values; `memory` goes before."
    )
    sequences: Positive = setting(256, "Chains and answers in one pass, at most.", "sequences")
    options: dict[str, Any] = setting(
        {},
        "Other arguments of vLLM's `EngineArgs`, as `{kv_cache_dtype: fp8}`. What was sampled with "
        "others is not used again.",
    )


class Server(Section):
    """A completion server that is up already; `batch_size` requests are with it at a time."""

    url: Annotated[str, StringConstraints(pattern=URL_PATTERN)] = setting(
        ..., "Where it is, without the path of what is called, as `http://127.0.0.1:8000`."
    )
    software: Literal["vllm", "sglang", "llama.cpp", "ollama"] = setting(
        ...,
        "What it is. All but `ollama` are given token ids and give them; `ollama` takes and gives "
        "text, so that its token counts are those of the text, counted again (`exact_tokens` is "
        "false).",
    )
    model: Text | None = setting(
        None, "The name it knows the model by. Default: the only model it has."
    )
    key_variable: Text | None = setting(
        None,
        "Name of the environment variable that holds its key; the key itself is never written "
        "anywhere. Default: no key is sent.",
    )
    parameters: Positive | None = setting(
        None,
        "How many parameters the model has, for what is counted in FLOPs. Default: those of the "
        "weights in the model's directory, where it has some.",
    )
    timeout: Annotated[float, Field(gt=0), NotASwitch] = setting(
        600.0, "How long it may say nothing before a request is sent again.", "seconds"
    )
    attempts: Positive = setting(
        6,
        "How often a request is sent, at most, where the server is busy or lost; each time after "
        "a longer pause.",
    )


class Inference(Section):
    """How a model is run."""

    engine: Literal["transformers", "vllm", "completions"] = setting(
        "transformers",
        "What runs the model: `transformers`, embedded; `vllm`, embedded too, for GPUs; "
        "`completions`, a server that is up already.",
    )
    server: Server | None = setting(None, "The server of `completions`.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = setting(
        "auto", "Number type of the weights; `auto` takes the checkpoint's."
    )
    device: Device = setting("auto", "`auto` (a GPU if there is one), `cpu`, `cuda:0` …")
    device_map: Literal["auto"] | None = setting(
        None,
        "`auto` spreads a model too large for one GPU over all there are, the rest in the CPU's "
        "memory; `device` must then be `auto`. Default: all on one device.",
    )
    quantization: Literal["8bit", "4bit"] | None = setting(
        None,
        "Quantize the weights while loading, through bitsandbytes: `8bit` is LLM.int8 (what it "
        "says can depend on which rows share a batch), `4bit` is NF4. Default: not.",
    )
    attention: Literal["eager", "sdpa"] = setting(
        "sdpa",
        "Attention implementation. Only these two can express the masks by which the conditions "
        "of a chain share its keys and values.",
    )
    trust_remote_code: StrictBool = setting(
        False, "Run code that comes with the model. Leave off unless you have read it."
    )
    offline: hub_keys.Offline = False
    journal: Literal["same", "any"] = setting(
        "same",
        "Records of the journal that are used: `same`, those made with the versions of torch and "
        "transformers that are installed, so that one study is of one version; `any`, those of "
        "other versions too. `make plan` says how many there are of each.",
    )
    batch_size: Positive = setting(
        32,
        "Rows (samples of items) run side by side, at most; fewer where memory does not suffice.",
        "rows",
    )
    memory: Annotated[float, Field(gt=0), NotASwitch] | None = setting(
        None, "Memory that keys and values may take. Default: what is free, less a fifth.", "GiB"
    )
    context: Positive | None = setting(
        None,
        "Tokens of prompt, thinking and answer together. Default: the model's window.",
        "tokens",
    )
    samples: Positive = setting(1, "Chains per item.", "chains")
    temperature: Annotated[float, Field(ge=0), NotASwitch] = setting(
        0.6, "Sampling temperature; 0 takes the likeliest token."
    )
    top_p: Annotated[float, Field(gt=0, le=1), NotASwitch] = setting(
        0.95, "Sample from the likeliest tokens that together have this probability; 1 from all."
    )
    top_k: NonNegative = setting(0, "Sample from the k likeliest tokens; 0 from all.", "tokens")
    readout: Literal["options"] | None = setting(
        None,
        "`options` reads, where each answer begins and behind `thinking.answer_prompt`, the "
        "probability of every option's label, at temperature 1 and without sampling a token; only "
        "for items with options. Default: nothing is read.",
    )
    vllm: Vllm = setting(Vllm(), "How vLLM runs it.")
    max_answer_tokens: Positive = setting(64, "Tokens an answer may have.", "tokens")
    threads: Positive = setting(
        4, "CPU threads a job of this model may use; at most what `--cores` allows."
    )
    shards: Positive = setting(
        1, "Jobs the items of a model are split into; each loads the model once.", "jobs", le=10_000
    )
    prompt: Prompt = setting(Prompt(), "How an item becomes the user's turn.")
    thinking: Thinking = setting(Thinking(), "Markers of thinking and forced strings.")

    @model_validator(mode="after")
    def _has_a_server_to_call(self) -> "Inference":
        if self.engine == "completions" and self.server is None:
            raise ValueError("`server` with `engine: completions`: its `url` and `software`")
        if self.engine == "completions" and (self.quantization or self.device_map):
            raise ValueError("no `quantization` or `device_map` with a server, which decides both")
        if self.readout and not self.reads:
            raise ValueError(
                f"no `readout` with {self.server.software}, which gives no probabilities of text"
            )
        return self

    @model_validator(mode="after")
    def _leaves_devices_to_vllm(self) -> "Inference":
        if self.engine == "vllm" and (self.quantization or self.device_map):
            raise ValueError(
                "no `quantization` or `device_map` with vllm, which takes a checkpoint as it is "
                "quantized, and GPUs by `vllm.tensor_parallel` and `vllm.pipeline_parallel`"
            )
        if self.engine == "vllm" and ":" in self.device:
            raise ValueError(
                f"`device: {self.device.partition(':')[0]}` with vllm, and the GPUs it may see in "
                "CUDA_VISIBLE_DEVICES"
            )
        return self

    @property
    def reads(self) -> bool:
        """Whether what runs the model gives probabilities of given text."""
        return self.engine != "completions" or self.server.software in ("vllm", "llama.cpp")

    @field_validator("device_map")
    @classmethod
    def _leaves_the_device_to_the_map(cls, value: str | None, info: ValidationInfo) -> str | None:
        device = info.data.get("device", "auto")
        if value is not None and device != "auto":
            raise ValueError(f"no device map beside `device: {device}`, or that key as `auto`")
        return value
