"""How weights are trained, whatever they learn from."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from thinkscale.errors import ThinkscaleError

METHODS = ("full", "lora", "qlora")


@dataclass(frozen=True)
class Training:
    """How weights are trained.

    `method` is `full`, `lora`, or `qlora`: LoRA on weights in four bits (Dettmers et al., arXiv
    2305.14314). `rank`, `alpha` and `dropout` are LoRA's; all linear layers are adapted. `warmup`
    and `decay_from` are shares of all steps: the learning rate climbs linearly to its peak, stays,
    and falls linearly to zero from `decay_from` on. `log_every` and `save_steps` (None: no
    checkpoints) are in optimizer steps.
    """

    method: str = "lora"
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    learning_rate: float = 2e-3
    warmup: float = 0.05
    decay_from: float = 0.5
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_steps: int = 300
    batch_size: int = 16
    gradient_accumulation: int = 1
    gradient_checkpointing: bool = False
    dtype: str = "float32"
    log_every: int = 5
    save_steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ThinkscaleError(f"training.method is {self.method!r}; expected one of {METHODS}.")
        for name in ("rank", "learning_rate", "max_steps", "batch_size", "log_every"):
            if not getattr(self, name) > 0:
                raise ThinkscaleError(
                    f"training.{name} is {getattr(self, name)!r}; expected a positive number."
                )


def training_of(given: Mapping[str, Any]) -> Training:
    """The settings of a training among those of a derivation, by their names."""
    return Training(**{f.name: given[f.name] for f in fields(Training) if f.name in given})
