"""Attention over a tree in lanes, against torch's own."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from thinkscale.engines.transformers.cpu import lanes


@dataclass(frozen=True)
class Case:
    """Queries, keys and values in lanes, where the queries lie and what they see.

    Keys and values of the queries' own tokens are handed in as new: where they belong is nothing.
    """

    query: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    slots: torch.Tensor
    columns: torch.Tensor
    seen: torch.Tensor

    def attend(self, scale=None, homes=None, shared=None):
        reading = lanes.Reading.of(
            self.slots.numpy(), self.columns.numpy(), self.seen.numpy(), homes, shared
        )
        kept = self.keys.clone(), self.values.clone()
        new = [tensor[self.slots, :, self.columns] for tensor in kept]
        for tensor in kept:
            tensor[self.slots, :, self.columns] = torch.nan
        return lanes.attend(self.query, *new, *kept, reading, self.seen, scale)

    def only(self, n):
        """The case of one query."""
        queries = (self.query, self.slots, self.columns, self.seen)
        query, slots, columns, seen = (tensor[n : n + 1] for tensor in queries)
        return Case(query, self.keys, self.values, slots, columns, seen)

    def torchs_own(self, scale=None):
        group = self.query.shape[1] // self.keys.shape[1]
        found = scaled_dot_product_attention(
            self.query.unsqueeze(2),
            self.keys[self.slots].repeat_interleave(group, 1),
            self.values[self.slots].repeat_interleave(group, 1),
            attn_mask=self.seen[:, None, None],
            scale=scale,
        )
        return found.squeeze(2)


def random_case(seed, *, tokens, slots, heads, group, size, depth, columns, share=0.7) -> Case:
    """Tokens lie slot by slot, as they are packed: several to a slot, where there are more.

    share: of the columns before its own that a token sees; few of them, where a tree has branches.
    """
    rng = torch.Generator().manual_seed(seed)
    keys = torch.randn(slots, heads, size, columns, generator=rng).transpose(2, 3)
    values = torch.randn(slots, heads, depth, columns, generator=rng).transpose(2, 3)
    query = torch.randn(tokens, heads * group, size, generator=rng)
    where = torch.randint(slots, (tokens,), generator=rng).sort().values
    own = torch.randint(columns, (tokens,), generator=rng)
    seen = torch.rand(tokens, columns, generator=rng) < share
    seen &= torch.arange(columns) <= own[:, None]
    seen[torch.arange(tokens), own] = True  # every token sees itself
    return Case(query, keys, values, where, own, seen)


SHAPE = {"heads": 2, "group": 1, "size": 16, "depth": 16, "columns": 48}


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    tokens=st.integers(1, 30),
    slots=st.integers(1, 12),
    heads=st.sampled_from([1, 2, 3]),
    group=st.sampled_from([1, 2, 4]),
    size=st.sampled_from([4, 8, 12, 32, 33]),
    depth=st.sampled_from([2, 8, 19]),
    columns=st.sampled_from([1, 5, 16, 48, 100, 300]),
    share=st.sampled_from([0.7, 0.02]),
    scale=st.sampled_from([None, 0.25]),
)
def test_it_is_attention(seed, scale, **shape):
    case = random_case(seed, **shape)
    torch.testing.assert_close(case.attend(scale), case.torchs_own(scale))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    tokens=st.integers(1, 30),
    slots=st.integers(2, 8),
    family=st.integers(2, 8),
    shared=st.integers(1, 47),
)
def test_rows_may_read_what_they_share_from_one_of_them(seed, tokens, slots, family, shared):
    """The first slots hold copies of the same columns; all but the first are then spoiled."""
    case = random_case(seed, tokens=tokens, slots=slots, **SHAPE)
    members = case.slots < min(family, slots)
    case.columns[members] = case.columns[members].clamp(min=shared)
    case.seen[torch.arange(tokens), case.columns] = True
    for kept in (case.keys, case.values):
        kept[:family, :, :shared] = kept[:1, :, :shared]
    expected = case.torchs_own()
    whole = shared // lanes.LANES * lanes.LANES  # what is read from there, in full lanes
    for kept in (case.keys, case.values):
        kept[1:family, :, :whole] = 1e6
    homes = np.where(members, 0, case.slots.numpy())
    found = case.attend(homes=homes, shared=np.where(members, shared, 0))
    torch.testing.assert_close(found, expected)


def test_large_scores_do_not_overflow():
    small = random_case(1, tokens=9, slots=3, **SHAPE)
    rest = (small.values, small.slots, small.columns, small.seen)
    case = Case(small.query * 1e4, small.keys * 1e4, *rest)
    assert case.attend().isfinite().all()
    torch.testing.assert_close(case.attend(), case.torchs_own())


def test_what_lies_behind_a_token_is_not_read():
    """Columns behind a token may hold another row's leavings, or NaN from memory never written."""
    case = random_case(2, tokens=9, slots=3, **{**SHAPE, "columns": 64})
    case.columns[:] = 20
    case.seen[:] = torch.arange(64) <= 20
    clean = case.attend()
    case.keys[:, :, 32:], case.values[:, :, 32:] = torch.nan, torch.nan
    assert torch.equal(case.attend(), clean)


def test_branches_that_no_token_is_on_are_not_read():
    case = random_case(4, tokens=6, slots=2, **{**SHAPE, "columns": 160})
    case.columns[:] = 150
    case.seen[:] = False
    case.seen[:, [3, 70, 150]] = True
    clean = case.attend()
    for branch in (slice(16, 64), slice(80, 144)):
        case.keys[:, :, branch], case.values[:, :, branch] = torch.nan, torch.nan
    assert torch.equal(case.attend(), clean)


@pytest.mark.parametrize("size", [16, 128])
def test_how_many_threads_share_the_work_changes_no_bit_and_neighbours_hardly_one(size):
    case = random_case(3, tokens=23, slots=4, **{**SHAPE, "size": size})
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = case.attend()
        each = torch.cat([case.only(n).attend() for n in range(len(case.query))])
        shared = []
        for threads in (2, 3, 8, 100):
            torch.set_num_threads(threads)
            shared.append(case.attend())
            assert torch.equal(shared[-1], shared[0])
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(shared[0], alone, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(each, alone, rtol=1e-5, atol=1e-6)


def test_new_keys_and_values_are_put_in_their_places_and_nowhere_else():
    slots, columns = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([3, 4, 7, 0, 15])
    seen = torch.eye(16)[columns] > 0
    reading = lanes.Reading.of(slots.numpy(), columns.numpy(), seen.numpy())
    query, key, value = torch.randn(5, 4, 8), torch.randn(5, 2, 8), torch.randn(5, 2, 6)
    keys, values = (torch.zeros(3, 2, size, 16).transpose(2, 3) for size in (8, 6))
    lanes.attend(query, key, value, keys, values, reading, seen)
    for kept, new in ((keys, key), (values, value)):
        assert torch.equal(kept[slots, :, columns], new)
        assert kept.count_nonzero() == new.numel()
