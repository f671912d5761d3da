"""Items that a model in training is measured on: which they are, and how they are asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from thinkscale.config.inference import Inference
from thinkscale.config.models import Derivation, HeldOutItems
from thinkscale.errors import ThinkscaleError
from thinkscale.grading.study import COLUMNS, grade
from thinkscale.jobs.inference import Prepared, prepare
from thinkscale.jobs.training_items import watched_items
from thinkscale.models.recipes.held_out import HeldOut, Watch
from thinkscale.thinking.conditions import continuation_names

Grader = tuple[str, Mapping[str, Any] | None, str | None]
"""The study's first grader, its settings, and the pattern it reads by."""


def watch(
    record: Mapping[str, Any],
    derivation: Derivation,
    inference: Inference,
    conditions: Mapping[str, Any],
    grader: Grader,
    seed: int,
) -> Watch:
    """What measures held-out items while a model is fine-tuned or distilled.

    record, inference: the parent's, as it thinks in the study. Raises as `watched` does, and for a
    parent that is quantized.
    """
    if inference.quantization is not None:
        raise ThinkscaleError(
            f"`inference.quantization` of {record['name']} is {inference.quantization}; expected "
            "none with `derive.eval_steps`, since the weights that it thinks with change"
        )
    items = watched_items(derivation.held_out, seed)
    prepared = prepare(record, items, inference, {**conditions, "no_think": False}, seed=seed)
    held = watched(prepared, items, derivation.held_out, conditions, grader)
    return Watch(held, prepared.open(), derivation.eval_steps)


def watched(
    prepared: Prepared,
    items: pd.DataFrame,
    asked: HeldOutItems,
    conditions: Mapping[str, Any],
    grader: Grader,
) -> HeldOut:
    """What is measured of held-out items, which are among those prepared.

    conditions: the study's. Raises ThinkscaleError where no prompt leaves room for an answer.
    """
    work = prepared.work
    prompts = {
        item_id: work.prompts[item_id]
        for item_id in items["item_id"]
        if work.forcing.fits(work.context, work.prompts[item_id])
    }
    if not prompts:
        raise ThinkscaleError(
            f"`derive.held_out`: of {len(items)} items none has a prompt that leaves room for an "
            f"answer within the context of {work.context} tokens"
        )
    texts, choice = conditions["continuations"], conditions["continuation_choice"]
    return HeldOut(
        prompts,
        work.forcing,
        work.context,
        prepared.checkpoint.tokenizer.decode,
        right_by(items, grader, prepared.settings.thinking.answer_prompt),
        wait=continuation_names(texts, choice)[0],
        text=texts[0],
        samples=asked.samples,
        seed=work.seed,
    )


def right_by(
    items: pd.DataFrame, grader: Grader, answer_prompt: str
) -> Callable[[pd.DataFrame], Sequence[bool]]:
    """Which responses to these items are right.

    Raises ThinkscaleError at once for an item whose reference the grader cannot read.
    """
    name, settings, pattern = grader

    def right(responses: pd.DataFrame) -> Sequence[bool]:
        how = {"answer_prompt": answer_prompt, "pattern": pattern}
        return grade(responses, items, name, settings, **how)["outcome"].eq("correct").tolist()

    right(pd.DataFrame(columns=COLUMNS))
    return right
