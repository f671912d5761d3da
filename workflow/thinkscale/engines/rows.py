"""Rows and their leaves: which token of which request lies in which column of which slot.

A row holds one slot of the tree while it asks for anything. Each of its requests is a leaf, a path
through the row's tokens that grows by what is drawn. A leaf begins on the longest path that the row
already has in common with it, so that a fork costs its own tokens and nothing more.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from thinkscale.engines.base import Request, uniforms
from thinkscale.engines.tree import Tree

_NOISE_BLOCK = 64


@dataclass
class Leaf:
    """One request on its way.

    ids: the prompt and what was drawn. columns: where each of them lies or will lie. run: how many
    of them have their keys and values. line: of the tree's paths, once it has one. ends: tokens
    that may end it.
    """

    ticket: Hashable
    request: Request
    ids: list[int]
    ends: frozenset[int] = frozenset()
    sampled: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    run: int = 0
    line: int | None = None
    seconds: float = 0.0
    noise: list[float] = field(default_factory=list)

    def uniform(self) -> float:
        """The random number of the next token: the row's own, by position."""
        index = len(self.sampled)
        if index == len(self.noise):
            start = self.request.position + index
            self.noise.extend(uniforms(self.request.noise, start, _NOISE_BLOCK).tolist())
        return self.noise[index]

    def take(self, token: int, seconds: float) -> None:
        self.sampled.append(token)
        self.ids.append(token)
        self.seconds += seconds


@dataclass
class Row:
    """A slot's tenant.

    used: columns taken. arrived: leaves without columns yet. paths: (ids, columns) of leaves that
    ended, as far as they were run.
    """

    slot: int
    arrived: list[Leaf] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    used: int = 0
    paths: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether anything of it was run."""
        return bool(self.paths) or any(leaf.run for leaf in self.leaves)

    def plant(self) -> None:
        """Give leaves that arrived their columns, shared ones first.

        The longest come first, so that the others find on them what they have in common. A leaf
        may share columns that are only planned: they are run in this order.
        """
        if not self.arrived:
            return
        paths = [*self.paths, *((np.array(x.ids), np.array(x.columns)) for x in self.leaves)]
        for leaf in sorted(self.arrived, key=lambda leaf: -len(leaf.ids)):
            ids = np.array(leaf.ids)
            lengths = [_common(ids, known) for known, _ in paths]
            # At least one token is run: the logits of a prompt are those of its last token.
            shared = min(max(lengths, default=0), len(ids) - 1)
            found = paths[int(np.argmax(lengths))][1][:shared].tolist() if shared else []
            own = len(ids) - shared
            leaf.columns = [*found, *range(self.used, self.used + own)]
            leaf.run = shared
            self.used += own
            self.leaves.append(leaf)
            paths.append((ids, np.array(leaf.columns)))
        self.arrived = []

    def extend(self, leaf: Leaf) -> None:
        """Plan a column for the token a leaf has just drawn."""
        leaf.columns.append(self.used)
        self.used += 1

    def end(self, leaf: Leaf, tree: Tree) -> None:
        """Take a leaf out and remember its path; its last token was drawn but never run."""
        self.leaves.remove(leaf)
        self.paths.append((np.array(leaf.ids[: leaf.run]), np.array(leaf.columns[: leaf.run])))
        tree.drop_path(leaf.line)

    def vacated(self, tree: Tree) -> list[Leaf]:
        """Give up all columns and return the leaves, to begin again with what they drew."""
        for leaf in self.leaves:
            if leaf.line is not None:
                tree.drop_path(leaf.line)
            leaf.columns, leaf.run, leaf.line = [], 0, None
        return [*self.leaves, *self.arrived]

    def taken(self, most: int) -> list[tuple[Leaf, int]]:
        """Leaves and how many of their tokens to run next: one at least, `most` in all."""
        found = []
        for leaf in self.leaves:
            missing = len(leaf.ids) - leaf.run
            count = min(missing, most)
            if count:
                found.append((leaf, count))
                most -= count
            if count < missing:
                break  # later leaves may share what this one has yet to run
        return found


def move(rows: Sequence[tuple[Row, int]], tree: Tree) -> None:
    """Move rows to other slots, which are free or those of others that move."""
    if stored := [(row, slot) for row, slot in rows if row.holds]:
        reach = max(row.used for row, _ in stored)
        tree.move([row.slot for row, _ in stored], [slot for _, slot in stored], reach)
    for row, slot in rows:
        row.slot = slot


def compact(rows: Sequence[Row], tree: Tree) -> None:
    """Fill the slots of rows that left, so that the first slots hold all there is."""
    free = set(range(len(rows))) - {row.slot for row in rows}
    move([(row, free.pop()) for row in rows if row.slot >= len(rows)], tree)


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """Length of the common beginning."""
    length = min(len(one), len(other))
    differing = one[:length] != other[:length]
    return int(differing.argmax()) if differing.any() else length
