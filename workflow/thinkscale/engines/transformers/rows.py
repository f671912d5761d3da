"""Rows and their leaves: which token of which request lies in which column of which slot.

A row holds one slot of the tree while it asks for anything. Each of its requests is a leaf, a path
through the row's tokens that grows by what is drawn. A leaf begins on the longest path that the row
already has in common with it, so that a fork costs its own tokens and nothing more.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import count

from thinkscale.engines.base import Ids, Request, uniforms
from thinkscale.engines.transformers.reading import Reading
from thinkscale.engines.transformers.tree import Tree

_NOISE_BLOCK = 64
_families = count()


@dataclass
class Leaf:
    """One request on its way, or one probe of a request that reads.

    ids: the prompt and what was drawn. columns: where each of them lies or will lie. run: how many
    of them have their keys and values. line: of the tree's paths, once it has one. ends: tokens
    that may end it. reading: what a probe is one of.
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
    reading: Reading | None = None

    @property
    def node(self) -> Ids:
        """What lies behind the request's prompt."""
        return tuple(self.ids[len(self.request.prompt) :])

    def uniform(self) -> float:
        """The random number of the next token: the row's own, by position."""
        index = len(self.sampled)
        if index == len(self.noise):
            start = self.request.position + index
            self.noise.extend(uniforms(self.request.noise, start, _NOISE_BLOCK).tolist())
        return self.noise[index]

    def take(self, token: int, seconds: float) -> bool:
        """Go on by a token that was drawn; returns whether it may be the last."""
        self.sampled.append(token)
        self.ids.append(token)
        self.seconds += seconds
        return token in self.ends or len(self.sampled) == self.request.max_new


@dataclass
class Row:
    """A slot's tenant.

    used: columns taken. filled: of them, those up to the last that was run. arrived: leaves without
    columns yet. children: the row's tree of tokens, from a token's column (-1 before the first)
    and the next token to that one's column. prompt: what the first leaf began with; the first
    `shared` columns hold it. family: a number that rows have in common whose prompt was run once.
    """

    slot: int
    arrived: list[Leaf] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    used: int = 0
    filled: int = 0
    children: dict[tuple[int, int], int] = field(default_factory=dict)
    prompt: Ids = ()
    family: int | None = None

    @property
    def shared(self) -> int:
        """How many columns are, or may be, copied to rows with the same prompt."""
        return max(len(self.prompt) - 1, 0)

    @property
    def bound(self) -> int:
        """How many columns its leaves may come to take."""
        left = (leaf.request.max_new - len(leaf.sampled) for leaf in self.leaves)
        return self.used + sum(left)

    def adopt(self, other: "Row") -> None:
        """Begin as another row did, whose prompt was run."""
        if other.family is None:
            other.family = next(_families)
        self.prompt, self.family = other.prompt, other.family
        for column, token in enumerate(self.prompt[: self.shared]):
            self.children[column - 1, token] = column
        self.used = self.shared

    def plant(self) -> None:
        """Give leaves that arrived their columns: on the tree as far as it goes, then new ones.

        A leaf may stand on columns that are only planned: those of leaves before it run first.
        """
        if not self.prompt:
            self.prompt = self.arrived[0].request.prompt
        for leaf in self.arrived:
            column = -1
            # At least one token is run: the logits of a prompt are those of its last token.
            for token in leaf.ids[:-1]:
                if (found := self.children.get((column, token))) is None:
                    break
                leaf.columns.append(found)
                column = found
            leaf.run = len(leaf.columns)
            self.leaves.append(leaf)
            for token in leaf.ids[leaf.run :]:
                self._grow(leaf, token)
        self.arrived = []

    def extend(self, leaf: Leaf) -> None:
        """Plan a column for the token a leaf has just drawn."""
        self._grow(leaf, leaf.ids[-1])

    def _grow(self, leaf: Leaf, token: int) -> None:
        parent = leaf.columns[-1] if leaf.columns else -1
        # A token that is run again leaves what is known to follow it where it is.
        self.children.setdefault((parent, token), self.used)
        leaf.columns.append(self.used)
        self.used += 1

    def end(self, leaf: Leaf, tree: Tree) -> None:
        """Take a leaf out; its path stays. Its last token was drawn but never run."""
        self.leaves.remove(leaf)
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
        if len(self.leaves) == 1:
            leaf = self.leaves[0]
            return [(leaf, min(len(leaf.ids) - leaf.run, most))]
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


def plant(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Plant what arrived, in rows in the order they were admitted.

    A row that begins with the prompt of one before it waits until that is run, and takes it over:
    returns (from, to) of those, whose keys and values are to be copied by `copy_prompts`.
    """
    copies, first = [], {}
    arrived = [row for row in rows if row.arrived]
    if not all(row.used for row in arrived):
        first = {row.prompt: row for row in reversed(rows) if row.used}
    for row in arrived:
        if not row.used:
            other = first.setdefault(row.arrived[0].request.prompt, row)
            if other.filled < other.shared:
                continue
            if other is not row:
                row.adopt(other)
                copies.append((other, row))
        row.plant()
    return copies


def copy_prompts(rows: Sequence[tuple[Row, Row]], tree: Tree) -> None:
    """Copy (from, to) rows what they share."""
    if rows:
        columns = max(source.shared for source, _ in rows)
        tree.move([source.slot for source, _ in rows], [row.slot for _, row in rows], columns)
    for _, row in rows:
        row.filled = row.shared


def move(rows: Sequence[tuple[Row, int]], tree: Tree) -> None:
    """Move rows to other slots, which are free or those of others that move."""
    if stored := [(row, slot) for row, slot in rows if row.filled]:
        reach = max(row.filled for row, _ in stored)
        tree.move([row.slot for row, _ in stored], [slot for _, slot in stored], reach)
    for row, slot in rows:
        row.slot = slot


def compact(rows: Sequence[Row], tree: Tree) -> None:
    """Fill the slots of rows that left, so that the first slots hold all there is."""
    free = set(range(len(rows))) - {row.slot for row in rows}
    move([(row, free.pop()) for row in rows if row.slot >= len(rows)], tree)
