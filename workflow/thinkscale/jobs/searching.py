"""One model's searches about a shard of the items: what is found, its scores, its costs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.config.inference import Inference
from thinkscale.data import contracts
from thinkscale.engines.base import noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.several import Several
from thinkscale.jobs.inference import Prepared
from thinkscale.jobs.progress import Progress
from thinkscale.jobs.scoring import Part, open_scorers, parameters
from thinkscale.thinking.prompts import step_ends
from thinkscale.thinking.strategies.candidate import Task, in_steps
from thinkscale.thinking.strategies.search import Read, Search, Searched, expand, searches


@dataclass(frozen=True)
class Found:
    """Frames by contract: what was found, each step's scores, and what was spent."""

    candidates: pd.DataFrame
    scores: pd.DataFrame
    spent: pd.DataFrame


def search_items(
    prepared: Prepared,
    items: pd.DataFrame,
    strategies: Sequence[Mapping[str, Any]],
    scorers: Sequence[Mapping[str, Any]],
    models: Mapping[str, tuple[Mapping[str, Any], Inference]],
    step_end: str,
    directory: Path,
    shard: int,
    shards: int,
) -> tuple[Found, Mapping[str, Any]]:
    """Do every search of a study about every item, with the journal of `directory`.

    strategies, scorers: the study's, as its configuration has them. models: by scorer, the record
    of its model and how that is run. shard, shards: which part of the items this is, and of how
    many. Returns what was found and what it took: the model's usage, and of each scorer's model
    how many tokens were run (`read`) and the ends it had no value for. An item whose prompt leaves
    no room for an answer has its reason in `spent.error` and no candidate. Raises as the engine
    does.
    """
    work, record = prepared.work, prepared.record
    wanted = expand(strategies)
    tokenizer = prepared.checkpoint.tokenizer
    ends = step_ends(tokenizer, step_end)
    fitting = {i: p for i, p in work.prompts.items() if work.forcing.room(work.context, p) >= 0}
    size = parameters(Path(record["directory"]))
    journal = prepared.journal(directory, f"search-{shard}-of-{shards}")
    progress = Progress(record["name"], len(fitting), journal.usage, verb="search")
    cut = partial(in_steps, step_ends=ends)
    writer = f"{record['name']}-{shard}-of-{shards}"
    part = Part(prepared, items, models, cut, directory.parent, writer)
    with ExitStack() as stack:
        stack.enter_context(journal)
        judges = open_scorers(scorers, journal, part, stack)
        stack.enter_context(progress)
        engine, rows = Several(judges.policy, judges.engines), partial(noise_key, work.seed)
        tasks = {
            item_id: Task(prompt, work.context, partial(rows, item_id), work.forcing, ends)
            for item_id, prompt in fitting.items()
        }
        asking = ((item_id, searches(task, wanted)) for item_id, task in tasks.items())
        done: dict[str, tuple[Searched, ...]] = {}

        def watch(going: int) -> None:
            progress.watch(len(done), len(done), going)

        for item_id, found in drive(asking, engine, 2 * prepared.settings.batch_size, watch):
            done[item_id] = found
        usage, recalled, read = journal.usage(), journal.recalled, judges.read()
    candidates, scores, spent = [], [], []
    for item_id, prompt in work.prompts.items():
        key = {"model": record["name"], "item_id": item_id}
        sizes = {"prompt_tokens": len(prompt), "parameters": size}
        if item_id not in done:
            reason = f"the prompt of {len(prompt)} tokens leaves no room for an answer"
            spent += [{**key, **sizes, **none, "error": reason} for none in _nothing(wanted)]
            continue
        for searched in done[item_id]:
            own = {**key, "search": searched.search.name, "n": searched.search.n}
            candidates += _candidates(own, searched, tokenizer.decode)
            scores += _scores(own, searched)
            spent += _spent({**own, **sizes}, searched)
    frames = (("candidates", candidates), ("scores", scores), ("spent", spent))
    for bill in spent:
        bill["scorer_parameters"] = judges.parameters.get(bill["scorer"], 0)
    made = [pd.DataFrame(rows, columns=contracts.SCHEMAS[name].names) for name, rows in frames]
    did = {"usage": usage, "recalled": recalled, "items": len(done)}
    did |= {"read": read, "unread": judges.unread()}
    return Found(*made), did


def _nothing(wanted: Sequence[Search]) -> Iterator[dict[str, Any]]:
    """The rows of `spent` of an item about which nothing was searched."""
    none = dict.fromkeys(("sampled", "sampled_new", "rounds", *_READ), 0)
    for search in wanted:
        for scorer in (None, *search.scorers):
            yield {"search": search.name, "n": search.n, "scorer": scorer, **none}


_READ = ("scored", "scored_new", "scored_uncached")


def _candidates(
    key: Mapping[str, Any], searched: Searched, decode: Callable[[Sequence[int]], str]
) -> Iterator[dict[str, Any]]:
    for number, found in enumerate(searched.found):
        sizes, answer = [len(step) for step in found.steps], found.answer
        thought = decode([token for step in found.steps for token in step])
        yield {
            **key,
            "candidate": number,
            "draws": list(found.draws),
            "step_tokens": sizes,
            "think_tokens": sum(sizes),
            "answer_tokens": answer.sampled if answer else 0,
            "answer_from": "answer" if answer else "turn",
            "stop": found.stop,
            "answer_stop": "limit" if answer and answer.stop == "length" else "eos",
            "think_text": thought,
            "answer_text": decode(answer.ids) if answer else "\n".join(map(decode, found.said)),
        }


def _scores(key: Mapping[str, Any], searched: Searched) -> Iterator[dict[str, Any]]:
    for scorer, of_candidates in searched.scores.items():
        for number, values in enumerate(of_candidates):
            for step, value in enumerate(values):
                own = {"candidate": number, "scorer": scorer, "step": step}
                yield {**key, **own, "score": None if value != value else value}


def _spent(key: Mapping[str, Any], searched: Searched) -> Iterator[dict[str, Any]]:
    sampled = {"sampled": searched.sampled, "sampled_new": searched.sampled_new}
    for scorer in (None, *searched.search.scorers):
        read = searched.read.get(scorer, Read())
        values = (read.alone, read.new, read.uncached)
        own = {"scorer": scorer, **sampled, **dict(zip(_READ, values, strict=True))}
        yield {**key, **own, "rounds": searched.rounds, "error": None}
