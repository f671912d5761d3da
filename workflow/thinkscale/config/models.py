"""The models of a study, and how one is made from another."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.types import StrictBool

from thinkscale.config.hub import Commit, ModelId
from thinkscale.config.inference import Inference
from thinkscale.config.section import Fingerprint, Name, NotASwitch, Positive, Section, unit


class Derivation(Section):
    """Supervised fine-tuning of another model of the study on a corpus of traces."""

    parent: Name = Field(..., description="Name of the model it starts from.")
    corpus: Name = Field(..., description="Name of the corpus it learns from.")
    method: Literal["lora", "full"] = Field(
        "lora", description="`lora` trains an adapter and merges it; `full` trains all weights."
    )
    rank: Positive = Field(8, description="Rank of the LoRA adapter.")
    alpha: Positive = Field(16, description="Scale of the LoRA adapter (alpha / rank).")
    learning_rate: Annotated[float, Field(gt=0), NotASwitch] = Field(
        1e-4, description="Peak learning rate."
    )
    max_steps: Positive = Field(
        300, description="Optimizer steps.", json_schema_extra=unit("steps")
    )
    batch_size: Positive = Field(
        16, description="Traces per batch.", json_schema_extra=unit("traces")
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
        json_schema_extra=unit("tokens"),
    )


class Model(Section):
    """A model of the study: exactly one of `path`, `hub`, `derive`."""

    name: Name = Field(..., description="Name used in every table and figure.")
    path: str | None = Field(
        None,
        description="Directory of a model (config, tokenizer, safetensors), from the directory "
        "Snakemake runs in.",
    )
    hub: ModelId = None
    revision: Commit = None
    fingerprint: Fingerprint | None = Field(
        None,
        description="What the content of the weights and the tokenizer must be: `fingerprint` in "
        "`results/<study>/models/<name>.json`. Default: whatever is found, which is recorded.",
    )
    derive: Derivation | None = Field(None, description="Make the model from another model.")
    inference: Inference = Field(
        Inference(), description="Keys given here override the study's `inference`."
    )
