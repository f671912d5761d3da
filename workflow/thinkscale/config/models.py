"""The models of a study, and how one is made from another."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic.types import StrictBool, StrictInt

from thinkscale.config import hub_keys
from thinkscale.config.inference import Inference
from thinkscale.config.items import Items
from thinkscale.config.responses import Recorded
from thinkscale.config.section import (
    Fingerprint,
    LengthClasses,
    LengthPrompt,
    Name,
    NonNegative,
    Number,
    Positive,
    Section,
    Share,
    Text,
    setting,
)


class Reward(Section):
    """How a reward model comes by its examples: the parent thinks, and goes on from every step."""

    bank: Items | None = setting(
        None,
        "Items it thinks about, none of them the study's. Default: calibration problems that no "
        "bank holds.",
    )
    problems: Positive = setting(1000, "Calibration problems, where there is no `bank`.", "items")
    samples: Positive = setting(2, "Chains thought about each item.", "chains")
    rollouts: Positive = setting(
        8, "Ways in which each beginning of a chain that ends a step is thought to its end."
    )
    objective: Literal["orm", "prm", "joint"] = setting(
        "prm",
        "What is told at the end of each step: `prm`, how many of the rollouts from there reach "
        "the right answer; `orm`, whether the thought does, of all chains and rollouts; `joint`, "
        "both.",
    )
    labels: Literal["soft", "hard"] = setting(
        "soft",
        "`soft`, the share of rollouts with the right answer; `hard`, 1 where more are right than "
        "guesses would be (at 5 %, with one guess in as many right as an item has options), else "
        "0.",
    )
    layers: NonNegative = setting(
        0, "Fresh layers on top of the parent's, which add nothing before they are trained."
    )
    surprise: Number = setting(
        0.0,
        "Weight of a second loss, by which it learns how likely the parent found each token: what "
        "surprises the parent may be a slip.",
        ge=0,
    )
    held_out: Share = setting(0.1, "Share of the items that quality is measured on.")


class NamedLength(Section):
    """A length that the question of a trace names while a model is fine-tuned, so that it obeys."""

    by: Literal["tokens", "steps", "class"] = setting(
        ...,
        "What is named: the thinking's tokens, its steps (`inference.thinking.step_end`), or the "
        "class of its tokens.",
    )
    instruction: LengthPrompt = setting(..., "As a strategy has it that will ask for such lengths.")
    multiple: Positive = setting(
        1, "Tokens or steps are rounded up to a multiple of this: what is named is a bound."
    )
    length_classes: LengthClasses | None = setting(
        None, "For `class`: as a strategy has it, all but the last with a bound."
    )

    @model_validator(mode="after")
    def _has_its_classes(self) -> "NamedLength":
        if (self.by == "class") != (self.length_classes is not None):
            raise ValueError("`length_classes` with `by: class`, and only there")
        *bounded, last = (self.length_classes or {"": None}).values()
        if None in bounded or last is not None:
            raise ValueError("a bound for each of `length_classes` but the last")
        return self


class Gkd(Section):
    """Distillation of a teacher's distributions, with TRL's names (GKD, arXiv 2306.13649).

    The model answers the questions of its corpus itself, and learns at each of its tokens what the
    teacher would have written.
    """

    beta: Number = setting(
        1.0,
        "The divergence that falls: 0 is forward Kullback-Leibler, 1 reverse, 0.5 Jensen-Shannon.",
        ge=0,
        le=1,
    )
    temperature: Number = setting(
        1.0, "Temperature of its completions and of both distributions.", gt=0
    )
    max_completion_length: Positive = setting(
        512, "Longest completion, thinking and answer together; longer ones are cut.", "tokens"
    )


class PassRate(Section):
    """Which items a model is rewarded on: those that its parent answers rightly now and then."""

    samples: Positive = setting(8, "Chains that the parent thinks about each item.", "chains")
    at_least: Number = setting(0.1, "Least share of them that is right.", ge=0, le=1)
    at_most: Number = setting(0.9, "Greatest share of them that is right.", ge=0, le=1)

    @model_validator(mode="after")
    def _leaves_some(self) -> "PassRate":
        if self.at_least > self.at_most:
            raise ValueError(f"`at_least` {self.at_least:g} to be at most `at_most`")
        return self


class Grpo(Section):
    """Reinforcement learning by group-relative policy optimization, with TRL's and open-r1's names.

    Of each prompt several completions are drawn, and each is reinforced as far as its reward
    exceeds the mean of its group (arXiv 2402.03300; R1: arXiv 2501.12948).
    """

    bank: Items | None = setting(
        None,
        "Items it learns on, none of them the study's, by keys as in `items`. Default: calibration "
        "problems that no bank holds.",
    )
    problems: Positive = setting(1000, "Calibration problems, where there is no `bank`.", "items")
    pass_rate: PassRate | None = setting(
        None,
        "Learn only on items with such a pass rate of the parent: a group that is all right or all "
        "wrong teaches nothing. Default: on all.",
    )
    reward_funcs: list[
        Literal["accuracy", "format", "language_consistency", "length", "overlong"]
    ] = setting(
        ["accuracy", "format"],
        "What is rewarded. `accuracy`: 1 for an answer that the study's first grader finds right. "
        "`format`: 1 for a thought that ends once, and an answer that ends behind it. "
        "`language_consistency`: the share of the thought's words in `language`. `length`: minus "
        "the completion's tokens, so that its weight is the price of one. `overlong`: 0 up to "
        "`soft_punish_cache` tokens before `max_completion_length`, from there on falling to -1.",
        min_length=1,
    )
    reward_weights: list[Number] | None = setting(
        None, "Weight of each of `reward_funcs`. Default: 1 each."
    )
    language: Text | None = setting(
        None,
        "For `language_consistency`: a language by its code in ISO 639 (`en`), or a script by its "
        "code in ISO 15924 (`Latn`).",
    )
    soft_punish_cache: Positive = setting(
        64, "For `overlong`: tokens over which the punishment rises.", "tokens"
    )
    num_generations: Annotated[StrictInt, Field(ge=2)] = setting(
        8, "Completions of each prompt: the group."
    )
    max_completion_length: Positive = setting(
        512, "Longest completion, thinking and answer together; longer ones are cut.", "tokens"
    )
    temperature: Number = setting(1.0, "Temperature that completions are drawn at.", gt=0)
    loss_type: Literal["dr_grpo", "grpo", "dapo", "bnpo"] = setting(
        "dr_grpo",
        "How token losses are added up: `dr_grpo` divides by a constant, so that long wrong "
        "answers are not spared (arXiv 2503.20783); `grpo` by each completion's length; `dapo` and "
        "`bnpo` by the tokens of a step or batch.",
    )
    scale_rewards: Literal["none", "group", "batch"] = setting(
        "none", "By whose standard deviation advantages are divided; `none` as Dr. GRPO has it."
    )
    beta: Number = setting(0.0, "Weight of the divergence from the parent.", ge=0)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Grpo":
        if len(set(self.reward_funcs)) < len(self.reward_funcs):
            raise ValueError("each of `reward_funcs` once")
        weights = self.reward_weights
        if weights is not None and len(weights) != len(self.reward_funcs):
            raise ValueError(
                f"a weight for each of the {len(self.reward_funcs)} `reward_funcs`: found "
                f"{len(weights)} `reward_weights`"
            )
        if ("language_consistency" in self.reward_funcs) != (self.language is not None):
            raise ValueError("`language` with `language_consistency`, and only there")
        if self.soft_punish_cache > self.max_completion_length and "overlong" in self.reward_funcs:
            raise ValueError(
                f"`soft_punish_cache` {self.soft_punish_cache} to be at most "
                f"`max_completion_length`, {self.max_completion_length}"
            )
        return self


class HeldOutItems(Section):
    """Items that a model in training is measured on and not trained on; none is the study's."""

    bank: Items | None = setting(
        None,
        "Where they are from, by keys as in `items`. Default: of `grpo` its own items, which are "
        "kept from training; else calibration problems that no bank holds.",
    )
    n: Positive = setting(100, "How many, drawn at random.", "items")
    samples: Positive = setting(1, "Chains thought about each item.", "chains")


