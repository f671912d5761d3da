"""Supervised fine-tuning of a causal language model on reasoning traces, by TRL's SFTTrainer.

Rows are tokenised piece by piece (`traces.encode_row`), and reach the trainer with their
labels, so that any token can be left out of the loss. LoRA weights are merged before saving: the
result is a plain model directory.
"""

import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import torch
from datasets import Dataset
from huggingface_hub import constants as hub_constants
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import SFTConfig, SFTTrainer

from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.lengths import NamedLength, name_lengths
from thinkscale.models.recipes.traces import Example, TraceFormat, encode_row

logger = logging.getLogger(__name__)

METHODS = ("full", "lora")
OVERLONG = ("drop", "truncate", "error")
IGNORED = -100


@dataclass(frozen=True)
class SftSettings:
    """How to fine-tune.

    `method` is `full` or `lora` (`rank`, `alpha` and `dropout` are LoRA's; all linear layers are
    adapted). Training runs for `epochs`, or for `max_steps` optimizer steps where that is set.
    `warmup` and `decay_from` are shares of all steps: the learning rate climbs linearly to its
    peak, stays, and falls linearly to zero from `decay_from` on. Rows of more than `max_length`
    tokens are dropped, truncated at the end, or an error, as `overlong` says; the number is
    logged and written to `training.json`. `log_every` is in optimizer steps. `lengths` is what
    questions say of the length of the thinking, whose steps end in `step_end`.
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
    epochs: float = 5.0
    max_steps: int | None = None
    batch_size: int = 16
    gradient_accumulation: int = 1
    gradient_checkpointing: bool = False
    dtype: str = "float32"
    max_length: int = 512
    overlong: str = "drop"
    log_every: int = 5
    seed: int = 0
    form: TraceFormat = field(default_factory=TraceFormat)
    lengths: tuple[NamedLength, ...] = ()
    step_end: str = "\n\n"

    def __post_init__(self):
        for name, allowed in (("method", METHODS), ("overlong", OVERLONG)):
            if getattr(self, name) not in allowed:
                raise ThinkscaleError(
                    f"training.{name} is {getattr(self, name)!r}; expected one of {allowed}."
                )
        for name in ("rank", "learning_rate", "epochs", "batch_size", "max_length", "log_every"):
            if not getattr(self, name) > 0:
                raise ThinkscaleError(
                    f"training.{name} is {getattr(self, name)!r}; expected a positive number."
                )


def finetune(
    model_dir: str | Path,
    rows: Sequence[Mapping],
    out_dir: str | Path,
    settings: SftSettings,
    tokenizer_dir: str | Path | None = None,
) -> pd.DataFrame:
    """Fine-tune a model on corpus rows and save it, merged, as safetensors.

    `rows` are taken as sound, as `models.recipes.traces` describes them. `out_dir` gets the model,
    its tokenizer and chat template, and `training.json` (settings, rows used and left out, tokens,
    seconds). Returns the loss log, a row every `log_every` steps: step, epoch, loss (mean nats per
    token with loss), learning_rate, tokens (seen so far, padding excluded).
    """
    started = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir or model_dir)
    if settings.lengths:
        how = (settings.lengths, tokenizer, settings.form, settings.step_end)
        rows = name_lengths(rows, *how)
    examples, overlong = encode_rows(tokenizer, rows, settings)
    set_seed(settings.seed)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=getattr(torch, settings.dtype))
    log = _train(model, tokenizer, examples, settings, Path(out_dir))

    summary = {
        "settings": asdict(settings),
        "rows": len(rows),
        "rows_used": len(examples),
        "rows_overlong": overlong,
        "tokens": int(log["tokens"].iloc[-1]),
        "seconds": round(time.perf_counter() - started, 1),
    }
    (Path(out_dir) / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    return log


def encode_rows(
    tokenizer, rows: Sequence[Mapping], settings: SftSettings
) -> tuple[list[Example], int]:
    """The rows' tokens within `max_length`, and how many rows were longer."""
    examples, overlong = [], 0
    for number, row in enumerate(rows, 1):
        example = encode_row(tokenizer, row, settings.form)
        length = len(example.input_ids)
        if length > settings.max_length:
            overlong += 1
            if settings.overlong == "error":
                raise ThinkscaleError(
                    f"Corpus row {number} has {length} tokens; training.max_length is "
                    f"{settings.max_length}. Raise it, or set training.overlong to drop or "
                    "truncate."
                )
            if settings.overlong == "drop" or example.prompt_tokens >= settings.max_length:
                continue
            example = Example(
                example.input_ids[: settings.max_length],
                example.mask[: settings.max_length],
                example.prompt_tokens,
            )
        examples.append(example)
    if overlong:
        done = "truncated" if settings.overlong == "truncate" else "left out"
        logger.warning(
            "%d of %d corpus rows exceed max_length %d and were %s.",
            overlong, len(rows), settings.max_length, done,
        )  # fmt: skip
    if not any(any(example.mask[1:]) for example in examples):
        raise ThinkscaleError(
            f"No corpus row is left to train on: {len(rows)} given, {overlong} over "
            f"training.max_length {settings.max_length}."
        )
    return examples, overlong


def _train(
    model, tokenizer, examples: list[Example], settings: SftSettings, out_dir: Path
) -> pd.DataFrame:
    dataset = Dataset.from_list(
        [
            {
                "input_ids": example.input_ids,
                "labels": [
                    token if carries else IGNORED
                    for token, carries in zip(example.input_ids, example.mask, strict=True)
                ],
            }
            for example in examples
        ]
    )
    # TRL reports the start of every training unless this is set; the environment variable of the
    # same name is read only when huggingface_hub is first imported.
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            model=model,
            args=_trainer_config(settings, len(examples), scratch),
            train_dataset=dataset,
            processing_class=tokenizer,
            peft_config=lora if settings.method == "lora" else None,
        )
        trainer.train()
        trained = trainer.model
        if settings.method == "lora":
            trained = trained.merge_and_unload()
        trained.config.use_cache = True  # training turns it off
        trained.save_pretrained(out_dir)
        tokenizer.save_pretrained(out_dir)
        history = trainer.state.log_history

    log = pd.DataFrame([entry for entry in history if "loss" in entry])
    log = log.rename(columns={"num_tokens": "tokens"})
    log["tokens"] = log["tokens"].astype("int64")
    return log[["step", "epoch", "loss", "learning_rate", "tokens"]]


def _trainer_config(settings: SftSettings, n: int, scratch: str) -> SFTConfig:
    per_step = settings.batch_size * settings.gradient_accumulation
    steps = settings.max_steps or max(1, round(settings.epochs * n / per_step))
    warmup = round(settings.warmup * steps)
    return SFTConfig(
        output_dir=scratch,
        max_steps=steps,
        per_device_train_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        activation_checkpointing=settings.gradient_checkpointing,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="warmup_stable_decay",
        warmup_steps=warmup,
        lr_scheduler_kwargs={
            "num_decay_steps": min(steps - warmup, round((1 - settings.decay_from) * steps)),
            "decay_type": "linear",
        },
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        max_length=None,  # lengths are seen to above, and counted
        dataset_kwargs={"skip_prepare_dataset": True},
        bf16=settings.dtype == "bfloat16",
        fp16=False,
        logging_steps=min(settings.log_every, steps),
        save_strategy="no",
        report_to="none",
        seed=settings.seed,
        data_seed=settings.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
    )
