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
from thinkscale.engines.base import Ids, noise_key
from thinkscale.engines.drive import drive
from thinkscale.engines.several import Several
from thinkscale.jobs.inference import Prepared, prompts_of
from thinkscale.jobs.plan import Work, recalled
from thinkscale.jobs.progress import Progress
from thinkscale.jobs.scoring import Part, open_scorers
from thinkscale.thinking.prompts import Instruction, encode_prompt, step_ends
from thinkscale.thinking.strategies.candidate import Task, in_steps
from thinkscale.thinking.strategies.search import Read, Search, Searched, expand, searches


@dataclass(frozen=True)
class Found:
    """Frames by contract: what was found, each step's scores, what was spent, and the trees."""

    candidates: pd.DataFrame
    scores: pd.DataFrame
    spent: pd.DataFrame
    nodes: pd.DataFrame


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
    how many tokens were run (`read`) and the ends it had no value for. An item of which a prompt
    leaves no room for an answer has its reason in `spent.error` and no candidate. Raises as the
    engine does, or, before anything is sampled, as `prompts_of`.
    """
    work, record = prepared.work, prepared.record
    wanted = expand(strategies)
    tokenizer = prepared.checkpoint.tokenizer
    ends = step_ends(tokenizer, step_end, work.forcing.think_end)
    instructed = instructed_prompts(prepared, items, wanted)
    tasks = tasks_of(work, instructed, ends)
    size = prepared.parameters
    journal = prepared.journal(directory, f"search-{shard}-of-{shards}")
    progress = Progress(record["name"], len(tasks), journal.usage, verb="search")
    cut = partial(in_steps, step_ends=ends)
    writer = f"{record['name']}-{shard}-of-{shards}"
    part = Part(prepared, items, models, cut, directory.parent, writer)
    with ExitStack() as stack:
        stack.enter_context(journal)
        judges = open_scorers(scorers, journal, part, stack)
        stack.enter_context(progress)
        engine = Several(judges.policy, judges.engines)
        asking = (
            (item_id, searches(task, wanted, recalled(work.rows_of(item_id), journal.find)))
            for item_id, task in tasks.items()
        )
        done: dict[str, tuple[Searched, ...]] = {}

        def watch(going: int) -> None:
            progress.watch(len(done), len(done), going)

        for item_id, found in drive(asking, engine, 2 * prepared.settings.batch_size, watch):
            done[item_id] = found
        usage, known, read = journal.usage(), journal.recalled, judges.read()
    candidates, scores, spent, nodes = [], [], [], []
    for item_id, prompt in work.prompts.items():
        key = {"model": record["name"], "item_id": item_id}
        sizes = {"prompt_tokens": len(prompt), "parameters": size}
        if item_id not in done:
            longest = max(map(len, (prompt, *instructed[item_id].values())))
            reason = f"the prompt of {longest} tokens leaves no room for an answer"
            spent += [{**key, **sizes, **none, "error": reason} for none in _nothing(wanted)]
            continue
        for searched in done[item_id]:
            own = {**key, "search": searched.search.name, "n": searched.search.n}
            asked = instructed[item_id].get(searched.search.told, prompt)
            candidates += _candidates(own, searched, tokenizer.decode)
            scores += _scores(own, searched)
            spent += _spent({**own, **sizes, "prompt_tokens": len(asked)}, searched)
            nodes += _nodes(own, searched, tokenizer.decode)
    frames = {"candidates": candidates, "scores": scores, "spent": spent, "nodes": nodes}
    for bill in spent:
        bill["scorer_parameters"] = judges.parameters.get(bill["scorer"], 0)
        bill["scorer_exact_tokens"] = judges.exact.get(bill["scorer"])
    made = {
        name: pd.DataFrame(rows, columns=contracts.SCHEMAS[name].names)
        for name, rows in frames.items()
    }
    did = {"usage": usage, "recalled": known, "items": len(done)}
    did |= {"read": read, "unread": judges.unread()}
    return Found(**made), did


def tasks_of(
    work: Work, instructed: Mapping[str, Mapping[Instruction, Ids]], ends: tuple[Ids, ...]
) -> dict[str, Task]:
    """What is searched about: by item id, all whose prompts leave room for an answer."""
    return {
        item_id: Task(
            *(prompt, work.context, partial(noise_key, work.seed, item_id), work.forcing, ends),
            instructed=instructed[item_id],
        )
        for item_id, prompt in work.prompts.items()
        if all(
            work.forcing.room(work.context, each) >= 0
            for each in (prompt, *instructed[item_id].values())
        )
    }


def instructed_prompts(
    prepared: Prepared, items: pd.DataFrame, wanted: Sequence[Search]
) -> dict[str, dict[Instruction, Ids]]:
    """By item id, its prompt with each of the instructions that the searches give."""
    tokenizer, instructed = prepared.checkpoint.tokenizer, {i: {} for i in prepared.work.prompts}
    for told in dict.fromkeys(search.told for search in wanted if search.told):
        for item_id, text in prompts_of(tokenizer, items, prepared.settings, told=told).items():
            instructed[item_id][told] = encode_prompt(tokenizer, text)
    return instructed


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


def _nodes(
    key: Mapping[str, Any], searched: Searched, decode: Callable[[Sequence[int]], str]
) -> Iterator[dict[str, Any]]:
    for number, node in enumerate(searched.nodes):
        yield {
            **key,
            "node": number,
            "parent": node.parent,
            "draws": node.draws,
            "tokens": len(node.step),
            "text": decode(node.step),
            "score": None if node.score != node.score else node.score,
            "candidates": list(node.candidates),
        }


def _spent(key: Mapping[str, Any], searched: Searched) -> Iterator[dict[str, Any]]:
    sampled = {"sampled": searched.sampled, "sampled_new": searched.sampled_new}
    for scorer in (None, *searched.search.scorers):
        read = searched.read.get(scorer, Read())
        values = (read.alone, read.new, read.uncached)
        own = {"scorer": scorer, **sampled, **dict(zip(_READ, values, strict=True))}
        yield {**key, **own, "rounds": searched.rounds, "error": None}