class Derivation(Section):
    """Training of another model of the study: on traces, by rewards, or to judge its thought."""

    parent: Name = setting(..., "Name of the model it starts from.")
    recipe: Literal["sft", "grpo", "gkd", "reward_model"] = setting(
        "sft",
        "`sft`: supervised fine-tuning on a corpus. `grpo`: reinforcement learning on its own "
        "completions. `gkd`: distillation of a teacher's distributions, on the questions of a "
        "corpus. `reward_model`: what it learns is whether the parent's thought leads to the right "
        "answer; such a model judges (`scorers`) and does not think.",
    )
    corpus: Name | None = setting(None, "Name of the corpus it learns from; for `sft` and `gkd`.")
    teacher: Name | None = setting(
        None, "For `gkd`: name of the model it learns from, with the parent's vocabulary."
    )
    gkd: Gkd = setting(Gkd(), "Of `gkd`.")
    lengths: list[NamedLength] = setting(
        [],
        "For `sft`: what the question of a trace says of the length of its thinking; of several, "
        "traces take one by turns. All of its thinking is then learned, what was put in and where "
        "it was cut too. Default: nothing is said.",
    )
    grpo: Grpo = setting(Grpo(), "Of `grpo`.")
    reward: Reward = setting(Reward(), "Of a `reward_model`.")
    method: Literal["lora", "qlora", "full"] = setting(
        "lora",
        "`lora` trains an adapter and merges it; `qlora` does so on weights in four bits, through "
        "bitsandbytes, and merges it into those in `dtype`; `full` trains all weights, as a "
        "`reward_model` does in any case.",
    )
    rank: Positive = setting(8, "Rank of the LoRA adapter.")
    alpha: Positive = setting(16, "Scale of the LoRA adapter (alpha / rank).")
    learning_rate: Number = setting(1e-4, "Peak learning rate.", gt=0)
    max_steps: Positive = setting(300, "Optimizer steps.", "steps")
    batch_size: Positive = setting(
        16,
        "Traces per batch; for `grpo` completions, of which a step's are whole groups of "
        "`num_generations`.",
        "traces",
    )
    threads: Positive = setting(4, "CPU threads training may use; at most what `--cores` allows.")
    gradient_accumulation: Positive = setting(1, "Batches whose gradients make one optimizer step.")
    gradient_checkpointing: StrictBool = setting(
        False, "Recompute activations instead of keeping them: slower, less memory."
    )
    dtype: Literal["float32", "bfloat16"] = setting(
        "float32", "Number type of weights and gradients while training."
    )
    max_length: Positive = setting(
        4096,
        "Longest trace, or for `gkd` and `grpo` question and completion together; longer ones are "
        "left out, counted and reported.",
        "tokens",
    )
    save_steps: Positive | None = setting(
        None,
        "Optimizer steps between checkpoints, from which a training that was killed goes on as if "
        "it had not been; rounded up to a multiple of 5 but for `grpo`. Default: none are kept.",
        "steps",
    )
    eval_steps: Positive | None = setting(
        None,
        "Optimizer steps between measurements of the `held_out` items, but for a `reward_model`. "
        "Default: they are not measured.",
        "steps",
    )
    held_out: HeldOutItems = setting(HeldOutItems(), "Items measured on while it is trained.")


