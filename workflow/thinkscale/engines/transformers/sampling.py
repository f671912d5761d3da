"""Draw tokens from logits with noise that belongs to the row, not to the batch."""

import torch

from thinkscale.engines.base import Sampling

_HEAD = 256  # tokens that nearly always hold a nucleus


def draw(
    logits: torch.Tensor, uniforms: torch.Tensor, sampling: Sampling, vocabulary: int
) -> torch.Tensor:
    """Draw one token a row by inverse CDF in float64.

    logits: (B, V'); uniforms: (B,) in [0, 1), float64, not looked at when greedy; returns ids (B,)
    below `vocabulary`: rows of a padded embedding matrix name no token. Ties under greedy go to the
    lowest id.
    """
    logits = logits[:, :vocabulary]
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = (logits.double() / sampling.temperature).softmax(dim=-1)
    if 0 < sampling.top_k < vocabulary:
        kth = probabilities.topk(sampling.top_k, dim=-1).values[:, -1:]
        probabilities = probabilities.masked_fill(probabilities < kth, 0)
        probabilities = probabilities / probabilities.sum(dim=-1, keepdim=True)
    if sampling.top_p < 1:
        least = _least_of_nucleus(probabilities, sampling.top_p)
        probabilities = probabilities.masked_fill(probabilities < least, 0)
    cdf = probabilities.cumsum(dim=-1)
    # The last value may fall short of 1: scale the uniform, not the CDF, and stay below it.
    total = cdf[:, -1:]
    target = torch.minimum(uniforms.unsqueeze(1) * total, total.nextafter(torch.zeros_like(total)))
    return torch.searchsorted(cdf, target, right=True).squeeze(1)


def _least_of_nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Return (B, 1), the least probability in the smallest set of tokens that reaches `top_p`.

    Tokens as likely as that one all stay, so that no order among equals decides. Sorting a whole
    vocabulary costs more than a small model's pass, hence a look at the likeliest first.
    """
    for count in (_HEAD, probabilities.shape[1]):
        likeliest = probabilities.topk(min(count, probabilities.shape[1]), dim=-1).values
        before = likeliest.cumsum(dim=-1) - likeliest
        if (before[:, -1] >= top_p).all():
            break
    last = (before < top_p).sum(dim=-1, keepdim=True) - 1
    return likeliest.gather(1, last)
