"""How long a step of training takes on this machine, told by taking some.

The model has a configuration's shape and weights of nobody, on which no time depends: so nothing
has to be there but the configuration.
"""

import time
from collections.abc import Callable

import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from thinkscale.engines.transformers.memory import is_out_of_memory
from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.settings import Training
from thinkscale.models.recipes.training import adapter

_STEPS = 3  # of which the fastest counts: what else the machine does is no part of it
_DRAWN = 8  # tokens of each row, to tell how long one takes
# Of one row: what a processor does in some seconds.
_MOST_FLOPS_ON_CPU = 1e12


def step_seconds(
    config: PreTrainedConfig,
    how: Training,
    length: int,
    device: torch.device,
    teacher: PreTrainedConfig | None = None,
) -> float:
    """Seconds of an optimizer step on batches whose rows have so many tokens, padding included.

    Rows that do not fit the device's memory together go one half after another. QLoRA is timed as
    LoRA. teacher: reads the same rows, if there is one. Raises ThinkscaleError where a row is too
    much for a processor, or for the device's memory; and as transformers does for an architecture
    that it does not know.
    """
    _check_size(config, length, device)
    model = _built(config, how.dtype, device).train()
    if how.gradient_checkpointing:
        model.activation_checkpointing_enable()
    if (lora := adapter(how)) is not None:
        model.enable_input_require_grads()
        model = get_peft_model(model, lora)
    reads = None if teacher is None else _built(teacher, how.dtype, device).eval()
    own = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(own)

    def step(rows: int) -> None:
        ids = _ids(config, rows, length, device)
        if reads is not None:
            with torch.no_grad():
                reads(ids)
        with torch.autocast(device.type, torch.bfloat16, enabled=how.dtype == "bfloat16"):
            model(ids, labels=ids).loss.backward()
        torch.nn.utils.clip_grad_norm_(own, how.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()

    rows, seconds = _fitting(step, how.batch_size, device)
    return seconds * how.batch_size * how.gradient_accumulation / rows


def drawing_seconds(
    config: PreTrainedConfig, how: Training, prompt: int, device: torch.device
) -> float:
    """Seconds that transformers takes for one more token of each row of a batch.

    prompt: tokens that stand before. Raises as `step_seconds` does.
    """
    _check_size(config, prompt, device)
    model = _built(config, how.dtype, device).eval()

    def draw(rows: int) -> None:
        ids = _ids(config, rows, prompt, device)
        model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True,
            min_new_tokens=_DRAWN, max_new_tokens=_DRAWN, pad_token_id=0,
        )  # fmt: skip

    rows, seconds = _fitting(draw, how.batch_size, device)
    return seconds * how.batch_size * how.gradient_accumulation / rows / _DRAWN


def _fitting(run: Callable[[int], None], rows: int, device: torch.device) -> tuple[int, float]:
    """The most rows, of these or halves of them, that fit in memory, and the seconds they take."""
    while True:
        try:
            return rows, min(_seconds(run, rows, device) for _ in range(_STEPS))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if rows == 1:
                raise ThinkscaleError("a row needs more memory than there is") from error
        rows //= 2
        torch.cuda.empty_cache()


def _seconds(run: Callable[[int], None], rows: int, device: torch.device) -> float:
    began = time.perf_counter()
    run(rows)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _check_size(config: PreTrainedConfig, length: int, device: torch.device) -> None:
    model = _built(config, "float32", torch.device("meta"))
    flops = 6 * length * sum(weight.numel() for weight in model.parameters())
    if device.type == "cpu" and flops > _MOST_FLOPS_ON_CPU:
        raise ThinkscaleError(
            f"a row of {length:,} tokens takes {flops:.1g} FLOPs, too many to be tried on a "
            "processor"
        )


def _built(config: PreTrainedConfig, dtype: str, device: torch.device) -> PreTrainedModel:
    with device:
        return AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        )


def _ids(config: PreTrainedConfig, rows: int, length: int, device: torch.device) -> torch.Tensor:
    return torch.randint(config.get_text_config().vocab_size, (rows, length), device=device)
