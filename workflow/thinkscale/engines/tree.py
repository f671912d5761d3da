"""Keys and values of many rows, each a tree of tokens, and attention over them.

A row (one item's sample) keeps what it computed in one slot: its prompt, its chain, the branches
and the answers forked from it, column after column as they were run. Which columns a token attends
to is a mask; what two forks share is there once. The tokens of one forward pass are packed side by
side, (1, N), so that rows with one token and rows with many waste nothing on each other outside of
attention.

The attention function is registered with transformers, so that every model which uses its
attention interface runs on this unchanged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

from thinkscale.engines import lanes
from thinkscale.errors import ThinkscaleError

# Names that transformers knows our attention by, for each kernel under it.
ATTENTION = {"sdpa": "thinkscale_tree_fused", "eager": "thinkscale_tree_plain"}


@dataclass(frozen=True)
class Panel:
    """Tokens of a pass that attend together, the same number for each of its rows.

    slots: R neighbouring ones, or which. tokens: (R, Q) indices into the packed tokens, or a slice
    of them where Q is 1. real: (R, Q), False where `tokens` is only padding; None where nothing is.
    mask: (R, Q, S), which columns a token attends to.
    """

    slots: slice | torch.Tensor
    tokens: slice | torch.Tensor
    real: torch.Tensor | None
    mask: torch.Tensor


@dataclass(frozen=True)
class Pass:
    """Where the N packed tokens of a forward pass lie: (N,) slots, columns, depths in their row."""

    slots: torch.Tensor
    columns: torch.Tensor
    depths: torch.Tensor
    panels: tuple[Panel, ...]
    shared: dict = field(default_factory=dict)  # what is worked out once for all layers


@dataclass
class Tree:
    """Keys and values of up to `slots` rows of up to `columns` tokens.

    in_lanes: whether columns lie innermost in memory, as `engines.lanes` needs them. keys, values:
    by layer, (slots, key-value heads, columns, head size). depths: (slots, columns),
    how many tokens lie before each on its path. paths: (lines, columns), for each leaf the columns
    it attends to.
    """

    device: torch.device
    in_lanes: bool = False
    slots: int = 0
    columns: int = 0
    keys: dict[int, torch.Tensor] = field(default_factory=dict)
    values: dict[int, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, model: PreTrainedModel, device: torch.device) -> "Tree":
        """An empty tree as suits the model's attention, and where and in what it is computed."""
        few = model.config._attn_implementation == ATTENTION["sdpa"]
        kinds = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
        return cls(device, in_lanes=few and kinds == {("cpu", torch.float32)})

    def __post_init__(self) -> None:
        self.depths = torch.zeros(0, 0, dtype=torch.long, device=self.device)
        self.paths = torch.zeros(0, 0, dtype=torch.bool, device=self.device)
        self._free_lines: list[int] = []

    def bytes(self) -> int:
        """Memory of the keys and values."""
        return sum(tensor.nbytes for tensor in (*self.keys.values(), *self.values.values()))

    def resize(self, slots: int, columns: int) -> None:
        """Make room for so many; what is stored in slots and columns that remain stays there."""
        self.slots, self.columns = slots, columns
        for store in (self.keys, self.values):
            for layer, old in store.items():
                store[layer] = _resized(old, 0, slots, 2, columns, self.in_lanes)
        self.depths = _resized(self.depths, 0, slots, 1, columns)
        self.paths = _resized(self.paths, 0, len(self.paths), 1, columns)

    def move(self, sources: list[int], targets: list[int], columns: int) -> None:
        """Copy the first columns of slots over others, all at once: they may trade places."""
        stored = [*self.keys.values(), *self.values.values()]
        for tensor in (*(kept[:, :, :columns] for kept in stored), self.depths[:, :columns]):
            source = torch.tensor(sources, device=tensor.device)
            target = torch.tensor(targets, device=tensor.device)
            tensor.index_copy_(0, target, tensor.index_select(0, source))

    def new_path(self, columns: list[int]) -> int:
        """Return a line of `paths` that attends to these columns."""
        if not self._free_lines:
            lines = len(self.paths)
            self.paths = _resized(self.paths, 0, max(2 * lines, 64), 1, self.columns)
            self._free_lines = list(range(lines, len(self.paths)))
        line = self._free_lines.pop()
        self.paths[line] = False
        self.paths[line, torch.tensor(columns, dtype=torch.long, device=self.device)] = True
        return line

    def drop_path(self, line: int) -> None:
        self._free_lines.append(line)

    def store(self, layer: int, where: Pass, key: torch.Tensor, value: torch.Tensor) -> None:
        """Put the keys and values (heads, N, size) of a pass into their columns."""
        for store, new in ((self.keys, key), (self.values, value)):
            heads, _, size = new.shape
            if layer not in store:
                shape = (self.slots, heads, self.columns, size)
                store[layer] = _empty(new, shape, self.in_lanes).zero_()
            if self.in_lanes:
                lanes.store(store[layer], where.slots, where.columns, new)
                continue
            lines = self._lines(where, heads).to(new.device)  # models may lie on several devices
            store[layer].view(-1, size).index_copy_(0, lines, new.reshape(-1, size))

    def _lines(self, where: Pass, heads: int) -> torch.Tensor:
        """Where (heads, N) tokens' keys lie, as lines of (slots * heads * columns, size)."""
        key = ("lines", heads, self.columns)
        if key not in where.shared:
            head = torch.arange(heads, device=self.device).unsqueeze(1)
            lines = (where.slots * heads + head) * self.columns + where.columns
            where.shared[key] = lines.flatten()
        return where.shared[key]


