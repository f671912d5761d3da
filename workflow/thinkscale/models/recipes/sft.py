"""Supervised fine-tuning of a causal language model on reasoning traces, by TRL's SFTTrainer.

Rows are tokenised piece by piece (`traces.encode_row`), and reach the trainer with their
labels, so that any token can be left out of the loss.
"""

import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback, set_seed
from trl import SFTConfig, SFTTrainer

from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.lengths import NamedLength, name_lengths
from thinkscale.models.recipes.traces import Example, TraceFormat, encode_row
from thinkscale.models.recipes.training import (
    Training,
    adapter,
    arguments,
    load_parent,
    run,
    save,
)

logger = logging.getLogger(__name__)

OVERLONG = ("drop", "truncate", "error")
IGNORED = -100


@dataclass(frozen=True)
class SftSettings:
    """How to fine-tune.

    Rows of more than `max_length` tokens are dropped, truncated at the end, or an error, as
    `overlong` says; the number is logged and written to `training.json`. `lengths` is what
    questions say of the length of the thinking, whose steps end in `step_end`.
    """

    training: Training = field(default_factory=Training)
    max_length: int = 512
    overlong: str = "drop"
    form: TraceFormat = field(default_factory=TraceFormat)
    lengths: tuple[NamedLength, ...] = ()
    step_end: str = "\n\n"

    def __post_init__(self) -> None:
        if self.overlong not in OVERLONG:
            raise ThinkscaleError(
                f"training.overlong is {self.overlong!r}; expected one of {OVERLONG}."
            )
        if not self.max_length > 0:
            raise ThinkscaleError(
                f"training.max_length is {self.max_length!r}; expected a positive number."
            )


def finetune(
    parent: Path,
    rows: Sequence[Mapping],
    out_dir: Path,
    settings: SftSettings,
    checkpoints: Path | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> pd.DataFrame:
    """Fine-tune a model on corpus rows and save it, merged, as safetensors.

    `rows` are taken as sound, as `models.recipes.traces` describes them. `out_dir` gets the model,
    its tokenizer and chat template, and `training.json` (settings, rows used and left out, tokens,
    seconds). checkpoints: where they are kept; a training that finds one goes on from there, with
    the result it would have had. callbacks: of the trainer, as `held_out.Watch`. Returns the loss
    log (`training.run`; mean nats per token with loss).
    """
    started = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(parent)
    if settings.lengths:
        how = (settings.lengths, tokenizer, settings.form, settings.step_end)
        rows = name_lengths(rows, *how)
    examples, overlong = encode_rows(tokenizer, rows, settings)
    set_seed(settings.training.seed)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SFTTrainer(
            model=load_parent(parent, settings.training),
            args=SFTConfig(
                **arguments(settings.training, checkpoints or Path(scratch)),
                max_length=None,  # lengths are seen to above, and counted
                dataset_kwargs={"skip_prepare_dataset": True},
                include_num_input_tokens_seen="non_padding",
            ),
            train_dataset=_dataset(examples),
            processing_class=tokenizer,
            peft_config=adapter(settings.training),
            callbacks=list(callbacks),
        )
        log = run(trainer)
        save(trainer, tokenizer, parent, settings.training, out_dir)

    summary = {
        "settings": asdict(settings),
        "rows": len(rows),
        "rows_used": len(examples),
        "rows_overlong": overlong,
        "tokens": int(log["tokens"].iloc[-1]),
        "seconds": round(time.perf_counter() - started, 1),
    }
    (out_dir / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
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


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_list(
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
