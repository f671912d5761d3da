"""A study's responses as logs of inspect_ai, so that `inspect view` shows every trace.

One log for each model and condition, one sample for each item and sample (an epoch there). What was
put into thinking stands between the pieces that were sampled, marked as put in.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from thinkscale.data import contracts
from thinkscale.data.contracts import key_labels

_KEYS = list(contracts.KEYS["responses"])
_ROW = ["model", "item_id", "sample"]
_VALUES = {"correct": "C", "incorrect": "I", "ungradable": "N"}
_FACTS = (*contracts.LEDGER, "stop", "answer_stop", "answer_from", "censored", "engine", "error")

Piece = tuple[str, str]  # sampled or injected, and its text
Decode = Callable[[Sequence[int]], str]


def pieces_of(
    response: Mapping[str, Any], chains: Sequence[Mapping[str, Any]], decode: Decode | None
) -> list[Piece]:
    """The thinking that an answer saw, in pieces by who put them there.

    chains: of the same model, item and sample; without any, or without a way to decode them, the
    thinking is one piece as it was read.
    """
    length = response["think_tokens"]
    named = [c for c in chains if c["continuation"] == response["continuation"]]
    long = [c for c in named or chains if _tokens(c) >= (0 if pd.isna(length) else length)]
    if decode is None or not long:
        return [("sampled", response["think_text"])] if response["think_text"] else []
    left, found = int(length), []
    for segment in long[0]["segments"]:
        ids = segment["token_ids"][:left]
        left -= len(ids)
        if len(ids):
            found.append((segment["kind"], decode(ids)))
    return found


def write_logs(
    directory: Path,
    study: str,
    responses: pd.DataFrame,
    chains: pd.DataFrame,
    grades: pd.DataFrame,
    items: pd.DataFrame,
    *,
    decoders: Mapping[str, Decode],
    answer_prompts: Mapping[str, str],
    prompt: Callable[[Mapping[str, Any]], str],
) -> list[Path]:
    """Write `<model>-<condition>.eval` for each into `directory`, and return their paths.

    Frames by their contracts. decoders: by model, token ids to text. answer_prompts: what was put
    in before a cut response's answer, by model. prompt: an item as its user's turn.
    """
    from inspect_ai.log import write_eval_log

    bank = {item["item_id"]: item for item in items.to_dict("records")}
    thought = {key: own.to_dict("records") for key, own in chains.groupby(_ROW)}
    judged = {key: own.to_dict("records") for key, own in grades.groupby(_KEYS)}
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for (model, condition), own in responses.groupby(["model", "condition"], sort=False):
        samples = []
        for response in own.astype(object).where(own.notna(), None).to_dict("records"):
            row = tuple(response[name] for name in _ROW)
            pieces = pieces_of(response, thought.get(row, ()), decoders.get(model))
            samples.append(
                _sample(
                    response,
                    bank[response["item_id"]],
                    pieces,
                    judged.get(tuple(response[name] for name in _KEYS), ()),
                    answer_prompts.get(model, ""),
                    prompt,
                )
            )
        name = re.sub(r"[^\w.=-]+", "_", f"{model}-{condition}")
        paths.append(directory / f"{name}.eval")
        write_eval_log(_log(study, model, condition, samples), str(paths[-1]))
    return paths


def _sample(
    response: Mapping[str, Any],
    item: Mapping[str, Any],
    pieces: Sequence[Piece],
    grades: Sequence[Mapping[str, Any]],
    answer_prompt: str,
    prompt: Callable[[Mapping[str, Any]], str],
):
    from inspect_ai.log import EvalSample
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageUser,
        ContentReasoning,
        ContentText,
        ModelOutput,
        ModelUsage,
    )
    from inspect_ai.scorer import Score

    asked = prompt(item)
    content: list[ContentReasoning | ContentText] = [
        ContentReasoning(reasoning=text) if kind == "sampled" else ContentText(text=_put_in(text))
        for kind, text in pieces
    ]
    cut = response["stop"] not in ("natural", None) and response["answer_from"] == "answer"
    if cut and answer_prompt:
        content.append(ContentText(text=_put_in(answer_prompt)))
    content.append(ContentText(text=response["answer_text"]))
    said = ChatMessageAssistant(content=content, source="generate")
    stop = "max_tokens" if response["answer_stop"] == "limit" else "stop"
    output = ModelOutput.from_message(said, stop_reason=stop)
    output.model = response["model"]
    counts = {name: response[f"{name}_tokens"] or 0 for name in ("prompt", "think", "answer")}
    output.usage = ModelUsage(
        input_tokens=counts["prompt"],
        output_tokens=counts["think"] + counts["answer"],
        total_tokens=sum(counts.values()),
        reasoning_tokens=counts["think"],
    )
    output.time = response["seconds"]
    labels = [option["label"] for option in item["options"]]
    target = list(key_labels(_text(item["key"]), labels)) or _text(item["answer_text"]) or ""
    return EvalSample(
        id=item["item_id"],
        epoch=response["sample"] + 1,
        input=asked,
        choices=[option["text"] for option in item["options"]] or None,
        target=target,
        messages=[ChatMessageUser(content=asked, source="input"), said],
        output=output,
        model_usage={response["model"]: output.usage},
        total_time=response["seconds"],
        scores={
            grade["grader"]: Score(
                value=_VALUES[grade["outcome"]],
                answer=_text(grade["extracted"]),
                explanation=grade["detail"],
            )
            for grade in grades
        },
        metadata={
            "difficulty": item["difficulty"],
            "put_in": [text for kind, text in pieces if kind == "injected"],
            **{name: response[name] for name in _FACTS},
        },
    )


def _put_in(text: str) -> str:
    return f"**[put in]** {text.strip()}"


def _log(study: str, model: str, condition: str, samples: list):
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalMetric,
        EvalResults,
        EvalScore,
        EvalSpec,
        EvalStats,
    )
    from inspect_ai.model import ModelUsage

    ids = list(dict.fromkeys(sample.id for sample in samples))
    epochs = max(sample.epoch for sample in samples)
    now = datetime.now(UTC).replace(microsecond=0)
    took = timedelta(seconds=sum(sample.total_time or 0 for sample in samples))
    spec = EvalSpec(
        created=now.isoformat(),
        task=f"{study} {condition}",
        task_id=f"{study}-{model}-{condition}",
        eval_id=f"{study}-{model}-{condition}",
        model=f"thinkscale/{model}",
        dataset=EvalDataset(name=study, samples=len(ids), sample_ids=ids),
        config=EvalConfig(epochs=epochs),
    )
    scores = []
    for name, value in _accuracies(samples):
        metric = EvalMetric(name="accuracy", value=value)
        scores.append(EvalScore(name=name, scorer=name, metrics={"accuracy": metric}))
    counted = {"total_samples": len(samples), "completed_samples": len(samples)}
    results = EvalResults(**counted, scores=scores)
    # As long as sampling took, until now; without both the viewer has no duration.
    used = sum((sample.output.usage for sample in samples), ModelUsage())
    ends = {"started_at": (now - took).isoformat(), "completed_at": now.isoformat()}
    stats = EvalStats(**ends, model_usage={model: used})
    return EvalLog(status="success", eval=spec, results=results, stats=stats, samples=samples)


def _accuracies(samples: list) -> Iterator[tuple[str, float]]:
    for name in dict.fromkeys(name for sample in samples for name in sample.scores):
        values = [s.scores[name].value == "C" for s in samples if name in s.scores]
        yield name, sum(values) / len(values)


def _tokens(chain: Mapping[str, Any]) -> int:
    return sum(len(segment["token_ids"]) for segment in chain["segments"])


def _text(value: object) -> str | None:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
