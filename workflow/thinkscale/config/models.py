"""The models of a study, and how one is made from another."""

from typing import Literal

from pydantic import model_validator
from pydantic.types import StrictBool

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


class Derivation(Section):
    """Training of another model of the study: on a corpus of traces, or to judge its thought."""

    parent: Name = setting(..., "Name of the model it starts from.")
    recipe: Literal["sft", "gkd", "reward_model"] = setting(
        "sft",
        "`sft`: supervised fine-tuning on a corpus. `gkd`: distillation of a teacher's "
        "distributions, on the questions of a corpus. `reward_model`: what it learns is whether "
        "the parent's thought leads to the right answer; such a model judges (`scorers`) and does "
        "not think.",
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
    batch_size: Positive = setting(16, "Traces per batch.", "traces")
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
        "Longest trace, or for `gkd` question and completion together; longer ones are left out, "
        "counted and reported.",
        "tokens",
    )
    save_steps: Positive | None = setting(
        None,
        "Optimizer steps between checkpoints, from which a training that was killed goes on as if "
        "it had not been; rounded up to a multiple of 5. Default: none are kept.",
        "steps",
    )


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