class Gguf(Section):
    """A model as GGUF, llama.cpp's format, with a Modelfile for Ollama."""

    outtype: Literal["auto", "f32", "f16", "bf16", "q8_0"] = setting(
        "auto",
        "Number type of the weights; `auto` is the 16-bit type that is nearest to the model's own.",
    )
    pre_tokenizer: Text | None = setting(
        None,
        "llama.cpp's name of the way in which the tokenizer cuts a text first, where the converter "
        "does not know it: `default` or another. Token ids then mean the same, but llama.cpp may "
        "cut a text into others. Default: what the converter finds.",
    )


class Export(Section):
    """In which other forms a model is written."""

    gguf: Gguf | None = setting(
        None,
        "Write `results/<study>/gguf/<model>/model.gguf` and a `Modelfile` with the study's "
        "prompt, stops and sampling; `gguf: {}` takes the defaults. Needs the extra `gguf`.",
    )


class OtherModel(Section):
    """A model with a part in a study: one of it by its `name` alone, or one by path or hub."""

    name: Name = setting(
        ..., "Name of a model of the study; with `path` or `hub`, a name of its own."
    )
    path: str | None = setting(None, "As in `models`.")
    hub: hub_keys.ModelId = None
    revision: hub_keys.Commit = None
    fingerprint: Fingerprint | None = setting(None, "As in `models`.")
    inference: Inference = setting(
        Inference(),
        "Keys given here override the study's `inference`, or for a model of the study that "
        "model's. What such a model is asked, and how, is its part's own.",
    )

    @property
    def outside(self) -> bool:
        """Whether it is none of the study's `models`."""
        return self.path is not None or self.hub is not None


class Model(Section):
    """A model of the study: exactly one of `path`, `hub`, `derive`, `responses`."""

    name: Name = setting(..., "Name used in every table and figure.")
    path: str | None = setting(
        None,
        "Directory of a model (config, tokenizer, safetensors), from the directory Snakemake runs "
        "in.",
    )
    hub: hub_keys.ModelId = None
    revision: hub_keys.Commit = None
    fingerprint: Fingerprint | None = setting(
        None,
        "What the content of the weights and the tokenizer must be: `fingerprint` in "
        "`results/<study>/models/<name>.json`. Default: whatever is found, which is recorded.",
    )
    derive: Derivation | None = setting(None, "Make the model from another model.")
    responses: Recorded | None = setting(
        None, "Take its responses from finished logs; the model is not run."
    )
    export: Export = setting(Export(), "Other forms in which the model is written.")
    inference: Inference = setting(Inference(), "Keys given here override the study's `inference`.")

    @property
    def thinks(self) -> bool:
        """Whether it is asked about the items; reward models only judge."""
        return self.derive is None or self.derive.recipe != "reward_model"

    @property
    def runs(self) -> bool:
        """Whether it is asked here, and not recorded."""
        return self.thinks and self.responses is None
