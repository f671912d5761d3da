"""Attention of single queries, against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from thinkscale.engines import lanes


def random_case(seed, *, tokens, shared, group, size, depth, columns):
    """Queries, keys and values in lanes, where the queries lie and what they see."""
    rng = torch.Generator().manual_seed(seed)
    slots = max(1, tokens - 1)
    keys = torch.randn(slots, shared, size, columns, generator=rng).transpose(2, 3)
    values = torch.randn(slots, shared, depth, columns, generator=rng).transpose(2, 3)
    query = torch.randn(tokens, shared * group, size, generator=rng)
    where = torch.randint(slots, (tokens,), generator=rng)
    own = torch.randint(columns, (tokens,), generator=rng)
    seen = torch.rand(tokens, columns, generator=rng) < 0.7
    seen &= torch.arange(columns) <= own[:, None]
    seen[torch.arange(tokens), own] = True  # every token sees itself
    return query, keys, values, where, own, seen


def torchs_own(query, keys, values, where, own, seen, scale=None):
    group = query.shape[1] // keys.shape[1]
    found = scaled_dot_product_attention(
        query.unsqueeze(2),
        keys[where].repeat_interleave(group, 1),
        values[where].repeat_interleave(group, 1),
        attn_mask=seen[:, None, None],
        scale=scale,
    )
    return found.squeeze(2)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    tokens=st.integers(1, 9),
    shared=st.sampled_from([1, 2, 3]),
    group=st.sampled_from([1, 2, 4]),
    size=st.sampled_from([4, 8, 12, 32, 33]),
    depth=st.sampled_from([2, 8, 19]),
    columns=st.sampled_from([1, 5, 16, 48, 100]),
    scale=st.sampled_from([None, 0.25]),
)
def test_it_is_attention(seed, scale, **shape):
    case = random_case(seed, **shape)
    torch.testing.assert_close(lanes.attend(*case, scale), torchs_own(*case, scale))


def test_large_scores_do_not_overflow():
    query, keys, *rest = random_case(1, tokens=4, shared=2, group=1, size=16, depth=16, columns=32)
    case = (query * 1e4, keys * 1e4, *rest)
    found = lanes.attend(*case, None)
    assert found.isfinite().all()
    torch.testing.assert_close(found, torchs_own(*case))


def test_what_lies_behind_a_token_is_not_read():
    """Columns behind a token may hold another row's leavings, or NaN from memory never written."""
    query, keys, values, where, own, seen = random_case(
        2, tokens=5, shared=1, group=2, size=8, depth=8, columns=64
    )
    own[:] = 20
    seen[:] = torch.arange(64) <= 20
    dirty = keys.clone(), values.clone()
    keys[:, :, 32:], values[:, :, 32:] = torch.nan, torch.nan
    clean = lanes.attend(query, *dirty, where, own, seen, None)
    assert torch.equal(lanes.attend(query, keys, values, where, own, seen, None), clean)


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_neither_threads_nor_neighbours_change_a_bit(threads):
    query, keys, values, where, own, seen = random_case(
        3, tokens=7, shared=2, group=3, size=16, depth=16, columns=48
    )
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = [
            lanes.attend(
                query[n : n + 1], keys, values, *(t[n : n + 1] for t in (where, own, seen)), None
            )
            for n in range(len(query))
        ]
        torch.set_num_threads(threads)
        together = lanes.attend(query, keys, values, where, own, seen, None)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(together, torch.cat(alone))


def test_new_columns_are_put_in_their_places():
    kept = torch.zeros(3, 2, 4, 16).transpose(2, 3)
    new = torch.randn(2, 5, 4)
    slots, columns = torch.tensor([0, 2, 2, 1, 0]), torch.tensor([3, 0, 15, 7, 4])
    lanes.store(kept, slots, columns, new)
    assert torch.equal(kept[slots, :, columns], new.transpose(0, 1))
    assert kept.count_nonzero() == new.numel()
