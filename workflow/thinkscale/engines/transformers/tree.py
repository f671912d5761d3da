"""Keys and values of many rows, each a tree of tokens, and where a pass lies in them.

A row (one item's sample) keeps what it computed in one slot: its prompt, its chain, the branches
and the answers forked from it, column after column as they were run. Which columns a token attends
to is a mask; what two forks share is there once. The tokens of one forward pass are packed side by
side, (1, N), so that rows with one token and rows with many waste nothing on each other outside of
attention.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import torch

from thinkscale.engines.transformers.cpu import lanes


@dataclass(frozen=True)
class Panel:
    """Tokens of a pass that attend together, the same number for each of its rows.

    slots: R neighbouring ones. tokens: (R, Q) indices into the packed tokens, or a slice of them
    where Q is 1. real: (R, Q), False where `tokens` is only padding; None where nothing is. reach:
    columns that hold all they attend to.
    """

    slots: slice
    tokens: slice | torch.Tensor
    real: torch.Tensor | None
    reach: int


@dataclass(frozen=True)
class Pass:
    """Where the N packed tokens of a forward pass lie: (N,) slots, columns, depths in their row.

    seen: (N, S), which columns a token attends to. They attend in panels or, where the tree is in
    lanes, by a reading of those.
    """

    slots: torch.Tensor
    columns: torch.Tensor
    depths: torch.Tensor
    seen: torch.Tensor
    panels: tuple[Panel, ...] = ()
    reading: lanes.Reading | None = None
    shared: dict = field(default_factory=dict)  # what is worked out once for all layers


@dataclass
class Tree:
    """Keys and values of up to `slots` rows of up to `columns` tokens.

    in_lanes: whether columns lie innermost in memory, as `cpu.lanes` needs them. keys, values:
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

    def new_paths(self, paths: Sequence[Sequence[int]]) -> list[int]:
        """Return lines of `paths` that attend to these columns."""
        if not paths:
            return []
        if len(self._free_lines) < len(paths):
            lines = len(self.paths)
            self.paths = _resized(self.paths, 0, 2 * lines + max(len(paths), 64), 1, self.columns)
            self._free_lines += range(lines, len(self.paths))
        found = [self._free_lines.pop() for _ in paths]
        self.paths[found] = False
        lines = np.repeat(found, [len(path) for path in paths])
        columns = np.fromiter(chain.from_iterable(paths), np.int64, len(lines))
        self.paths[torch.from_numpy(lines), torch.from_numpy(columns)] = True
        return found

    def drop_path(self, line: int) -> None:
        self._free_lines.append(line)

    def layer(
        self, layer: int, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The keys and values of a layer, (slots, heads, columns, size) each.

        Made when first asked for, of the sizes of a pass's (heads, N, size).
        """
        for store, new in ((self.keys, key), (self.values, value)):
            if layer not in store:
                shape = (self.slots, len(new), self.columns, new.shape[2])
                store[layer] = _empty(new, shape, self.in_lanes).zero_()
        return self.keys[layer], self.values[layer]

    def store(
        self, where: Pass, kept: Iterable[torch.Tensor], found: Iterable[torch.Tensor]
    ) -> None:
        """Put a pass's keys and values, each (heads, N, size), into the columns of a layer's."""
        for store, new in zip(kept, found, strict=True):
            heads, _, size = new.shape
            lines = self._lines(where, heads).to(new.device)  # models may lie on several devices
            store.view(-1, size).index_copy_(0, lines, new.reshape(-1, size))

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
