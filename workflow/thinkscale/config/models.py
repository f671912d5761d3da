"""The models of a study, and how one is made from another."""

from typing import Literal

from pydantic.types import StrictBool

from thinkscale.config import hub_keys
from thinkscale.config.inference import Inference
from thinkscale.config.section import Fingerprint, Name, Number, Positive, Section, setting


class Derivation(Section):
    """Supervised fine-tuning of another model of the study on a corpus of traces."""

    parent: Name = setting(..., "Name of the model it starts from.")
    corpus: Name = setting(..., "Name of the corpus it learns from.")
    method: Literal["lora", "full"] = setting(
        "lora", "`lora` trains an adapter and merges it; `full` trains all weights."
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
        4096, "Longest trace; longer ones are left out, counted and reported.", "tokens"
    )


class Model(Section):
    """A model of the study: exactly one of `path`, `hub`, `derive`."""

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
    inference: Inference = setting(Inference(), "Keys given here override the study's `inference`.")
