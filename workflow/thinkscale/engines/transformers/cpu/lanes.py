"""Attention over a tree of tokens on a CPU: mostly of few queries over many keys and values.

That does little arithmetic on much that is read, so that reading is its cost, and products of
matrices, made for many queries, read slowly. Here keys and values are stored with neighbouring
columns side by side (lanes): each dimension of a row's keys is one run of numbers, which a vector
unit reads straight through. Up to four queries that read the same are worked on at a time, and
rows that hold copies of one prompt all read one of them, which then stays in the cache.

Of a row's columns only those in reach are read: runs of lanes of which a query sees at least one,
as a tree has many branches and a query is on one of them.

Nothing is padded, gathered or moved for it. What a query finds depends in last bits only on its
neighbours, as in the products of matrices around it, and on whether one thread works or several:
what is compiled for either may add in another order. How many several are changes nothing.
"""

from dataclasses import dataclass

import numba
import numpy as np
import torch
from numba import njit, prange

LANES = 16  # columns are read in multiples of this, so that no loop has a remainder
BLOCK = 4  # queries worked on at a time

_f = np.float32
_LOG2E, _LN2 = _f(1.4426950408889634), _f(0.6931471805599453)
_EXP = tuple(_f(c) for c in (1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720))
# Sums may be reordered; unlike full "fastmath", nothing is assumed about infinities and NaN.
_math = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy", "cache": True}
_compiled = njit(**_math)
# Numba counts every array that is handed to a function, all threads on one counter: not where it
# is inlined. (The loops themselves are called: to inline them too would take twice the compiling.)
_inlined = njit(inline="always", **_math)
_parallel = njit(parallel=True, cache=True)


@dataclass(frozen=True)
class Reading:
    """What is read for the N queries of a pass, and in which order.

    slots, columns: (N,), where a query's own token lies. spans: (K, 3), a slot and the columns that
    are read in it, from and to; those of a query n are firsts[n] to firsts[n + 1], in order.
    blocks: (B + 1,), where each block of queries begins. alike: (B,), how many spans all queries of
    a block begin with. parts: the first block of each part of about as much work, and B.
    """

    slots: np.ndarray
    columns: np.ndarray
    spans: np.ndarray
    firsts: np.ndarray
    blocks: np.ndarray
    alike: np.ndarray
    parts: np.ndarray

    @classmethod
    def of(
        cls,
        slots: np.ndarray,
        columns: np.ndarray,
        seen: np.ndarray,
        homes: np.ndarray | None = None,
        shared: np.ndarray | None = None,
    ) -> "Reading":
        """Cut queries into blocks and parts. Neighbours of one slot or one home stand in a block.

        seen: (N, S), the columns that a query may attend to, none behind its own. homes, shared:
        (N,), the slot whose first `shared` columns are read for a query, as its own slot's are
        copies of those; without homes nothing is shared. There are as many parts as torch has
        threads, if there is so much to do.
        """
        homes = slots if homes is None else homes
        shared = np.zeros_like(slots) if shared is None else shared // LANES * LANES
        threads = min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS)
        full = np.pad(seen, ((0, 0), (0, -seen.shape[1] % LANES)))
        words = full.view(np.uint64)  # of eight columns, half a lane
        lanes = (words[:, ::2] | words[:, 1::2]) > 0
        spans, *others = _cut(slots, lanes, homes, shared, threads)
        np.minimum(spans[:, 2], seen.shape[1], out=spans[:, 2])
        return cls(slots, columns, spans, *others)


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    reading: Reading,
    seen: torch.Tensor,
    scale: float | None = None,
) -> torch.Tensor:
    """Put a pass's key and value (N, key-value heads, size) into keys and values
    (slots, key-value heads, columns, size), then attend its queries (N, heads, size) to those.

    seen: (N, S), which columns a query attends to. Returns (N, heads, size), softmax(q k scale) v
    with a scale of 1 / sqrt(size) if None: Vaswani et al. (2017), equation 1.
    """
    tokens, heads, size = query.shape
    found = torch.zeros(tokens, heads, values.shape[3])
    new = key.contiguous().numpy(), value.contiguous().numpy()
    kept = keys.transpose(2, 3).numpy(), values.transpose(2, 3).numpy()
    places = reading.slots, reading.columns, reading.blocks
    spans = reading.spans, reading.firsts, reading.alike
    given = (
        reading.parts,
        query.contiguous().numpy(),
        new,
        kept,
        places,
        spans,
        seen.contiguous().numpy(),
        _f(size**-0.5 if scale is None else scale),
        found.numpy(),
    )
    if (threads := len(reading.parts) - 1) == 1:
        _in_one(*given)
    else:
        numba.set_num_threads(threads)
        _in_parts(*given)
    return found


