"""The scorers of a study as engines, for one model that thinks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.calibration.bank import problem_of
from thinkscale.calibration.scorer import StatedQuality
from thinkscale.config.inference import Inference
from thinkscale.config.sweep import Conditions
from thinkscale.engines.base import Engine, Ids, Scoring, noise_key
from thinkscale.engines.journal import Journaled
from thinkscale.engines.reader import Reader, Reflection, as_given, likelihood, verdict
from thinkscale.engines.shared import share
from thinkscale.engines.transformers.engine import SAMPLER_VERSION, versions
from thinkscale.engines.transformers.loading import Checkpoint
from thinkscale.engines.transformers.memory import GIB
from thinkscale.engines.transformers.stream import Stream
from thinkscale.engines.transformers.verdict import open_verdict
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import (
    Prepared,
    checkpoint_of,
    opening_of,
    options_spelled,
    prepare,
)
from thinkscale.jobs.judging import between_lines, breaker, reserved_strings, task_of
from thinkscale.models.registry import tokenizer_digest, verify
from thinkscale.models.size import parameters
from thinkscale.thinking.judged_text import JudgedText, encode_judged
from thinkscale.thinking.prompts import encode, encode_prompt, render, user_message
from thinkscale.thinking.readout import among_labels, label_spellings, lead, sequences


@dataclass(frozen=True)
class Scorers:
    """What judges one model's thought. policy: that model, for whoever has it sample.

    parameters: of each scorer's model, 0 where it has none.
    """

    policy: Engine
    engines: Mapping[str, Engine]
    parameters: Mapping[str, int]

    @property
    def exact(self) -> dict[str, bool]:
        """By scorer, whether it reads the tokens it is given, and not its own of their text."""
        return {name: engine.exact_tokens for name, engine in self.engines.items()}

    def read(self) -> dict[str, int]:
        """By scorer, tokens run through its model; of the policy's own all that the policy ran."""
        return {name: engine.usage().fed for name, engine in self.engines.items()}

    def unread(self) -> dict[str, int]:
        """By scorer, how many ends had no value because what they stand for did not fit."""
        readers = {n: e for n, e in self.engines.items() if isinstance(e, Reader)}
        return {name: reader.unread for name, reader in readers.items() if reader.unread}


@dataclass(frozen=True)
class Part:
    """The part of a study in which thought is judged.

    items: by the contract. models: by scorer, the record of its model and how that is run. steps:
    cuts a thought. journals: where those of scores are. writer: how their files' names begin.
    """

    prepared: Prepared
    items: pd.DataFrame
    models: Mapping[str, tuple[Mapping[str, Any], Inference]]
    steps: Callable[[Ids], Sequence[Ids]]
    journals: Path
    writer: str


def open_scorers(
    scorers: Sequence[Mapping[str, Any]], policy: Engine, part: Part, stack: ExitStack
) -> Scorers:
    """Make ready the scorers of a study, as its configuration has them.

    stack: closes their journals. Weights are loaded when there is something to read. Raises
    ThinkscaleError if a scorer's model cannot read what it is to be given.
    """
    own = [scorer["name"] for scorer in scorers if scorer["kind"] in ("likelihood", "readout")]
    thinker, *shares = share(policy, 1 + len(own)) if own else [policy]
    reads_itself = dict(zip(own, shares, strict=True))
    size = part.prepared.parameters
    engines, sizes = {}, {}
    for scorer in scorers:
        name = scorer["name"]
        if scorer["kind"] == "calibration":
            engines[name], sizes[name] = _stated_quality(scorer, part), 0
        elif scorer["kind"] == "likelihood":
            engines[name], sizes[name] = Reader(reads_itself[name], likelihood(part.steps)), size
        elif scorer["kind"] == "readout":
            engines[name], sizes[name] = _readout(scorer, part, reads_itself[name]), size
        else:
            made = _judge if scorer["kind"] == "judge" else _reward_model
            engines[name] = made(scorer, part, stack)
            sizes[name] = parameters(Path(part.models[name][0]["directory"]))
    return Scorers(thinker, engines, sizes)


def _by_row(part: Part, value: Callable[[Mapping[str, Any]], Any]) -> dict[bytes, Any]:
    """Something of each item, by the row it is judged as: that of the first sample."""
    seed = part.prepared.work.seed
    items = part.items.to_dict("records")
    return {noise_key(seed, item["item_id"], 0): value(item) for item in items}


def _stated_quality(scorer: Mapping[str, Any], part: Part) -> StatedQuality:
    problems = _by_row(part, lambda item: problem_of(item["meta"]))
    decode = part.prepared.checkpoint.tokenizer.decode
    return StatedQuality(problems, decode, scorer["d_prime"], part.prepared.work.seed)


def _readout(scorer: Mapping[str, Any], part: Part, engine: Engine) -> Reader:
    """Where thinking is cut behind a step, how sure the model is of an option."""
    prepared = part.prepared
    work, tokenizer = prepared.work, prepared.checkpoint.tokenizer
    named = f"scorer {scorer['name']}"
    spelled = options_spelled(part.items, prepared.settings, tokenizer, named)
    read = _by_row(part, lambda item: sequences(spelled[item["item_id"]]))
    spellings = {sequences(each): each for each in spelled.values()}

    def cut(scoring: Scoring) -> Iterable[Ids]:
        return (ids + work.forcing.forced_end(ids) for ids in as_given(scoring))

    def value(words: tuple[Ids, ...], logprobs: tuple[float, ...]) -> float:
        return lead(among_labels(spellings[words], logprobs), scorer["measure"])

    ask = verdict(cut, work.context, lambda scoring: read[scoring.noise])
    return Reader(engine, ask, value=value)


