"""The embedded engine: a transformers causal language model and a plain decoding loop."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from thinkscale.engines.base import Completion, Request, split_at_end, uniforms
from thinkscale.engines.sampling import Sampling, draw
from thinkscale.errors import ThinkscaleError


@dataclass(frozen=True)
class Loading:
    """How weights are brought in. dtype: a torch name or `auto`; device: `auto`, `cpu`, `cuda:0`…"""

    dtype: str = "auto"
    device: str = "auto"
    attention: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class TransformersEngine:
    """A loaded model with its tokenizer; `context` in tokens, `batch_size` in rows."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    eos: frozenset[int]
    context: int
    sampling: Sampling
    batch_size: int
    name: str = "transformers"
    exact_tokens: bool = True

    def complete(self, requests: Sequence[Request]) -> Iterator[tuple[int, Completion]]:
        """See `Engine.complete`. Rows of like prompt and length share a batch, the largest first:
        what does not fit in memory fails at once, not after an hour."""
        order = sorted(
            range(len(requests)),
            key=lambda i: (-len(requests[i].prompt), -requests[i].max_new, requests[i].noise),
        )
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            began = time.perf_counter()
            completions = _decode(self, [requests[i] for i in rows])
            seconds = time.perf_counter() - began
            total = sum(completion.sampled for completion in completions) or 1
            for row, completion in zip(rows, completions, strict=True):
                yield row, replace(completion, seconds=seconds * completion.sampled / total)


def load(
    path: Path, loading: Loading, sampling: Sampling, batch_size: int, context: int | None = None
) -> TransformersEngine:
    """Load a model directory (safetensors only).

    Raises ThinkscaleError if the directory holds no such model, or `context` exceeds its window.
    """
    device = _device(loading.device)
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=loading.trust_remote_code)
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=loading.trust_remote_code)
        model = AutoModelForCausalLM.from_pretrained(
            path,
            config=config,
            dtype=loading.dtype,
            attn_implementation=loading.attention,
            use_safetensors=True,
            trust_remote_code=loading.trust_remote_code,
        )
    except (OSError, ValueError) as error:
        raise ThinkscaleError(f"{path}: cannot load the model: {error}") from error
    window = getattr(config.get_text_config(), "max_position_embeddings", None) or context
    if window is None:
        raise ThinkscaleError(f"{path}: the model states no window; set `context` in the config")
    if context is not None and context > window:
        raise ThinkscaleError(f"{path}: `context` is {context}, the model's window is {window}")
    return TransformersEngine(
        model.to(device).eval(),
        tokenizer,
        _eos_ids(model, tokenizer),
        context or window,
        sampling,
        batch_size,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ThinkscaleError(f"`device` is {name}, but torch sees no GPU here; use auto or cpu")
    return device


def _eos_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Every id that ends a turn: the tokenizer's and those the generation config lists."""
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)


@torch.inference_mode()
def _decode(engine: TransformersEngine, requests: Sequence[Request]) -> list[Completion]:
    """Sample all requests side by side; rows that end leave the batch.

    Left padding: every row's next token is in the last column. Padded columns are masked and
    positions count from the row's own first token.
    """
    model, device, vocabulary = engine.model, engine.model.device, len(engine.tokenizer)
    sampled: list[list[int]] = [[] for _ in requests]
    done: list[Completion | None] = [
        Completion((), (), "length") if request.max_new <= 0 else None for request in requests
    ]
    rows = [i for i, completion in enumerate(done) if completion is None]
    if not rows:
        return done
    noise = [_noise(request) for request in requests]

    width = max(len(requests[i].prompt) for i in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)  # (B, S): 1 where a token stands
    for row, i in enumerate(rows):
        ids[row, width - len(requests[i].prompt) :] = torch.tensor(requests[i].prompt)
        mask[row, width - len(requests[i].prompt) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)

    while True:
        logits = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]  # (B, V)
        drawn_noise = [noise[i](len(sampled[i])) for i in rows]
        drawn = draw(
            logits,
            torch.tensor(drawn_noise, dtype=torch.float64, device=device),
            engine.sampling,
            vocabulary,
        )
        keep = []
        for row, (i, token) in enumerate(zip(rows, drawn.tolist(), strict=True)):
            sampled[i].append(token)
            done[i] = split_at_end(sampled[i], requests[i].stops, engine.eos)
            if done[i] is None and len(sampled[i]) == requests[i].max_new:
                done[i] = Completion(tuple(sampled[i]), (), "length")
            if done[i] is None:
                keep.append(row)
        if not keep:
            return done
        if len(keep) < len(rows):
            kept = torch.tensor(keep, device=device)
            cache.batch_select_indices(kept)
            mask, positions, drawn = mask[kept], positions[kept], drawn[kept]
            rows = [rows[row] for row in keep]
        ids = drawn.unsqueeze(1)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1


def _noise(request: Request):
    """Random numbers of a request by index, made a block at a time."""
    block, size = [], 64

    def at(index: int) -> float:
        while index >= len(block):
            block.extend(uniforms(request.noise, request.position + len(block), size))
        return block[index]

    return at
