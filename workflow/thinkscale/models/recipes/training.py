"""What every training through TRL shares: weights, adapter, schedule, checkpoints, what is saved.

An adapter is merged before saving: the result is a plain model directory.
"""

import hashlib
import importlib.metadata
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from huggingface_hub import constants as hub_constants
from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel, Trainer

from thinkscale.data.seeds import generator
from thinkscale.engines.transformers.loading import Loading, load_weights, open_checkpoint
from thinkscale.models.recipes.settings import Training

_HELD_OUT = "held_out_"  # begins the names of what is measured of held-out items
VERSIONS = ("torch", "transformers", "trl", "peft", "bitsandbytes")


def load_parent(directory: Path, how: Training) -> PreTrainedModel:
    """The weights that training starts from, in its number type, or in four bits for `qlora`.

    Raises ThinkscaleError as `open_checkpoint` and `load_weights` do.
    """
    quantization = "4bit" if how.method == "qlora" else None
    checkpoint = open_checkpoint(directory, Loading(how.dtype, quantization=quantization))
    return load_weights(checkpoint, attention="sdpa")


def adapter(how: Training) -> LoraConfig | None:
    """The adapter that is trained, if not all weights are."""
    if how.method == "full":
        return None
    return LoraConfig(
        r=how.rank,
        lora_alpha=how.alpha,
        lora_dropout=how.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def in_order(rows: Sequence[str], how: Training, copies: int = 1) -> list[str]:
    """The rows of all steps, one round after another, each in an order of its own.

    copies: how many of a batch a row is. All of them are one epoch to the trainer: it would forget
    the order of a later one where it goes on from a checkpoint.
    """
    needed = how.max_steps * how.batch_size * how.gradient_accumulation // copies
    random = generator(how.seed, "order")
    rounds = (random.permutation(rows).tolist() for _ in range(-(-needed // len(rows))))
    return list(chain.from_iterable(rounds))[:needed]


def arguments(how: Training, directory: Path) -> dict[str, Any]:
    """What the configurations of TRL's trainers have in common. directory: for checkpoints.

    Checkpoints are made where losses are logged, since a trainer forgets those between.
    """
    # TRL reports the start of every training unless this is set; the environment variable of the
    # same name is read only when huggingface_hub is first imported.
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    steps, every = how.max_steps, min(how.log_every, how.max_steps)
    warmup = round(how.warmup * steps)
    kept = {"save_strategy": "no"}
    if how.save_steps is not None:
        save_steps = every * -(-how.save_steps // every)
        kept = {"save_strategy": "steps", "save_steps": save_steps, "save_total_limit": 1}
    return {
        "output_dir": str(directory),
        "max_steps": steps,
        "per_device_train_batch_size": how.batch_size,
        "gradient_accumulation_steps": how.gradient_accumulation,
        "activation_checkpointing": how.gradient_checkpointing,
        "learning_rate": how.learning_rate,
        "lr_scheduler_type": "warmup_stable_decay",
        "warmup_steps": warmup,
        "lr_scheduler_kwargs": {
            "num_decay_steps": min(steps - warmup, round((1 - how.decay_from) * steps)),
            "decay_type": "linear",
        },
        "weight_decay": how.weight_decay,
        "max_grad_norm": how.max_grad_norm,
        "bf16": how.dtype == "bfloat16",
        "fp16": False,
        "logging_steps": every,
        "report_to": "none",
        "seed": how.seed,
        "data_seed": how.seed,
        "dataloader_pin_memory": torch.cuda.is_available(),
        **kept,
    }


def checkpoints_of(directory: Path, content: Mapping[str, Any]) -> Path:
    """Where the checkpoints of a training lie, by all that decides its result.

    content: JSON values; versions of what trains are added here.
    """
    versions = {name: importlib.metadata.version(name) for name in VERSIONS if _there(name)}
    said = json.dumps([content, versions], sort_keys=True, default=str)
    return directory / hashlib.sha256(said.encode()).hexdigest()[:16]


def _there(package: str) -> bool:
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return False


def last_checkpoint(directory: Path) -> Path | None:
    """The latest checkpoint that was written to its end; others are removed.

    The trainer's state is what is written last.
    """
    whole = {}
    for path in directory.glob("checkpoint-*"):
        try:
            whole[json.loads((path / "trainer_state.json").read_text())["global_step"]] = path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return whole[max(whole)] if whole else None


def run(trainer: Trainer) -> pd.DataFrame:
    """Train, from the last checkpoint where there is one; returns what was logged, a row a step.

    Columns: step, epoch, loss, learning_rate, tokens (seen so far, padding excluded), and what a
    `held_out.Watch` among the callbacks has measured.
    """
    last = last_checkpoint(Path(trainer.args.output_dir))
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    history = [entry for entry in trainer.state.log_history if _told(entry)]
    log = pd.DataFrame(history).groupby("step", as_index=False).first()
    # Trainers that count tokens themselves may begin anew where one goes on.
    counted = "num_input_tokens_seen" if "num_input_tokens_seen" in log else "num_tokens"
    log["tokens"] = log[counted].ffill().fillna(0).astype("int64")
    measured = [name for name in log if name.startswith(_HELD_OUT)]
    return log[["step", "epoch", "loss", "learning_rate", "tokens", *measured]]


def _told(entry: Mapping[str, Any]) -> bool:
    return "loss" in entry or any(name.startswith(_HELD_OUT) for name in entry)


def save(trainer: Trainer, tokenizer, parent: Path, how: Training, out_dir: Path) -> None:
    """Save what was trained as a plain model, adapters merged, with its tokenizer.

    What was learned on weights in four bits is merged into the parent's own: merged into those, it
    would be rounded to four bits, as they are.
    """
    trained = trainer.model
    if how.method == "qlora":
        # On the CPU: beside the other copy, a GPU may have no room.
        checkpoint = open_checkpoint(parent, Loading(how.dtype, device="cpu"))
        with tempfile.TemporaryDirectory() as scratch:
            trained.save_pretrained(scratch)
            trained = PeftModel.from_pretrained(load_weights(checkpoint, "sdpa"), scratch)
    if how.method != "full":
        trained = trained.merge_and_unload()
    trained.config.use_cache = True  # training turns it off
    trained.save_pretrained(out_dir)
    tokenizer.save_pretrained(out_dir)