def _judge(scorer: Mapping[str, Any], part: Part, stack: ExitStack) -> Reader:
    """A language model that is asked whether all is right so far."""
    (record, settings), asked = part.models[scorer["name"]], scorer["judge"]
    # It is asked about what is thought, and about no item by itself.
    none, alone = part.items.iloc[:0], Conditions().model_dump()
    judge = prepare(record, none, settings, alone, seed=part.prepared.work.seed)
    tokenizer, forcing, thinking = judge.checkpoint.tokenizer, judge.work.forcing, settings.thinking
    opening = opening_of(thinking, off=not asked["max_think"])
    clean = breaker(reserved_strings(tokenizer, thinking.model_dump()))
    shown = part.prepared.settings.prompt.model_dump()
    facts = _by_row(part, lambda item: {"stem": item["stem"], "task": task_of(item, shown)})
    decode = part.prepared.checkpoint.tokenizer.decode
    words = {word: asked[word] for word in ("right", "wrong")}

    def question(noise: bytes, thought: str) -> Ids:
        judged = between_lines(clean(thought.strip()))
        message = asked["template"].format(thought=judged, **words, **facts[noise])
        role = settings.prompt.system_role
        text = render(tokenizer, message, system=asked["system"], system_role=role, **opening)
        return encode_prompt(tokenizer, text)

    def questions(scoring: Scoring) -> Iterable[Ids]:
        thoughts = (scoring.ids[scoring.begin : end] for end in scoring.ends)
        return (question(scoring.noise, decode(thought)) for thought in thoughts)

    behind, reserved, reflection = thinking.closed, 0, None
    if most := asked["max_think"]:
        behind = thinking.answer_prompt
        reserved = most + len(forcing.newline + forcing.think_end[0] + forcing.answer_prompt)
        reflection = Reflection(most, forcing.think_end, forcing.forced_end)
    try:
        spellings = label_spellings(tokenizer, behind, tuple(words.values()))
        for noise in facts:
            question(noise, "")  # a template that refuses it does so before anything is sampled
    except ThinkscaleError as error:
        raise ThinkscaleError(f"scorer {scorer['name']}: {error}") from error

    def value(read: tuple[Ids, ...], logprobs: tuple[float, ...]) -> float:
        return among_labels(spellings, logprobs)[words["right"]]

    ask = verdict(questions, judge.work.context - reserved, lambda scoring: sequences(spellings))
    journal = judge.journal(part.journals / f"scores-{record['name']}", part.writer)
    return Reader(stack.enter_context(journal), ask, False, value, reflection)


def _reward_model(scorer: Mapping[str, Any], part: Part, stack: ExitStack) -> Reader:
    record, settings = part.models[scorer["name"]]
    checkpoint, text = checkpoint_of(record, settings), scorer["text"]
    if text is None and tokenizer_digest(record) != tokenizer_digest(part.prepared.record):
        raise ThinkscaleError(
            f"scorer {scorer['name']}: {record['name']} has another tokenizer than "
            f"{part.prepared.record['name']}, whose tokens it is to read; expected `text`, how it "
            "is given the text of a thought"
        )
    words = text and _words(scorer["name"], checkpoint.tokenizer, text["right"], text["wrong"])
    beginnings = as_given if text is None else _in_text(part, checkpoint.tokenizer, text)
    opened = partial(_opened, record, checkpoint, settings, scorer["kind"], words)
    identity = {
        "engine": "verdict",
        "sampler": SAMPLER_VERSION,
        "fingerprint": record["fingerprint"],
        "attention": settings.attention,
        "judges": [scorer["kind"], words],
        **checkpoint.identity(),
    }
    journal = Journaled(
        opened,
        part.journals / f"scores-{record['name']}",
        part.writer,
        identity,
        name=Stream.name,
        exact_tokens=text is None,
        versions=versions(),
        others=settings.journal == "any",
    )
    journal = stack.enter_context(journal)
    return Reader(journal, verdict(beginnings, checkpoint.context), text is None)


def _opened(
    record: Mapping[str, Any],
    checkpoint: Checkpoint,
    settings: Inference,
    kind: str,
    words: tuple[int, int] | None,
) -> Engine:
    verify(record)
    memory = None if settings.memory is None else int(settings.memory * GIB)
    return open_verdict(checkpoint, kind, words, settings.batch_size, memory, settings.attention)


def _words(name: str, tokenizer, right: str | None, wrong: str | None) -> tuple[int, int] | None:
    """The ids of wrong and right; a word that has several tokens is told by its last."""
    if right is None:
        return None
    found = tuple(encode(tokenizer, word)[-1] for word in (wrong, right))
    if found[0] == found[1]:
        raise ThinkscaleError(
            f"scorer {name}: {right!r} and {wrong!r} end in the same token; expected words that "
            "its tokenizer tells apart"
        )
    return found


def _in_text(part: Part, tokenizer, text: Mapping[str, Any]) -> Callable[[Scoring], list[Ids]]:
    """What a scorer with its own tokens reads: the item's question and the text of the steps."""
    shown = part.prepared.settings.prompt
    questions = _by_row(
        part,
        lambda item: user_message(item, shown.template, shown.option, shown.separator),
    )
    form = JudgedText(**{k: v for k, v in text.items() if k not in ("preset", "wrong")})
    decode = part.prepared.checkpoint.tokenizer.decode

    def beginnings(scoring: Scoring) -> list[Ids]:
        thoughts = (scoring.ids[scoring.begin : end] for end in scoring.ends)
        return [
            encode_judged(
                tokenizer, questions[scoring.noise], [decode(s) for s in part.steps(t)], form
            )
            for t in thoughts
        ]

    return beginnings
