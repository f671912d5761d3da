"""A model that learns by reinforcement: its items, how they are graded, and its engine."""

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.config.models import Derivation, PassRate
from thinkscale.engines.transformers.engine import SAMPLER_VERSION, open_engine
from thinkscale.engines.transformers.memory import GIB
from thinkscale.engines.transformers.sampling import Sampling
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import Prepared, run
from thinkscale.jobs.watching import Grader, right_by, watched
from thinkscale.models.recipes.grpo import GrpoSettings, reinforce
from thinkscale.models.recipes.held_out import HeldOut
from thinkscale.models.recipes.rewards import Rollout
from thinkscale.models.recipes.settings import Training
from thinkscale.models.recipes.training import checkpoints_of
from thinkscale.models.registry import verify
from thinkscale.thinking.conditions import NATURAL

logger = logging.getLogger(__name__)


def derive(
    prepared: Prepared,
    items: pd.DataFrame,
    apart: pd.DataFrame,
    derivation: Derivation,
    conditions: Mapping[str, Any],
    grader: Grader,
    journal: Path,
    checkpoints: Path,
    out_dir: Path,
) -> tuple[pd.DataFrame, list[dict[str, Any]], dict[str, Any]]:
    """Reinforce a model on the items; those `apart` are only measured.

    prepared: the parent, with prompts of both. conditions: the study's. journal: directory of the
    parent's, for its pass rates. checkpoints: directory of the model's, emptied when all is done.
    Writes `training.json` beside the weights. Returns log and samples as `reinforce` does, the log
    with the tokens `sampled` so far, those for pass rates among them; and what became of the items.
    Raises ThinkscaleError for a reference that the grader cannot read, for a parent that is
    quantized, and where no item is left.
    """
    began = time.perf_counter()
    verify(prepared.record)
    settings, own = prepared.settings, derivation.grpo
    if settings.quantization is not None:
        raise ThinkscaleError(
            f"`inference.quantization` of {prepared.record['name']} is {settings.quantization}; "
            "expected none, since the weights that it thinks with change at every step"
        )
    prompt = settings.thinking.answer_prompt
    right = right_by(items, grader, prompt)
    watch = None
    if len(apart):
        watch = watched(prepared, apart, derivation.held_out, conditions, grader)
    room = min(prepared.work.context, derivation.max_length) - own.max_completion_length
    prompts = {i: p for i in items["item_id"] if len(p := prepared.work.prompts[i]) <= room}
    counts = {"items": len(items), "items_overlong": len(items) - len(prompts)}
    tried = 0
    if own.pass_rate is not None:
        rates, tried = pass_rates(prepared, prompts, own.pass_rate, right, journal)
        low, high = own.pass_rate.at_least, own.pass_rate.at_most
        prompts = {i: p for i, p in prompts.items() if low <= rates[i] <= high}
        counts |= {
            "items_too_easy": sum(rate > high for rate in rates.values()),
            "items_too_hard": sum(rate < low for rate in rates.values()),
        }
    counts["items_used"] = len(prompts)
    if not prompts:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ThinkscaleError(
            f"`derive.grpo`: no item is left to learn on ({found}); expected some whose prompt and "
            f"`max_completion_length` {own.max_completion_length} fit into `max_length` "
            f"{derivation.max_length} and the context of {prepared.work.context} tokens, with a "
            "pass rate within `pass_rate` if there is one"
        )
    how = _settings(prepared, derivation, conditions)
    content = _content(prepared, prompts, how, watch, grader)
    log, samples = reinforce(
        Path(prepared.record["directory"]),
        prompts,
        prepared.work.forcing.think_end,
        lambda rollouts: right(_responses(rollouts, settings.thinking.turn_end == "response")),
        _engine(prepared, own.temperature),
        out_dir,
        how,
        watched=watch,
        checkpoints=checkpoints_of(checkpoints, content),
    )
    at_once = how.training.batch_size * how.training.gradient_accumulation
    drawn = (at_once * log["completion_tokens"].fillna(0)).cumsum()
    log["sampled"] = (tried + drawn).round().astype("int64")
    summary = {
        "settings": asdict(how),
        **counts,
        "tokens": int(log["tokens"].max()),
        "seconds": round(time.perf_counter() - began, 1),
    }
    (out_dir / "training.json").write_text(json.dumps(summary, indent=2) + "\n")
    shutil.rmtree(checkpoints, ignore_errors=True)
    return log, samples, counts


def pass_rates(
    prepared: Prepared,
    prompts: Mapping[str, tuple[int, ...]],
    asked: PassRate,
    right,
    journal: Path,
) -> tuple[dict[str, float], int]:
    """The share of the parent's natural responses that is right, by item; and tokens sampled.

    Journaled: what was recalled counts as sampled.
    """
    work = replace(
        prepared.work,
        prompts=prompts,
        conditions={"natural": NATURAL},
        samples=asked.samples,
        unthinking={},
        readouts={},
    )
    thought, usage = run(replace(prepared, work=work), journal, 0, 1, verb="try")
    found = thought.responses.assign(right=right(thought.responses))
    tokens = usage["sampled_tokens"] + usage["recalled_tokens"]
    return found.groupby("item_id")["right"].mean().to_dict(), tokens


def _responses(rollouts: Sequence[Rollout], whole_turn: bool) -> pd.DataFrame:
    """Rollouts as the grader reads responses; without an end of thinking there is no answer."""
    rows = []
    for number, rollout in enumerate(rollouts):
        answer, where, missing = rollout.answer, "answer", None
        if answer is None and whole_turn and rollout.ended:
            answer, where = rollout.thought, "turn"
        elif answer is None:
            answer, missing = "", "thinking did not end"
        stop = "eos" if rollout.ended else "limit"
        rows.append((rollout.item_id, number, answer, where, stop, missing))
    columns = ["item_id", "sample", "answer_text", "answer_from", "answer_stop", "error"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(model="rollout", condition="natural", stop="natural")


def _settings(
    prepared: Prepared, derivation: Derivation, conditions: Mapping[str, Any]
) -> GrpoSettings:
    given = {**derivation.model_dump(), **derivation.grpo.model_dump()}
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}

    def known(kind: type) -> dict[str, Any]:
        return {field.name: given[field.name] for field in fields(kind) if field.name in given}

    thinking = prepared.settings.thinking
    return GrpoSettings(
        Training(**known(Training), log_every=1, seed=prepared.work.seed),
        markers=(thinking.start, *thinking.end),
        wait=conditions["continuations"][0],
        **known(GrpoSettings),
    )


def _content(
    prepared: Prepared,
    prompts: Mapping[str, tuple[int, ...]],
    how: GrpoSettings,
    watch: HeldOut | None,
    grader: Grader,
) -> dict[str, Any]:
    """All that decides what is learned."""
    return {
        "parent": prepared.record["fingerprint"],
        "identity": prepared.identity,
        "sampler": SAMPLER_VERSION,
        "prompts": dict(prompts),
        "settings": asdict(how),
        "held_out": None if watch is None else [dict(watch.prompts), watch.samples, watch.wait],
        "grader": list(grader),
    }


def _engine(prepared: Prepared, temperature: float):
    """The parent, sampled from as it is: what is reinforced is what was drawn."""
    settings = prepared.settings
    return open_engine(
        prepared.checkpoint,
        Sampling(temperature),
        settings.batch_size,
        None if settings.memory is None else int(settings.memory * GIB),
        settings.attention,
    )
