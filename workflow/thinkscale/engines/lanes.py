"""Attention of few queries a row, on a CPU: what nearly every step of thinking is.

It does little arithmetic on many keys and values, so that reading them is its cost, and products of
matrices, made for many queries, read them slowly. Here they are stored with neighbouring columns
side by side (lanes): each dimension of a row's keys is one run of numbers, which a vector unit
reads straight through.

Each query is worked on by itself and in the same order of operations, so that what it finds does
not depend on the rows beside it, nor on how many threads share the work.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numba import njit

LANES = 16  # columns are read in multiples of this, so that no loop has a remainder

_f = np.float32
_LOG2E, _LN2 = _f(1.4426950408889634), _f(0.6931471805599453)
_EXP = tuple(_f(c) for c in (1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720))
# Sums may be reordered; unlike full "fastmath", nothing is assumed about infinities and NaN.
_compiled = njit(
    fastmath={"reassoc", "contract", "nsz"}, error_model="numpy", nogil=True, cache=True
)


def store(
    kept: torch.Tensor, slots: torch.Tensor, columns: torch.Tensor, new: torch.Tensor
) -> None:
    """Put a pass's new (heads, N, size) into kept (slots, heads, columns, size)."""
    lanes = kept.transpose(2, 3).numpy()
    _store(lanes, slots.numpy(), columns.numpy(), new.contiguous().numpy())


def attend(
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    slots: torch.Tensor,
    columns: torch.Tensor,
    seen: torch.Tensor,
    scale: float | None,
) -> torch.Tensor:
    """Attend queries (T, heads, size) to keys and values (all slots, shared, columns, size).

    slots, columns: (T,), where a query's own token lies; it attends to none behind that. seen:
    (T, S), which columns it attends to. Softmax(q k / sqrt(size)) v, Vaswani et al. (2017), eq. 1.
    """
    tokens, heads, size = query.shape
    found = torch.empty(tokens, heads, values.shape[3])
    given = (
        query.contiguous().numpy(),
        keys.transpose(2, 3).numpy(),
        values.transpose(2, 3).numpy(),
        slots.numpy(),
        columns.numpy(),
        seen.contiguous().numpy(),
        _f(size**-0.5 if scale is None else scale),
        found.numpy(),
    )
    threads = min(torch.get_num_threads(), tokens)
    if threads == 1:
        _attend(0, tokens, *given)
        return found
    ends = [tokens * n // threads for n in range(threads + 1)]
    jobs = [_pool(threads).submit(_attend, *part, *given) for part in pairwise(ends)]
    for job in jobs:
        job.result()
    return found


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


@_compiled
def _store(kept, slots, columns, new):
    heads, tokens, size = new.shape
    for n in range(tokens):
        for head in range(heads):
            for d in range(size):
                kept[slots[n], head, d, columns[n]] = new[head, n, d]


@_compiled
def _attend(first, last, query, keys, values, slots, columns, seen, scale, found):
    _, heads, size = query.shape
    _, shared, depth, room = values.shape
    weights = np.empty(room, np.float32)
    for n in range(first, last):
        reach = min((columns[n] // LANES + 1) * LANES, seen.shape[1])
        for head in range(heads):
            asked, kept = query[n, head], keys[slots[n], head * shared // heads]
            weights[:reach] = 0
            for d in range(0, size - size % 8, 8):
                _add_products(weights, asked, kept, d, reach)
            for d in range(size - size % 8, size):
                _add_product(weights, asked, kept, d, reach)
            total = _exponentials(weights, seen[n], scale, reach)
            kept, mean = values[slots[n], head * shared // heads], found[n, head]
            for d in range(0, depth - depth % 4, 4):
                _mix_four(weights, kept, d, reach, total, mean)
            for d in range(depth - depth % 4, depth):
                _mix(weights, kept, d, reach, total, mean)


@_compiled
def _add_products(weights, asked, kept, d, reach):
    """Add eight dimensions' part of the products of query and keys."""
    k0, k1, k2, k3 = kept[d], kept[d + 1], kept[d + 2], kept[d + 3]
    k4, k5, k6, k7 = kept[d + 4], kept[d + 5], kept[d + 6], kept[d + 7]
    q0, q1, q2, q3 = asked[d], asked[d + 1], asked[d + 2], asked[d + 3]
    q4, q5, q6, q7 = asked[d + 4], asked[d + 5], asked[d + 6], asked[d + 7]
    for j in range(reach):
        weights[j] += (
            (q0 * k0[j] + q1 * k1[j])
            + (q2 * k2[j] + q3 * k3[j])
            + ((q4 * k4[j] + q5 * k5[j]) + (q6 * k6[j] + q7 * k7[j]))
        )


@_compiled
def _add_product(weights, asked, kept, d, reach):
    q0, k0 = asked[d], kept[d]
    for j in range(reach):
        weights[j] += q0 * k0[j]


@_compiled
def _exponentials(weights, seen, scale, reach):
    """Turn products into exp(product - largest), zero where not seen; returns their sum."""
    largest = _f(-np.inf)
    for j in range(reach):
        x = weights[j] * scale if seen[j] else _f(-1e30)
        weights[j] = x
        largest = max(largest, x)
    total = _f(0)
    for j in range(reach):
        # 2^x is 2^round(x), by its bits, times a polynomial: vector units have no exponential.
        x = max((weights[j] - largest) * _LOG2E, _f(-126))
        whole = np.floor(x + _f(0.5))
        y = (x - whole) * _LN2
        e = _EXP[6]
        e = e * y + _EXP[5]
        e = e * y + _EXP[4]
        e = e * y + _EXP[3]
        e = e * y + _EXP[2]
        e = e * y + _EXP[1]
        e = e * y + _EXP[0]
        e *= np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
        e = e if seen[j] else _f(0)
        weights[j] = e
        total += e
    return total


@_compiled
def _mix_four(weights, kept, d, reach, total, mean):
    """Four dimensions of the weighted mean of the values."""
    v0, v1, v2, v3 = kept[d], kept[d + 1], kept[d + 2], kept[d + 3]
    x0 = x1 = x2 = x3 = _f(0)
    for j in range(reach):
        w = weights[j]
        x0 += w * v0[j]
        x1 += w * v1[j]
        x2 += w * v2[j]
        x3 += w * v3[j]
    mean[d], mean[d + 1] = x0 / total, x1 / total
    mean[d + 2], mean[d + 3] = x2 / total, x3 / total


@_compiled
def _mix(weights, kept, d, reach, total, mean):
    v0, x0 = kept[d], _f(0)
    for j in range(reach):
        x0 += weights[j] * v0[j]
    mean[d] = x0 / total
