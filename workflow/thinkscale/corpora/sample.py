"""What a divergence needs of a corpus: its documents, or random groups of them if they are many."""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from thinkscale.data.seeds import generator
from thinkscale.data.tokens import Documents, Groups, joined

HOLD = 8_000_000  # tokens of a corpus whose documents are all held
GROUPS = 100
POOL = 2_000_000  # tokens of the stretches the null is drawn from, at least this, and ...
POOL_FACTOR = 20  # ... this many times the items'


def sample(
    blocks: Iterable[Documents],
    vocabulary_size: int,
    *,
    longest: int,
    seed: int,
    hold: int = HOLD,
    groups: int = GROUPS,
    pool: int = POOL,
) -> Documents | Groups:
    """The tokens of a corpus in bounded memory.

    Up to `hold` tokens every document is held. A larger corpus is counted in `groups` groups: each
    document goes to one of them at random, by itself. Leaving out a group then says what leaving
    out so many documents does, since a group of documents dealt at random is as they are.

    For the null, one stretch a document is kept (`stats.divergence`), of a random part of the
    documents: about half to all of `pool` tokens.

    Parameters
    ----------
    blocks : the corpus's documents, some at a time
    longest : tokens of a stretch, at most
    seed : decides, with the number of a block, which documents come together and which stretches
        are kept
    """
    blocks = iter(blocks)
    held, tokens = [], 0
    for block in blocks:
        held.append(block)
        tokens += block.tokens
        if tokens > hold:
            break
    else:
        return joined(held)

    counts = np.zeros((groups, vocabulary_size), np.int64)
    documents, share = 0, 1.0
    kept: list[tuple[Documents, np.ndarray]] = []  # stretches, and the number that each drew
    for number, block in enumerate(chain(held, blocks)):
        documents += len(block)
        group = generator(seed, "groups", str(number)).integers(groups, size=len(block))
        cell = np.repeat(group * vocabulary_size, block.lengths) + block.ids
        np.add.at(counts.reshape(-1), cell, np.int64(1))  # with a Python 1 ten times slower
        rng = generator(seed, "stretches", str(number))
        kept.append(_below(share, block.stretches(longest, rng), rng.random(len(block))))
        while sum(stretches.tokens for stretches, _ in kept) > pool:
            share /= 2  # what is left stays a draw with one probability
            kept = [_below(share, *one) for one in kept]
    stretches = joined([stretches for stretches, _ in kept])
    return Groups(counts, documents, stretches, longest, share)


def _below(share: float, stretches: Documents, drawn: np.ndarray) -> tuple[Documents, np.ndarray]:
    """The stretches that drew a number below the share, and these numbers."""
    kept = drawn < share
    return stretches.pick(kept), drawn[kept]


def pool_size(tokens_items: int) -> int:
    """Tokens of stretches to keep for a null against items of so many tokens."""
    return max(POOL, POOL_FACTOR * tokens_items)
