"""One model's part of a study: its prompts and forcing, its journal, and how it is opened.

What runs a model and what plans to run it share this, so that what one samples the other finds.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.config.inference import Inference, Thinking
from thinkscale.config.sweep import Conditions
from thinkscale.engines.base import Engine, Openable, Sampling
from thinkscale.engines.journal import Journaled
from thinkscale.engines.registry import openable
from thinkscale.engines.transformers.loading import Checkpoint, Loading, open_checkpoint
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.job import stopping
from thinkscale.jobs.plan import Work
from thinkscale.jobs.progress import Progress, usage_record
from thinkscale.models.registry import verify
from thinkscale.models.size import parameters
from thinkscale.thinking.conditions import Condition, sweep
from thinkscale.thinking.prompts import Instruction, encode_prompt, forcing, render, user_message
from thinkscale.thinking.readout import Spellings, label_spellings, sequences
from thinkscale.thinking.think import Thought, think


@dataclass(frozen=True)
class Prepared:
    """A model without its weights, and all it is to be asked. identity: see `Journaled`."""

    record: Mapping[str, Any]
    checkpoint: Checkpoint
    engine: Openable
    work: Work
    identity: dict[str, Any]
    settings: Inference

    def open(self) -> Engine:
        """Open the engine, having seen that the model is still the one that was registered."""
        verify(self.record)
        return self.engine.open()

    @property
    def parameters(self) -> int | None:
        """How many the model has, by its files or by what is said of a server's; else unknown."""
        server = self.settings.server
        said = None if server is None else server.parameters
        return said or parameters(Path(self.record["directory"])) or None

    def journal(self, directory: Path, writer: str) -> Journaled:
        return Journaled(
            self.open,
            directory,
            writer,
            self.identity,
            name=self.engine.name,
            exact_tokens=self.engine.exact_tokens,
            versions=self.engine.versions,
            others=self.settings.journal == "any",
            stop=stopping,
        )


