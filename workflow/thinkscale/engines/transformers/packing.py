"""One forward pass: the next tokens of all rows, side by side, and what each attends to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch

from thinkscale.engines.transformers.cpu import lanes
from thinkscale.engines.transformers.rows import Leaf, Row, move
from thinkscale.engines.transformers.tree import Panel, Pass, Tree

_IDLE = (64, 0)  # the kind of a row that runs nothing; it comes last
_SHORT = 63  # columns; rows with fewer are not told apart by length


@dataclass(frozen=True)
class Packed:
    """ids: (1, N). keep: indices of the tokens whose logits are wanted, in the order of `ready`,
    or 0 for all.

    ready: leaves whose next token can be drawn after this pass. taken: leaves, their rows and how
    many of their tokens it runs.
    """

    ids: torch.Tensor
    where: Pass
    keep: torch.Tensor | int
    ready: list[tuple[Row, Leaf]]
    taken: list[tuple[Row, Leaf, int]]


class _Part(NamedTuple):
    """A row's part of a pass: its leaves with how many tokens of each, and how many in all."""

    row: Row
    taken: list[tuple[Leaf, int]]
    count: int

    @property
    def kind(self) -> tuple[int, int]:
        """Rows of one kind run about as many tokens and, where that is one, attend about as far."""
        if not self.count:
            return _IDLE
        length = max(self.row.used, _SHORT).bit_length() if self.count == 1 else 0
        return self.count.bit_length(), length


def pack(rows: Iterable[Row], tree: Tree, most: int) -> Packed:
    """Pack the next tokens of all rows, at most about `most` of them and one a row at least.

    In lanes, rows that begin with the same prompt stand side by side. In panels it is rows that run
    about as many tokens (one where they think; prompts, forced ends and answers forked side by
    side), in neighbouring slots, so that their keys and values need not be gathered. Reading those
    takes most of a pass's time, so thinking rows are also told apart by length: none attends over
    more than twice its own columns.
    """
    parts = _parts(rows, most)
    shared = _shared(parts) if tree.in_lanes else {}
    if shared:
        parts = sorted(parts, key=lambda part: -1 if part.row.family is None else part.row.family)
    elif not tree.in_lanes:
        parts = _arrange(parts, tree)
    taken = [(part.row, leaf, count) for part in parts for leaf, count in part.taken]
    fresh = [leaf for _, leaf, _ in taken if leaf.line is None]
    for leaf, line in zip(fresh, tree.new_paths([x.columns[: x.run] for x in fresh]), strict=True):
        leaf.line = line

    slots, columns, depths, ids, lines, ready, keep = [], [], [], [], [], [], []
    for row, leaf, count in taken:
        begin, end = leaf.run, leaf.run + count
        if count == 1:
            slots.append(row.slot)
            columns.append(leaf.columns[begin])
            depths.append(begin)
            ids.append(leaf.ids[begin])
            lines.append(leaf.line)
        else:
            slots += [row.slot] * count
            columns += leaf.columns[begin:end]
            depths += range(begin, end)
            ids += leaf.ids[begin:end]
            lines += [leaf.line] * count
        if end == len(leaf.ids):
            ready.append((row, leaf))
            keep.append(len(ids) - 1)
    entries = np.array((slots, columns, depths, ids, lines))  # (5, N)
    slots, columns, depths, ids, lines = torch.from_numpy(entries).to(tree.device)
    tree.depths[slots, columns] = depths
    tree.paths[lines, columns] = True
    seen = tree.paths[lines, : _reach(parts, tree)]  # (N, S)
    if len(ids) > len(taken):
        # Tokens of one run do not see those behind them. Along a path columns only ever grow.
        seen &= torch.arange(seen.shape[1], device=tree.device) <= columns.unsqueeze(1)
    if tree.in_lanes:
        reading = lanes.Reading.of(*entries[:2], seen.numpy(), *_homes(parts, shared))
        where = Pass(slots, columns, depths, seen, reading=reading)
    else:
        where = Pass(slots, columns, depths, seen, tuple(_panels(parts, tree)))
    all_kept = len(keep) == len(ids)
    keep = 0 if all_kept else torch.tensor(keep, dtype=torch.long, device=tree.device)
    return Packed(ids.unsqueeze(0), where, keep, ready, taken)


def _parts(rows: Iterable[Row], most: int) -> list[_Part]:
    parts = []
    for row in rows:
        taken = row.taken(max(most, 1))
        count = len(taken)
        for _, tokens in taken:
            count += tokens - 1
        parts.append(_Part(row, taken, count))
        most -= count
    return parts


def _shared(parts: Iterable[_Part]) -> dict[int, tuple[int, int]]:
    """By family of rows: the slot that they read their prompt from, and how much of it."""
    found = {}
    for part in parts:
        if part.row.family is not None:
            found.setdefault(part.row.family, (part.row.slot, part.row.shared))
    return found


def _homes(parts: Sequence[_Part], shared: dict[int, tuple[int, int]]) -> Sequence[np.ndarray]:
    """By token: the slot that it reads its prompt from, and how much of it."""
    if not shared:
        return ()
    reads = [shared.get(part.row.family, (part.row.slot, 0)) for part in parts]
    return np.repeat(np.array(reads).T, [part.count for part in parts], axis=1)


def _arrange(parts: Sequence[_Part], tree: Tree) -> list[_Part]:
    """Give rows of a kind neighbouring slots, from the first, moving as few as possible.

    Rows that run nothing come last. Returns the parts in the order of their slots.
    """
    kinds = sorted(part.kind for part in parts)
    held = {part.row.slot: part.kind for part in parts}
    if any(held.get(slot) != kind for slot, kind in enumerate(kinds)):
        free = {kind: [] for kind in kinds}
        for slot, kind in enumerate(kinds):
            if held.get(slot) != kind:
                free[kind].append(slot)
        astray = [p for p in parts if p.row.slot >= len(kinds) or kinds[p.row.slot] != p.kind]
        move([(part.row, free[part.kind].pop()) for part in astray], tree)
    return sorted(parts, key=lambda part: part.row.slot)


def _reach(parts: Sequence[_Part], tree: Tree) -> int:
    """Columns that hold all that these rows attend to, rounded up for whoever reads them."""
    used = max(part.row.used for part in parts if part.count)
    return min(-(-used // lanes.LANES) * lanes.LANES, tree.columns)


def _panels(parts: Sequence[_Part], tree: Tree) -> Iterable[Panel]:
    """A panel for each kind of rows; rows of it are padded to the one with most tokens."""
    start = 0
    for kind, group in groupby(parts, key=lambda part: part.kind):
        rows = list(group)
        if kind == _IDLE:
            return
        slots = slice(rows[0].row.slot, rows[0].row.slot + len(rows))
        counts = torch.tensor([part.count for part in rows], device=tree.device).unsqueeze(1)
        tokens, real = slice(start, start + len(rows)), None
        if rows[0].count > 1:
            order = torch.arange(int(counts.max()), device=tree.device)
            real = order < counts  # (R, Q)
            tokens = start + counts.cumsum(0) - counts + torch.where(real, order, 0)
        yield Panel(slots, tokens, real, _reach(rows, tree))
        start += sum(part.count for part in rows)
