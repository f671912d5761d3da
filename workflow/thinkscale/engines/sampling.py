"""Draw tokens from logits with noise that belongs to the row, not to the batch."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy; top_p in (0, 1]; top_k 0 keeps every token."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0


def draw(
    logits: torch.Tensor, uniforms: torch.Tensor, sampling: Sampling, vocabulary: int
) -> torch.Tensor:
    """Draw one token a row by inverse CDF in float64.

    logits: (B, V'); uniforms: (B,) in [0, 1), float64; returns ids (B,) below `vocabulary`: rows
    of a padded embedding matrix name no token. Ties under greedy go to the lowest id.
    """
    logits = logits[:, :vocabulary].double()
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < vocabulary:
        kth = logits.topk(sampling.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < kth, -torch.inf)
    if sampling.top_p < 1:
        logits = logits.masked_fill(_outside_nucleus(logits, sampling.top_p), -torch.inf)
    cdf = logits.softmax(dim=-1).cumsum(dim=-1)
    # The last value of a cumulative sum may fall short of 1: scale the uniform, not the CDF.
    target = uniforms.unsqueeze(1) * cdf[:, -1:]
    return torch.searchsorted(cdf, target, right=True).squeeze(1).clamp(max=cdf.shape[1] - 1)


def _outside_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Mask what lies beyond the smallest set of tokens whose probability reaches `top_p`."""
    probabilities, order = logits.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    before = probabilities.cumsum(dim=-1) - probabilities
    return torch.zeros_like(logits, dtype=torch.bool).scatter(1, order, before >= top_p)
