"""What models will sample so that they, or others, learn from it, before they run.

Corpora that a model writes, the completions that one is rewarded for, the chains by which items are
chosen, and the held-out items that are measured meanwhile. A row is expected to take what rows of
the study's items took under the same conditions, and time goes by the speed of their calibration.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from thinkscale.config.corpora import Generate
from thinkscale.config.inference import Inference
from thinkscale.config.models import Derivation
from thinkscale.engines.base import Completion, Request
from thinkscale.engines.journal import Journaled
from thinkscale.jobs.inference import hinted, ready
from thinkscale.jobs.plan import Known, Work, empty_line, plan, survey, thinking_line
from thinkscale.jobs.training_items import split_items, training_items, watched_items
from thinkscale.thinking.conditions import NATURAL, Condition

HINTED = "hinted"
# Who draws the completions that a model learns on, by recipe: our engine, or TRL.
COMPLETIONS = {"grpo": "reinforcement", "gkd": "distillation"}


@dataclass(frozen=True)
class Asker:
    """A model that others are made from or learn from: its record, or that of what it is made from.

    settings: how it is run. forced: what is put in at natural ends, as for `ready`.
    """

    record: Mapping[str, Any]
    settings: Inference
    forced: Mapping[str, Any]
    seed: int


def similar(
    thinking: Work,
    conditions: Mapping[str, Condition],
    find: Callable[[Request], Completion | None],
) -> Known:
    """What is known of a study's rows, if they were asked under these conditions alone."""
    work = replace(thinking, conditions=conditions, unthinking={}, readouts={})
    return survey(work.ask(work.most()), find)


def lessons(
    name: str,
    corpora: Mapping[str, Generate],
    derivations: Mapping[str, Derivation],
    asker: Asker,
    thinking: Work,
    journal: Journaled | None,
    made: Callable[[str], bool],
    **calibration: Any,
) -> Iterator[dict]:
    """The lines of what a model thinks for others to learn, and of what its children sample.

    corpora, derivations: of the whole study, by name. thinking: the model's part of the study,
    journal: its own; None where the model is not there. made: whether a model is. calibration: as
    for `plan`, where the model's speed is not known yet: the first rows that are left tell it.
    """

    def like(work: Work) -> Known | None:
        return None if journal is None else similar(thinking, work.conditions, journal.find)

    for corpus, asked in corpora.items():
        if asked.model == name:
            for part, work in corpus_works(corpus, asked, asker):
                if part.endswith(HINTED):  # of few of these items anything will be asked
                    yield _at_most(plan(name, work, journal, part=part))
                    continue
                line = plan(name, work, journal, part=part, like=like(work), **calibration)
                calibration = {} if line["tokens_per_second"] else calibration
                yield line
    for child, how in derivations.items():
        if how.parent != name:
            continue
        if how.recipe == "grpo" and how.grpo.pass_rate is not None:
            work, part = pass_rate_work(how, asker), f"pass rates for {child}"
            line = plan(name, work, journal, part=part, like=like(work), **calibration)
            calibration = {} if line["tokens_per_second"] else calibration
            yield line
        natural = like(replace(thinking, conditions={"natural": NATURAL}))
        own = [completions_line(child, how, natural, made(child))]
        own.append(held_out_line(child, how, asker, like, made(child)))
        yield from filter(None, own)


def _at_most(line: dict) -> dict:
    """The line of rows that are asked about some of the items, nobody knows how many."""
    said = {"note": "at most: asked about items of which nothing is kept", "expected_from": ""}
    return line | said | dict.fromkeys(("left_expected", "hours_expected"))


def corpus_works(name: str, asked: Generate, asker: Asker) -> Iterator[tuple[str, Work]]:
    """What a corpus asks its model to think, by part of the plan; of hinted items, all."""
    how = {"samples": asked.samples, "waits": asked.waits}
    given = (training_items(asked, asker.seed), asker.settings, asker.seed)
    parts = [(f"corpus {name}", given)]
    if asked.hint is not None:
        items, settings, seed = given
        parts.append((f"corpus {name}, {HINTED}", hinted(items, settings, asked.hint, seed)))
    for part, (items, settings, seed) in parts:
        yield part, ready(asker.record, items, settings, asker.forced, **how, seed=seed).work


