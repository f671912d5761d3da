"""How long the trainings of a study will take, told by some steps of each on this machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedConfig

from thinkscale.config.models import Derivation
from thinkscale.errors import ThinkscaleError
from thinkscale.jobs.learning_plan import COMPLETIONS
from thinkscale.jobs.plan import empty_line
from thinkscale.models.recipes.settings import training_of
from thinkscale.models.steps import drawing_seconds, step_seconds

_MADE = {"hours_at_most": 0.0, "hours_expected": 0.0, "note": "made"}


def timed(
    lines: Sequence[Mapping[str, Any]],
    derivations: Mapping[str, Derivation],
    config_of: Callable[[str], PreTrainedConfig],
    prompts: Mapping[str, Sequence[int]],
    made: Callable[[str], bool],
) -> list[dict[str, Any]]:
    """The lines of a plan, with the time of completions that TRL draws, and one for each training.

    derivations: by model, none of a reward model. config_of: the configuration of a model; what it
    raises is told. prompts: by model, if it is known, tokens of the study's prompts, as which those
    of its training are taken. made: whether a model is.
    """
    told = {(line["model"], line["part"]): dict(line) for line in lines}
    written = {line["part"]: line for line in lines}  # corpora, by their names
    for name, how in derivations.items():
        line = _empty(name, how)
        if made(name):
            told[name, "training"] = line | _MADE | {"rows_known": line["rows"]}
            continue
        own = told.get((name, COMPLETIONS.get(how.recipe)))
        drawn = written.get(f"corpus {how.corpus}") if how.recipe == "sft" else own
        given = (how, prompts.get(how.parent, ()), drawn, config_of)
        told[name, "training"] = line | _or_why(_stepping, *given)
        if how.recipe == "gkd" and own is not None:
            told[name, own["part"]] = own | _or_why(_drawing, *given)
    return list(told.values())


def batch_lengths(
    how: Derivation, prompts: Sequence[int], drawn: Mapping[str, Any] | None
) -> tuple[int, int | None]:
    """Tokens to which the rows of a batch are padded, at most and as expected, if that is known.

    drawn: the line of what is learned from.
    """
    most, distinct = how.max_length, how.batch_size
    if how.recipe in COMPLETIONS:
        most = min(most, max(prompts, default=most) + _longest_completion(how))
    if how.recipe == "grpo":
        distinct = max(1, distinct // how.grpo.num_generations)
    if (mean := _per_row(drawn)) is None or not prompts:
        return most, None
    # The longest of n values is expected where n of n + 1 parts of them lie below.
    prompt = float(np.quantile(prompts, distinct / (distinct + 1)))
    return most, min(most, round(prompt + longest(mean, how.batch_size)))


def longest(mean: float, rows: int) -> float:
    """The expected longest of so many rows that may end at each token alike, by their mean."""
    return mean * sum(1 / n for n in range(1, rows + 1))


def _empty(name: str, how: Derivation) -> dict[str, Any]:
    return empty_line(name, "training", how.max_steps * how.batch_size * how.gradient_accumulation)


def _or_why(ask: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """What is asked for, or why it is not known."""
    try:
        return ask(*given)
    # As in `training_plan`: some architectures cannot be built from a configuration.
    except (ThinkscaleError, RuntimeError, ValueError, OSError) as error:
        return {"note": f"not timed: {' '.join(str(error).split())[:300]}"}


def _stepping(how, prompts, drawn, config_of) -> dict[str, Any]:
    """What a line says of a training's steps."""
    most, expected = batch_lengths(how, prompts, drawn)
    length = expected or most
    teacher = None if how.teacher is None else config_of(how.teacher)
    with _threads(how.threads):
        seconds = step_seconds(
            config_of(how.parent), training_of(how.model_dump()), length, _device(), teacher
        )
    said = {
        "hours_at_most": how.max_steps * seconds * most / length / 3600,
        "note": f"{seconds:.2g} s a step of rows padded to {length:,} tokens",
    }
    if expected is not None:
        said["hours_expected"] = how.max_steps * seconds / 3600
    return said


def _drawing(how, prompts, drawn, config_of) -> dict[str, Any]:
    """What a line says of the time of completions: a batch is drawn until its longest ends."""
    prompt, most = max(prompts, default=1), _longest_completion(how)
    with _threads(how.threads):
        seconds = drawing_seconds(
            config_of(how.parent), training_of(how.model_dump()), prompt, _device()
        )
    said = {"hours_at_most": how.max_steps * seconds * most / 3600, "note": ""}
    if (mean := _per_row(drawn)) is not None:
        length = min(most, longest(mean, how.batch_size))
        said["hours_expected"] = how.max_steps * seconds * length / 3600
    return said


def _longest_completion(how: Derivation) -> int:
    return getattr(how, how.recipe).max_completion_length


def _per_row(drawn: Mapping[str, Any] | None) -> float | None:
    if drawn is None or drawn["left_expected"] is None:
        return None
    return (drawn["sampled_known"] + drawn["left_expected"]) / drawn["rows"]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
