"""What a reward model learns from: a model's thoughts, and where each of their steps leads."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binom

from thinkscale.config.models import Derivation
from thinkscale.data.seeds import generator
from thinkscale.engines.base import Completion, Ids, Request, noise_key
from thinkscale.engines.drive import drive
from thinkscale.grading.study import grade
from thinkscale.jobs.inference import Prepared
from thinkscale.jobs.progress import Progress
from thinkscale.models.recipes.reward_model import (
    Example,
    RewardSettings,
    train_reward_model,
)
from thinkscale.models.recipes.settings import Training
from thinkscale.models.registry import verify
from thinkscale.thinking.prompts import step_ends
from thinkscale.thinking.strategies.candidate import (
    Asked,
    Candidate,
    Found,
    Said,
    Task,
    grown,
    in_steps,
    position,
    whole,
)
from thinkscale.thinking.strategies.sampling import Samples, samples

_LUCK = 0.05  # how often guessing may pass for knowing


def derive(
    prepared: Prepared,
    items: pd.DataFrame,
    derivation: Derivation,
    grader: tuple[str, Mapping[str, Any] | None, str | None],
    directory: Path,
    out_dir: Path,
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Explore the items, and train a reward model on what is learned of all but the held-out ones.

    grader: the study's first, with its settings and the pattern it reads by. directory: of the
    parent's journal. Returns as `train_reward_model` does.
    """
    verify(prepared.record)
    reward = derivation.reward
    found = explore(prepared, items, reward.samples, reward.rollouts, directory)
    name, settings, pattern = grader
    rest = {"grader": name, "settings": settings, "pattern": pattern}
    told = partial(examples, prepared, items, found, **rest)
    learned = told(objective=reward.objective, labels=reward.labels)
    # Whatever is learned, quality is how well it tells what attempts come to.
    attempts = told(objective="prm", labels="soft")
    names = sorted(learned)
    generator(prepared.work.seed, "held-out").shuffle(names)
    count = round(reward.held_out * len(names))
    given = derivation.model_dump(include={f.name for f in fields(Training)})
    more = {"method": "full", "weight_decay": 0.01, "log_every": 10, "seed": prepared.work.seed}
    return train_reward_model(
        Path(prepared.record["directory"]),
        [example for name in names[count:] for example in learned[name]],
        [example for name in names[:count] for example in attempts[name]],
        out_dir,
        RewardSettings(
            Training(**{**given, **more}),
            head="sequence" if reward.objective == "orm" else "token",
            layers=reward.layers,
            surprise=reward.surprise,
            max_length=derivation.max_length,
        ),
    )


@dataclass(frozen=True)
class Explored:
    """A thought, and what thoughts that go on from the ends of its steps come to.

    reached: by step.
    """

    found: Found
    reached: tuple[tuple[Found, ...], ...]


def explored(
    task: Task, chains: int, rollouts: int
) -> Generator[Asked, Said, tuple[Explored, ...]]:
    """Think `chains` natural thoughts, and go on `rollouts` times from each end of a step.

    Thoughts that begin alike share what follows from there.
    """
    thoughts = yield from samples(task, Samples(chains))
    ends = [tuple(accumulate(map(len, thought.steps))) for thought in thoughts]
    ids = [tuple(token for step in thought.steps for token in step) for thought in thoughts]
    prefixes = dict.fromkeys(i[:end] for i, own in zip(ids, ends, strict=True) for end in own)
    asked = [(prefix, n) for prefix in prefixes for n in range(rollouts)]
    said: list[Completion] = yield [_onwards(task, prefix, n) for prefix, n in asked]
    candidates = [
        grown(task, Candidate((prefix,)), completion, n)
        for (prefix, n), completion in zip(asked, said, strict=True)
    ]
    rolled = yield from whole(task, candidates)
    found = [replace(each, steps=_steps(task, each)) for each in rolled]
    reached = {p: tuple(found[k * rollouts :][:rollouts]) for k, p in enumerate(prefixes)}
    return tuple(
        Explored(thought, tuple(reached[i[:end]] for end in own))
        for thought, i, own in zip(thoughts, ids, ends, strict=True)
    )


def _steps(task: Task, found: Found) -> tuple[Ids, ...]:
    return in_steps(tuple(token for step in found.steps for token in step), task.step_ends)


def _onwards(task: Task, prefix: Ids, draw: int) -> Request:
    place = position(prefix, draw)
    left = task.room - len(prefix)
    return Request(task.prompt + prefix, left, task.forcing.think_end, task.noise, place)


