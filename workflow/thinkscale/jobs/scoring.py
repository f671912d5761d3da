"""The scorers of a study as engines, for one model that thinks."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.calibration.bank import problem_of
from thinkscale.calibration.scorer import StatedQuality
from thinkscale.config.inference import Inference
from thinkscale.engines.base import Engine, Ids, Scoring, noise_key
from thinkscale.engines.journal import Journaled
from thinkscale.engines.reader import Reader, as_given, likelihood, verdict
from thinkscale.engines.shared import share
from thinkscale.engines.transformers.engine import SAMPLER_VERSION, versions
from thinkscale.engines.transformers.loading import Checkpoint
from thinkscale.engines.transformers.memory import GIB
from thinkscale.engines.transformers.stream import Stream
from thinkscale.engines.transformers.verdict import open_verdict
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.inference import Prepared, checkpoint_of
from thinkscale.models.registry import tokenizer_digest, verify
from thinkscale.thinking.judged_text import JudgedText, encode_judged
from thinkscale.thinking.prompts import encode, user_message


@dataclass(frozen=True)
class Scorers:
    """What judges one model's thought. policy: that model, for whoever has it sample.

    parameters: of each scorer's model, 0 where it has none.
    """

    policy: Engine
    engines: Mapping[str, Engine]
    parameters: Mapping[str, int]

    def read(self) -> dict[str, int]:
        """By scorer, tokens run through its model; of a likelihood all that the policy ran."""
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
    own = [scorer["name"] for scorer in scorers if scorer["kind"] == "likelihood"]
    thinker, *shares = share(policy, 1 + len(own)) if own else [policy]
    reads_itself = dict(zip(own, shares, strict=True))
    size = parameters(Path(part.prepared.record["directory"]))
    engines, sizes = {}, {}
    for scorer in scorers:
        name = scorer["name"]
        if scorer["kind"] == "calibration":
            engines[name], sizes[name] = _stated_quality(scorer, part), 0
        elif scorer["kind"] == "likelihood":
            engines[name], sizes[name] = Reader(reads_itself[name], likelihood(part.steps)), size
        else:
            engines[name] = _reward_model(scorer, part, stack)
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


def parameters(directory: Path) -> int:
    """How many numbers the weights of a model directory hold, from their files' headers alone."""
    from safetensors import safe_open

    total = 0
    for path in sorted(directory.glob("*.safetensors")):
        with safe_open(path, framework="np") as weights:
            names = weights.keys()
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return total
