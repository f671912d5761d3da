"""What making a model took, beside what its answers take and how often they are right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = [
    *["model", "parent", "corpus", "teacher", "previous", "round", "parameters"],
    *["tokens_trained", "tokens_sampled", "tokens_read", "tokens_generated"],
    *["flops_training", "flops_sampling", "flops_reading", "flops_generating"],
    *["flops_made", "flops_response", "n_items", "estimate", "lower", "upper", "method"],
]
METHOD = (
    "FLOPs: 6 x parameters x tokens learned from, 2 x parameters x tokens only sampled or read; "
    "`flops_made` adds those of parents, teachers and models that wrote corpora, each once; "
    "accuracy: "
)


def tabulate(
    accuracy: pd.DataFrame,
    ledger: pd.DataFrame,
    usage: Sequence[Mapping[str, Any]],
    made: Mapping[str, Mapping[str, Any]],
    losses: Sequence[pd.DataFrame] = (),
    corpora: Sequence[Sequence[Mapping[str, Any]]] = (),
    written: Sequence[str] = (),
) -> pd.DataFrame:
    """FLOPs of making every model that thinks, natural accuracy, and FLOPs of a response.

    accuracy, ledger: the tables. usage: of inference jobs, which know each model's `parameters`.
    made: by derived model its derivation: `parent`, and `recipe`, `corpus`, `teacher`, `grpo` where
    it has them. losses: the logs of their training. corpora: the usage of each corpus that a model
    wrote, named in `written`.

    A token costs 6 FLOPs a parameter of the model that learns from it, and 2 of one that only
    samples or reads it (Kaplan et al., arXiv 2001.08361). Of a model's making there are

    - `flops_training`: 6 x parameters x `tokens_trained`, of the log, prompts included;
    - `flops_sampling`: 2 x parameters x `tokens_sampled`, completions that it learned from: with
      `grpo` those drawn, and the chains by which items were chosen; with `gkd` all it was trained
      on, since prompts are read anew for each;
    - `flops_reading`: 2 x parameters x `tokens_read`, by a `gkd` teacher, or with a `grpo.beta`
      above 0 by the parent, which read all that is learned;
    - `flops_generating`: 2 x parameters x `tokens_generated`, for its corpus by who wrote that,
      whether or not another corpus shares them.

    Of corpora and `grpo` prompts are left out where they are sampled from: they are read once for
    many completions. So is what measures held-out items. `flops_made` adds it all up along the
    origins, and is 0 for a model that the study did not make.

    `previous` is the model of the round before: who wrote the corpus, if that goes back to the same
    model as the parent does, as in STaR, where every round begins from the base; else the parent.
    `round` counts them, from 0 for a model that was given.
    """
    sizes = {record["model"]: record["parameters"] for record in usage}
    logs = {str(log["model"].iloc[0]): log for log in losses if len(log)}
    own = {model: _taken(model, how, logs.get(model), sizes) for model, how in made.items()}
    wrote = {
        name: _Written(jobs[0]["model"], sum(map(_tokens, jobs)), _flops(jobs))
        for name, jobs in zip(written, corpora, strict=True)
    }
    previous = {model: _previous(model, made, wrote) for model in made}
    natural = accuracy[accuracy["condition"] == "natural"]
    spent = ledger[ledger["condition"] == "natural"].set_index("model")
    rows = []
    for row in natural.to_dict("records"):
        model = row["model"]
        origin, taken = made.get(model, {}), own.get(model, _Taken())
        source = wrote.get(origin.get("corpus"))
        models, used = _ancestry(model, made, wrote)
        making = sum(own[m].flops for m in models if m in own)
        rows.append({
            **{name: row[name] for name in ("model", "n_items", "estimate", "lower", "upper")},
            **{name: origin.get(name) for name in ("parent", "corpus", "teacher")},
            "previous": previous.get(model),
            "round": len(_back(model, previous)) - 1,
            **asdict(taken),
            "parameters": sizes.get(model),
            "tokens_generated": source.tokens if source else 0.0,
            "flops_generating": source.flops if source else 0.0,
            "flops_made": making + sum(wrote[c].flops for c in used),
            "flops_response": spent["flops_alone"].get(model, np.nan)
            / spent["n_responses"].get(model, np.nan),
            "method": METHOD + row["method"],
        })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class _Taken:
    """What a model's own training took; nothing for one that was given."""

    tokens_trained: float = 0.0
    tokens_sampled: float = 0.0
    tokens_read: float = 0.0
    flops_training: float = 0.0
    flops_sampling: float = 0.0
    flops_reading: float = 0.0

    @property
    def flops(self) -> float:
        return self.flops_training + self.flops_sampling + self.flops_reading


def _taken(
    model: str, how: Mapping[str, Any], log: pd.DataFrame | None, sizes: Mapping[str, int | None]
) -> _Taken:
    def flops(times: float, who: str, tokens: float) -> float:
        return times * (sizes.get(who) or np.nan) * tokens if tokens else 0.0

    trained = np.nan if log is None else float(log["tokens"].max())
    recipe, sampled, reader = how.get("recipe"), 0.0, how.get("teacher")
    if recipe == "gkd":
        sampled = trained
    elif recipe == "grpo":
        sampled = np.nan if log is None else float(log["sampled"].max())
        reader = how["parent"] if how["grpo"]["beta"] > 0 else None
    read = trained if reader else 0.0
    return _Taken(
        *(trained, sampled, read),
        *(flops(6.0, model, trained), flops(2.0, model, sampled), flops(2.0, reader, read)),
    )


@dataclass(frozen=True)
class _Written:
    """A corpus that a model wrote, and what that took."""

    model: str
    tokens: int
    flops: float


def _back(model: str, before: Mapping[str, str | None]) -> list[str]:
    """A model, the one before it, and so on to one that was given."""
    found = [model]
    while (earlier := before.get(found[-1])) is not None:
        found.append(earlier)
    return found


def _previous(
    model: str, made: Mapping[str, Mapping[str, Any]], wrote: Mapping[str, _Written]
) -> str:
    """The model of the round before."""
    parents = {name: how["parent"] for name, how in made.items()}
    source = wrote.get(made[model].get("corpus"))
    same = source is not None and _back(source.model, parents)[-1] == _back(model, parents)[-1]
    return source.model if same else parents[model]


def _ancestry(
    model: str, made: Mapping[str, Mapping[str, Any]], wrote: Mapping[str, _Written]
) -> tuple[set[str], set[str]]:
    """All that a model is made of: models, itself among them, and corpora that models wrote."""
    models, corpora, left = set(), set(), [model]
    while left:
        found = left.pop()
        if found is None or found in models:
            continue
        models.add(found)
        origin = made.get(found, {})
        left += [origin.get("parent"), origin.get("teacher")]
        if (corpus := origin.get("corpus")) in wrote:
            corpora.add(corpus)
            left.append(wrote[corpus].model)
    return models, corpora


def _tokens(job: Mapping[str, Any]) -> int:
    return job["sampled_tokens"] + job["recalled_tokens"]


def _flops(jobs: Iterable[Mapping[str, Any]]) -> float:
    return sum(2.0 * job["parameters"] * _tokens(job) for job in jobs)
