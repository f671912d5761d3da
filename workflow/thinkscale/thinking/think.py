"""Run one model over items: every sample of every item, under every condition."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pandas as pd

from thinkscale.data import contracts
from thinkscale.engines.base import Engine, Ids, noise_key
from thinkscale.engines.drive import drive
from thinkscale.thinking.budget import Answer, Forcing, Row, respond
from thinkscale.thinking.chain import Chain
from thinkscale.thinking.conditions import Condition
from thinkscale.thinking.readout import Spellings, label_logprobs, sequences

_TEXTS = 256  # decoded texts kept: the conditions of a row share many


@dataclass(frozen=True)
class Thought:
    """What a run over some items gave: frames by contract (design: data contracts), and counts.

    refused: by item id, why its prompt could not be thought about. rows: item x sample, each done.
    """

    chains: pd.DataFrame
    responses: pd.DataFrame
    refused: Mapping[str, str]
    rows: int
    readouts: pd.DataFrame


def think(
    model: str,
    prompts: Mapping[str, Ids],
    conditions: Mapping[str, Condition],
    engine: Engine,
    forcing: Forcing,
    decode: Callable[[Ids], str],
    *,
    context: int,
    samples: int,
    seed: int,
    readouts: Mapping[str, Spellings] = MappingProxyType({}),
    in_flight: int = 64,
    unthinking: Mapping[str, Ids] = MappingProxyType({}),
    watch: Callable[[int, int, int], None] = lambda rows, items, in_flight: None,
) -> Thought:
    """Think about every item under every condition, each sample of it as one row.

    prompts: token ids by item id. context: tokens of prompt, thinking and answer together.
    readouts: by item id, the labels whose probabilities are read, as they are spelled. in_flight:
    rows driven at a time. unthinking: prompts with thinking switched off, by item id, for the
    condition that has it so. watch: told after each step how many rows and items are done
    and how many rows are on their way.

    An item whose prompt leaves no room for an answer gets its responses all the same, empty and
    with the reason in `error`; the others are not held up by it.
    """
    refused = {
        item_id: _does_not_fit(max(prompt, unthinking.get(item_id, ()), key=len), forcing, context)
        for item_id, prompt in prompts.items()
        if not forcing.fits(context, prompt, unthinking.get(item_id, ()))
    }
    rows = (
        (
            (item_id, sample),
            respond(
                prompt,
                noise_key(seed, item_id, sample),
                conditions,
                forcing,
                context,
                unthinking=unthinking.get(item_id, ()),
                read=sequences(readouts.get(item_id, {})),
            ),
        )
        for item_id, prompt in prompts.items()
        if item_id not in refused
        for sample in range(samples)
    )
    decode = lru_cache(_TEXTS)(decode)
    chains, responses, read = [], [], []
    rows_done = items_done = 0
    of_item = Counter()  # rows done

    def tell(going: int) -> None:
        watch(rows_done, items_done, going)

    for (item_id, sample), row in drive(rows, engine, in_flight, tell):
        rows_done += 1
        of_item[item_id] += 1
        items_done += of_item[item_id] == samples
        key = {"model": model, "item_id": item_id, "sample": sample}
        chains += [{**key, **_chain_record(row.prompt, chain)} for chain in row.chains]
        responses += [{**key, **r} for r in _response_records(row, conditions, engine, decode)]
        if item_id in readouts:
            read += [{**key, **r} for r in _readout_records(row, readouts[item_id])]
    watch(rows_done, items_done, 0)
    for item_id, reason in refused.items():
        sizes = len(prompts[item_id]), len(unthinking.get(item_id, ()))
        for sample in range(samples):
            key = {"model": model, "item_id": item_id, "sample": sample}
            responses += [
                {**key, **_refused_record(name, c, sizes[c.no_think], reason, engine)}
                for name, c in conditions.items()
            ]
    order = {item_id: position for position, item_id in enumerate(prompts)}
    return Thought(
        _sorted(chains, order, "chains"),
        _sorted(responses, order, "responses"),
        refused,
        rows_done,
        _sorted(read, order, "readouts"),
    )


def _does_not_fit(prompt: Ids, forcing: Forcing, context: int) -> str:
    return (
        f"the prompt has {len(prompt)} tokens; with the answer's {forcing.max_answer} and a forced "
        f"end it exceeds the context of {context} tokens"
    )


def _chain_record(prompt: Ids, chain: Chain) -> dict[str, Any]:
    return {
        "prompt_token_ids": list(prompt),
        "continuation": chain.continuation,
        "segments": [{"kind": s.kind, "token_ids": list(s.ids)} for s in chain.segments],
        "natural_end": chain.natural_end,
    }


def _response_records(
    row: Row, conditions: Mapping[str, Condition], engine: Engine, decode: Callable[[Ids], str]
) -> Iterable[dict[str, Any]]:
    sampled = sum(answer.new_tokens for answer in row.answers.values()) or 1
    for name, answer in row.answers.items():
        yield {
            "condition": name,
            **vars(conditions[name]),
            **ledger(answer),
            "think_text": decode(answer.prefix.ids),
            "answer_text": decode(answer.ids),
            "seconds": row.seconds * answer.new_tokens / sampled,
            "engine": engine.name,
            "exact_tokens": engine.exact_tokens,
            "error": None,
        }


def _readout_records(row: Row, spellings: Spellings) -> Iterable[dict[str, Any]]:
    for name, answer in row.answers.items():
        if not answer.logprobs:
            continue
        logprobs = label_logprobs(spellings, answer.logprobs)
        mass = min(math.fsum(map(math.exp, logprobs.values())), 1.0)
        for label, logprob in logprobs.items():
            yield {"condition": name, "label": label, "logprob": logprob, "mass": mass}


def _refused_record(
    name: str, condition: Condition, prompt_tokens: int, reason: str, engine: Engine
) -> dict[str, Any]:
    """The response of an item that could not be thought about: nothing sampled, and why."""
    return {
        "condition": name,
        **vars(condition),
        **dict.fromkeys(contracts.LEDGER, 0),
        "prompt_tokens": prompt_tokens,
        "stop": "context",
        "answer_stop": "none",
        "answer_from": "none",
        "censored": True,
        "think_text": "",
        "answer_text": "",
        "seconds": 0.0,
        "engine": engine.name,
        "exact_tokens": engine.exact_tokens,
        "error": reason,
    }


def ledger(answer: Answer) -> dict[str, Any]:
    """Count a response's tokens by who put them there (design: the ledger).

    A response without an answer of its own ends where its thinking does: by itself or cut.
    """
    prefix, completion = answer.prefix, answer.completion
    cut = prefix.stop != "natural" if completion is None else completion.stop == "length"
    return {
        "prompt_tokens": len(answer.prompt),
        "think_natural": prefix.count("sampled"),
        "think_injected": prefix.count("injected"),
        "think_tokens": prefix.length,
        "forced_end_tokens": len(answer.forced_end),
        "answer_tokens": 0 if completion is None else completion.sampled,
        "new_tokens": answer.new_tokens,
        "alone_tokens": answer.alone_tokens,
        "waits_done": prefix.waits_done,
        "stop": prefix.stop,
        "answer_stop": "limit" if cut else "eos",
        "answer_from": answer.answer_from,
        "censored": prefix.censored,
    }


def _sorted(
    records: Sequence[Mapping[str, Any]], order: Mapping[str, int], contract: str
) -> pd.DataFrame:
    """Rows in the items' order, whatever order they were finished in."""
    by_item = sorted(records, key=lambda record: (order[record["item_id"]], record["sample"]))
    # Without items (more shards than there are), the columns are still those of the contract.
    return pd.DataFrame(by_item, columns=None if by_item else contracts.SCHEMAS[contract].names)