def _resized(
    old: torch.Tensor,
    rows: int,
    row_count: int,
    columns: int,
    column_count: int,
    in_lanes: bool = False,
) -> torch.Tensor:
    """A tensor with other sizes along two dimensions, zero where there was nothing."""
    shape = list(old.shape)
    shape[rows], shape[columns] = row_count, column_count
    new = _empty(old, shape, in_lanes)
    kept = [slice(0, min(a, b)) for a, b in zip(old.shape, shape, strict=True)]
    new[tuple(kept)] = old[tuple(kept)]
    # What is masked is multiplied by zero: it must be a number.
    new.narrow(rows, kept[rows].stop, row_count - kept[rows].stop).zero_()
    new.narrow(columns, kept[columns].stop, column_count - kept[columns].stop).zero_()
    return new


def _empty(like: torch.Tensor, shape: Sequence[int], in_lanes: bool) -> torch.Tensor:
    """A new tensor of this shape, (slots, heads, columns, size) where it is `in_lanes`."""
    if not in_lanes:
        return like.new_empty(shape)
    slots, heads, columns, size = shape
    return like.new_empty(slots, heads, size, columns).transpose(2, 3)


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


def _fused(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor,
    scale: float | None,
) -> torch.Tensor:
    """torch's fused attention."""
    return scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale)


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
    tree.store(module.layer_idx, where, key[0], value[0])
    keys, values = tree.keys[module.layer_idx], tree.values[module.layer_idx]
    queries = query[0].transpose(0, 1)  # (N, heads, size)
    tokens, heads, size = queries.shape
    shared = keys.shape[1]  # key-value heads, each for heads / shared query heads
    out = queries.new_empty(tokens, heads, values.shape[3])
    for panel, seen in zip(where.panels, _seen(tree, where, sliding_window), strict=True):
        rows, width, reach = seen.shape
        if tree.in_lanes and panel.real is None:
            at = panel.slots, where.columns[panel.tokens]
            out[panel.tokens] = lanes.attend(
                queries[panel.tokens], keys, values, *at, seen[:, 0], scaling
            )
            continue
        # Query heads that share a key head stand side by side as more queries: nothing is repeated.
        asked = queries[panel.tokens].reshape(rows, width, shared, heads // shared, size)
        found = kernel(
            asked.permute(0, 2, 3, 1, 4).reshape(rows, shared, -1, size),
            keys[panel.slots, :, :reach],
            values[panel.slots, :, :reach],
            attn_mask=_bias(where, panel, seen, heads // shared, queries),
            scale=scaling,
        )
        found = found.reshape(rows, shared, heads // shared, width, -1).permute(0, 3, 1, 2, 4)
        found = found.reshape(rows, width, heads, -1)
        if panel.real is None:
            out[panel.tokens] = found.squeeze(1)
        else:
            out[panel.tokens[panel.real]] = found[panel.real]
    return out.unsqueeze(0), None


def _seen(tree: Tree, where: Pass, window: int | None) -> list[torch.Tensor]:
    """Which columns each panel's tokens attend to, (R, Q, S): made once for all layers alike.

    A sliding window counts tokens by their depth in the tree, not by column.
    """
    if window is None:
        return [panel.mask for panel in where.panels]
    if ("seen", window) not in where.shared:
        where.shared["seen", window] = masks = []
        for panel in where.panels:
            rows, width, reach = panel.mask.shape
            own = where.depths[panel.tokens].reshape(rows, width, 1)
            masks.append(panel.mask & (tree.depths[panel.slots, None, :reach] > own - window))
    return where.shared["seen", window]


def _bias(
    where: Pass, panel: Panel, seen: torch.Tensor, groups: int, like: torch.Tensor
) -> torch.Tensor:
    """What is added to a panel's scores, (R, 1, groups * Q, S): made once for all layers alike."""
    key = ("bias", id(seen), groups, like.device, like.dtype)
    if key not in where.shared:
        rows, width, reach = seen.shape
        bias = torch.zeros(seen.shape, dtype=like.dtype, device=seen.device)
        bias = bias.masked_fill_(~seen, -torch.inf).to(like.device)
        if width > 1:
            bias = bias.unsqueeze(1).expand(rows, groups, width, reach)
        where.shared[key] = bias.reshape(rows, 1, -1, reach)
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


AttentionInterface.register(ATTENTION["sdpa"], partial(attend, kernel=_fused))
AttentionInterface.register(ATTENTION["eager"], partial(attend, kernel=_products))