def pass_rate_work(derivation: Derivation, asker: Asker) -> Work:
    """What the parent thinks so that items can be chosen."""
    items, _ = split_items(derivation, asker.seed)
    how = {"samples": derivation.grpo.pass_rate.samples, "seed": asker.seed}
    return ready(asker.record, items, asker.settings, asker.forced, **how).work


def completions_line(
    name: str, derivation: Derivation, like: Known | None, made: bool
) -> dict | None:
    """The line of the completions that a model draws while it learns, if it does.

    like: natural rows of its parent, None where that is not there. made: whether the model is.
    """
    if derivation.recipe not in COMPLETIONS:
        return None
    longest = getattr(derivation, derivation.recipe).max_completion_length
    rows = derivation.max_steps * derivation.batch_size * derivation.gradient_accumulation
    line = empty_line(name, COMPLETIONS[derivation.recipe], rows)
    line |= {"chains": rows, "responses": rows}
    return _without_journal(line, rows, rows * longest, like, made)


def held_out_line(
    name: str,
    derivation: Derivation,
    asker: Asker,
    like: Callable[[Work], Known | None],
    made: bool,
) -> dict | None:
    """The line of held-out items, thought about naturally and with one Wait at each measurement.

    asker: the model's parent; like: of that, rows under a work's conditions.
    """
    if derivation.eval_steps is None:
        return None
    if derivation.recipe == "grpo":
        _, items = split_items(derivation, asker.seed)
    else:
        items = watched_items(derivation.held_out, asker.seed)
    how = {"samples": derivation.held_out.samples, "waits": 1, "seed": asker.seed}
    work = ready(asker.record, items, asker.settings, asker.forced, **how).work
    # Before the first step, every so many, and after the last.
    times = 1 - (-derivation.max_steps // derivation.eval_steps)
    most = work.most()
    rows, tokens = times * len(most), times * sum(most.values())
    line = thinking_line(name, rows, work.conditions, "held-out items")
    return _without_journal(line, rows, tokens, like(work), made)


def _without_journal(line: dict, rows: int, at_most: int, like: Known | None, made: bool) -> dict:
    """A line of what no journal knows: all of it is left, or nothing."""
    line |= {"sampled_at_most": at_most, "left_at_most": 0 if made else at_most}
    if made:
        done = {"rows_known": rows, "left_expected": 0.0, "hours_at_most": 0.0}
        return line | done | {"hours_expected": 0.0, "note": "made"}
    if like is not None and like.complete:
        expected = min(like.per_row * rows, at_most)
        line |= {"left_expected": expected, "expected_from": like.said}
    return line


def exploration_line(name: str, derivation: Derivation, seed: int) -> dict:
    """The line of a reward model: how many chains are thought, of which each step is tried."""
    rows = len(training_items(derivation.reward, seed))
    chains = rows * derivation.reward.samples
    note = (
        f"from the end of each step of these chains {derivation.reward.rollouts} thoughts go on; "
        "how many steps there will be is not known"
    )
    return empty_line(name, "exploration", rows) | {"chains": chains, "note": note}


def lessons_unknown(
    name: str,
    corpora: Mapping[str, Generate],
    derivations: Mapping[str, Derivation],
    why: str,
    seed: int,
) -> Iterator[dict]:
    """The lines of what is learned from a model of which nothing is there, nor its origins."""
    for corpus, asked in corpora.items():
        if asked.model == name:
            rows = asked.samples * len(training_items(asked, seed))
            yield empty_line(name, f"corpus {corpus}", rows) | {"chains": rows, "note": why}
    for child, how in derivations.items():
        if how.parent == name:
            if line := completions_line(child, how, None, False):
                yield line
            if how.eval_steps is not None:
                yield empty_line(child, "held-out items", 0) | {"note": f"{name}: {why}"}
