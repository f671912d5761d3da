"""One forward pass: the next tokens of all rows, side by side, and what each attends to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch

from thinkscale.engines.lanes import LANES
from thinkscale.engines.rows import Leaf, Row, move
from thinkscale.engines.tree import Panel, Pass, Tree

_IDLE = (64, 0)  # the kind of a row that runs nothing; it comes last
_APART = (0, 0)  # the kind of a row whose tokens attend each by itself, where the tree is in lanes
_FEW = 8  # tokens such a row may have
_SHORT = 63  # columns; rows with fewer are not told apart by length


@dataclass(frozen=True)
class Packed:
    """ids: (1, N). keep: indices of the tokens whose logits are wanted, in the order of `ready`.

    ready: leaves whose next token can be drawn after this pass. taken: leaves and how many of
    their tokens it runs.
    """

    ids: torch.Tensor
    where: Pass
    keep: torch.Tensor
    ready: list[tuple[Row, Leaf]]
    taken: list[tuple[Leaf, int]]


class _Part(NamedTuple):
    """A row's part of a pass: its leaves, how many tokens of each, and how many in all.

    kind: rows of one kind run about as many tokens and, where that is one, attend about as far.
    """

    row: Row
    taken: list[tuple[Leaf, int]]
    count: int
    kind: tuple[int, int]


def pack(rows: Iterable[Row], tree: Tree, most: int) -> Packed:
    """Pack the next tokens of all rows, at most about `most` of them and one a row at least.

    Rows that run about as many tokens (one where they think; prompts, forced ends and answers
    forked side by side) stand in neighbouring slots, so that their keys and values need not be
    gathered. Reading those takes most of a pass's time, so thinking rows are also told apart by
    length: none attends over more than twice its own columns.
    """
    parts, left = [], most
    for row in rows:
        taken = row.taken(max(left, 1))
        count = sum(count for _, count in taken)
        parts.append(_Part(row, taken, count, _kind(row, count, tree.in_lanes)))
        left -= count
    parts = sorted(parts, key=lambda p: p.kind) if tree.in_lanes else _arrange(parts, tree)

    slots, columns, depths, ids, lines = [], [], [], [], []
    runs, ready, keep = [], [], []
    for part in parts:
        for leaf, count in part.taken:
            begin, end = leaf.run, leaf.run + count
            if leaf.line is None:
                leaf.line = tree.new_path(leaf.columns[:begin])
            if count > 1:
                runs.append((len(ids), leaf.columns[begin], count))
            slots += [part.row.slot] * count
            columns += leaf.columns[begin:end]
            depths += range(begin, end)
            ids += leaf.ids[begin:end]
            lines += [leaf.line] * count
            if end == len(leaf.ids):
                ready.append((part.row, leaf))
                keep.append(len(ids) - 1)
    entries = torch.tensor((slots, columns, depths, ids, lines), device=tree.device)  # (5, N)
    slots, columns, depths, ids, lines = entries
    tree.depths[slots, columns] = depths
    tree.paths[lines, columns] = True
    seen = tree.paths[lines, : _reach(parts, tree)]  # (N, S)
    for start, column, count in runs:
        # Tokens of one run do not see those behind them; a run's columns lie side by side.
        causal = torch.ones(count, count, dtype=torch.bool, device=tree.device).tril()
        seen[start : start + count, column : column + count] = causal
    where = Pass(slots, columns, depths, tuple(_panels(parts, seen, slots, tree)))
    return Packed(
        ids.unsqueeze(0),
        where,
        torch.tensor(keep, dtype=torch.long, device=tree.device),
        ready,
        [taken for part in parts for taken in part.taken],
    )


def _kind(row: Row, count: int, in_lanes: bool) -> tuple[int, int]:
    if not count:
        return _IDLE
    if in_lanes:
        return _APART if count <= _FEW else (count.bit_length(), 0)
    return count.bit_length(), max(row.used, _SHORT).bit_length() if count == 1 else 0


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
    return min(-(-max(part.row.used for part in parts) // LANES) * LANES, tree.columns)


def _panels(
    parts: Sequence[_Part], seen: torch.Tensor, places: torch.Tensor, tree: Tree
) -> Iterable[Panel]:
    """A panel for each kind; rows of it are padded to the one with most tokens.

    seen: (N, S), what the packed tokens attend to. places: (N,), their slots.
    """
    start = 0
    for kind, group in groupby(parts, key=lambda part: part.kind):
        rows = list(group)
        if kind == _IDLE:
            return
        slots = [part.row.slot for part in rows]
        reach = _reach(rows, tree)
        if kind == _APART or rows[0].count == 1:
            count = sum(part.count for part in rows)
            tokens = slice(start, start + count)
            where = places[tokens] if kind == _APART else slice(slots[0], slots[0] + count)
            yield Panel(where, tokens, None, seen[tokens, :reach].unsqueeze(1))
            start += count
            continue
        counts = torch.tensor([part.count for part in rows], device=seen.device).unsqueeze(1)
        order = torch.arange(int(counts.max()), device=seen.device)
        real = order < counts  # (R, Q)
        tokens = start + counts.cumsum(0) - counts + torch.where(real, order, 0)
        where = torch.tensor(slots) if tree.in_lanes else slice(slots[0], slots[0] + len(slots))
        yield Panel(where, tokens, real, seen[tokens, :reach])
        start += int(counts.sum())
