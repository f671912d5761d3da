"""A recorded model's part of a study: its responses from logs, and what strategies choose among."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from thinkscale.config.corpora import tokenizer_file
from thinkscale.config.responses import Counter, Recorded
from thinkscale.data import contracts
from thinkscale.data.digest import combined_sha256, file_sha256
from thinkscale.data.hub import refusals
from thinkscale.errors import ThinkscaleError
from thinkscale.runs.responses import Count, Markers, read_log
from thinkscale.thinking.conditions import sweep
from thinkscale.thinking.strategies.search import SAMPLES, expand

_BATCH = 1000  # texts encoded at once


@dataclass(frozen=True)
class Imported:
    """Frames by their contracts, the model's record, its usage, and what there is to say.

    grades: the log's own scores.
    """

    responses: pd.DataFrame
    grades: pd.DataFrame
    candidates: pd.DataFrame
    scores: pd.DataFrame
    spent: pd.DataFrame
    record: Mapping[str, Any]
    usage: Mapping[str, Any]
    said: str


def import_responses(
    model: str,
    recorded: Recorded,
    markers: Markers,
    conditions: Mapping[str, Any],
    items: pd.DataFrame,
    *,
    graders: Sequence[str] = (),
    strategies: Sequence[Mapping[str, Any]] = (),
) -> Imported:
    """Read what a model said elsewhere, as if it had been run here.

    conditions, graders, strategies: the study's, as its configuration has them; of the graders
    those of this log's source count. Raises ThinkscaleError as `read_log` does, and if a tokenizer
    cannot be had.
    """
    tokenizer = None if recorded.tokenizer is None else _tokenizer(model, recorded.tokenizer)
    size = next((s.n for s in expand(strategies) if s.name == SAMPLES), 0)
    known = {k: v for k, v in conditions.items() if v is not None and k != "max_swaps"}
    log = read_log(
        model,
        recorded,
        markers,
        sweep(**known),
        items["item_id"].tolist(),
        graders=[name for name in graders if name.startswith(f"{recorded.source}:")],
        count=None if tokenizer is None else _counter(model, tokenizer),
        size=size,
    )
    found = log.responses
    natural = found[found["condition"] == "natural"]
    own = natural[natural["error"].isna()] if size else natural[:0]
    digests = {entry.path: file_sha256(Path(entry.path)) for entry in recorded.logs}
    if tokenizer is not None:
        digests["tokenizer.json"] = file_sha256(tokenizer)
    counted = "counted by the log" if tokenizer is None else f"recounted with {tokenizer}"
    said = (
        f"import {model}: {len(found):,} responses from {recorded.source}; tokens {counted}; "
        f"{log.left_out} rows about other items left out, {log.unanswered} items without a response"
    )
    return Imported(
        found,
        log.grades,
        _candidates(own, size),
        log.scores if size else log.scores[:0],
        _spent(natural if size else natural[:0], recorded, size),
        {
            "name": model,
            "directory": None if tokenizer is None else str(tokenizer.parent),
            "hub": None if recorded.tokenizer is None else recorded.tokenizer.hub,
            "revision": None if recorded.tokenizer is None else recorded.tokenizer.revision,
            "parent": None,
            "trust_remote_code": False,
            "recorded": recorded.source,
            "files": digests,
            "fingerprint": combined_sha256(digests.items()),
        },
        {
            "model": model,
            "parameters": recorded.parameters,
            "chains": 0,
            "peak_memory_bytes": None,
        },
        said,
    )


def _candidates(natural: pd.DataFrame, size: int) -> pd.DataFrame:
    """The natural samples as candidates; how their thinking falls into steps is not known."""
    names = contracts.SCHEMAS["candidates"].names
    own = {"search": SAMPLES, "n": size, "candidate": natural["sample"], "step_tokens": None}
    return natural.assign(**own, draws=natural["sample"].map(lambda n: [n]))[names]


def _spent(natural: pd.DataFrame, recorded: Recorded, size: int) -> pd.DataFrame:
    """What `size` samples of each item cost on average, as far as the log tells."""
    rows = []
    for (model, item_id), own in natural.groupby(["model", "item_id"], sort=False):
        tokens = own.loc[own["error"].isna(), "alone_tokens"].astype(float)
        prompts = own["prompt_tokens"].dropna()
        failed = own["error"].iloc[0] if own["error"].notna().all() else None
        sampled = tokens.mean() * size if len(tokens) else 0.0
        bill = {
            **dict.fromkeys(contracts.SCHEMAS["spent"].names),
            **{"model": model, "item_id": item_id, "search": SAMPLES, "n": size},
            "sampled": None if np.isnan(sampled) else round(sampled),
            "sampled_new": 0,
            "prompt_tokens": None if prompts.empty else int(prompts.iloc[0]),
            "parameters": None if recorded.parameters is None else int(recorded.parameters),
            "error": failed,
        }
        nothing = dict.fromkeys(("scored", "scored_new", "scored_uncached"), 0)
        rows.append({**bill, **nothing, "scorer": None, "scorer_parameters": 0})
        rows += [{**bill, "scorer": scorer} for scorer in recorded.scores]
    return pd.DataFrame(rows, columns=contracts.SCHEMAS["spent"].names).astype(object)


def _tokenizer(model: str, given: Counter) -> Path:
    """The tokenizer.json of a place."""
    if given.path is not None:
        return tokenizer_file(given.path)
    from huggingface_hub import hf_hub_download

    what = f"model {model}: tokenizer.json of {given.hub} at revision {given.revision}"
    where = {"file": "tokenizer.json", "offline": given.offline, "instead": ", or set `path`"}
    with refusals(what, given.hub, given.revision, **where):
        wanted = {"revision": given.revision, "local_files_only": given.offline}
        return Path(hf_hub_download(given.hub, "tokenizer.json", **wanted))


def _counter(model: str, path: Path) -> Count:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ThinkscaleError(
            f"model {model}: `responses.tokenizer`: {path} is no tokenizer.json ({error})"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        sizes: list[int] = []
        for begin in range(0, len(texts), _BATCH):  # encodings take much more room than texts
            batch = list(texts[begin : begin + _BATCH])
            sizes += map(len, tokenizer.encode_batch_fast(batch, add_special_tokens=False))
        return sizes

    return count


def write_imported(imported: Imported, output: Mapping[str, str]) -> None:
    """Write each frame where `output` has a path of its name, and empty ones of what is not made.

    A recorded model has no chains, and nothing was read of its labels' probabilities.
    """
    for name, path in output.items():
        match name:
            case "record" | "usage":
                text = json.dumps(getattr(imported, name), indent=2) + "\n"
                Path(path).write_text(text, encoding="utf-8")
            case "chains" | "readouts":
                empty = pd.DataFrame(columns=contracts.SCHEMAS[name].names)
                contracts.write(empty, path, name)
            case _:
                contracts.write(getattr(imported, name), path, name)
