"""The noise of rows, drawing from logits by it, and knowing an end when it is drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from thinkscale.engines.base import Completion, noise_key, split_at_end, uniforms
from thinkscale.engines.transformers.sampling import Sampling, draw

GREEDY, SAMPLED = Sampling(temperature=0), Sampling(temperature=1.0)


# ------------------------------------------------------------------ noise


@given(st.binary(min_size=16, max_size=16), st.integers(0, 300), st.integers(0, 50))
def test_noise_is_the_same_however_a_row_is_cut(key, start, count):
    whole = uniforms(key, 0, start + count)
    assert np.array_equal(uniforms(key, start, count), whole[start:])
    assert len(uniforms(key, start, count)) == count


def test_noise_is_uniform_and_rows_are_independent():
    rows = np.stack([uniforms(noise_key(0, f"q{n}", 0), 0, 200) for n in range(100)])
    assert rows.min() >= 0 and rows.max() < 1
    assert stats.kstest(rows.ravel(), "uniform").pvalue > 1e-3
    assert stats.kstest(rows[:, 0], "uniform").pvalue > 1e-3  # the first of each row too
    assert len(np.unique(rows)) == rows.size
    correlations = np.corrcoef(rows)[np.triu_indices(len(rows), 1)]
    assert abs(correlations.mean()) < 0.01
    neighbours = np.corrcoef(rows[:, :-1].ravel(), rows[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(rows.size)


def test_every_part_of_a_row_s_name_counts():
    keys = [
        noise_key(*row)
        for row in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1), (0, "a1", 0)]
    ]
    assert len({*keys, noise_key(0, "a", 10), noise_key(0, "a\x1f1", 0)}) == 7
    assert noise_key(3, "item", 2).hex() == noise_key(3, "item", 2).hex()
    # Fixed values: a change of either would change every study.
    assert noise_key(1, "q1", 0).hex() == KEY
    assert uniforms(bytes.fromhex(KEY), 5, 2).tolist() == pytest.approx(NOISE, abs=0)


KEY = "765d2ebfc7ac366ef02265b48beed781"
NOISE = [0.35236779328043066, 0.8506461933972308]


# ------------------------------------------------------------------ drawing


def frequencies(logits, sampling, n=20_000):
    """Share of each id over `n` evenly spread uniforms: the inverse CDF, without chance."""
    noise = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    drawn = draw(torch.tensor([logits]).expand(n, -1), noise, sampling, len(logits))
    return np.bincount(drawn.numpy(), minlength=len(logits)) / n


LOGITS = [1.0, -2.0, 3.0, 0.5, 2.9]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax_at_the_temperature(temperature):
    expected = torch.tensor(LOGITS).double().div(temperature).softmax(0).numpy()
    assert frequencies(LOGITS, Sampling(temperature)) == pytest.approx(expected, abs=1e-4)


def test_top_k_keeps_the_k_likeliest():
    shares = frequencies(LOGITS, Sampling(1.0, top_k=2))
    odds = np.exp(3.0 - 2.9)
    assert shares == pytest.approx([0, 0, odds / (1 + odds), 0, 1 / (1 + odds)], abs=1e-4)
    assert (frequencies(LOGITS, Sampling(1.0, top_k=99)) > 0).all()


@pytest.mark.parametrize(
    ("top_p", "kept"),
    # probabilities .5, .3, .15, .05 at ids 1, 3, 0, 2
    [(0.4, {1}), (0.5, {1}), (0.51, {1, 3}), (0.8, {1, 3}), (0.9, {0, 1, 3}), (1.0, {0, 1, 2, 3})],
)
def test_top_p_keeps_the_smallest_set_that_reaches_it(top_p, kept):
    probabilities = np.array([0.15, 0.5, 0.05, 0.3])
    # a hair more than the sum, so that rounding decides nothing at the edges
    shares = frequencies(np.log(probabilities).tolist(), Sampling(1.0, top_p=top_p - 1e-6))
    assert {i for i, share in enumerate(shares) if share} == (kept if top_p < 1 else {0, 1, 2, 3})
    support = np.where(np.isin(range(4), list(kept)), probabilities, 0)
    assert shares == pytest.approx(support / support.sum(), abs=1e-3)


@pytest.mark.parametrize("flat", [True, False])
def test_a_nucleus_of_a_large_vocabulary(flat):
    """Whether it lies in the likeliest few tokens or goes far beyond them."""
    logits = torch.zeros(5000) if flat else torch.linspace(0, -400, 5000)
    logits = logits[torch.randperm(5000, generator=torch.Generator().manual_seed(0))]
    logits[17] = 1e-9  # one is a hair likelier, the others equal or in strict order
    noise = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    drawn = draw(logits.expand(4000, -1), noise, Sampling(1.0, top_p=0.9), 5000)
    ordered = logits.double().softmax(0).sort(descending=True)
    if flat:
        assert len(drawn.unique()) > 3500  # equals all stay: none is preferred by its place
    else:
        held = int((ordered.values.cumsum(0) < 0.9).sum()) + 1
        assert set(drawn.tolist()) == set(ordered.indices[:held].tolist())


def test_temperature_comes_before_the_nucleus():
    """At temperature 3 the distribution is flat enough for a third token to enter."""
    logits = np.log([0.7, 0.2, 0.1]).tolist()
    assert (frequencies(logits, Sampling(1.0, top_p=0.8)) > 0).tolist() == [True, True, False]
    assert (frequencies(logits, Sampling(3.0, top_p=0.8)) > 0).all()


def test_temperature_zero_is_the_likeliest_and_the_lowest_of_equals():
    logits = torch.tensor([[0.0, 2.0, 2.0], [5.0, 1.0, 9.0]])
    noise = torch.tensor([0.99, 0.0], dtype=torch.float64)
    assert draw(logits, noise, GREEDY, 3).tolist() == [1, 2]
    assert draw(logits, noise, GREEDY, 2).tolist() == [1, 0]


def test_the_edges_of_the_noise_name_tokens():
    logits = torch.tensor([[-1e9, 0.0, 0.0, -1e9]]).expand(2, -1)
    noise = torch.tensor([0.0, np.nextafter(1, 0)], dtype=torch.float64)
    assert draw(logits, noise, SAMPLED, 4).tolist() == [1, 2]


@given(st.lists(st.integers(0, 2), max_size=8), st.integers(0, 2))
def test_a_marker_is_looked_at_before_eos(ids, eos):
    found = split_at_end(ids, [(), (1, 2), (2,)], frozenset([eos]))
    if ids[-2:] == [1, 2]:
        assert found == Completion(tuple(ids[:-2]), (1, 2), "marker")
    elif ids[-1:] == [2]:
        assert found == Completion(tuple(ids[:-1]), (2,), "marker")
    elif ids[-1:] == [eos]:
        assert found == Completion(tuple(ids[:-1]), (eos,), "eos")
    else:
        assert found is None
