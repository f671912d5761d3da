"""Sample many continuations side by side: one prefill, then a plain decoding loop.

Every batch is padded on the left, so each row's next token is in the last column; padded columns
are masked and positions count from the row's own first token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache, PreTrainedModel

from thinkscale.engines.base import Completion, Ids, Request, split_at_end, uniforms
from thinkscale.engines.sampling import Sampling, draw


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    requests: Sequence[Request],
    sampling: Sampling,
    eos: frozenset[int],
    vocabulary: int,
) -> list[Completion]:
    """Return the completion of each request; rows that end leave the batch.

    vocabulary: ids at or beyond it are never sampled.
    """
    sampled: list[list[int]] = [[] for _ in requests]
    done: list[Completion | None] = [
        Completion((), (), "length") if request.max_new <= 0 else None for request in requests
    ]
    rows = [i for i, completion in enumerate(done) if completion is None]
    if not rows:
        return done
    noise = [_noise(request) for request in requests]
    state = _prefill_shared(model, [requests[i] for i in rows])
    cache, ids, mask, positions = state.cache, state.ids, state.mask, state.positions

    while True:
        logits = _forward(model, cache, ids, mask, positions)  # (B, V)
        drawn_noise = [noise[i](len(sampled[i])) for i in rows]
        drawn = draw(
            logits,
            torch.tensor(drawn_noise, dtype=torch.float64, device=model.device),
            sampling,
            vocabulary,
        )
        keep = []
        for row, (i, token) in enumerate(zip(rows, drawn.tolist(), strict=True)):
            sampled[i].append(token)
            done[i] = split_at_end(sampled[i], requests[i].stops, eos)
            if done[i] is None and len(sampled[i]) == requests[i].max_new:
                done[i] = Completion(tuple(sampled[i]), (), "length")
            if done[i] is None:
                keep.append(row)
        if not keep:
            return done
        if len(keep) < len(rows):
            kept = torch.tensor(keep, device=model.device)
            cache.batch_select_indices(kept)
            mask, positions, drawn = mask[kept], positions[kept], drawn[kept]
            rows = [rows[row] for row in keep]
        ids = drawn.unsqueeze(1)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1


@dataclass(frozen=True)
class _State:
    """What a forward pass goes on from: ids (B, T) not yet seen, mask (B, S + T), positions (B, T)
    of the ids, and the cache of the S columns before them."""

    cache: DynamicCache
    ids: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor


def _prefill_shared(model: PreTrainedModel, requests: Sequence[Request]) -> _State:
    """Prefill what requests of one row have in common once, and leave each its own last tokens.

    The forks of a chain begin alike: the longest of them is run, and each fork gets its keys and
    values up to where the two part, the rest masked.
    """
    carriers: dict[bytes, Ids] = {}
    for request in requests:
        carriers[request.noise] = max(carriers.get(request.noise, ()), request.prompt, key=len)
    if len(carriers) == len(requests) or not _attends_everywhere(model):
        ids, mask = _pad([request.prompt for request in requests], model.device)
        cache = DynamicCache(config=model.config)
        return _State(cache, ids, mask, (mask.cumsum(dim=1) - 1).clamp(min=0))

    # At least one token stays behind: the logits of a prompt are those of its last token.
    shared = [
        min(_common(request.prompt, carriers[request.noise]), len(request.prompt) - 1)
        for request in requests
    ]
    cache = DynamicCache(config=model.config)
    ids, carried = _pad(list(carriers.values()), model.device)
    _forward(model, cache, ids, carried, (carried.cumsum(dim=1) - 1).clamp(min=0))
    place = {key: index for index, key in enumerate(carriers)}
    source = torch.tensor([place[request.noise] for request in requests], device=model.device)
    cache.batch_select_indices(source)
    reach = torch.tensor(shared, device=model.device).unsqueeze(1)  # (B, 1)
    before = carried[source] * (carried[source].cumsum(dim=1) <= reach)  # (B, S)

    tails = [request.prompt[n:] for request, n in zip(requests, shared, strict=True)]
    ids, own = _pad(tails, model.device)
    positions = reach + (own.cumsum(dim=1) - 1).clamp(min=0)
    return _State(cache, ids, torch.cat([before, own], dim=1), positions)


def _forward(
    model: PreTrainedModel,
    cache: DynamicCache,
    ids: torch.Tensor,
    mask: torch.Tensor,
    positions: torch.Tensor,
) -> torch.Tensor:
    """Run the ids (B, T), extend the cache, return the logits (B, V) behind the last of them."""
    return model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]


def _pad(prompts: Sequence[Ids], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask (B, T), padded on the left."""
    width = max(map(len, prompts))
    ids = torch.zeros(len(prompts), width, dtype=torch.long)
    mask = torch.zeros(len(prompts), width, dtype=torch.long)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def _common(one: Ids, other: Ids) -> int:
    """Length of the common beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _attends_everywhere(model: PreTrainedModel) -> bool:
    """Whether every layer attends to all columns: a sliding window counts masked ones too."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None)
    if layers:
        return all(layer == "full_attention" for layer in layers)
    return getattr(config, "sliding_window", None) is None


def _noise(request: Request) -> Callable[[int], float]:
    """Random numbers of a request by index, made a block at a time."""
    block: list[float] = []

    def at(index: int) -> float:
        while index >= len(block):
            block.extend(uniforms(request.noise, request.position + len(block), 64))
        return block[index]

    return at
