"""Run one model over items: every sample of every item, under every condition."""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from thinkscale import contracts
from thinkscale.budget import Answer, Forcing, Row, respond
from thinkscale.chain import Chain
from thinkscale.conditions import Condition
from thinkscale.engines.base import Engine, Ids, noise_key
from thinkscale.engines.drive import drive
from thinkscale.errors import ThinkscaleError


def require(package: str, extra: str) -> None:
    """Say which extra to install where a package is missing, before anything imports it."""
    if importlib.util.find_spec(package) is None:
        raise ThinkscaleError(
            f"the package {package} is not installed here; install it with "
            f"`pip install 'thinkscale[{extra}]'` (in a checkout: `pip install -e '.[{extra}]'`) "
            "or run snakemake with --use-conda"
        )


def think(
    model: str,
    prompts: Mapping[str, Ids],
    conditions: Mapping[str, Condition],
    engine: Engine,
    forcing: Forcing,
    decode: Callable[[Ids], str],
    *,
    samples: int,
    seed: int,
    in_flight: int = 1024,
    progress: Callable[[Iterable, int], Iterable] = lambda rows, total: rows,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the chains and the responses of `model` (design: data contracts).

    prompts: token ids by item id. progress: wraps the stream of finished rows, given their number.
    Raises ThinkscaleError, before anything is sampled, if a prompt leaves no room for an answer.
    """
    for item_id, prompt in prompts.items():
        if forcing.room(engine.context, prompt) < 0:
            raise ThinkscaleError(
                f"item {item_id}: its prompt has {len(prompt)} tokens; with the answer's "
                f"{forcing.max_answer} and the forced end it exceeds the context of "
                f"{engine.context} tokens of model {model}"
            )
    rows = (
        (
            (item_id, sample),
            respond(prompt, noise_key(seed, item_id, sample), conditions, forcing, engine.context),
        )
        for item_id, prompt in prompts.items()
        for sample in range(samples)
    )
    chains, responses = [], []
    for (item_id, sample), row in progress(drive(rows, engine, in_flight), len(prompts) * samples):
        key = {"model": model, "item_id": item_id, "sample": sample}
        chains += [{**key, **_chain_record(row.prompt, chain)} for chain in row.chains]
        responses += [{**key, **r} for r in _response_records(row, conditions, engine, decode)]
    order = {item_id: position for position, item_id in enumerate(prompts)}
    return _sorted(chains, order, "chains"), _sorted(responses, order, "responses")


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
        condition = conditions[name]
        yield {
            "condition": name,
            "max_think": condition.max_think,
            "min_think": condition.min_think,
            "waits": condition.waits,
            "continuation": condition.continuation,
            **ledger(row.prompt, answer),
            "think_text": decode(answer.prefix.ids),
            "answer_text": decode(answer.completion.ids),
            "seconds": row.seconds * answer.new_tokens / sampled,
            "engine": engine.name,
            "exact_tokens": engine.exact_tokens,
        }


def ledger(prompt: Sequence[int], answer: Answer) -> dict[str, Any]:
    """Count a response's tokens by who put them there (design: the ledger)."""
    prefix = answer.prefix
    return {
        "prompt_tokens": len(prompt),
        "think_natural": prefix.count("sampled"),
        "think_injected": prefix.count("injected"),
        "think_tokens": prefix.length,
        "forced_end_tokens": len(answer.forced_end),
        "answer_tokens": answer.completion.sampled,
        "new_tokens": answer.new_tokens,
        "alone_tokens": answer.alone_tokens,
        "waits_done": prefix.waits_done,
        "stop": prefix.stop,
        "answer_stop": "limit" if answer.completion.stop == "length" else "eos",
        "censored": prefix.censored,
    }


def _sorted(
    records: Sequence[Mapping[str, Any]], order: Mapping[str, int], contract: str
) -> pd.DataFrame:
    """Rows in the items' order, whatever order they were finished in."""
    by_item = sorted(records, key=lambda record: (order[record["item_id"]], record["sample"]))
    # Without items (more shards than there are), the columns are still those of the contract.
    return pd.DataFrame(by_item, columns=None if by_item else contracts.SCHEMAS[contract].names)