def prepare(
    record: Mapping[str, Any],
    items: pd.DataFrame,
    settings: Inference,
    conditions: Mapping[str, Any],
    *,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> Prepared:
    """Make ready to run a model, from its record.

    items: by the contract. conditions: the study's, as its configuration has them. checkpoint:
    the model's, where it is open already. Raises ThinkscaleError if the model's directory is at
    fault, or an item's labels cannot be read as `inference.readout` asks.
    """
    checkpoint = checkpoint or checkpoint_of(record, settings)
    thinking = settings.thinking
    tokenizer = checkpoint.tokenizer
    texts = prompts_of(tokenizer, items, settings)
    off = prompts_of(tokenizer, items, settings, off=True) if conditions["no_think"] else {}
    prompts, unthinking = (
        {item_id: encode_prompt(tokenizer, text) for item_id, text in asked.items()}
        for asked in (texts, off)
    )
    forced = forcing(
        tokenizer,
        end=thinking.end,
        answer_prompt=thinking.answer_prompt,
        continuations=conditions["continuations"],
        continuation_choice=conditions["continuation_choice"],
        max_answer=settings.max_answer_tokens,
        max_swaps=conditions["max_swaps"],
        whole_turn=thinking.turn_end == "response",
    )
    sampling = Sampling(settings.temperature, settings.top_p, settings.top_k)
    engine = openable(settings.engine, checkpoint, sampling, settings.model_dump())
    identity = {
        "engine": engine.name,
        "fingerprint": record["fingerprint"],
        "sampling": asdict(sampling),
        **engine.identity,
    }
    work = Work(
        prompts,
        configured_sweep(conditions),
        forced,
        checkpoint.context,
        settings.samples,
        seed,
        unthinking=unthinking,
        readouts=options_spelled(items, settings, tokenizer) if settings.readout else {},
    )
    return Prepared(record, checkpoint, engine, work, identity, settings)


def ready(
    record: Mapping[str, Any],
    items: pd.DataFrame,
    settings: Inference,
    forced: Mapping[str, Any],
    *,
    samples: int,
    waits: int = 0,
    seed: int,
) -> Prepared:
    """Make ready to think chains that are learned from: natural ones, and on past so many ends.

    forced: of the study's conditions, what is put in at natural ends; of several continuations it
    is the first. Raises as `prepare` does.
    """
    settings = settings.model_copy(update={"samples": samples, "readout": None})
    conditions = Conditions(**forced, waits=[waits] if waits else None)
    if conditions.continuation_choice == "each":
        first = conditions.continuations[:1]
        conditions = conditions.model_copy(update={"continuations": first})
    return prepare(record, items, settings, conditions.model_dump(), seed=seed)


def hinted(
    items: pd.DataFrame, settings: Inference, hint: str, seed: int
) -> tuple[pd.DataFrame, Inference, int]:
    """With which items, settings and seed a model is asked once more, and told the answers."""
    told = items.assign(answer=items["key"].fillna(items["answer_text"]))
    prompt = settings.prompt.model_copy(update={"template": hint})
    # With the noise of before, the slips of before would be made again.
    return told, settings.model_copy(update={"prompt": prompt}), seed + 1


def prompts_of(
    tokenizer,
    items: pd.DataFrame,
    settings: Inference,
    *,
    off: bool = False,
    told: Instruction | None = None,
) -> dict[str, str]:
    """Every item's prompt by its id, rendered so that it opens thinking or switches it off.

    told: how long to think, where the message says so. Raises ThinkscaleError as `render` does.
    """
    form, how = settings.prompt, opening_of(settings.thinking, off=off)

    def message(item: Mapping[str, Any]) -> str:
        own = user_message(item, form.template, form.option, form.separator)
        return own if told is None else told.within(own)

    return {
        item["item_id"]: render(
            tokenizer,
            message(item),
            system=form.system,
            system_role=form.system_role,
            examples=[example.model_dump() for example in form.examples],
            **how,
        )
        for item in items.to_dict("records")
    }


def opening_of(thinking: Thinking, *, off: bool = False) -> dict[str, Any]:
    """What `render` is told so that a prompt opens thinking, or switches it off."""
    options = thinking.template_options
    if off:
        options = {**options, **thinking.off_options}
        return {"start": thinking.closed, "opening": thinking.start, "template_options": options}
    return {"start": thinking.start, "end": thinking.end, "template_options": options}


def options_spelled(
    items: pd.DataFrame, settings: Inference, tokenizer, asked: str = "`inference.readout`"
) -> dict[str, Spellings]:
    """How the labels of every item are spelled. asked: by whom, for what is raised."""
    found, spelled = {}, cache(partial(_spelled, settings, tokenizer))
    for item_id, options in zip(items["item_id"], items["options"], strict=True):
        try:
            found[item_id] = spelled(tuple(option["label"] for option in options))
        except ThinkscaleError as error:
            raise ThinkscaleError(f"{asked}: item {item_id!r}: {error}") from error
    return found


def _spelled(settings: Inference, tokenizer, labels: tuple[str, ...]) -> Spellings:
    if not labels:
        raise ThinkscaleError("there are no options whose labels could be read")
    spellings = label_spellings(tokenizer, settings.thinking.answer_prompt, labels)
    longest, room = max(map(len, sequences(spellings))), settings.max_answer_tokens
    if longest > room:
        raise ThinkscaleError(
            f"a label takes {longest} tokens; expected at most the {room} of `max_answer_tokens`"
        )
    return spellings


def checkpoint_of(record: Mapping[str, Any], settings: Inference) -> Checkpoint:
    """Open what a record stands for, without its weights."""
    loading = Loading(
        settings.dtype,
        settings.device,
        settings.device_map,
        settings.quantization,
        settings.trust_remote_code,
    )
    weights = settings.engine != "completions"
    return open_checkpoint(Path(record["directory"]), loading, settings.context, weights)


def configured_sweep(conditions: Mapping[str, Any]) -> dict[str, Condition]:
    """Return the conditions of a study, by name, from the values of its configuration."""
    return sweep(**{k: v for k, v in conditions.items() if v is not None and k != "max_swaps"})


def run(
    prepared: Prepared, directory: Path, shard: int, shards: int, *, verb: str = "think"
) -> tuple[Thought, dict[str, Any]]:
    """Think about all that is prepared, with the journal of `directory` and a progress bar.

    shard, shards: which part of the items this is, and of how many. verb: what the bar says is
    done. Returns the thought and the job's usage (`usage_record`). Raises as the engine does.
    """
    work, model = prepared.work, prepared.record["name"]
    journal = prepared.journal(directory, f"{shard}-of-{shards}")
    total = len(work.prompts) * work.samples
    with journal, Progress(model, total, journal.usage, verb=verb) as progress:
        thought = think(
            model,
            engine=journal,
            decode=prepared.checkpoint.tokenizer.decode,
            in_flight=prepared.engine.in_flight or 2 * prepared.settings.batch_size,
            watch=progress.watch,
            **vars(work),
        )
    usage = usage_record(
        thought,
        journal.usage(),
        recalled=journal.recalled,
        device=prepared.engine.device,
        model=model,
        parameters=prepared.parameters,
        shard=shard,
    )
    return thought, usage