@_compiled
def _cut(slots, lanes, homes, shared, threads):
    """Spans, blocks of queries, and parts of those for so many threads at most: see `Reading`."""
    queries, most = len(slots), lanes.shape[1] // 2 + 2  # spans that a query can have
    spans, firsts = np.empty((queries * most, 3), np.int64), np.empty(queries + 1, np.int64)
    blocks, alike = np.empty(queries + 1, np.int64), np.empty(queries, np.int64)
    work = np.empty(queries, np.int64)
    count, done, begin, known = 0, 0, 0, 0
    for n in range(1, queries + 1):
        near = n < queries and (
            slots[n] == slots[begin] or (shared[n] > 0 and homes[n] == homes[begin])
        )
        if near and n < begin + BLOCK:
            continue
        together = slots[begin] == slots[n - 1]
        for i in range(begin, n):
            firsts[i] = known
            if shared[i] > 0:
                _put(spans, known, homes[i], 0, shared[i])
                known += 1
            first, last = (begin, n) if together else (i, i + 1)
            known = _reach(spans, known, slots[i], shared[i] // LANES, lanes[first:last])
            done += 4 * LANES
            for s in range(firsts[i], known):
                done += spans[s, 2] - spans[s, 1]
        alike[count] = known - firsts[n - 1] if together else min(shared[begin], 1)
        blocks[count], work[count] = begin, done
        count += 1
        begin = n
    firsts[queries], blocks[count] = known, queries
    threads = min(threads, count)
    parts = np.empty(threads + 1, np.int64)
    for part in range(threads):
        parts[part] = np.searchsorted(work[:count], done * part / threads)
    parts[threads] = count
    return spans[:known], firsts, blocks[: count + 1], alike[:count], parts


@_compiled
def _reach(spans, known, slot, begin, lanes):
    """Put the spans that queries of one slot read together; returns how many there are then."""
    going = False
    for at in range(begin, lanes.shape[1]):
        reached = False
        for n in range(len(lanes)):
            reached |= lanes[n, at]
        if reached and going:
            spans[known - 1, 2] += LANES
        elif reached:
            _put(spans, known, slot, at * LANES, (at + 1) * LANES)
            known += 1
        going = reached
    return known


@_compiled
def _put(spans, at, slot, begin, end):
    spans[at, 0], spans[at, 1], spans[at, 2] = slot, begin, end


@_compiled
def _store(first, last, new, kept, places):
    slots, columns, blocks = places
    for n in range(blocks[first], blocks[last]):
        for which in range(2):  # keys, then values
            found, there = new[which], kept[which]
            for head in range(found.shape[1]):
                for d in range(found.shape[2]):
                    there[slots[n], head, d, columns[n]] = found[n, head, d]


@_compiled
def _attend(first, last, query, kept, places, reach, seen, scale, found):
    keys, values = kept
    blocks = places[2]
    spans, firsts, alike = reach
    heads, groups, room = query.shape[1], values.shape[1], values.shape[3]
    weights = np.empty((BLOCK, room), np.float32)
    for block in range(first, last):
        n, count = blocks[block], blocks[block + 1] - blocks[block]
        for head in range(heads):
            group = head * groups // heads
            asked, mean = query[n : n + count, head], found[n : n + count, head]
            for s in range(firsts[n], firsts[n] + alike[block]):
                slot, begin, end = _span(spans, s)
                for i in range(count):
                    weights[i][begin:end] = 0
                _multiply(weights, asked, keys[slot, group], begin, end)
            for i in range(count):
                for s in range(firsts[n + i] + alike[block], firsts[n + i + 1]):
                    slot, begin, end = _span(spans, s)
                    weights[i][begin:end] = 0
                    own = keys[slot, group]
                    _multiply(weights[i : i + 1], asked[i : i + 1], own, begin, end)
                own = spans[firsts[n + i] : firsts[n + i + 1]]
                _exponentials(weights[i], seen[n + i], scale, own)
            for s in range(firsts[n], firsts[n] + alike[block]):
                slot, begin, end = _span(spans, s)
                _mix(weights, values[slot, group], begin, end, mean)
            for i in range(count):
                for s in range(firsts[n + i] + alike[block], firsts[n + i + 1]):
                    slot, begin, end = _span(spans, s)
                    own = values[slot, group]
                    _mix(weights[i : i + 1], own, begin, end, mean[i : i + 1])


@_inlined
def _span(spans, s):
    # Columns are counted unsigned: an index that may be negative keeps a loop from vector units.
    return spans[s, 0], np.uint64(spans[s, 1]), np.uint64(spans[s, 2])


@_compiled
def _in_one(parts, query, new, kept, places, reach, seen, scale, found):
    _store(parts[0], parts[1], new, kept, places)
    _attend(parts[0], parts[1], query, kept, places, reach, seen, scale, found)


@_parallel
def _in_parts(parts, query, new, kept, places, reach, seen, scale, found):
    # All is put in before any of it is read: tokens of one slot may be in several parts.
    for n in prange(len(parts) - 1):
        _store(parts[n], parts[n + 1], new, kept, places)
    for n in prange(len(parts) - 1):
        _attend(parts[n], parts[n + 1], query, kept, places, reach, seen, scale, found)


@_inlined
def _multiply(weights, asked, kept, begin, end):
    """Add the products of queries (Q, size) and keys (size, columns) to weights (Q, columns)."""
    count = len(asked)
    if count == BLOCK:
        _multiply_block(weights, asked, kept, begin, end)
    else:
        for i in range(count):
            _multiply_one(weights[i], asked[i], kept, begin, end)


@_compiled
def _multiply_block(weights, asked, kept, begin, end):
    """Four queries, four dimensions at a time."""
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    a, b, c, e = asked[0], asked[1], asked[2], asked[3]
    size = asked.shape[1]
    for d in range(0, size - size % 4, 4):
        k0, k1, k2, k3 = kept[d], kept[d + 1], kept[d + 2], kept[d + 3]
        a0, a1, a2, a3 = a[d], a[d + 1], a[d + 2], a[d + 3]
        b0, b1, b2, b3 = b[d], b[d + 1], b[d + 2], b[d + 3]
        c0, c1, c2, c3 = c[d], c[d + 1], c[d + 2], c[d + 3]
        e0, e1, e2, e3 = e[d], e[d + 1], e[d + 2], e[d + 3]
        for j in range(begin, end):
            x0, x1, x2, x3 = k0[j], k1[j], k2[j], k3[j]
            w0[j] += (a0 * x0 + a1 * x1) + (a2 * x2 + a3 * x3)
            w1[j] += (b0 * x0 + b1 * x1) + (b2 * x2 + b3 * x3)
            w2[j] += (c0 * x0 + c1 * x1) + (c2 * x2 + c3 * x3)
            w3[j] += (e0 * x0 + e1 * x1) + (e2 * x2 + e3 * x3)
    for d in range(size - size % 4, size):
        k0, a0, b0, c0, e0 = kept[d], a[d], b[d], c[d], e[d]
        for j in range(begin, end):
            w0[j] += a0 * k0[j]
            w1[j] += b0 * k0[j]
            w2[j] += c0 * k0[j]
            w3[j] += e0 * k0[j]


@_compiled
def _multiply_one(weights, asked, kept, begin, end):
    """One query, eight dimensions at a time."""
    size = asked.size
    for d in range(0, size - size % 8, 8):
        k0, k1, k2, k3 = kept[d], kept[d + 1], kept[d + 2], kept[d + 3]
        k4, k5, k6, k7 = kept[d + 4], kept[d + 5], kept[d + 6], kept[d + 7]
        q0, q1, q2, q3 = asked[d], asked[d + 1], asked[d + 2], asked[d + 3]
        q4, q5, q6, q7 = asked[d + 4], asked[d + 5], asked[d + 6], asked[d + 7]
        for j in range(begin, end):
            weights[j] += (
                (q0 * k0[j] + q1 * k1[j])
                + (q2 * k2[j] + q3 * k3[j])
                + ((q4 * k4[j] + q5 * k5[j]) + (q6 * k6[j] + q7 * k7[j]))
            )
    for d in range(size - size % 8, size):
        q0, k0 = asked[d], kept[d]
        for j in range(begin, end):
            weights[j] += q0 * k0[j]


@_inlined
def _exponentials(weights, seen, scale, spans):
    """Turn products into weights: exp(scale * product) over its sum, zero where not seen."""
    largest = _f(-np.inf)
    for s in range(len(spans)):
        _, begin, end = _span(spans, s)
        for j in range(begin, end):
            x = weights[j] * scale if seen[j] else _f(-1e30)
            weights[j] = x
            largest = max(largest, x)
    total = _f(0)
    for s in range(len(spans)):
        _, begin, end = _span(spans, s)
        for j in range(begin, end):
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
    for s in range(len(spans)):
        _, begin, end = _span(spans, s)
        for j in range(begin, end):
            weights[j] /= total


@_inlined
def _mix(weights, kept, begin, end, mean):
    """Add values (size, columns), weighted (Q, columns), to means (Q, size)."""
    count = len(mean)
    if count == BLOCK:
        _mix_block(weights, kept, begin, end, mean)
    else:
        for i in range(count):
            _mix_one(weights[i], kept, begin, end, mean[i])


@_compiled
def _mix_block(weights, kept, begin, end, mean):
    """Four queries, two dimensions at a time."""
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    size = mean.shape[1]
    for d in range(0, size, 2):
        even = min(d + 1, size - 1)  # the last of an odd number is worked out twice
        v0, v1 = kept[d], kept[even]
        a0 = a1 = b0 = b1 = c0 = c1 = e0 = e1 = _f(0)
        for j in range(begin, end):
            x0, x1 = v0[j], v1[j]
            a0 += w0[j] * x0
            a1 += w0[j] * x1
            b0 += w1[j] * x0
            b1 += w1[j] * x1
            c0 += w2[j] * x0
            c1 += w2[j] * x1
            e0 += w3[j] * x0
            e1 += w3[j] * x1
        mean[0, d] += a0
        mean[1, d] += b0
        mean[2, d] += c0
        mean[3, d] += e0
        if even > d:
            mean[0, even] += a1
            mean[1, even] += b1
            mean[2, even] += c1
            mean[3, even] += e1


@_compiled
def _mix_one(weights, kept, begin, end, mean):
    """One query, four dimensions at a time."""
    for d in range(0, mean.size - mean.size % 4, 4):
        v0, v1, v2, v3 = kept[d], kept[d + 1], kept[d + 2], kept[d + 3]
        x0 = x1 = x2 = x3 = _f(0)
        for j in range(begin, end):
            w = weights[j]
            x0 += w * v0[j]
            x1 += w * v1[j]
            x2 += w * v2[j]
            x3 += w * v3[j]
        mean[d] += x0
        mean[d + 1] += x1
        mean[d + 2] += x2
        mean[d + 3] += x3
    for d in range(mean.size - mean.size % 4, mean.size):
        v0, x0 = kept[d], _f(0)
        for j in range(begin, end):
            x0 += weights[j] * v0[j]
        mean[d] += x0
