"""What making a model took, beside what its answers take and how often they are right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

COLUMNS = [
    *["model", "parent", "corpus", "parameters", "tokens_trained", "tokens_generated"],
    *["flops_training", "flops_generating", "flops_made", "flops_response"],
    *["n_items", "estimate", "lower", "upper", "method"],
]
METHOD = (
    "FLOPs: 6 x parameters x tokens trained on, 2 x parameters x tokens generated for the corpus; "
    "`flops_made` adds those of parents and of models that wrote corpora, each once; accuracy: "
)


def tabulate(
    accuracy: pd.DataFrame,
    ledger: pd.DataFrame,
    usage: Sequence[Mapping[str, Any]],
    made: Mapping[str, Mapping[str, str | None]],
    losses: Sequence[pd.DataFrame] = (),
    corpora: Sequence[Sequence[Mapping[str, Any]]] = (),
    written: Sequence[str] = (),
) -> pd.DataFrame:
    """Training FLOPs of every model that thinks, natural accuracy, and FLOPs of a response.

    accuracy, ledger: the tables. usage: of inference jobs, which know each model's `parameters`.
    made: by derived model its `parent` and `corpus`. losses: the logs of their training. corpora:
    the usage of each corpus that a model wrote, named in `written`. A corpus costs what was sampled
    for it, whether or not another corpus shares it (prompts are left out, as their share is small).
    `flops_made` is 0 for a model that the study did not make.
    """
    sizes = {record["model"]: record["parameters"] for record in usage}
    trained = {str(log["model"].iloc[0]): float(log["tokens"].max()) for log in losses if len(log)}
    wrote = {
        name: _Written(jobs[0]["model"], sum(map(_tokens, jobs)), _flops(jobs))
        for name, jobs in zip(written, corpora, strict=True)
    }
    own = {model: 6.0 * (sizes.get(model) or np.nan) * trained.get(model, np.nan) for model in made}
    natural = accuracy[accuracy["condition"] == "natural"]
    spent = ledger[ledger["condition"] == "natural"].set_index("model")
    rows = []
    for row in natural.to_dict("records"):
        model = row["model"]
        parent, corpus = made.get(model, {}).get("parent"), made.get(model, {}).get("corpus")
        source = wrote.get(corpus)
        models, used = _ancestry(model, made, wrote)
        rows.append({
            **{name: row[name] for name in ("model", "n_items", "estimate", "lower", "upper")},
            "parent": parent,
            "corpus": corpus,
            "parameters": sizes.get(model),
            "tokens_trained": trained.get(model, np.nan if model in made else 0.0),
            "tokens_generated": source.tokens if source else 0.0,
            "flops_training": own.get(model, 0.0),
            "flops_generating": source.flops if source else 0.0,
            "flops_made": sum(own.get(m, 0.0) for m in models) + sum(wrote[c].flops for c in used),
            "flops_response": spent["flops_alone"].get(model, np.nan)
            / spent["n_responses"].get(model, np.nan),
            "method": METHOD + row["method"],
        })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class _Written:
    """A corpus that a model wrote, and what that took."""

    model: str
    tokens: int
    flops: float


def _ancestry(
    model: str, made: Mapping[str, Mapping[str, str | None]], wrote: Mapping[str, _Written]
) -> tuple[set[str], set[str]]:
    """All that a model is made of: models, itself among them, and corpora that models wrote."""
    models, corpora, left = set(), set(), [model]
    while left:
        found = left.pop()
        if found is None or found in models:
            continue
        models.add(found)
        origin = made.get(found, {})
        left.append(origin.get("parent"))
        if (corpus := origin.get("corpus")) in wrote:
            corpora.add(corpus)
            left.append(wrote[corpus].model)
    return models, corpora


def _tokens(job: Mapping[str, Any]) -> int:
    return job["sampled_tokens"] + job["recalled_tokens"]


def _flops(jobs: Iterable[Mapping[str, Any]]) -> float:
    return sum(2.0 * job["parameters"] * _tokens(job) for job in jobs)
