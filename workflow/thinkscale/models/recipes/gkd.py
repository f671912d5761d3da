"""Distillation of distributions, by TRL's DistillationTrainer.

A student learns what its teacher would write next, token by token, on completions that the student
writes itself (generalized knowledge distillation, Agarwal et al., arXiv 2306.13649). TRL draws the
completions: unlike its trainer for GRPO, this one cannot be given them.
"""

import copy
import json
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback, set_seed
from trl import DistillationConfig, DistillationTrainer

from thinkscale.errors import ThinkscaleError
from thinkscale.models.recipes.traces import TraceFormat, prompt_of
from thinkscale.models.recipes.training import (
    Training,
    adapter,
    arguments,
    in_order,
    load_parent,
    run,
    save,
)
from thinkscale.models.vocabulary import check_same_vocabulary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GkdSettings:
    """How to distil, with TRL's names.

    beta: the divergence, from 0 (forward Kullback-Leibler, of the teacher from the student) by 0.5
    (Jensen-Shannon) to 1 (reverse). temperature: of the completions, and of both distributions.
    max_completion_length: in tokens; longer completions are cut. max_length: of question and
    completion together; questions that leave no room for one are left out, and counted.
    """

    training: Training = field(default_factory=Training)
    beta: float = 1.0
    temperature: float = 1.0
    max_completion_length: int = 512
    max_length: int = 4096
    form: TraceFormat = field(default_factory=TraceFormat)


def distil(
    parent: Path,
    teacher: Path,
    questions: Sequence[str],
    out_dir: Path,
    settings: GkdSettings,
    checkpoints: Path | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> pd.DataFrame:
    """Train a model on a teacher's distributions, and save it as `sft.finetune` does.

    Returns the log (`training.run`); its loss is the divergence in nats per token. Raises
    ThinkscaleError, before any weights are loaded, where the two vocabularies differ.
    """
    started = time.perf_counter()
    check_same_vocabulary(parent, teacher)
    how, tokenizer = settings.training, AutoTokenizer.from_pretrained(parent)
    # Prompts are whole already: a BOS of the tokenizer's would be their second.
    bare = copy.deepcopy(tokenizer)
    bare.backend_tokenizer.post_processor = None
    prompts = _fitting(tokenizer, questions, settings)
    student = load_parent(parent, how)
    # Ids beyond the tokenizer's, as padded vocabularies have them, are nothing to write.
    padding = list(range(len(tokenizer), student.config.get_text_config().vocab_size))
    with tempfile.TemporaryDirectory() as scratch:
        trainer = DistillationTrainer(
            model=student,
            teacher_model=load_parent(teacher, Training("full", dtype=how.dtype)),
            args=DistillationConfig(
                **arguments(how, checkpoints or Path(scratch)),
                shuffle_dataset=False,
                beta=settings.beta,
                temperature=settings.temperature,
                max_completion_length=settings.max_completion_length,
                generation_kwargs={"suppress_tokens": padding} if padding else None,
            ),
            train_dataset=Dataset.from_dict({"prompt": in_order(prompts, how)}),
            processing_class=bare,
            peft_config=adapter(how),
            callbacks=[_SeedOfStep(), *callbacks],
        )
        log = run(trainer)
        save(trainer, tokenizer, parent, how, out_dir)

    summary = {
        "settings": asdict(settings),
        "questions": len(questions),
        "questions_overlong": len(questions) - len(prompts),
        "tokens": int(log["tokens"].iloc[-1]),
        "seconds": round(time.perf_counter() - started, 1),
    }
    (out_dir / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    return log


class _SeedOfStep(TrainerCallback):
    """What a step draws depends on the seed and its number, so that a training can go on."""

    def on_step_begin(self, args, state, control, **others) -> None:
        set_seed(args.seed + state.global_step)


def _fitting(tokenizer, questions: Sequence[str], settings: GkdSettings) -> list[str]:
    """The prompts that leave room for a completion."""
    room = settings.max_length - settings.max_completion_length
    prompts = [prompt_of(tokenizer, asked, settings.form) for asked in questions]
    fitting = [p for p in prompts if len(tokenizer.encode(p, add_special_tokens=False)) <= room]
    if len(fitting) < len(prompts):
        logger.warning(
            "%d of %d questions leave no room for a completion within max_length %d and were left "
            "out.",
            len(prompts) - len(fitting), len(prompts), settings.max_length,
        )  # fmt: skip
    if not fitting:
        raise ThinkscaleError(
            f"No question is left to distil on: {len(prompts)} given, none within `max_length` "
            f"{settings.max_length} less `gkd.max_completion_length` "
            f"{settings.max_completion_length}."
        )
    return fitting
