"""Attention over a tree of tokens, and its place in transformers.

The functions are registered with transformers, so that every model which uses its attention
interface runs on them unchanged. On a CPU in float32 they read keys and values in lanes; elsewhere
tokens attend in panels, by torch's kernels or by plain products.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from thinkscale.engines.transformers.cpu import lanes
from thinkscale.engines.transformers.tree import Panel, Pass, Tree
from thinkscale.errors import ThinkscaleError

# Names that transformers knows our attention by, for each kernel under it.
ATTENTION = {"sdpa": "thinkscale_tree_fused", "eager": "thinkscale_tree_plain"}


def tree_for(model: PreTrainedModel, device: torch.device) -> Tree:
    """An empty tree as suits the model's attention, and where and in what it is computed."""
    fused = model.config._attn_implementation == ATTENTION["sdpa"]
    kinds = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
    return Tree(device, in_lanes=fused and kinds == {("cpu", torch.float32)})


def _products(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor,
    scale: float | None,
) -> torch.Tensor:
    """Attention by plain products, its weights in float32 (Vaswani et al., 2017, equation 1)."""
    rows, heads, width, size = query.shape
    scale = size**-0.5 if scale is None else scale
    query, key, value = (tensor.flatten(0, 1) for tensor in (query, key, value))
    scores = torch.bmm(query * scale, key.transpose(1, 2)).view(rows, heads, width, -1) + attn_mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
    return torch.bmm(weights.flatten(0, 1), value).view(rows, heads, width, -1)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    tree: Tree | None = None,
    where: Pass | None = None,
    *,
    kernel: Callable[..., torch.Tensor],
    **others,
) -> tuple[torch.Tensor, None]:
    """Attend each packed token (1, heads, N, size) to its own path; returns (1, N, heads, size)."""
    _refuse_unknown(module, tree, others)
    kept = tree.layer(module.layer_idx, key[0], value[0])
    queries = query[0].transpose(0, 1)  # (N, heads, size)
    if where.reading is not None:
        # (N, heads, size), as they lie in memory most often
        new = key[0].transpose(0, 1), value[0].transpose(0, 1)
        seen = _seen(tree, where, sliding_window)
        return lanes.attend(queries, *new, *kept, where.reading, seen, scaling).unsqueeze(0), None
    tree.store(where, kept, (key[0], value[0]))
    out = queries.new_empty(*queries.shape[:2], value.shape[3])
    for panel in where.panels:
        groups = queries.shape[1] // key.shape[1]
        bias = _bias(tree, where, panel, sliding_window, groups, queries)
        found = _in_panel(panel, queries, *kept, bias, partial(kernel, scale=scaling))
        if panel.real is None:
            out[panel.tokens] = found.squeeze(1)
        else:
            out[panel.tokens[panel.real]] = found[panel.real]
    return out.unsqueeze(0), None


def _in_panel(
    panel: Panel,
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    bias: torch.Tensor,
    kernel: Callable[..., torch.Tensor],
) -> torch.Tensor:
    """Attend a panel's tokens out of queries (N, heads, size); returns (R, Q, heads, size).

    bias: (R, 1, groups * Q, S). Query heads that share a key head stand side by side as more
    queries, so that nothing is repeated.
    """
    (heads, size), shared = queries.shape[1:], keys.shape[1]
    rows, width = (len(bias), 1) if panel.real is None else panel.real.shape
    asked = queries[panel.tokens].reshape(rows, width, shared, heads // shared, size)
    found = kernel(
        asked.permute(0, 2, 3, 1, 4).reshape(rows, shared, -1, size),
        keys[panel.slots, :, : panel.reach],
        values[panel.slots, :, : panel.reach],
        attn_mask=bias,
    )
    found = found.reshape(rows, shared, heads // shared, width, -1).permute(0, 3, 1, 2, 4)
    return found.reshape(rows, width, heads, -1)


def _seen(tree: Tree, where: Pass, window: int | None) -> torch.Tensor:
    """Which columns each token attends to, (N, S): made once for all layers alike.

    A sliding window counts tokens by their depth in the tree, not by column.
    """
    if window is None:
        return where.seen
    if ("seen", window) not in where.shared:
        depths = tree.depths[where.slots, : where.seen.shape[1]]
        near = depths > where.depths.unsqueeze(1) - window
        where.shared["seen", window] = where.seen & near
    return where.shared["seen", window]


def _bias(
    tree: Tree, where: Pass, panel: Panel, window: int | None, groups: int, like: torch.Tensor
) -> torch.Tensor:
    """What is added to a panel's scores, (R, 1, groups * Q, S): made once for all layers alike."""
    key = ("bias", id(panel), window, groups, like.device, like.dtype)
    if key not in where.shared:
        seen = _seen(tree, where, window)[panel.tokens, ..., : panel.reach]
        bias = torch.zeros(seen.shape, dtype=like.dtype, device=seen.device)
        bias = bias.masked_fill_(~seen, -torch.inf).to(like.device).unsqueeze(1)
        if panel.real is not None:
            bias = bias.expand(-1, groups, -1, -1)
        where.shared[key] = bias.reshape(len(bias), 1, -1, panel.reach)
    return where.shared[key]


def _refuse_unknown(module: torch.nn.Module, tree: Tree | None, others: dict) -> None:
    """Attention that does more than this one would be computed wrong without a word."""
    kind = type(module).__name__
    if tree is None:
        raise ThinkscaleError(
            f"{kind}: this architecture does not hand its attention what it was called with, so "
            "its chains cannot be forked"
        )
    for name in ("softcap", "s_aux"):
        if others.get(name) is not None:
            raise ThinkscaleError(
                f"{kind}: attention with {name} is not supported by the transformers engine"
            )


AttentionInterface.register(ATTENTION["sdpa"], partial(attend, kernel=scaled_dot_product_attention))
AttentionInterface.register(ATTENTION["eager"], partial(attend, kernel=_products))