def explore(
    prepared: Prepared, items: pd.DataFrame, chains: int, rollouts: int, directory: Path
) -> dict[str, tuple[Explored, ...]]:
    """Explore every item whose prompt fits, with the journal of `directory`."""
    work, name = prepared.work, prepared.record["name"]
    step_end = prepared.settings.thinking.step_end
    ends = step_ends(prepared.checkpoint.tokenizer, step_end, work.forcing.think_end)
    rows, room = partial(noise_key, work.seed), partial(work.forcing.room, work.context)
    tasks = {
        item_id: Task(prompt, work.context, partial(rows, item_id), work.forcing, ends)
        for item_id, prompt in work.prompts.items()
        if room(prompt) >= 0
    }
    journal = prepared.journal(directory, "rewards")
    done: dict[str, tuple[Explored, ...]] = {}
    with journal, Progress(name, len(tasks), journal.usage, verb="explore") as progress:
        asking = ((item_id, explored(task, chains, rollouts)) for item_id, task in tasks.items())
        in_flight = 2 * prepared.settings.batch_size
        for item_id, found in drive(
            asking, journal, in_flight, lambda going: progress.watch(len(done), len(done), going)
        ):
            done[item_id] = found
    return done


def examples(
    prepared: Prepared,
    items: pd.DataFrame,
    explored: Mapping[str, Sequence[Explored]],
    objective: str,
    labels: str,
    grader: str,
    settings: Mapping[str, Any] | None,
    pattern: str | None = None,
) -> dict[str, list[Example]]:
    """By item, the beginnings of its thoughts with what they are worth.

    objective, labels: see `config.models.Reward`. grader, settings, pattern: as for `grade`.
    """
    right = _right(prepared, items, explored, grader, settings, pattern)
    choices = items.set_index("item_id")["options"].map(len)
    out: dict[str, list[Example]] = {}
    for item_id, thoughts in explored.items():
        chance = 1 / choices[item_id] if choices[item_id] else 0.0
        of_thought = partial(_example, prepared.work.prompts[item_id])
        made = out.setdefault(item_id, [])
        for thought in thoughts if objective != "orm" else ():
            hits = [sum(right[_answer(item_id, one)] for one in each) for each in thought.reached]
            values = [
                worth(count, len(each), chance, labels)
                for count, each in zip(hits, thought.reached, strict=True)
            ]
            made.append(of_thought(thought.found, values))
        for found in _all(thoughts) if objective != "prm" else ():
            outcome = float(right[_answer(item_id, found)])
            made.append(of_thought(found, [outcome] * len(found.steps)))
    return {i: kept for i, made in out.items() if (kept := [e for e in made if e.ends])}


def _example(prompt: Ids, found: Found, values: Sequence[float]) -> Example:
    ids = prompt + tuple(token for step in found.steps for token in step)
    ends = tuple(accumulate(map(len, found.steps), initial=len(prompt)))[1:]
    return Example(ids, ends, tuple(values), len(prompt))


def _all(thoughts: Sequence[Explored]) -> list[Found]:
    """The chains and the rollouts, each once: those that begin alike have the same ones."""
    chains = [thought.found for thought in thoughts]
    rolled = [found for thought in thoughts for reached in thought.reached for found in reached]
    return list({id(found): found for found in chains + rolled}.values())


def worth(right: int, rollouts: int, chance: float, labels: str) -> float:
    """The label of a beginning from which `right` of its rollouts reach the right answer.

    soft: their share. hard: whether they are more than guesses would be. Math-Shepherd calls a step
    good if any is right; of 8 guesses among five options one is in 83 % of cases.
    """
    if labels == "soft":
        return right / rollouts
    return float(right > 0 and binom.sf(right - 1, rollouts, chance) <= _LUCK)


def _right(
    prepared: Prepared,
    items: pd.DataFrame,
    explored: Mapping[str, Sequence[Explored]],
    grader: str,
    settings: Mapping[str, Any] | None,
    pattern: str | None = None,
) -> dict[tuple, bool]:
    """Whether each answer (`_answer`) is right."""
    found = dict.fromkeys(
        _answer(item_id, each) for item_id, thoughts in explored.items() for each in _all(thoughts)
    )
    decode = prepared.checkpoint.tokenizer.decode
    rows = (
        (prepared.record["name"], item_id, number, "natural", decode(ids), *ended, None)
        for number, (item_id, ids, *ended) in enumerate(found)
    )
    columns = ["model", "item_id", "sample", "condition", "answer_text"]
    columns += ["answer_from", "answer_stop", "stop", "error"]
    asked = pd.DataFrame(rows, columns=columns)
    prompt = prepared.settings.thinking.answer_prompt
    grades = grade(asked, items, grader, settings, answer_prompt=prompt, pattern=pattern)
    return dict(zip(found, grades["outcome"].eq("correct"), strict=True))


def _answer(item_id: str, found: Found) -> tuple[str, Ids, str, str, str]:
    """What an outcome depends on: the answer, where it stands, and how it and thinking ended."""
    if found.answer is None:
        thought = tuple(token for step in found.steps for token in step)
        return item_id, thought, "turn", "eos", found.stop
    cut = "limit" if found.answer.stop == "length" else "eos"
    return item_id, found.answer.ids, "answer", cut, found.stop
